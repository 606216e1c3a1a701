#include "limbic/core/threads.h"

#include <ATen/Parallel.h>
#include <malloc.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>

namespace limbic::core {

int num_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

void set_num_threads(int num_threads) {
  at::set_num_threads(num_threads > 0 ? num_threads : num_cores());
}

int num_threads() {
  return at::get_num_threads();
}

void tune_process() {
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 512 << 20);
  mallopt(M_TOP_PAD, 64 << 20);
  // Read once by oneDNN when it starts; varying input sizes otherwise grow the cache by tens of MB.
  setenv("DNNL_PRIMITIVE_CACHE_CAPACITY", "64", /*overwrite=*/0);
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
}

}  // namespace limbic::core
