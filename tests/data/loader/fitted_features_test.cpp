#include "limbic/data/fitted_features.h"

#include <ATen/Functions.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "limbic/core/atomic_file.h"
#include "limbic/data/store.h"
#include "limbic/features/feature_extractor.h"
#include "limbic/features/word_vocabulary.h"
#include "support/paths.h"

namespace limbic::data {
namespace {

using ::testing::HasSubstr;

/// A store of utterances; an empty one is absent.
std::shared_ptr<const Store> write_utterances(const std::string& path,
                                              const std::vector<std::string>& texts) {
  DatasetInfo info;
  info.name = "utterances";
  info.importer = "test";
  info.label_spaces = {{"emotion", {"joy", "sadness"}}};
  info.modalities["text"] = {"text", 0.0, "", {}};
  StoreWriter writer(path, info);
  for (size_t i = 0; i < texts.size(); ++i) {
    Sample sample;
    sample.id = fmt::format("u{}", i);
    sample.corpus = "utterances";
    sample.clip = sample.id;
    sample.labels["emotion"] = i % 2 == 0 ? "joy" : "sadness";
    std::map<std::string, RawStream> streams;
    if (!texts[i].empty()) {
      streams["text"].values = at::empty({static_cast<int64_t>(texts[i].size())}, at::kByte);
      std::memcpy(streams["text"].values.data_ptr<uint8_t>(), texts[i].data(), texts[i].size());
    }
    writer.add(sample, streams);
  }
  writer.finish();
  return Store::open(path);
}

const std::vector<std::string> kUtterances = {"Oh yes, yes!", "No.", "", "yes and no", "Never seen before"};

features::FeatureConfig words_to_fit() {
  features::TokensFeature tokens;
  tokens.tokenizer = features::kFitOnTraining;
  tokens.vocabulary.min_count = 1;
  return {{"text", tokens}};
}

std::string words_of(const features::FeatureConfig& fitted) {
  return std::get<features::TokensFeature>(fitted.at("text")).tokenizer;
}

TEST(FittedFeatures, WordsAreThoseOfTheTrainingPart) {
  const test::TempDir dir;
  const auto store = write_utterances(dir / "store", kUtterances);
  const auto fitted = fitted_features(words_to_fit(), *store, {0, 1, 2, 3}, dir / "run");
  EXPECT_FALSE(features::wants_fit(fitted.at("text")));
  const auto words = features::load_word_vocabulary(words_of(fitted));
  EXPECT_EQ(words->id_of("yes"), 2);  // the most frequent one, after <pad> and <unk>
  EXPECT_TRUE(words->id_of("and"));
  EXPECT_FALSE(words->id_of("seen"));
  const auto again = fitted_features(words_to_fit(), *store, {3, 2, 1, 0}, dir / "other");
  EXPECT_EQ(core::read_file(words_of(again)), core::read_file(words_of(fitted)));
}

TEST(FittedFeatures, AResumedRunKeepsItsFiles) {
  const test::TempDir dir;
  const auto store = write_utterances(dir / "store", kUtterances);
  const auto first = fitted_features(words_to_fit(), *store, {0, 1}, dir / "run");
  const std::string words = core::read_file(words_of(first));
  const auto resumed = fitted_features(words_to_fit(), *store, {4}, dir / "run");
  EXPECT_EQ(words_of(resumed), words_of(first));
  EXPECT_EQ(core::read_file(words_of(resumed)), words);
}

TEST(FittedFeatures, WeightsAreThoseOfTheTrainingPart) {
  const test::TempDir dir;
  const auto store = write_utterances(dir / "store", kUtterances);
  features::HashedNgramsFeature ngrams;
  ngrams.ngrams.num_features = 32;
  ngrams.idf = features::kFitOnTraining;
  const auto fitted = fitted_features({{"text", ngrams}}, *store, {0, 1, 2, 3}, dir / "run");
  features::IdfCounter expected(ngrams.ngrams);
  for (const size_t i : {0, 1, 3}) expected.add(kUtterances[i]);
  EXPECT_EQ(features::read_idf(std::get<features::HashedNgramsFeature>(fitted.at("text")).idf),
            expected.idf());
}

TEST(FittedFeatures, OtherFeaturesStayAsTheyAre) {
  const test::TempDir dir;
  const auto store = write_utterances(dir / "store", kUtterances);
  const auto fitted = fitted_features({{"text", features::HashedNgramsFeature{}}}, *store, {0}, dir / "run");
  EXPECT_EQ(std::get<features::HashedNgramsFeature>(fitted.at("text")).idf, "");
  EXPECT_FALSE(std::filesystem::exists(dir / "run"));
}

TEST(FittedFeatures, WhatCannotBeFittedIsAnError) {
  const test::TempDir dir;
  const auto store = write_utterances(dir / "store", kUtterances);
  EXPECT_THAT(
      test::error_of([&] { fitted_features(words_to_fit(), *store, {2}, dir / "run"); }, ErrorCode::kData),
      HasSubstr("features.text: no training sample has 'text': nothing to fit on"));
  EXPECT_THAT(
      test::error_of([] { features::FeatureExtractor extractor(words_to_fit()); }, ErrorCode::kConfig),
      HasSubstr("features.text: 'fit' is learned by `limbic train`"));
}

}  // namespace
}  // namespace limbic::data
