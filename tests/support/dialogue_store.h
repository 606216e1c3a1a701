#pragma once
#include <ATen/Functions.h>
#include <fmt/format.h>

#include <memory>
#include <string>

#include "limbic/data/store.h"

namespace limbic::test {

inline affect::LabelSpace mood_labels() {
  return {"emotion", {"calm", "upset"}};
}

/// Two sessions of two dialogues of six turns, two speakers in turn, the last turn without a label. Logits of
/// turn t are (t, 2.5). "raw" has the label, or "xxx".
inline std::shared_ptr<const data::Store> write_dialogues(const std::string& path) {
  data::DatasetInfo info;
  info.name = "talks";
  info.importer = "test";
  info.label_spaces = {mood_labels()};
  info.modalities["logits"] = {"series", 0.0, "", {2}};
  data::StoreWriter writer(path, info);
  for (int64_t i = 0; i < 24; ++i) {
    data::Sample sample;
    sample.id = fmt::format("d{}_{}", i / 6, 5 - i % 6);  // written last turn first
    sample.corpus = "talks";
    sample.subject = i % 2 == 0 ? "ann" : "bob";
    sample.session = fmt::format("s{}", i / 12);
    sample.dialogue = fmt::format("d{}", i / 6);
    sample.clip = sample.id;
    sample.turn = 5 - i % 6;
    if (sample.turn != 5) sample.labels["emotion"] = (i / 12 == 0) == (sample.turn > 2) ? "upset" : "calm";
    sample.attributes["raw"] = sample.turn == 5 ? "xxx" : sample.labels["emotion"];
    data::RawStream logits;
    logits.values = at::full({1, 2}, static_cast<double>(sample.turn), at::kFloat);
    logits.values.data_ptr<float>()[1] = 2.5F;
    writer.add(sample, {{"logits", logits}});
  }
  writer.finish();
  return data::Store::open(path);
}

}  // namespace limbic::test
