#include <ATen/ATen.h>
#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <memory>

#include "import/pipeline.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/formats/pickle.h"

namespace limbic::data {
namespace deap_import {

constexpr double kRate_hz = 128.0;
constexpr uint64_t kNumChannels = 40;       ///< 32 of EEG and 8 peripheral ones
constexpr uint64_t kNumBaseline = 3 * 128;  ///< samples before the video, in the published files
constexpr std::array<const char*, 4> kRatings = {"valence", "arousal", "dominance", "liking"};

struct Peripheral {
  const char* stream;
  uint64_t first_channel;
  std::vector<std::string> columns;
  const char* unit;
};
const std::vector<Peripheral> kPeripherals = {{"eog", 32, {"horizontal", "vertical"}, "microvolts"},
                                              {"emg", 34, {"zygomaticus", "trapezius"}, "microvolts"},
                                              {"gsr", 36, {"gsr"}, "ohm"},
                                              {"respiration", 37, {"respiration"}, "as the amplifier gives"},
                                              {"ppg", 38, {"ppg"}, "as the amplifier gives"},
                                              {"temperature", 39, {"temperature"}, "as the amplifier gives"}};

std::vector<RawSample> read_subject(const std::string& source, const std::string& file) {
  const auto root = formats::read_pickle(source + "/" + file);
  const auto data = root.at("data").array();
  const auto labels = root.at("labels").array();
  const auto& shape = data.shape();
  if (!data.is_number() || shape.size() != 3 || shape[1] != kNumChannels || shape[2] <= kNumBaseline)
    root.at("data").fail("expected numbers of trials x 40 channels x 8064 samples");
  if (!labels.is_number() || labels.shape() != std::vector<uint64_t>{shape[0], kRatings.size()})
    root.at("labels").fail(fmt::format("expected {} trials x 4 ratings", shape[0]));
  const auto ratings = root.at("labels").reals();
  const std::string sha256 = core::sha256_file(source + "/" + file);
  const uint64_t num_samples = shape[2] - kNumBaseline;
  std::vector<RawSample> samples;
  std::vector<float> channel(num_samples);
  for (uint64_t trial = 0; trial < shape[0]; ++trial) {
    RawSample raw;
    Sample& sample = raw.sample;
    sample.subject = stem_of(file);
    sample.id = fmt::format("{}_{:02}", sample.subject, trial + 1);
    sample.corpus = "deap";
    sample.clip = sample.id;
    sample.duration = core::Timestamp::from_seconds(static_cast<double>(num_samples) / kRate_hz);
    sample.attributes["video"] = fmt::format("{}", trial + 1);
    for (size_t r = 0; r < kRatings.size(); ++r) {
      const double rating = ratings[trial * kRatings.size() + r];
      if (!(rating >= 1 && rating <= 9))
        root.at("labels").fail(
            fmt::format("trial {}: {} {}; expected 1 to 9", trial + 1, kRatings[r], rating));
      sample.values[kRatings[r]] = rating;
    }
    sample.source_path = file;
    sample.source_sha256 = sha256;
    for (const Peripheral& peripheral : kPeripherals) {
      const auto width = static_cast<int64_t>(peripheral.columns.size());
      RawStream stream;
      stream.rate_hz = kRate_hz;
      stream.values = at::empty({static_cast<int64_t>(num_samples), width}, at::kFloat);
      auto* out = stream.values.data_ptr<float>();
      for (int64_t c = 0; c < width; ++c) {
        const uint64_t row = trial * kNumChannels + peripheral.first_channel + static_cast<uint64_t>(c);
        data.read(row * shape[2] + kNumBaseline, num_samples, channel.data());
        for (uint64_t i = 0; i < num_samples; ++i) out[static_cast<int64_t>(i) * width + c] = channel[i];
      }
      raw.streams[peripheral.stream] = std::move(stream);
    }
    samples.push_back(std::move(raw));
  }
  return samples;
}

}  // namespace deap_import

// DEAP, data_preprocessed_python: s01.dat to s32.dat, pickles of Python 2: {"data": 40 trials x 40 channels x
// 8064 samples at 128 Hz, of which the first 3 s are before the video; "labels": 40 trials x valence,
// arousal, dominance, liking of 1 to 9}. Trials are in order of the videos' numbers, not of presentation.
ImportReport import_deap(const std::string& source, const std::string& out, const ImportOptions& options) {
  using namespace deap_import;
  const std::string folder = std::filesystem::is_directory(source + "/data_preprocessed_python")
                                 ? source + "/data_preprocessed_python"
                                 : source;
  DatasetInfo info;
  info.name = "deap";
  info.licence = "research only, on request";
  info.citation =
      "S. Koelstra et al., DEAP: A Database for Emotion Analysis using Physiological Signals, IEEE "
      "Transactions on Affective Computing 3(1), 2012";
  info.importer = "deap";
  info.clock = "clip";
  for (const Peripheral& peripheral : kPeripherals)
    info.modalities[peripheral.stream] = series_modality(peripheral.columns, kRate_hz, peripheral.unit);
  info.known_defects = {"the EEG and the 3 s before each video are left out",
                        "gsr is in ohm for all, as the publishers converted it; s23 to s32 were recorded "
                        "with other units and setup",
                        "ratings are of the whole minute"};
  std::vector<ImportItem> items;
  for (const std::string& file : list_files(folder)) {
    const std::string stem = stem_of(file);
    if (extension_of(file) != "dat" || stem.size() != 3 || stem[0] != 's' || file.size() != 7) continue;
    items.push_back({file, [folder, file](ImportWorker&) { return read_subject(folder, file); }});
  }
  return run_import(folder, out, info, std::move(items), options);
}

}  // namespace limbic::data
