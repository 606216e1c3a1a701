#include "sensor_files.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <filesystem>

#include "byte_source.h"
#include "limbic/core/error.h"

namespace limbic::formats::detail {
namespace {

std::string whole_file(const std::string& path, uint64_t max_bytes) {
  const FileSource source(path, ErrorCode::kData);
  if (source.size() > max_bytes)
    source.fail(fmt::format("{} bytes; at most {} are read", source.size(), max_bytes));
  std::string bytes(source.size(), '\0');
  source.read(0, bytes.data(), bytes.size());
  return bytes;
}

/// Inflates gzip members one after the other. Output grows with what really comes out, whatever is declared.
/// @param wants  stop quietly after so many bytes, and at damage; 0: all, or an error
std::string inflate_members(std::string_view bytes, const std::string& name, uint64_t max_bytes,
                            size_t wants) {
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK)
    throw Error(ErrorCode::kResource, name + ": zlib has no memory");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, inflateEnd);
  const auto fail = [&](const std::string& what) {
    throw Error(ErrorCode::kData, fmt::format("{}: byte {}: {}", name, stream.total_in, what));
  };
  std::string out;
  std::string piece(1 << 16, '\0');
  // zlib counts its input in 32 bits.
  size_t next = 0;
  for (;;) {
    const size_t num_in = std::min<size_t>(bytes.size() - next, 1U << 30);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data() + next));
    stream.avail_in = static_cast<uInt>(num_in);
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = static_cast<uInt>(piece.size());
    const int result = inflate(&stream, Z_NO_FLUSH);
    next += num_in - stream.avail_in;
    out.append(piece.data(), piece.size() - stream.avail_out);
    if (wants > 0 && (out.size() >= wants || (result != Z_OK && result != Z_STREAM_END))) break;
    if (out.size() > max_bytes) fail(fmt::format("unpacks to more than {} bytes", max_bytes));
    if (result == Z_STREAM_END) {
      // Zeros after the last member are padding of tapes and blocks.
      if (bytes.find_first_not_of('\0', next) == std::string_view::npos) break;
      if (!is_gzip(bytes.substr(next))) {
        if (wants > 0) break;
        fail("bytes after the end of the gzip data");
      }
      inflateReset(&stream);
      continue;
    }
    if (result == Z_BUF_ERROR || (result == Z_OK && next == bytes.size() && stream.avail_out > 0)) {
      fail("the gzip data ends early; the file was cut off, copy it again");
    }
    if (result != Z_OK) fail(fmt::format("damaged gzip data ({})", stream.msg == nullptr ? "?" : stream.msg));
  }
  return out;
}

}  // namespace

bool is_gzip(std::string_view bytes) {
  return bytes.size() >= 2 && bytes[0] == '\x1f' && bytes[1] == '\x8b';
}

std::string gunzip(std::string_view bytes, const std::string& name, uint64_t max_bytes) {
  return inflate_members(bytes, name, max_bytes, 0);
}

std::string read_unpacked(const std::string& path, uint64_t max_bytes) {
  std::string bytes = whole_file(path, max_bytes);
  return is_gzip(bytes) ? gunzip(bytes, path, max_bytes) : bytes;
}

std::string read_head(const std::string& path, size_t num_bytes) {
  const FileSource source(path, ErrorCode::kData);
  std::string bytes(std::min<uint64_t>(source.size(), num_bytes), '\0');
  source.read(0, bytes.data(), bytes.size());
  return is_gzip(bytes) ? inflate_members(bytes, path, num_bytes, num_bytes) : bytes;
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return out;
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

std::string base_name(std::string_view path) {
  return std::string(path.substr(path.find_last_of('/') + 1));
}

}  // namespace limbic::formats::detail
