#include "import/pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <filesystem>
#include <new>
#include <thread>

#include "import/words.h"
#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "limbic/core/interrupt.h"
#include "limbic/core/log.h"
#include "limbic/core/progress.h"
#include "limbic/data/quarantine.h"

namespace limbic::data {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kItemsPerWorker = 16;  ///< read ahead of the writer; bounds memory

/// What became of an item: samples, a bad file, or an error that ends everything.
struct ItemResult {
  std::vector<RawSample> samples;
  std::string bad_reason;
  std::exception_ptr fatal;
};

std::string without_prefix(std::string text, const std::string& prefix) {
  for (size_t at = text.find(prefix); at != std::string::npos; at = text.find(prefix, at))
    text.erase(at, prefix.size());
  return text;
}

ItemResult read_item(const ImportItem& item, ImportWorker& worker) {
  ItemResult result;
  try {
    result.samples = item.read(worker);
  } catch (const Error& e) {
    // A file that is damaged or beyond a limit is a bad file; a missing cascade or a full disk is not.
    if (e.code() == ErrorCode::kData) {
      result.bad_reason = e.what();
    } else {
      result.fatal = std::make_exception_ptr(e.in(item.path));
    }
  } catch (const std::bad_alloc&) {
    result.fatal = std::make_exception_ptr(
        Error(ErrorCode::kResource, item.path + ": out of memory; use fewer workers"));
  } catch (const std::exception& e) {
    result.fatal = std::make_exception_ptr(Error(ErrorCode::kInternal, item.path + ": " + e.what()));
  }
  return result;
}

}  // namespace

media::ImageDecoder& ImportWorker::images() {
  if (images_ == nullptr) images_ = std::make_unique<media::ImageDecoder>();
  return *images_;
}

vision::FaceDetector& ImportWorker::faces() {
  if (faces_ == nullptr) faces_ = vision::build_face_detector();
  return *faces_;
}

vision::FaceCropConfig ImportWorker::crop_config(const ImportOptions& options) {
  vision::FaceCropConfig config;
  config.size = options.face_size;
  config.channels = options.face_channels;
  return config;
}

namespace {

/// What killed imports of the same store left.
void sweep_temps_of(const std::string& store) {
  const fs::path path(store);
  core::sweep_stale_temps(path.parent_path().string(), path.filename().string());
}

/// Keeps the part's items. @returns where the part goes
std::string prepare_part(const std::string& out, std::vector<ImportItem>& items,
                         const ImportOptions& options) {
  require(options.limit == 0, ErrorCode::kConfig,
          "--limit and --shard contradict each other: a limit counts samples of the whole corpus");
  require(options.replace || !fs::exists(out + "/dataset.yaml"), ErrorCode::kStorage,
          out +
              ": a whole store is there already (were its parts merged?); choose another --out or say "
              "--replace");
  const auto num_items = static_cast<int64_t>(items.size());
  items.erase(items.begin() + options.part.end(num_items), items.end());
  items.erase(items.begin(), items.begin() + options.part.begin(num_items));
  return part_path(out, options.part);
}

}  // namespace

