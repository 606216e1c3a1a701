#include "limbic/formats/file_bundle.h"

#include <fmt/format.h>
#include <zip.h>

#include <algorithm>
#include <filesystem>

#include "byte_source.h"
#include "limbic/core/error.h"
#include "sensor_files.h"

namespace limbic::formats {
namespace {

constexpr size_t kMaxFiles = 100'000;

}  // namespace

using detail::FileSource;

struct FileBundle::Archive {
  zip_t* zip = nullptr;
  ~Archive() {
    if (zip != nullptr) zip_discard(zip);
  }
};

FileBundle::FileBundle(const std::string& path, uint64_t max_bytes) : path_(path), max_bytes_(max_bytes) {
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
      if (name == nullptr || *name == '\0' || detail::ends_with(name, "/")) continue;
      if (std::string_view(name).substr(0, 9) == "__MACOSX/" || detail::base_name(name).substr(0, 2) == "._")
        continue;
      names_.emplace_back(name);
    }
  }
  std::sort(names_.begin(), names_.end());
}

FileBundle::~FileBundle() = default;

std::string FileBundle::read(const std::string& name) const {
  if (archive_ == nullptr) return detail::read_unpacked(where(name), max_bytes_);
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
  return detail::is_gzip(out) ? detail::gunzip(out, where(name), max_bytes_) : out;
}

}  // namespace limbic::formats
