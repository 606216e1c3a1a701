#include "torchscript/sandbox.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <vector>

namespace limbic::nn {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
constexpr uint32_t kArchitecture = 0;
#endif

/// What computing takes once libraries are loaded: memory, locks, clocks, open descriptors.
constexpr int kAllowedCalls[] = {
    __NR_read,
    __NR_write,
    __NR_readv,
    __NR_writev,
    __NR_close,
    __NR_fstat,
    __NR_lseek,
    __NR_mmap,
    __NR_munmap,
    __NR_mprotect,
    __NR_mremap,
    __NR_madvise,
    __NR_brk,
    __NR_futex,
    __NR_sched_yield,
    __NR_clock_gettime,
    __NR_clock_getres,
    __NR_gettimeofday,
    __NR_getrandom,
    __NR_getpid,
    __NR_gettid,
    __NR_rt_sigaction,
    __NR_rt_sigprocmask,
    __NR_rt_sigreturn,
    __NR_sigaltstack,
    __NR_exit,
    __NR_exit_group,
    __NR_restart_syscall,
    __NR_nanosleep,
    __NR_clock_nanosleep,
    __NR_sched_getaffinity,
    __NR_getrusage,
    __NR_sysinfo,
#ifdef __NR_poll
    __NR_poll,
#endif
    __NR_ppoll,
#ifdef __NR_membarrier
    __NR_membarrier,
#endif
#ifdef __NR_rseq
    __NR_rseq,
#endif
};

/// Harmless when refused: libraries look for a file or a thread and go on without it.
constexpr int kRefusedCalls[] = {
    __NR_faccessat,  __NR_readlinkat, __NR_newfstatat, __NR_statfs,     __NR_uname, __NR_getcwd,
    __NR_ioctl,      __NR_prlimit64,  __NR_clone,      __NR_getdents64, __NR_fcntl, __NR_tgkill,
#ifdef __NR_access
    __NR_access,
#endif
#ifdef __NR_stat
    __NR_stat,
#endif
#ifdef __NR_lstat
    __NR_lstat,
#endif
#ifdef __NR_readlink
    __NR_readlink,
#endif
#ifdef __NR_statx
    __NR_statx,
#endif
#ifdef __NR_faccessat2
    __NR_faccessat2,
#endif
};

constexpr uint32_t kWriteFlags = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND;

sock_filter load_word(size_t offset) {
  return {BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<uint32_t>(offset)};
}
sock_filter answer(uint32_t action) {
  return {BPF_RET | BPF_K, 0, 0, action};
}
/// Skips `otherwise` instructions unless the word loaded last is `value`.
sock_filter unless_equal(uint32_t value, uint8_t otherwise) {
  return {BPF_JMP | BPF_JEQ | BPF_K, 0, otherwise, value};
}

/// Ends the process at any call that is in no list: sockets, other programs and processes, and opening a file
/// to write. Opening one to read is refused.
std::vector<sock_filter> system_call_filter() {
  constexpr uint32_t kRefuse = SECCOMP_RET_ERRNO | EACCES;
  std::vector<sock_filter> filter = {
      load_word(offsetof(seccomp_data, arch)),
      {BPF_JMP | BPF_JEQ | BPF_K, 1, 0, kArchitecture},
      answer(SECCOMP_RET_KILL_PROCESS),
      load_word(offsetof(seccomp_data, nr)),
  };
  for (const int call : kAllowedCalls) {
    filter.push_back(unless_equal(static_cast<uint32_t>(call), 1));
    filter.push_back(answer(SECCOMP_RET_ALLOW));
  }
  for (const int call : kRefusedCalls) {
    filter.push_back(unless_equal(static_cast<uint32_t>(call), 1));
    filter.push_back(answer(kRefuse));
  }
#ifdef __NR_clone3
  // The C library then tries clone, which is refused with an error that it hands on.
  filter.push_back(unless_equal(__NR_clone3, 1));
  filter.push_back(answer(SECCOMP_RET_ERRNO | ENOSYS));
#endif
  const auto refuse_reading = [&](int call, size_t flags_argument) {
    filter.push_back(unless_equal(static_cast<uint32_t>(call), 4));
    filter.push_back(load_word(offsetof(seccomp_data, args) + 8 * flags_argument));
    filter.push_back({BPF_JMP | BPF_JSET | BPF_K, 0, 1, kWriteFlags});
    filter.push_back(answer(SECCOMP_RET_KILL_PROCESS));
    filter.push_back(answer(kRefuse));
  };
  refuse_reading(__NR_openat, 2);
#ifdef __NR_open
  refuse_reading(__NR_open, 1);
#endif
  filter.push_back(answer(SECCOMP_RET_KILL_PROCESS));
  return filter;
}

bool set_limit(int resource, rlim_t limit) {
  const rlimit both{limit, limit};
  return setrlimit(static_cast<__rlimit_resource_t>(resource), &both) == 0;
}

/// Bytes of address space in use; 0 when the kernel does not say.
uint64_t mapped_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return 0;
  unsigned long long pages = 0;
  const bool is_read = std::fscanf(file, "%llu", &pages) == 1;
  std::fclose(file);
  return is_read ? pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) : 0;
}

}  // namespace

std::string enter_sandbox(int64_t memory_mib) {
  const auto failed = [](const char* what) { return std::string(what) + ": " + std::strerror(errno); };
  if (kArchitecture == 0) return "no system call filter for this processor";
  const uint64_t mapped = mapped_bytes();
  if (mapped == 0) return "cannot read /proc/self/statm";
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return failed("PR_SET_PDEATHSIG");
  if (prctl(PR_SET_DUMPABLE, 0) != 0) return failed("PR_SET_DUMPABLE");
  // The processor time of a call is limited by the parent, which alone can raise the soft limit then.
  if (!set_limit(RLIMIT_AS, mapped + (static_cast<uint64_t>(memory_mib) << 20)) ||
      !set_limit(RLIMIT_CORE, 0) || !set_limit(RLIMIT_FSIZE, 0) || !set_limit(RLIMIT_NPROC, 0)) {
    return failed("setrlimit");
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("PR_SET_NO_NEW_PRIVS");
  auto filter = system_call_filter();
  sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) return failed("PR_SET_SECCOMP");
  return {};
}

}  // namespace limbic::nn
