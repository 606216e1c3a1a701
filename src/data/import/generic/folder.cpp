#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "import/pipeline.h"
#include "import/words.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/core/suggest.h"

namespace limbic::data {
namespace {

const std::set<std::string>& split_folders() {
  static const std::set<std::string> kNames{"train", "val", "valid", "validation", "dev", "test"};
  return kNames;
}

/// "train/happy/a.wav" or "happy/a.wav", taken apart.
struct FolderEntry {
  std::string file;
  std::string split;
  std::string label;
  FileKind kind = FileKind::kOther;
};

std::vector<std::string> path_parts(const std::string& path) {
  std::vector<std::string> parts;
  for (const auto& part : std::filesystem::path(path)) parts.push_back(part.string());
  return parts;
}

std::vector<RawSample> read_folder_file(const std::string& source, const FolderEntry& entry,
                                        const std::string& corpus, ImportWorker& worker) {
  const std::string path = source + "/" + entry.file;
  RawSample raw;
  Sample& sample = raw.sample;
  sample.id = entry.file;
  sample.corpus = corpus;
  sample.clip = entry.file;
  sample.split = entry.split;
  sample.labels[worker.options().label_task] = entry.label;
  sample.source_path = entry.file;
  sample.source_sha256 = core::sha256_file(path);
  add_media(path, worker, raw);
  std::vector<RawSample> samples;
  samples.push_back(std::move(raw));
  return samples;
}

}  // namespace

ImportReport import_folder(const std::string& source, const std::string& out, const ImportOptions& options) {
  std::vector<FolderEntry> entries;
  std::set<std::string> labels;
  std::set<std::string> heads;
  const auto files = list_files(source);
  for (const auto& file : files) {
    if (file_kind(file) != FileKind::kOther) heads.insert(path_parts(file).front());
  }
  const bool has_splits = !heads.empty() && std::all_of(heads.begin(), heads.end(), [](const auto& name) {
    return split_folders().count(name) != 0;
  });
  for (const auto& file : files) {
    FolderEntry entry;
    entry.kind = file_kind(file);
    if (entry.kind == FileKind::kOther) continue;
    const auto parts = path_parts(file);
    const size_t label_at = has_splits ? 1 : 0;
    if (parts.size() < label_at + 2) {
      throw Error(ErrorCode::kData, source + "/" + file + ": lies in no class folder; expected " +
                                        (has_splits ? "<split>/<class>/<file>" : "<class>/<file>"));
    }
    entry.file = file;
    entry.split = has_splits ? parts[0] : "";
    entry.label = parts[label_at];
    labels.insert(entry.label);
    entries.push_back(std::move(entry));
  }
  DatasetInfo info;
  info.name = corpus_name(source, "folder");
  info.importer = "folder";
  if (!labels.empty()) info.label_spaces = {{options.label_task, {labels.begin(), labels.end()}}};
  info.known_defects = {"people are unknown: splits cannot be grouped by subject"};
  std::vector<std::string> media;
  for (const auto& entry : entries) media.push_back(entry.file);
  declare_media(media, options, info);
  std::vector<ImportItem> items;
  for (const auto& entry : entries) {
    items.push_back({entry.file, [source, entry, corpus = info.name](ImportWorker& worker) {
                       return read_folder_file(source, entry, corpus, worker);
                     }});
  }
  return run_import(source, out, info, std::move(items), options);
}

}  // namespace limbic::data
