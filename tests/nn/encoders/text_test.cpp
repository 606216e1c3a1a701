// Encoders of ids: text and events.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include <limits>

#include "limbic/core/rng.h"
#include "limbic/nn/encoder.h"
#include "limbic/nn/state.h"
#include "support/paths.h"

namespace limbic::nn {
namespace {

TEST(Text, TheEmbeddingIsTheMeanOfTheTokensVectors) {
  TextConfig config;
  config.width = 5;
  const auto encoder = build_encoder(config, {{1}, 7});
  encoder->as_module()->eval();
  const auto table = state_of(*encoder->as_module()).at("embedding.weight");
  EXPECT_LE(table.abs().max().item<float>(), 0.25f);
  const auto x = at::tensor(std::vector<float>{6, 0, 3, 1e9f}).view({1, 4, 1});
  const auto mask = at::tensor({1, 1, 1, 0}).to(at::kBool).view({1, 4});
  const auto out = encoder->encode(x, mask);
  EXPECT_TRUE(at::allclose(out.embedding_BD[0], (table[6] + table[0] + table[3]) / 3.0));
}

TEST(Text, WordDropoutReadsTokensAsUnknownInTrainingOnly) {
  core::seed_torch(5);
  TextConfig config;
  config.width = 4;
  config.dropout = 0.0;
  config.word_dropout = 0.4;
  const auto encoder = build_encoder(config, {{1}, 6});
  const auto table = state_of(*encoder->as_module()).at("embedding.weight");
  const auto x = at::full({1, 2000, 1}, 3.0);
  const auto mask = at::ones({1, 2000}, at::kBool);
  const auto unknown_T = (encoder->encode(x, mask).tokens_BTD[0] == table[1]).all(1);
  const auto known_T = (encoder->encode(x, mask).tokens_BTD[0] == table[3]).all(1);
  EXPECT_NEAR(unknown_T.to(at::kFloat).mean().item<float>(), 0.4f, 0.05f);
  EXPECT_NEAR(known_T.to(at::kFloat).mean().item<float>(), 0.6f, 0.05f);
  encoder->as_module()->eval();
  EXPECT_TRUE(at::allclose(encoder->encode(x, mask).embedding_BD[0], table[3]));
}

TEST(Text, IdsOfAnotherVocabularyAreRefused) {
  const auto encoder = build_encoder(TextConfig{}, {{1}, 7});
  const auto mask = at::ones({1, 1}, at::kBool);
  EXPECT_THROW(encoder->encode(at::full({1, 1, 1}, 7.0), mask), c10::Error);
  EXPECT_THROW(encoder->encode(at::full({1, 1, 1}, -1.0), mask), c10::Error);
}

TEST(BuildEncoder, SaysThatTextNeedsTokens) {
  EXPECT_EQ(
      test::error_of([] { build_encoder(TextConfig{}, {{300}}); }, ErrorCode::kConfig),
      "encoder 'text' takes ids of tokens; give the modality the feature 'tokens', or use 'mlp' for values "
      "and hashed n-grams");
  TextConfig config;
  config.unknown_id = 100;
  EXPECT_EQ(test::error_of(
                [&] {
                  build_encoder(config, {{1}, 50});
                },
                ErrorCode::kConfig),
            "encoder 'text': unknown_id is 100, but the vocabulary has 50 tokens");
}

TEST(EventSequence, AMissingMeasurementIsTheMeanWithAFlag) {
  core::seed_torch(6);
  EventSequenceConfig config;
  config.kinds = 3;
  config.dropout = 0.0;
  auto x = at::randn({2, 5, 3});
  x.select(2, 0).fill_(2.0);
  const auto mask = at::ones({2, 5}, at::kBool);
  for (const bool flags : {false, true}) {
    config.missing_flags = flags;
    const auto encoder = build_encoder(config, {{3}});
    encoder->set_input_statistics({1.0, -0.7, 4.0}, {0.5, 2.0, 3.0});
    x.select(2, 1).fill_(-0.7);
    const auto mean = encoder->encode(x, mask).embedding_BD;
    x.select(2, 1).fill_(std::numeric_limits<float>::quiet_NaN());
    const auto missing = encoder->encode(x, mask).embedding_BD;
    EXPECT_TRUE(missing.isfinite().all().item<bool>());
    EXPECT_EQ(at::allclose(mean, missing, 1e-5, 1e-6), !flags);
  }
}

TEST(EventSequence, KindsAreWholeNumbersOfTheConfig) {
  EventSequenceConfig config;
  config.kinds = 3;
  const auto encoder = build_encoder(config, {{2}});
  const auto mask = at::ones({1, 1}, at::kBool);
  for (const double kind : {3.0, -1.0, 0.5, static_cast<double>(std::numeric_limits<float>::quiet_NaN())})
    EXPECT_THROW(encoder->encode(at::full({1, 1, 2}, kind), mask), c10::Error) << kind;
  config.kind_column = 2;
  EXPECT_EQ(test::error_of([&] { build_encoder(config, {{2}}); }, ErrorCode::kConfig),
            "encoder 'event_sequence': kind_column is 2, but events have 2 columns");
}

}  // namespace
}  // namespace limbic::nn
