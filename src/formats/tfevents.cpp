#include "limbic/formats/tfevents.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>

#include "limbic/core/error.h"

namespace limbic::formats {
namespace {

// Note [TensorBoard events]
// A record is `u64 length | u32 masked crc of the length | data | u32 masked crc of the data`, little-endian.
// The data is a protocol buffer `Event {1: double wall_time, 2: int64 step, 3: string file_version, 5:
// Summary summary, 7: SessionLog session_log, 10: SourceMetadata}`, of which we need so little that it is
// written here field by field.

/// Wire types of protocol buffers.
enum class Wire { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

template <class Unsigned>
void put_little_endian(std::string& out, Unsigned value) {
  for (size_t i = 0; i < sizeof(value); ++i) out += static_cast<char>((value >> (8 * i)) & 0xFF);
}

void put_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(0x80 | (value & 0x7F));
  out += static_cast<char>(value);
}

void put_key(std::string& out, uint32_t field, Wire wire) {
  put_varint(out, (uint64_t{field} << 3) | static_cast<uint64_t>(wire));
}

void put_bytes(std::string& out, uint32_t field, std::string_view bytes) {
  put_key(out, field, Wire::kBytes);
  put_varint(out, bytes.size());
  out += bytes;
}

void put_integer(std::string& out, uint32_t field, int64_t value) {
  put_key(out, field, Wire::kVarint);
  put_varint(out, static_cast<uint64_t>(value));
}

/// An Event with the time of now.
std::string event_now() {
  const double now_s =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  uint64_t bits = 0;
  std::memcpy(&bits, &now_s, sizeof(bits));
  std::string event;
  put_key(event, 1, Wire::kFixed64);
  put_little_endian(event, bits);
  return event;
}

/// The mask keeps a crc over data that holds crcs from losing its strength.
uint32_t masked_crc(std::string_view bytes) {
  const uint32_t crc = crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xA282EAD8U;
}

/// Name of this machine, fit for a file name.
std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  std::string host = name.data();
  for (char& c : host) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-' && c != '.') c = '_';
  }
  return host;
}

constexpr std::array<uint32_t, 256> make_crc32c_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78U : 0U);
    table[i] = crc;
  }
  return table;
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  static constexpr std::array<uint32_t, 256> kTable = make_crc32c_table();
  uint32_t crc = 0xFFFFFFFFU;
  for (const char c : bytes) crc = (crc >> 8) ^ kTable[(crc ^ static_cast<unsigned char>(c)) & 0xFF];
  return crc ^ 0xFFFFFFFFU;
}

TfeventsWriter::TfeventsWriter(const std::string& directory) {
  static std::atomic<int> next_uid{0};
  std::error_code ec;
  std::filesystem::create_directories(directory, ec);
  require(!ec, ErrorCode::kStorage, directory + ": cannot make the directory: " + ec.message());
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto now_s = std::chrono::duration_cast<std::chrono::seconds>(now).count();
  do {
    path_ = fmt::format("{}/events.out.tfevents.{:010}.{}.{}.{}", directory, now_s, host_name(), getpid(),
                        next_uid++);
    fd_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
  } while (fd_ < 0 && errno == EEXIST);
  require(fd_ >= 0, ErrorCode::kStorage, path_ + ": cannot make the file: " + std::strerror(errno));
  std::string event = event_now();
  put_bytes(event, 3, "brain.Event:2");
  std::string source;
  put_bytes(source, 1, "limbic");
  put_bytes(event, 10, source);
  add_record(event);
}

TfeventsWriter::~TfeventsWriter() {
  try {
    flush();
  } catch (const Error&) {
    // Whoever needs to know calls flush().
  }
  close(fd_);
}

void TfeventsWriter::add_record(std::string_view event) {
  std::string length;
  put_little_endian(length, static_cast<uint64_t>(event.size()));
  buffer_ += length;
  put_little_endian(buffer_, masked_crc(length));
  buffer_ += event;
  put_little_endian(buffer_, masked_crc(event));
}

void TfeventsWriter::scalar(const std::string& tag, double value, int64_t step) {
  const auto stored = static_cast<float>(value);
  uint32_t bits = 0;
  std::memcpy(&bits, &stored, sizeof(bits));
  std::string summary_value;
  put_bytes(summary_value, 1, tag);
  put_key(summary_value, 2, Wire::kFixed32);
  put_little_endian(summary_value, bits);
  std::string summary;
  put_bytes(summary, 1, summary_value);
  std::string event = event_now();
  put_integer(event, 2, step);
  put_bytes(event, 5, summary);
  add_record(event);
}

void TfeventsWriter::start_session(int64_t first_step) {
  constexpr int64_t kStart = 1;  // SessionLog.status
  std::string session;
  put_integer(session, 1, kStart);
  std::string event = event_now();
  put_integer(event, 2, first_step);
  put_bytes(event, 7, session);
  add_record(event);
}

void TfeventsWriter::flush() {
  const std::string bytes = std::move(buffer_);
  buffer_.clear();
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t n = write(fd_, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    require(n >= 0, ErrorCode::kStorage, path_ + ": write failed: " + std::strerror(errno));
    done += static_cast<size_t>(n);
  }
}

}  // namespace limbic::formats
