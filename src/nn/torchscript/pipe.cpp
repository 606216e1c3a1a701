#include "torchscript/pipe.h"

#include <ATen/ATen.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

namespace limbic::nn {
namespace {

constexpr uint32_t kMaxDimensions = 8;
constexpr uint64_t kPipeChunk = uint64_t{1} << 20;

struct MessageHeader {
  uint32_t kind;
  uint32_t magic;
  uint64_t num_bytes;
};
constexpr uint32_t kMessageMagic = 0x4d42494c;  // "LIBM"

/// Waits until the descriptor can be used.
PipeEnd wait_for(int fd, short events, double deadline_s) {
  while (true) {
    int timeout_ms = -1;
    if (deadline_s >= 0) {
      const double left_s = deadline_s - steady_now_s();
      if (left_s <= 0) return PipeEnd::kTimeout;
      timeout_ms = static_cast<int>(std::min(left_s * 1e3 + 1.0, 1e9));
    }
    pollfd entry{fd, events, 0};
    const int ready = poll(&entry, 1, timeout_ms);
    if (ready > 0) return PipeEnd::kOk;
    if (ready == 0) return PipeEnd::kTimeout;
    if (errno != EINTR) return PipeEnd::kBroken;
  }
}

PipeEnd write_all(PipeEndpoint endpoint, const char* data, uint64_t size, double deadline_s) {
  while (size > 0) {
    const auto waited = wait_for(endpoint.fd, POLLOUT, deadline_s);
    if (waited != PipeEnd::kOk) return waited;
    const auto written =
        endpoint.is_host ? write(endpoint.fd, data, size) : send(endpoint.fd, data, size, MSG_NOSIGNAL);
    if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (written < 0) return errno == EPIPE || errno == ECONNRESET ? PipeEnd::kClosed : PipeEnd::kBroken;
    data += written;
    size -= static_cast<uint64_t>(written);
  }
  return PipeEnd::kOk;
}

PipeEnd read_all(PipeEndpoint endpoint, char* data, uint64_t size, double deadline_s) {
  while (size > 0) {
    const auto waited = wait_for(endpoint.fd, POLLIN, deadline_s);
    if (waited != PipeEnd::kOk) return waited;
    const auto got = read(endpoint.fd, data, size);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) return errno == ECONNRESET ? PipeEnd::kClosed : PipeEnd::kBroken;
    if (got == 0) return PipeEnd::kClosed;
    data += got;
    size -= static_cast<uint64_t>(got);
  }
  return PipeEnd::kOk;
}

template <class T>
void append_value(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

template <class T>
bool take_value(std::string_view& bytes, T& value) {
  if (bytes.size() < sizeof(value)) return false;
  std::memcpy(&value, bytes.data(), sizeof(value));
  bytes.remove_prefix(sizeof(value));
  return true;
}

}  // namespace

double steady_now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

PipeEnd write_message(PipeEndpoint endpoint, HostMessage kind, std::string_view bytes, double deadline_s) {
  const MessageHeader header{static_cast<uint32_t>(kind), kMessageMagic, bytes.size()};
  const auto end = write_all(endpoint, reinterpret_cast<const char*>(&header), sizeof(header), deadline_s);
  return end != PipeEnd::kOk ? end : write_all(endpoint, bytes.data(), bytes.size(), deadline_s);
}

PipeEnd read_message(PipeEndpoint endpoint, PipeMessage& message, double deadline_s) {
  MessageHeader header{};
  auto end = read_all(endpoint, reinterpret_cast<char*>(&header), sizeof(header), deadline_s);
  if (end != PipeEnd::kOk) return end;
  const bool is_known = header.kind >= static_cast<uint32_t>(HostMessage::kReady) &&
                        header.kind <= static_cast<uint32_t>(HostMessage::kError);
  if (header.magic != kMessageMagic || !is_known || header.num_bytes > kLongestMessage)
    return PipeEnd::kBroken;
  message.kind = static_cast<HostMessage>(header.kind);
  message.bytes.clear();
  // Grows with what really arrives: a lying length costs no memory.
  while (message.bytes.size() < header.num_bytes) {
    const auto before = message.bytes.size();
    const auto more = std::min<uint64_t>(header.num_bytes - before, std::max<uint64_t>(before, kPipeChunk));
    message.bytes.resize(before + more);
    end = read_all(endpoint, message.bytes.data() + before, more, deadline_s);
    if (end != PipeEnd::kOk) return end;
  }
  return PipeEnd::kOk;
}

void append_tensor(std::string& bytes, const at::Tensor& tensor) {
  const auto values = tensor.detach().to(at::kCPU).contiguous();
  append_value(bytes, static_cast<uint32_t>(values.scalar_type() == at::kBool));
  append_value(bytes, static_cast<uint32_t>(values.dim()));
  for (const int64_t size : values.sizes()) append_value(bytes, size);
  bytes.append(static_cast<const char*>(values.data_ptr()), values.nbytes());
}

at::Tensor take_tensor(std::string_view& bytes) {
  uint32_t is_bool = 0;
  uint32_t num_dimensions = 0;
  if (!take_value(bytes, is_bool) || !take_value(bytes, num_dimensions)) return {};
  if (is_bool > 1 || num_dimensions > kMaxDimensions) return {};
  std::vector<int64_t> sizes(num_dimensions);
  uint64_t num_bytes = is_bool == 1 ? 1 : sizeof(float);
  for (auto& size : sizes) {
    if (!take_value(bytes, size) || size < 0) return {};
    if (size > 0 && num_bytes > kLongestMessage / static_cast<uint64_t>(size)) return {};
    num_bytes *= static_cast<uint64_t>(size);
  }
  if (bytes.size() < num_bytes) return {};
  auto tensor = at::empty(sizes, is_bool == 1 ? at::kBool : at::kFloat);
  if (num_bytes > 0) std::memcpy(tensor.data_ptr(), bytes.data(), num_bytes);
  bytes.remove_prefix(num_bytes);
  return tensor;
}

}  // namespace limbic::nn
