#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "limbic/core/error.h"
#include "limbic/formats/hdf5.h"

namespace {

using limbic::formats::Hdf5Node;

template <class Action>
void attempt(Action&& action) {
  try {
    action();
  } catch (const limbic::Error& e) {
    if (e.code() != limbic::ErrorCode::kData) std::abort();
  }
}

/// Looks at everything within the budget: groups may contain themselves.
void visit(const Hdf5Node& node, int depth, int& budget) {
  if (--budget < 0 || depth > 6) return;
  attempt([&] {
    for (const std::string& name : node.attribute_names()) attempt([&] { (void)node.attribute(name); });
  });
  if (node.is_dataset()) {
    for (const std::string& field : node.fields()) attempt([&] { (void)node.read(field); });
    attempt([&] { (void)node.read(); });
    if (node.dtype() == "|R") attempt([&] { (void)node.references(); });
  }
  if (!node.is_group()) return;
  for (const std::string& name : node.names()) attempt([&] { visit(node.child(name), depth + 1, budget); });
}

}  // namespace

// Any bytes are either a file that can be walked, or an Error(kData). Everything else is a finding. Checksums
// would keep the fuzzer out, so they are not held to account.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const int file = memfd_create("fuzz", 0);
  if (file < 0 || ftruncate(file, 0) != 0 || pwrite(file, data, size, 0) != static_cast<ssize_t>(size))
    return 0;
  limbic::formats::Hdf5Options options;
  options.max_bytes = 16 << 20;
  options.verify_checksums = false;
  attempt([&] {
    int budget = 200;
    visit(limbic::formats::open_hdf5("/proc/self/fd/" + std::to_string(file), options), 0, budget);
  });
  return 0;
}
