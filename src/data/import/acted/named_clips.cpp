#include "import/acted/named_clips.h"

#include <map>
#include <memory>

#include "limbic/core/error.h"
#include "limbic/core/hash.h"

namespace limbic::data {

ImportReport import_named_clips(const std::string& source, const std::string& out,
                                const ImportOptions& options, DatasetInfo info, const ParseClipName& parse) {
  std::vector<ImportItem> items;
  std::vector<std::string> files;
  std::map<std::string, std::string> file_of_id;
  for (const auto& file : list_files(source)) {
    if (file_kind(file) == FileKind::kOther) continue;
    std::optional<NamedClip> parsed;
    try {
      parsed = parse(file);
    } catch (const Error& e) {
      throw e.in(source + "/" + file);
    }
    if (!parsed) continue;
    // Shared, so that a list of a hundred thousand files holds every name once.
    auto clip = std::make_shared<NamedClip>(std::move(*parsed));
    Sample& sample = clip->sample;
    if (sample.id.empty()) sample.id = stem_of(file);
    if (sample.clip.empty()) sample.clip = sample.id;
    sample.corpus = info.name;
    sample.source_path = file;
    const auto [at, is_new] = file_of_id.emplace(sample.id, file);
    if (!is_new) {
      throw Error(ErrorCode::kData, source + "/" + file + ": is '" + sample.id + "' as " + at->second +
                                        " is; import one copy of the corpus");
    }
    if (!clip->transcript.empty()) info.modalities[stream_name::kText] = text_modality();
    files.push_back(file);
    items.push_back({file, [source, clip](ImportWorker& worker) {
                       std::vector<RawSample> samples(1);
                       RawSample& raw = samples.front();
                       raw.sample = clip->sample;
                       const std::string path = source + "/" + raw.sample.source_path;
                       raw.sample.source_sha256 = core::sha256_file(path);
                       add_media(path, worker, raw);
                       if (!clip->transcript.empty())
                         raw.streams[stream_name::kText] = text_stream(clip->transcript);
                       return samples;
                     }});
  }
  declare_media(files, options, info);
  return run_import(source, out, info, std::move(items), options);
}

}  // namespace limbic::data
