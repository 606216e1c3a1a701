#pragma once
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "limbic/core/rng.h"
#include "limbic/data/store.h"

namespace limbic::test {

/// A store that trains in milliseconds: 60 short series of 6 subjects; the class is the level, seen through
/// noise.
/// @param tasks       of three classes each
/// @param has_values  also numbers: "level", and "noise" that nothing explains and a third of the samples
/// lack
/// @param has_face    also a second stream, "face", that tells less: the middle level looks like the low one
inline void write_level_store(const std::string& path, uint64_t seed,
                              const std::vector<affect::LabelSpace>& tasks = {{"emotion",
                                                                               {"low", "middle", "high"}}},
                              bool has_values = false, bool has_face = false) {
  data::DatasetInfo info;
  info.name = "levels";
  info.importer = "test";
  info.licence = "made up";
  info.label_spaces = tasks;
  info.modalities["eda"] = {"series", 4.0, "microsiemens", {1}};
  if (has_face) info.modalities["face"] = {"series", 4.0, "", {2}};
  data::StoreWriter writer(path, info);
  core::Rng rng(seed);
  for (int64_t i = 0; i < 60; ++i) {
    data::Sample sample;
    sample.id = fmt::format("s{:03}", i);
    sample.corpus = "levels";
    sample.subject = fmt::format("subject_{:02}", i % 6 + 1);
    sample.clip = sample.id;
    sample.duration = core::Timestamp::from_seconds(2);
    for (const auto& task : tasks) sample.labels[task.task] = task.classes[static_cast<size_t>(i / 6 % 3)];
    if (has_values) {
      sample.values["level"] = static_cast<double>(i / 6 % 3);
      if (i % 3 != 0) sample.values["noise"] = std::sin(static_cast<double>(i));
    }
    data::RawStream eda;
    eda.rate_hz = 4;
    eda.values = at::empty({8, 1});
    for (int64_t t = 0; t < 8; ++t)
      eda.values[t][0] = 2.0 * static_cast<double>(i / 6 % 3) + rng.normal(0, 0.3);
    std::map<std::string, data::RawStream> streams{{"eda", eda}};
    if (has_face) {
      data::RawStream face;
      face.rate_hz = 4;
      face.values = at::empty({8, 2});
      for (int64_t t = 0; t < 16; ++t)
        face.values.view({-1})[t] = (i / 6 % 3 == 2 ? 2.0 : 0.0) + rng.normal(0, 1.0);
      streams["face"] = face;
    }
    writer.add(sample, streams);
  }
  writer.finish();
}

/// A recipe for it.
inline std::string level_recipe(const std::string& store, int64_t epochs, double ema_decay = 0.9) {
  return fmt::format(R"(name: levels
data:
  store: {}
  split: {{type: groups, train: [1-4], val: ["5"], test: ["6"]}}
  features: {{eda: {{type: values}}}}
  loader: {{batch_size: 8, num_workers: 0}}
model:
  encoders: {{eda: {{type: gru, projection: 0, hidden: 8, dropout: 0.1}}}}
objectives:
  - {{type: supervised, task: emotion}}
train:
  epochs: {}
  num_threads: 1
  optimizer: {{type: adamw, lr: 0.02}}
  ema: {{decay: {}}}
  checkpoint_minutes: 0
)",
                     store, epochs, ema_decay);
}

}  // namespace limbic::test
