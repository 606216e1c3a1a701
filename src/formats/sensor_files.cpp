#include "sensor_files.h"

#include <fmt/format.h>
#include <zip.h>
#include <zlib.h>

#include <algorithm>
#include <filesystem>

#include "byte_source.h"
#include "limbic/core/error.h"

namespace limbic::formats::detail {
namespace {

constexpr size_t kMaxFiles = 100'000;

bool is_gzip(std::string_view bytes) {
  return bytes.size() >= 2 && bytes[0] == '\x1f' && bytes[1] == '\x8b';
}

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

struct SensorFiles::Archive {
  zip_t* zip = nullptr;
  ~Archive() {
    if (zip != nullptr) zip_discard(zip);
  }
};

SensorFiles::SensorFiles(const std::string& path, uint64_t max_bytes) : path_(path), max_bytes_(max_bytes) {
  while (path_.size() > 1 && path_.back() == '/') path_.pop_back();
  std::error_code ec;
  if (std::filesystem::is_directory(path, ec)) {
    for (auto entry = std::filesystem::directory_iterator(path, ec);
         !ec && entry != std::filesystem::directory_iterator(); entry.increment(ec)) {
      std::error_code ignored;
      if (entry->is_regular_file(ignored)) names_.push_back(entry->path().filename().string());
    }
    if (ec) throw Error(ErrorCode::kData, path_ + ": cannot list the folder: " + ec.message());
  } else {
    { const FileSource is_regular(path, ErrorCode::kData); }
    archive_ = std::make_unique<Archive>();
    int code = 0;
    archive_->zip = zip_open(path.c_str(), ZIP_RDONLY, &code);
    if (archive_->zip == nullptr) {
      zip_error_t error;
      zip_error_init_with_code(&error, code);
      const std::string text = zip_error_strerror(&error);
      zip_error_fini(&error);
      throw Error(ErrorCode::kData, path_ + ": not a zip archive that can be read: " + text);
    }
    const auto num_entries = std::max<zip_int64_t>(0, zip_get_num_entries(archive_->zip, 0));
    if (static_cast<size_t>(num_entries) > kMaxFiles)
      throw Error(ErrorCode::kData, fmt::format("{}: {} entries; at most {}", path_, num_entries, kMaxFiles));
    for (zip_int64_t i = 0; i < num_entries; ++i) {
      const char* name = zip_get_name(archive_->zip, static_cast<zip_uint64_t>(i), ZIP_FL_ENC_GUESS);
      // Folders, and what macOS adds.
      if (name == nullptr || *name == '\0' || ends_with(name, "/")) continue;
      if (std::string_view(name).substr(0, 9) == "__MACOSX/" || base_name(name).substr(0, 2) == "._")
        continue;
      names_.emplace_back(name);
    }
  }
  std::sort(names_.begin(), names_.end());
}

SensorFiles::~SensorFiles() = default;

std::string SensorFiles::read(const std::string& name) const {
  if (archive_ == nullptr) return read_unpacked(where(name), max_bytes_);
  const auto fail = [&](const std::string& what) {
    throw Error(ErrorCode::kData, where(name) + ": " + what);
  };
  const zip_int64_t index = zip_name_locate(archive_->zip, name.c_str(), ZIP_FL_ENC_GUESS);
  if (index < 0) fail("not in the archive");
  const std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> file(
      zip_fopen_index(archive_->zip, static_cast<zip_uint64_t>(index), 0), zip_fclose);
  if (file == nullptr) fail(zip_strerror(archive_->zip));
  std::string out;
  std::string piece(1 << 16, '\0');
  for (;;) {
    // The last read checks the entry's CRC-32.
    const zip_int64_t n = zip_fread(file.get(), piece.data(), piece.size());
    if (n < 0) fail(fmt::format("damaged entry: {}", zip_file_strerror(file.get())));
    if (n == 0) break;
    out.append(piece.data(), static_cast<size_t>(n));
    if (out.size() > max_bytes_) fail(fmt::format("unpacks to more than {} bytes", max_bytes_));
  }
  return is_gzip(out) ? gunzip(out, where(name), max_bytes_) : out;
}

}  // namespace limbic::formats::detail
