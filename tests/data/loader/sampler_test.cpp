#include "limbic/data/sampler.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "limbic/config/config.h"
#include "limbic/core/rng.h"
#include "support/paths.h"

namespace limbic::data {
namespace {

using ::testing::HasSubstr;

/// `sizes` samples of corpora a, b, c...; dialogues of five turns, stored backwards, every eleventh without.
SampleTable corpora(const std::vector<int64_t>& sizes) {
  SampleTableBuilder table;
  for (size_t c = 0; c < sizes.size(); ++c) {
    for (int64_t i = 0; i < sizes[c]; ++i) {
      Sample sample;
      sample.corpus = std::string(1, static_cast<char>('a' + c));
      sample.id = fmt::format("{}{:04}", sample.corpus, i);
      if (i % 11 != 10) {
        sample.dialogue = fmt::format("d{}", i / 5);
        sample.turn = 4 - i % 5;
      }
      table.add(sample);
    }
  }
  return table.finish();
}

SamplerInput part_of(const SampleTable& table, uint64_t seed = 3) {
  SamplerInput input;
  input.indices.resize(static_cast<size_t>(table.size()));
  std::iota(input.indices.begin(), input.indices.end(), 0);
  core::Rng rng(99);
  for (int64_t i = 0; i < table.size(); ++i)
    input.lengths.push_back(static_cast<int32_t>(1 + rng.below(200)));
  input.is_training = true;
  input.seed = seed;
  return input;
}

LoaderConfig batches_of(int64_t batch_size) {
  LoaderConfig config;
  config.batch_size = batch_size;
  return config;
}

std::vector<int64_t> rows_of(const EpochPlan& plan) {
  std::vector<int64_t> rows;
  for (const auto& entry : plan.entries) rows.push_back(entry.sample_idx);
  return rows;
}

/// Frames of a batch with and without padding, counted again.
std::pair<int64_t, int64_t> frames_of(const EpochPlan& plan, const SamplerInput& input, size_t b) {
  int64_t real = 0, longest = 0;
  for (size_t i = plan.batch_begin[b]; i < plan.batch_begin[b + 1]; ++i) {
    const int64_t length = input.lengths[static_cast<size_t>(plan.entries[i].sample_idx)];
    real += length;
    longest = std::max(longest, length);
  }
  return {real, longest * static_cast<int64_t>(plan.batch_begin[b + 1] - plan.batch_begin[b])};
}

TEST(EpochSampler, BucketsShowEverySampleOnceWithFarLessPadding) {
  const auto table = corpora({1000});
  const auto input = part_of(table);
  auto config = batches_of(16);
  config.drop_last = false;
  const auto plain = EpochSampler(table, input, config).plan(0);
  config.bucket_batches = 20;
  const EpochSampler sampler(table, input, config);
  const auto bucketed = sampler.plan(0);
  auto rows = rows_of(bucketed);
  std::sort(rows.begin(), rows.end());
  EXPECT_EQ(rows, input.indices);
  int64_t real = 0, padded = 0;
  for (size_t b = 0; b + 1 < bucketed.batch_begin.size(); ++b) {
    const auto [r, p] = frames_of(bucketed, input, b);
    real += r;
    padded += p;
  }
  EXPECT_EQ(bucketed.num_frames, real);
  EXPECT_EQ(bucketed.num_padded_frames, padded);
  EXPECT_GT(plain.padding_share(), 0.4);  // the longest of 16 uniform draws is 16 / 17 of the range
  EXPECT_LT(bucketed.padding_share(), 0.07);
  EXPECT_NE(rows_of(sampler.plan(1)), rows_of(bucketed));
}

TEST(EpochSampler, BatchesOfBucketsComeInRandomOrder) {
  const auto table = corpora({640});
  const auto input = part_of(table);
  auto config = batches_of(16);
  config.bucket_batches = 40;  // one window: without a shuffle lengths would only grow
  const auto plan = EpochSampler(table, input, config).plan(0);
  int64_t num_down = 0;
  for (size_t b = 0; b + 2 < plan.batch_begin.size(); ++b) {
    if (frames_of(plan, input, b).second > frames_of(plan, input, b + 1).second) ++num_down;
  }
  EXPECT_GT(num_down, 10);
  EXPECT_LT(num_down, 30);
}

TEST(EpochSampler, ABudgetOfFramesBoundsEveryBatchThatIsNotOneSample) {
  const auto table = corpora({500});
  auto input = part_of(table);
  input.lengths[7] = 5000;
  for (const int64_t buckets : {0, 10}) {
    auto config = batches_of(64);
    config.batch_frames = 1000;
    config.bucket_batches = buckets;
    const auto plan = EpochSampler(table, input, config).plan(4);
    EXPECT_EQ(plan.entries.size(), 500u);  // drop_last has nothing to drop
    for (size_t b = 0; b + 1 < plan.batch_begin.size(); ++b) {
      const size_t rows = plan.batch_begin[b + 1] - plan.batch_begin[b];
      EXPECT_LE(rows, 64u);
      if (rows > 1) {
        EXPECT_LE(frames_of(plan, input, b).second, 1000);
      }
    }
    input.is_training = false;  // in order, and still within the budget
    const auto evaluation = EpochSampler(table, input, config).plan(4);
    EXPECT_EQ(rows_of(evaluation), input.indices);
    EXPECT_GT(evaluation.num_batches(), 50);
    input.is_training = true;
  }
}

TEST(EpochSampler, TemperatureSharesAnEpochByTheRootOfTheSizes) {
  const auto table = corpora({900, 90, 10});
  const auto input = part_of(table);
  for (const double temperature : {1.0, 2.0, 5.0, 1e6}) {
    auto config = batches_of(10);
    config.mixing.temperature = temperature;
    const auto plan = EpochSampler(table, input, config).plan(0);
    std::map<std::string, int64_t> counts;
    for (const auto row : rows_of(plan)) ++counts[std::string(table.corpus(row))];
    const double sum =
        std::pow(900, 1 / temperature) + std::pow(90, 1 / temperature) + std::pow(10, 1 / temperature);
    EXPECT_NEAR(static_cast<double>(counts["a"]), 1000 * std::pow(900, 1 / temperature) / sum, 1);
    EXPECT_NEAR(static_cast<double>(counts["b"]), 1000 * std::pow(90, 1 / temperature) / sum, 1);
    EXPECT_NEAR(static_cast<double>(counts["c"]), 1000 * std::pow(10, 1 / temperature) / sum, 1);
    EXPECT_EQ(plan.entries.size(), 1000u);
  }
}

TEST(EpochSampler, EveryCorpusIsCoveredBeforeASampleComesAgain) {
  const auto table = corpora({300, 70});
  const auto input = part_of(table);
  auto config = batches_of(10);
  config.mixing.weights = {{"a", 0.25}, {"b", 0.75}};
  const EpochSampler sampler(table, input, config);
  std::vector<int64_t> times(370, 0);
  for (int64_t epoch = 0; epoch < 12; ++epoch) {
    std::map<int64_t, uint64_t> in_epoch;
    for (const auto& entry : sampler.plan(epoch).entries) {
      EXPECT_EQ(entry.occurrence, in_epoch[entry.sample_idx]++);
      ++times[static_cast<size_t>(entry.sample_idx)];
    }
    // Whole rounds are the same for all of a corpus; the round under way adds one to some.
    for (const auto& [begin, end] : {std::pair{0, 300}, std::pair{300, 370}}) {
      const auto [least, most] = std::minmax_element(times.begin() + begin, times.begin() + end);
      EXPECT_LE(*most - *least, 1) << "epoch " << epoch;
    }
  }
  EXPECT_NEAR(static_cast<double>(std::accumulate(times.begin() + 300, times.end(), int64_t{0})),
              0.75 * 12 * 370, 12);
}

TEST(EpochSampler, WeightsMustNameTheCorporaOfThePart) {
  const auto table = corpora({20, 20});
  auto config = batches_of(4);
  config.mixing.weights = {{"a", 1.0}, {"bb", 1.0}};
  EXPECT_THAT(test::error_of([&] { EpochSampler(table, part_of(table), config); }, ErrorCode::kConfig),
              HasSubstr("loader.mixing.weights.bb: no such corpus in the training part; it has a, b"));
  config.mixing.weights = {{"a", 1.0}};
  EXPECT_THAT(test::error_of([&] { EpochSampler(table, part_of(table), config); }, ErrorCode::kConfig),
              HasSubstr("has the corpus 'b', too"));
  config.mixing.weights = {{"a", 1.0}, {"b", 0.0}};
  for (const auto row : rows_of(EpochSampler(table, part_of(table), config).plan(0)))
    EXPECT_EQ(table.corpus(row), "a");
}

TEST(EpochSampler, ADialogueIsNeverSplitAndItsTurnsAreInOrder) {
  const auto table = corpora({110, 55});
  const auto input = part_of(table);
  for (const bool is_mixed : {false, true}) {
    auto config = batches_of(12);
    config.sampler = Sampler::kDialogue;
    if (is_mixed) config.mixing.temperature = 4;
    const EpochSampler sampler(table, input, config);
    const auto plan = sampler.plan(2);
    if (!is_mixed) {
      auto rows = rows_of(plan);
      std::sort(rows.begin(), rows.end());
      EXPECT_EQ(rows, input.indices);
    }
    for (size_t b = 0; b + 1 < plan.batch_begin.size(); ++b) {
      EXPECT_LE(plan.batch_begin[b + 1] - plan.batch_begin[b], 12u);
      for (size_t i = plan.batch_begin[b]; i < plan.batch_begin[b + 1];) {
        const int64_t row = plan.entries[i].sample_idx;
        const auto dialogue = table.dialogue(row);
        size_t turns = 0;
        for (int64_t k = 0; k < table.size(); ++k)
          turns += table.dialogue(k) == dialogue && table.corpus(k) == table.corpus(row) ? 1 : 0;
        if (dialogue.empty()) turns = 1;
        ASSERT_LE(i + turns, plan.batch_begin[b + 1]);
        for (size_t t = 1; t < turns; ++t) {
          const int64_t next = plan.entries[i + t].sample_idx;
          EXPECT_EQ(table.dialogue(next), dialogue);
          EXPECT_GT(table.turn(next), table.turn(plan.entries[i + t - 1].sample_idx));
        }
        i += turns;
      }
    }
    EXPECT_NE(rows_of(sampler.plan(3)), rows_of(plan));
  }
  // A dialogue longer than a batch is a batch of its own.
  auto config = batches_of(3);
  config.sampler = Sampler::kDialogue;
  const auto plan = EpochSampler(table, input, config).plan(0);
  size_t longest = 0;
  for (size_t b = 0; b + 1 < plan.batch_begin.size(); ++b)
    longest = std::max(longest, plan.batch_begin[b + 1] - plan.batch_begin[b]);
  EXPECT_EQ(longest, 5u);
}

TEST(EpochSampler, APlanDependsOnSeedAndEpochAlone) {
  const auto table = corpora({300, 100});
  std::vector<LoaderConfig> configs;
  for (const auto sampler : {Sampler::kShuffle, Sampler::kDialogue, Sampler::kBalanced}) {
    for (const bool more : {false, true}) {
      auto config = batches_of(16);
      config.sampler = sampler;
      if (more && sampler != Sampler::kBalanced) config.mixing.temperature = 3;
      if (more && sampler != Sampler::kDialogue) config.bucket_batches = 4;
      if (more) config.batch_frames = 1500;
      configs.push_back(config);
    }
  }
  for (const auto& config : configs) {
    auto input = part_of(table);
    for (size_t i = 0; i < input.indices.size(); ++i) input.labels.push_back(static_cast<int32_t>(i % 3));
    const EpochSampler one(table, input, config);
    const EpochSampler two(table, input, config);
    two.plan(0);
    const auto plan = one.plan(5);
    EXPECT_EQ(rows_of(plan), rows_of(two.plan(5)));
    EXPECT_EQ(plan.batch_begin, two.plan(5).batch_begin);
    input.seed = 4;
    EXPECT_NE(rows_of(plan), rows_of(EpochSampler(table, input, config).plan(5)));
  }
}

TEST(LoaderConfig, WishesThatContradictEachOtherAreRefused) {
  const auto error_of = [](const std::string& text) {
    return test::error_of([&] { config::load_text<LoaderConfig>(text, "r.yaml"); }, ErrorCode::kConfig);
  };
  EXPECT_THAT(error_of("{sampler: dialogue, bucket_batches: 4}"), HasSubstr("which the sampler forbids"));
  EXPECT_THAT(error_of("{sampler: balanced, mixing: {temperature: 2}}"),
              HasSubstr("use sampler shuffle or dialogue"));
  EXPECT_THAT(error_of("{mixing: {temperature: 2, weights: {a: 1}}}"), HasSubstr("not both"));
  EXPECT_THAT(error_of("{mixing: {weights: {a: 0}}}"), HasSubstr("at least one must be positive"));
}

}  // namespace
}  // namespace limbic::data
