#pragma once
// What parent and host say to each other; private to the room.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace limbic::nn {

/// The host's end of the socket.
constexpr int kHostDescriptor = 3;

/// An end of the socket. The parent's must not block and must not raise SIGPIPE; the host's may not use the
/// system calls that see to that.
struct PipeEndpoint {
  int fd = -1;
  bool is_host = false;
};

/// A message is a kind, a length and bytes.
enum class HostMessage : uint32_t {
  kReady = 1,   ///< host: in the sandbox now
  kModule = 2,  ///< parent: the file's bytes
  kCall = 3,    ///< parent: two tensors
  kResult = 4,  ///< host: one tensor, or nothing for kModule
  kError = 5,   ///< host: a text
};

/// The longest message that either side accepts; the host's answers are not trusted.
constexpr uint64_t kLongestMessage = uint64_t{4} << 30;
constexpr uint64_t kLongestError = 4096;

struct PipeMessage {
  HostMessage kind = HostMessage::kError;
  std::string bytes;
};

/// How reading or writing ended.
enum class PipeEnd { kOk, kClosed, kTimeout, kBroken };

/// @param deadline_s  on the steady clock; negative = none
PipeEnd write_message(PipeEndpoint endpoint, HostMessage kind, std::string_view bytes, double deadline_s);
PipeEnd read_message(PipeEndpoint endpoint, PipeMessage& message, double deadline_s);
/// Seconds on the clock of the deadlines.
double steady_now_s();

/// Appends type, sizes and values.
void append_tensor(std::string& bytes, const at::Tensor& tensor);
/// Takes a float32 or bool tensor off the front of `bytes`. @return undefined for bytes that are none
at::Tensor take_tensor(std::string_view& bytes);

}  // namespace limbic::nn
