#pragma once
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "limbic/data/store.h"
#include "limbic/features/feature_config.h"

namespace limbic::data::testing {

inline DatasetInfo synthetic_info() {
  DatasetInfo info;
  info.name = "synthetic";
  info.importer = "test";
  info.label_spaces = {{"emotion", {"happy", "sad", "angry"}}};
  info.modalities["audio_wave"] = {"wave", 16000.0, "", {}};
  info.modalities["face"] = {"images", 10.0, "", {1, 8, 8}};
  info.modalities["eda"] = {"series", 4.0, "microsiemens", {1}};
  return info;
}

/// Sample `i` of 4 subjects: lengths, gaps and labels differ, every fifth lacks the face, every seventh the
/// label.
inline Sample synthetic_sample(int64_t i) {
  Sample sample;
  sample.id = fmt::format("s{:03}", i);
  sample.corpus = "synthetic";
  sample.subject = fmt::format("subject_{:02}", i % 4 + 1);
  sample.clip = fmt::format("clip_{:03}", i);
  sample.duration = core::Timestamp::from_seconds(0.1 * static_cast<double>(i % 6 + 1));
  if (i % 7 != 6) sample.labels["emotion"] = i % 3 == 0 ? "happy" : (i % 3 == 1 ? "sad" : "angry");
  sample.values["valence"] = 0.1 * static_cast<double>(i);
  return sample;
}

inline std::map<std::string, RawStream> synthetic_streams(int64_t i) {
  std::map<std::string, RawStream> streams;
  const int64_t num_samples = 1600 * (i % 6 + 1);
  RawStream wave;
  wave.rate_hz = 16000;
  wave.values = at::empty({num_samples}, at::kShort);
  for (int64_t s = 0; s < num_samples; ++s) {
    wave.values.data_ptr<int16_t>()[s] = static_cast<int16_t>(
        std::lrint(8000 * std::sin(0.01 * static_cast<double>((i + 1) * s)) + static_cast<double>(i)));
  }
  streams["audio_wave"] = wave;
  if (i % 5 != 4) {
    RawStream face;
    face.rate_hz = 10;
    const int64_t num_frames = i % 6 + 1;
    face.values = at::arange(num_frames * 64, at::kLong)
                      .add(i * 7)
                      .remainder(251)
                      .to(at::kByte)
                      .reshape({num_frames, 1, 8, 8});
    face.valid_T = at::ones({num_frames}, at::kBool);
    if (num_frames > 2) face.valid_T.data_ptr<bool>()[1] = false;
    streams["face"] = face;
  }
  if (i % 2 == 0) {
    RawStream eda;
    eda.rate_hz = 4;
    eda.values = at::arange(2, at::kFloat).mul(0.1).add(static_cast<double>(i)).reshape({2, 1});
    streams["eda"] = eda;
  }
  return streams;
}

inline void write_synthetic(const std::string& path, int64_t num_samples, bool replace = false) {
  StoreWriter writer(path, synthetic_info(), replace);
  for (int64_t i = 0; i < num_samples; ++i) writer.add(synthetic_sample(i), synthetic_streams(i));
  writer.finish();
}

inline features::FeatureConfig synthetic_features() {
  features::LogMelFeature audio;
  audio.mel.num_mels = 12;
  features::FaceCropFeature face;
  face.size = 8;
  return {{"audio", audio}, {"face", face}, {"eda", features::ValuesFeature{}}};
}

}  // namespace limbic::data::testing
