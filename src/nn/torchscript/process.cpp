#include "torchscript/process.h"

#include <ATen/ATen.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <utility>
#include <vector>

#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/nn/torchscript.h"

namespace limbic::nn {
namespace {

/// How long a host may take to start: not the file's fault, and long on a busy machine.
constexpr double kStart_s = 60.0;
/// How long a host that closed its socket may take to end by itself.
constexpr double kFarewell_s = 2.0;
constexpr long kFarewellStep_ns = 2'000'000;
/// Descriptors are moved here before they are given their numbers, so that none is in the way of another.
constexpr int kSpareDescriptor = 10;

std::string& host_path() {
  static std::string path;
  return path;
}

std::string seconds_text(double seconds) {
  std::ostringstream text;
  text << seconds;
  return text.str();
}

std::string ending_text(int status) {
  if (WIFEXITED(status)) {
    return WEXITSTATUS(status) == 127 ? "could not be started"
                                      : "ended with exit code " + std::to_string(WEXITSTATUS(status));
  }
  const int number = WTERMSIG(status);
  if (number == SIGSYS)
    return "was ended by the sandbox: it asked for a file to write, a socket or a process";
  if (number == SIGXCPU) return "was ended: it used more processor time than time_limit_s";
  return "crashed with signal " + std::to_string(number) + " (" + strsignal(number) + ")";
}

/// The program with an almost empty environment and no descriptor but the socket.
pid_t spawn_host(int host_end, int64_t memory_limit_mib) {
  std::string host = torchscript_host();
  std::string argument = kTorchScriptHostArgument;
  std::string memory = std::to_string(memory_limit_mib);
  std::vector<char*> arguments = {host.data(), argument.data(), memory.data(), nullptr};
  std::string one_thread = "OMP_NUM_THREADS=1";
  std::vector<char*> environment = {one_thread.data()};
  std::string library_path;
  if (const char* path = std::getenv("LD_LIBRARY_PATH"); path != nullptr) {
    library_path = std::string("LD_LIBRARY_PATH=") + path;
    environment.push_back(library_path.data());
  }
  environment.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, host_end, kHostDescriptor);
  posix_spawn_file_actions_addclosefrom_np(&actions, kHostDescriptor + 1);
  pid_t pid = -1;
  const int failure =
      posix_spawn(&pid, host.c_str(), &actions, nullptr, arguments.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  require(failure == 0, ErrorCode::kResource,
          host + ": cannot start the TorchScript host: " + std::strerror(failure));
  return pid;
}

}  // namespace

void allow_torchscript(const std::string& host) {
  host_path() = host;
}
const std::string& torchscript_host() {
  return host_path();
}

HostProcess::HostProcess(const TorchScriptConfig& config) : config_(config) {
  const auto bytes = core::read_file(config.path);
  const auto hash = core::sha256_hex(bytes);
  require(hash == config.sha256, ErrorCode::kModel,
          config.path + ": its SHA-256 is " + hash + ", but the recipe says " + config.sha256 +
              "; it is another file than the one that was checked");
  start();
  ask(HostMessage::kModule, bytes);
}

HostProcess::~HostProcess() {
  stop();
}

void HostProcess::start() {
  int ends[2];
  require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, ErrorCode::kResource,
          std::string("torchscript: no socket pair: ") + std::strerror(errno));
  endpoint_ = {ends[0], false};
  const int host_end = fcntl(ends[1], F_DUPFD_CLOEXEC, kSpareDescriptor);
  close(ends[1]);
  const int flags = fcntl(endpoint_.fd, F_GETFL);
  require(host_end >= 0 && fcntl(endpoint_.fd, F_SETFL, flags | O_NONBLOCK) == 0, ErrorCode::kResource,
          "torchscript: too many open files");
  try {
    pid_ = spawn_host(host_end, config_.memory_limit_mib);
  } catch (const Error&) {
    close(host_end);
    close(endpoint_.fd);
    endpoint_.fd = -1;
    throw;
  }
  close(host_end);
  try {
    await(HostMessage::kReady, steady_now_s() + kStart_s);
  } catch (const Error&) {
    stop();
    throw;
  }
}

