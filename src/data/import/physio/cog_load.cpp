#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <memory>

#include "import/pipeline.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/formats/csv.h"

namespace limbic::data {
namespace cog_load_import {

struct Signal {
  const char* file;    ///< "gsr" of gsr_train.csv
  const char* stream;  ///< in the store
  const char* unit;
};
constexpr std::array<Signal, 4> kSignals{{{"gsr", "eda", "microsiemens"},
                                          {"hr", "heart_rate", "bpm"},
                                          {"rr", "rr_interval", "s"},
                                          {"temp", "temperature", "degC"}}};
constexpr size_t kNumSeconds = 30;

/// 30 s of every signal; rows of all files describe the same instance (the challenge has no other key).
struct Instance {
  std::array<std::vector<double>, kSignals.size()> values;
  std::string label;
  std::string user;
};

std::vector<Instance> read_part(const std::string& source, const std::string& part, std::string& sha256) {
  std::vector<Instance> instances;
  core::Sha256 hash;
  formats::CsvOptions options;
  options.has_header = false;
  for (size_t s = 0; s < kSignals.size(); ++s) {
    const std::string path = fmt::format("{}/{}/{}_{}.csv", source, part, kSignals[s].file, part);
    const std::string digest = core::sha256_file(path);
    hash.update(digest.data(), digest.size());
    formats::CsvReader csv(path, options);
    formats::CsvRow row;
    size_t i = 0;
    for (; csv.next(row); ++i) {
      require(row.size() == kNumSeconds, ErrorCode::kData,
              fmt::format("{}: {} values; expected {}, one a second", row.where(), row.size(), kNumSeconds));
      if (s == 0) instances.emplace_back();
      require(i < instances.size(), ErrorCode::kData,
              fmt::format("{}: more rows than the {} of {}_{}.csv: they do not describe the same instances",
                          row.where(), instances.size(), kSignals[0].file, part));
      for (size_t c = 0; c < kNumSeconds; ++c) instances[i].values[s].push_back(row.real(c));
    }
    require(i == instances.size(), ErrorCode::kData,
            fmt::format("{}: {} rows; expected the {} of {}_{}.csv", path, i, instances.size(),
                        kSignals[0].file, part));
  }
  const std::string labels = fmt::format("{}/{}/labels_{}.csv", source, part, part);
  if (std::filesystem::exists(labels)) {
    formats::CsvReader csv(labels, options);
    formats::CsvRow row;
    size_t i = 0;
    for (; csv.next(row); ++i) {
      require(i < instances.size(), ErrorCode::kData,
              fmt::format("{}: more labels than the {} instances", row.where(), instances.size()));
      const int64_t label = row.integer(size_t{0});
      require(label == 0 || label == 1, ErrorCode::kData,
              fmt::format("{}: label {}; expected 0 (load) or 1 (rest)", row.where(), label));
      instances[i].label = label == 0 ? "load" : "rest";
      instances[i].user = row.text(size_t{1});
    }
    require(i == instances.size(), ErrorCode::kData,
            fmt::format("{}: {} labels for {} instances", labels, i, instances.size()));
  }
  sha256 = hash.hex();
  return instances;
}

}  // namespace cog_load_import

// The cognitive-load challenge of UbiTtention 2020 (Gjoreski et al.): train/ with labels and users, test/
// without.
ImportReport import_cog_load(const std::string& source, const std::string& out,
                             const ImportOptions& options) {
  using namespace cog_load_import;
  DatasetInfo info;
  info.name = "cog_load";
  info.licence = "research; see the challenge";
  info.citation =
      "M. Gjoreski et al., Datasets for Cognitive Load Inference Using Wearable Sensors and Psychological "
      "Traits, Applied Sciences 10(11):3843, 2020";
  info.importer = "cog_load";
  info.label_spaces = {{"load", {"rest", "load"}}};
  info.known_defects = {"train instances are shuffled: order says nothing about time",
                        "the test part has neither labels nor users",
                        "signals are resampled to 1 Hz: no skin conductance response can be timed"};
  for (const auto& signal : kSignals)
    info.modalities[signal.stream] = series_modality({signal.stream}, 1.0, signal.unit);
  std::vector<ImportItem> items;
  for (const std::string part : {"train", "test"}) {
    if (!std::filesystem::is_directory(source + "/" + part)) continue;
    std::string sha256;
    const auto instances = std::make_shared<std::vector<Instance>>(read_part(source, part, sha256));
    for (size_t i = 0; i < instances->size(); ++i) {
      items.push_back({fmt::format("{} row {}", part, i + 1), [=](ImportWorker&) {
                         const Instance& instance = (*instances)[i];
                         std::vector<RawSample> samples(1);
                         Sample& sample = samples[0].sample;
                         sample.id = fmt::format("{}_{:04}", part, i);
                         sample.corpus = "cog_load";
                         sample.subject = instance.user;
                         sample.clip = sample.id;
                         sample.split = part;
                         sample.duration = core::Timestamp::from_seconds(kNumSeconds);
                         if (!instance.label.empty()) sample.labels["load"] = instance.label;
                         sample.source_path = part;
                         sample.source_sha256 = sha256;
                         for (size_t s = 0; s < kSignals.size(); ++s)
                           samples[0].streams[kSignals[s].stream] = series_stream(instance.values[s], 1, 1.0);
                         return samples;
                       }});
    }
  }
  return run_import(source, out, info, std::move(items), options);
}

}  // namespace limbic::data
