#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <memory>

#include "import/generic/feature_tables.h"
#include "import/words.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"

namespace limbic::data {
namespace features_folder_import {

/// Every csv below `source` that `format` writes: one sample a file, named after it, its frames as the stream
/// `format`. `limbic data join` brings them together with the recordings.
ImportReport import_features(const std::string& format, const std::string& source, const std::string& out,
                             const ImportOptions& options) {
  DatasetInfo info;
  info.name = corpus_name(source, format);
  info.importer = format;
  info.options = {{"feature_rate_hz", fmt::format("{}", options.feature_rate_hz)}};
  std::vector<ImportItem> items;
  for (const auto& file : list_files(source)) {
    if (extension_of(file) != "csv") continue;
    const auto frames = read_feature_file(source + "/" + file, format, options.feature_rate_hz);
    auto& modality = info.modalities[format];
    if (modality.columns.empty()) {
      modality = series_modality(frames.columns, frames.rate_hz);
      modality.may_be_missing = true;
      modality.device = format;
    }
    require(
        modality.columns == frames.columns, ErrorCode::kData,
        fmt::format("{}/{}: {} columns that differ from the {} of the files before it; extract all with one "
                    "set of options",
                    source, file, frames.columns.size(), modality.columns.size()));
    if (modality.rate_hz != frames.rate_hz) modality.rate_hz = 0;
    items.push_back({file, [=, corpus = info.name](ImportWorker&) {
                       const std::string path = source + "/" + file;
                       const auto read = read_feature_file(path, format, options.feature_rate_hz);
                       std::vector<RawSample> samples(1);
                       Sample& sample = samples[0].sample;
                       sample.id = std::filesystem::path(file).replace_extension().string();
                       sample.corpus = corpus;
                       sample.clip = stem_of(file);
                       sample.source_path = file;
                       sample.source_sha256 = core::sha256_file(path);
                       samples[0].streams[format] = read.stream();
                       sample.duration = read.t0 + length_of(samples[0].streams[format]);
                       return samples;
                     }});
  }
  return run_import(source, out, info, std::move(items), options);
}

}  // namespace features_folder_import

ImportReport import_openface(const std::string& source, const std::string& out,
                             const ImportOptions& options) {
  return features_folder_import::import_features("openface", source, out, options);
}
ImportReport import_opensmile(const std::string& source, const std::string& out,
                              const ImportOptions& options) {
  return features_folder_import::import_features("opensmile", source, out, options);
}
ImportReport import_pyfeat(const std::string& source, const std::string& out, const ImportOptions& options) {
  return features_folder_import::import_features("pyfeat", source, out, options);
}

}  // namespace limbic::data