void HostProcess::limit_processor_time() const {
  clockid_t clock = 0;
  timespec used{};
  if (clock_getcpuclockid(pid_, &clock) != 0 || clock_gettime(clock, &used) != 0) return;  // it has ended
  const auto seconds =
      static_cast<rlim_t>(used.tv_sec) + static_cast<rlim_t>(std::ceil(config_.time_limit_s)) + 1;
  const rlimit limit{seconds, RLIM_INFINITY};
  prlimit(pid_, RLIMIT_CPU, &limit, nullptr);
}

at::Tensor HostProcess::call(const at::Tensor& x, const at::Tensor& mask_BT) {
  std::string request;
  append_tensor(request, x);
  append_tensor(request, mask_BT);
  const auto answer = ask(HostMessage::kCall, request);
  std::string_view rest = answer;
  auto result = take_tensor(rest);
  require(result.defined() && rest.empty() && result.scalar_type() == at::kFloat, ErrorCode::kModel,
          config_.path + ": the TorchScript host sent something that is no tensor of float32");
  return result;
}

std::string HostProcess::ask(HostMessage kind, const std::string& bytes) {
  require(pid_ > 0, ErrorCode::kModel, config_.path + ": its process has ended");
  limit_processor_time();
  const double deadline_s = steady_now_s() + config_.time_limit_s;
  try {
    expect_ok(write_message(endpoint_, kind, bytes, deadline_s));
    return await(HostMessage::kResult, deadline_s);
  } catch (const Error&) {
    stop();
    throw;
  }
}

std::string HostProcess::await(HostMessage kind, double deadline_s) {
  PipeMessage message;
  expect_ok(read_message(endpoint_, message, deadline_s));
  if (message.kind == HostMessage::kError) {
    if (message.bytes.size() > kLongestError) message.bytes.resize(kLongestError);
    throw Error(ErrorCode::kModel, config_.path + ": " + message.bytes);
  }
  if (message.kind != kind) expect_ok(PipeEnd::kBroken);
  return std::move(message.bytes);
}

void HostProcess::expect_ok(PipeEnd end) {
  switch (end) {
    case PipeEnd::kOk:
      return;
    case PipeEnd::kTimeout:
      stop(/*at_once=*/true);
      throw Error(ErrorCode::kModel, config_.path + ": the TorchScript file took longer than time_limit_s " +
                                         seconds_text(config_.time_limit_s) + "; its process was ended");
    case PipeEnd::kClosed:
      throw Error(ErrorCode::kModel, config_.path + ": the process of the TorchScript file " + stop());
    case PipeEnd::kBroken:
      break;
  }
  stop(/*at_once=*/true);
  throw Error(ErrorCode::kModel,
              config_.path + ": the process of the TorchScript file broke the protocol; it was ended");
}

std::string HostProcess::stop(bool at_once) {
  if (endpoint_.fd >= 0) close(endpoint_.fd);
  endpoint_.fd = -1;
  if (pid_ <= 0) return "had ended";
  // It is about to end when it closed its side: how tells what was wrong.
  int status = 0;
  const double deadline_s = steady_now_s() + (at_once ? 0.0 : kFarewell_s);
  pid_t ended = waitpid(pid_, &status, WNOHANG);
  while (ended == 0 && steady_now_s() < deadline_s) {
    const timespec step{0, kFarewellStep_ns};
    nanosleep(&step, nullptr);
    ended = waitpid(pid_, &status, WNOHANG);
  }
  if (ended == 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, &status, 0);
  }
  pid_ = -1;
  return ended == 0 ? "closed its connection and was ended" : ending_text(status);
}

}  // namespace limbic::nn
