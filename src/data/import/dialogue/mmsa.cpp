#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <limits>
#include <memory>

#include "import/pipeline.h"
#include "import/words.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/formats/pickle.h"

namespace limbic::data {
namespace mmsa_import {

constexpr std::array<const char*, 3> kSplits = {"train", "valid", "test"};
const std::vector<std::string> kClasses = {"negative", "neutral", "positive"};

struct Kind {
  const char* key;     ///< in the file
  const char* stream;  ///< in the store
};
constexpr std::array<Kind, 3> kFeatures = {
    {{"text", "text_features"}, {"audio", "audio_features"}, {"vision", "vision_features"}}};
constexpr std::array<Kind, 4> kValues = {{{"regression_labels", "sentiment"},
                                          {"regression_labels_T", "sentiment_text"},
                                          {"regression_labels_A", "sentiment_audio"},
                                          {"regression_labels_V", "sentiment_vision"}}};

/// (N, T, F) of one split, in the mapped file.
struct Feature {
  const char* stream;
  formats::PickleArray array;
  std::vector<double> num_frames_N;  ///< empty: all frames are real
};

struct Part {
  std::string split;
  std::vector<std::string> ids;
  std::vector<std::string> texts, annotations;  ///< empty: the file has none
  std::vector<std::pair<const char*, std::vector<double>>> values;
  std::vector<Feature> features;
};

struct Corpus {
  std::string name, file, sha256;
  std::vector<Part> parts;
};

/// A table of one value a sample. @returns empty when it is absent
template <class Read>
auto column(const formats::PickleValue& part, const char* key, size_t count, Read&& read) {
  const auto value = part.find(key);
  auto column = value && !value->is_none() ? read(*value) : decltype(read(*value)){};
  if (!column.empty() && column.size() != count)
    value->fail(fmt::format("{} values for {} samples", column.size(), count));
  return column;
}

/// Real tokens of each sample, from the attention mask in text_bert (N, 3, T): ids, mask, segments. Where a
/// file is aligned, audio and vision have the same frames as the tokens (so do the models of MMSA read it).
struct Tokens {
  uint64_t num_frames = 0;  ///< T; 0: there is no text_bert
  std::vector<double> num_real_N;
};

Tokens read_tokens(const formats::PickleValue& part, size_t count) {
  Tokens tokens;
  const auto value = part.find("text_bert");
  if (!value || value->is_none()) return tokens;
  const formats::PickleArray array = value->array();
  if (!array.is_number() || array.shape().size() != 3 || array.shape()[0] != count || array.shape()[1] != 3)
    value->fail(fmt::format("expected numbers of {} samples x 3 x tokens", count));
  tokens.num_frames = array.shape()[2];
  std::vector<float> mask(tokens.num_frames);
  for (size_t i = 0; i < count; ++i) {
    array.read((3 * i + 1) * tokens.num_frames, tokens.num_frames, mask.data());
    tokens.num_real_N.push_back(static_cast<double>(std::count(mask.begin(), mask.end(), 1.0f)));
  }
  return tokens;
}

Part read_part(const formats::PickleValue& source, const char* split) {
  const auto reals = [](const formats::PickleValue& value) { return value.reals(); };
  const auto texts = [](const formats::PickleValue& value) { return value.texts(); };
  Part part;
  part.split = split;
  part.ids = source.at("id").texts();
  const size_t count = part.ids.size();
  part.texts = column(source, "raw_text", count, texts);
  part.annotations = column(source, "annotations", count, texts);
  for (const Kind& kind : kValues) {
    auto values = column(source, kind.key, count, reals);
    if (!values.empty()) part.values.emplace_back(kind.stream, std::move(values));
  }
  const Tokens tokens = read_tokens(source, count);
  for (const Kind& kind : kFeatures) {
    const auto value = source.find(kind.key);
    if (!value || value->is_none()) continue;
    formats::PickleArray array = value->array();
    if (!array.is_number() || array.shape().size() != 3 || array.shape()[0] != count ||
        (count > 0 && array.num_elements() == 0))
      value->fail(
          fmt::format("an array of {} and {} dimensions; expected numbers of {} samples x frames x features",
                      array.dtype(), array.shape().size(), count));
    const std::string lengths = std::string(kind.key) + "_lengths";
    auto num_frames_N = column(source, lengths.c_str(), count, reals);
    if (num_frames_N.empty() && array.shape()[1] == tokens.num_frames) num_frames_N = tokens.num_real_N;
    part.features.push_back({kind.stream, std::move(array), std::move(num_frames_N)});
    for (const double length : part.features.back().num_frames_N) {
      if (!(length >= 0 && length <= static_cast<double>(part.features.back().array.shape()[1])))
        source.at(lengths).fail(fmt::format("a length of {} among arrays of {} frames", length,
                                            part.features.back().array.shape()[1]));
    }
  }
  return part;
}

/// "video$_$clip", also "video[clip]".
std::pair<std::string, std::string> split_id(const std::string& id, const std::string& file) {
  size_t at = id.find("$_$");
  size_t skip = 3, drop = 0;
  if (at == std::string::npos && !id.empty() && id.back() == ']') {
    at = id.rfind('[');
    skip = drop = 1;
  }
  require(at != std::string::npos && at > 0 && at + skip + drop < id.size(), ErrorCode::kData,
          fmt::format("{}: id '{}'; expected video$_$clip", file, id));
  return {id.substr(0, at), id.substr(at + skip, id.size() - at - skip - drop)};
}

RawSample read_sample(const Corpus& corpus, const Part& part, size_t i) {
  RawSample raw;
  Sample& sample = raw.sample;
  const auto [video, clip] = split_id(part.ids[i], corpus.file);
  sample.id = video + "_" + clip;
  sample.corpus = corpus.name;
  sample.subject = video;  // the speakers are not said: a video is by one person
  sample.dialogue = video;
  sample.clip = sample.id;
  int64_t turn = 0;
  const auto [end, error] = std::from_chars(clip.data(), clip.data() + clip.size(), turn);
  if (error == std::errc() && end == clip.data() + clip.size() && turn >= 0) sample.turn = turn;
  sample.split = part.split;
  sample.source_path = corpus.file;
  sample.source_sha256 = corpus.sha256;
  for (const auto& [name, values] : part.values) {
    if (std::isfinite(values[i])) sample.values[name] = values[i];
  }
  if (!part.annotations.empty() && !part.annotations[i].empty()) {
    const std::string label = lower_case(part.annotations[i]);
    require(std::find(kClasses.begin(), kClasses.end(), label) != kClasses.end(), ErrorCode::kData,
            fmt::format("{}: {}: annotation '{}'; expected negative, neutral or positive", corpus.file,
                        part.ids[i], part.annotations[i]));
    sample.labels["sentiment"] = label;
  }
  if (!part.texts.empty() && !part.texts[i].empty())
    raw.streams[stream_name::kText] = text_stream(part.texts[i]);
  for (const Feature& feature : part.features) {
    const uint64_t num_frames = feature.array.shape()[1];
    const uint64_t width = feature.array.shape()[2];
    const uint64_t kept =
        feature.num_frames_N.empty() ? num_frames : static_cast<uint64_t>(feature.num_frames_N[i]);
    if (kept == 0) continue;
    RawStream stream;
    stream.rate_hz = 1.0;
    stream.values = at::empty({static_cast<int64_t>(kept), static_cast<int64_t>(width)}, at::kFloat);
    auto* values = stream.values.data_ptr<float>();
    feature.array.read(i * num_frames * width, kept * width, values);
    for (uint64_t k = 0; k < kept * width; ++k) {
      if (!std::isfinite(values[k])) values[k] = std::numeric_limits<float>::quiet_NaN();
    }
    raw.streams[feature.stream] = std::move(stream);
  }
  return raw;
}

std::string corpus_of(const std::string& path) {
  const std::string stem = lower_case(stem_of(path));
  if (stem.find("mosei") != std::string::npos) return "cmu_mosei";
  if (stem.find("mosi") != std::string::npos) return "cmu_mosi";
  if (stem.find("simsv2") != std::string::npos) return "ch_sims_v2";
  if (stem.find("sims") != std::string::npos) return "ch_sims";
  return stem;
}

}  // namespace mmsa_import

// Feature files of MMSA and MMSA-FET (Mao et al., M-SENA, ACL 2022): {"train" | "valid" | "test": {id,
// raw_text, text (N, T, F), audio, vision, audio_lengths, vision_lengths (unaligned), annotations,
// regression_labels and, for CH-SIMS, regression_labels_T, _A and _V}}. `text_bert` holds token ids, which
// our own tokenisers make.
ImportReport import_mmsa(const std::string& source, const std::string& out, const ImportOptions& options) {
  using namespace mmsa_import;
  require(std::filesystem::is_regular_file(source), ErrorCode::kData,
          source + ": expected a file such as mosi_aligned_50.pkl");
  const formats::PickleValue root = formats::read_pickle(source);
  auto corpus = std::make_shared<Corpus>();
  corpus->name = corpus_of(source);
  corpus->file = std::filesystem::path(source).filename().string();
  corpus->sha256 = core::sha256_file(source);
  DatasetInfo info;
  info.name = corpus->name;
  info.licence = "as the corpus: CMU-MOSI and CMU-MOSEI research, CH-SIMS research";
  info.citation =
      "H. Mao et al., M-SENA: An Integrated Platform for Multimodal Sentiment Analysis, ACL 2022; and the "
      "corpus's own paper";
  info.importer = "mmsa";
  info.clock = "clip";
  info.options = {{"file", corpus->file}};
  info.modalities[stream_name::kText] = text_modality();
  info.known_defects = {
      "features have no times: their rate of 1 Hz counts frames (words where the file is aligned)",
      "features that are infinite (COVAREP of CMU-MOSI) are stored as missing",
      "the speakers are not said: the video stands for its speaker"};
  bool has_labels = false;
  for (const char* split : kSplits) {
    const auto value = root.find(split);
    if (!value) continue;
    corpus->parts.push_back(read_part(*value, split));
    has_labels = has_labels || !corpus->parts.back().annotations.empty();
    for (const Feature& feature : corpus->parts.back().features) {
      const uint64_t width = feature.array.shape()[2];
      auto& modality = info.modalities[feature.stream];
      if (modality.frame_shape.empty()) {
        modality.rate_hz = 1.0;
        modality.frame_shape = {static_cast<int64_t>(width)};
        modality.may_be_missing = true;
      }
      if (modality.frame_shape[0] != static_cast<int64_t>(width))
        value->fail(fmt::format("{} of {} features; another part has {}", feature.stream, width,
                                modality.frame_shape[0]));
    }
  }
  if (corpus->parts.empty()) root.fail("no 'train', 'valid' or 'test'; is this a file of MMSA?");
  if (has_labels) info.label_spaces = {{"sentiment", kClasses}};
  std::vector<ImportItem> items;
  for (size_t p = 0; p < corpus->parts.size(); ++p) {
    for (size_t i = 0; i < corpus->parts[p].ids.size(); ++i) {
      items.push_back({corpus->file + ": " + corpus->parts[p].ids[i], [corpus, p, i](ImportWorker&) {
                         std::vector<RawSample> samples;
                         samples.push_back(read_sample(*corpus, corpus->parts[p], i));
                         return samples;
                       }});
    }
  }
  return run_import(std::filesystem::path(source).parent_path().string(), out, info, std::move(items),
                    options);
}

}  // namespace limbic::data