ImportReport run_import(const std::string& source, const std::string& out, const DatasetInfo& info,
                        std::vector<ImportItem> items, const ImportOptions& options) {
  if (items.empty())
    throw Error(ErrorCode::kData, source + ": nothing to import for `" + info.importer + "` was found");
  if (options.limit > 0 && static_cast<int64_t>(items.size()) > options.limit) {
    std::vector<ImportItem> spread;
    for (int64_t i = 0; i < options.limit; ++i) {
      spread.push_back(
          std::move(items[static_cast<size_t>(i) * items.size() / static_cast<size_t>(options.limit)]));
    }
    items = std::move(spread);
  }
  const bool is_part = !options.part.is_whole();
  const std::string store = is_part ? prepare_part(out, items, options) : out;
  sweep_temps_of(store);
  StoreWriter writer(store, info, options.replace, is_part);
  ImportReport report;
  report.store = store;
  const auto num_workers = static_cast<size_t>(std::max<int64_t>(1, options.num_workers));
  std::vector<ImportWorker> workers;
  workers.reserve(num_workers);
  for (size_t i = 0; i < num_workers; ++i) workers.emplace_back(options);
  const size_t chunk = num_workers * static_cast<size_t>(kItemsPerWorker);
  QuarantineLimit limit(source, "files", static_cast<int64_t>(items.size()));
  std::string quarantine;
  core::Progress progress("import " + info.name, static_cast<int64_t>(items.size()));

  for (size_t begin = 0; begin < items.size(); begin += chunk) {
    if (const int signal = core::stop_signal(); signal != 0) {
      throw Error(ErrorCode::kStorage,
                  fmt::format("{}: import stopped by signal {}; nothing was written", out, signal));
    }
    const size_t end = std::min(items.size(), begin + chunk);
    std::vector<ItemResult> results(end - begin);
    std::atomic<size_t> next{begin};
    const auto work = [&](ImportWorker& worker) {
      for (size_t i = next++; i < end; i = next++) results[i - begin] = read_item(items[i], worker);
    };
    std::vector<std::thread> threads;
    for (size_t i = 1; i < num_workers; ++i) threads.emplace_back(work, std::ref(workers[i]));
    work(workers[0]);
    for (auto& thread : threads) thread.join();

    for (size_t i = begin; i < end; ++i) {
      ItemResult& result = results[i - begin];
      if (result.fatal != nullptr) std::rethrow_exception(result.fatal);
      if (result.bad_reason.empty()) {
        limit.good();
        for (auto& raw : result.samples) {
          if (options.limit > 0 && writer.size() >= options.limit) break;
          try {
            writer.add(std::move(raw.sample), raw.streams);
          } catch (const Error& e) {
            throw e.in(items[i].path);
          }
        }
        continue;
      }
      const std::string reason = without_prefix(result.bad_reason, source + "/");
      if (!options.skip_bad) {
        const std::string where = reason.find(items[i].path) == std::string::npos ? items[i].path + ": " : "";
        throw Error(ErrorCode::kData, source + "/" + where + reason + "; --skip-bad leaves bad files out");
      }
      report.quarantined.push_back({items[i].path, reason});
      quarantine += quarantine_line("path", items[i].path, reason) + "\n";
      limit.bad(items[i].path, reason);
    }
    progress.step({{"bad", std::to_string(report.quarantined.size())}}, static_cast<int64_t>(end - begin));
    for (size_t i = begin; i < end; ++i) items[i].read = nullptr;
  }
  progress.finish();
  if (!quarantine.empty()) {
    writer.add_file("quarantine.jsonl", quarantine);
    log::warn("files_quarantined",
              {{"count", report.quarantined.size()}, {"list", store + "/quarantine.jsonl"}});
  }
  report.num_samples = writer.size();
  report.content_hash = writer.finish();
  return report;
}

std::vector<std::string> list_files(const std::string& directory) {
  std::error_code ec;
  if (!fs::is_directory(directory, ec)) throw Error(ErrorCode::kData, directory + ": no such folder");
  const std::string root = fs::canonical(directory).string();
  std::vector<std::string> files;
  for (auto at = fs::recursive_directory_iterator(directory, fs::directory_options::skip_permission_denied);
       at != fs::recursive_directory_iterator(); ++at) {
    if (!at->is_regular_file(ec)) continue;
    if (at->is_symlink(ec) && fs::canonical(at->path(), ec).string().rfind(root + "/", 0) != 0) {
      log::warn("link_outside_ignored", {{"path", at->path().string()}});
      continue;
    }
    files.push_back(at->path().lexically_relative(directory).string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string extension_of(const std::string& path) {
  std::string text = fs::path(path).extension().string();
  if (!text.empty()) text.erase(0, 1);
  return lower_case(std::move(text));
}

std::string stem_of(const std::string& path) {
  return fs::path(path).stem().string();
}

FileKind file_kind(const std::string& path) {
  static const std::map<std::string, FileKind> kKinds{
      {"wav", FileKind::kAudio},  {"flac", FileKind::kAudio}, {"mp3", FileKind::kAudio},
      {"ogg", FileKind::kAudio},  {"m4a", FileKind::kAudio},  {"mp4", FileKind::kVideo},
      {"mov", FileKind::kVideo},  {"avi", FileKind::kVideo},  {"mkv", FileKind::kVideo},
      {"webm", FileKind::kVideo}, {"jpg", FileKind::kImage},  {"jpeg", FileKind::kImage},
      {"png", FileKind::kImage},  {"webp", FileKind::kImage}, {"bmp", FileKind::kImage},
      {"tif", FileKind::kImage},  {"tiff", FileKind::kImage}};
  const auto at = kKinds.find(extension_of(path));
  return at == kKinds.end() ? FileKind::kOther : at->second;
}

}  // namespace limbic::data
