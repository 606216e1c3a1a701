#include "loader/targets.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "limbic/config/config.h"
#include "limbic/core/rng.h"
#include "limbic/data/loader.h"
#include "limbic/data/statistics.h"
#include "support/paths.h"

namespace limbic::data {
namespace {

using affect::TaskKind;

constexpr int64_t kTargetSamples = 6;

/// Values by name, one of them often unknown, and an annotation at 10 Hz that begins 0.1 s into each sample.
class TargetTest : public ::testing::Test {
 protected:
  void SetUp() override {
    DatasetInfo info;
    info.name = "rated";
    info.importer = "test";
    info.label_spaces = {{"emotion", {"happy", "sad", "angry"}}};
    info.modalities["eda"] = {"series", 4.0, "microsiemens", {1}};
    info.modalities["annotation"] = {"series", 10.0, "", {3}, {"gold.valence", "rater", "gold.arousal"}};
    StoreWriter writer(dir_ / "store", info);
    for (int64_t i = 0; i < kTargetSamples; ++i) {
      Sample sample;
      sample.id = "s" + std::to_string(i);
      sample.corpus = "rated";
      sample.t0 = core::Timestamp::from_seconds(5);
      sample.duration = core::Timestamp::from_seconds(i == 3 ? 2 : 1);
      sample.labels["emotion"] = i % 2 == 0 ? "happy" : "angry";
      sample.values["valence"] = 0.5 * static_cast<double>(i) - 1;  // -1 to 1.5
      if (i != 1) sample.values["au12"] = i < 3 ? 0.2 : 0.9;
      std::map<std::string, RawStream> streams;
      streams["eda"] = {at::zeros({4, 1}), {}, 4.0, core::Timestamp::from_seconds(5.25)};
      if (i != 2) {
        RawStream annotation;
        annotation.rate_hz = 10;
        annotation.t0 = core::Timestamp::from_seconds(5.1);
        annotation.values = at::arange(30, at::kFloat).view({10, 3}) + static_cast<double>(i);
        annotation.valid_T = at::ones({10}, at::kBool);
        annotation.valid_T[6] = false;
        streams["annotation"] = annotation;
      }
      writer.add(sample, streams);
    }
    writer.finish();
    store_ = Store::open(dir_ / "store");
    indices_.resize(kTargetSamples);
    std::iota(indices_.begin(), indices_.end(), 0);
  }

  static TargetConfig read(const std::string& text) {
    return config::load_text<TargetConfig>(text, "recipe.yaml");
  }
  affect::Targets targets_of(const std::string& text, std::vector<bool> is_lost_B = {}) {
    const auto target = read(text);
    space_ = target_space("task", target, *store_);
    const TargetTable table(*store_, indices_, {space_}, {{"task", target}});
    counts_ = table.counts(0, indices_);
    is_lost_B.resize(static_cast<size_t>(kTargetSamples), false);
    return table.rows(0, indices_, is_lost_B);
  }

  test::TempDir dir_;
  std::shared_ptr<const Store> store_;
  std::vector<int64_t> indices_;
  affect::LabelSpace space_;
  std::vector<int64_t> counts_;
};

TEST_F(TargetTest, ValuesBecomeContinuousTargets) {
  const auto targets = targets_of("{kind: continuous, values: [valence, au12], range: [-1, 2]}");
  EXPECT_EQ(space_.classes, (std::vector<std::string>{"valence", "au12"}));
  EXPECT_EQ(space_.traits.range, (std::vector<double>{-1, 2}));
  EXPECT_TRUE(
      at::allclose(targets.value_BC.select(1, 0), at::tensor({-1.0f, -0.5f, 0.0f, 0.5f, 1.0f, 1.5f})));
  EXPECT_TRUE(at::equal(targets.known_BC.select(1, 1), torch::tensor({true, false, true, true, true, true})));
  EXPECT_TRUE(targets.mask_B.all().item<bool>());
  EXPECT_FALSE(targets.y_B.defined());
  EXPECT_EQ(counts_, (std::vector<int64_t>{6, 5}));
}

TEST_F(TargetTest, ValuesBecomeLabelsThatAreKnownEachByItself) {
  const auto targets = targets_of("{kind: multi_label, values: [au12, valence], threshold: 0.5}");
  EXPECT_TRUE(at::equal(targets.value_BC.select(1, 0), at::tensor({0.0f, 0.0f, 0.0f, 1.0f, 1.0f, 1.0f})));
  EXPECT_FALSE(targets.known_BC[1][0].item<bool>());
  EXPECT_EQ(counts_, (std::vector<int64_t>{3, 3}));
}

TEST_F(TargetTest, CutsMakeClassesOfAValue) {
  const auto targets =
      targets_of("{kind: ordinal, values: [valence], cuts: [-0.5, 1], classes: [low, middle, high]}");
  EXPECT_TRUE(at::equal(targets.y_B, at::tensor({0, 1, 1, 1, 2, 2}, at::kLong)));
  EXPECT_EQ(counts_, (std::vector<int64_t>{1, 3, 2}));
  EXPECT_EQ(space_.traits.kind, TaskKind::kOrdinal);
}

TEST_F(TargetTest, LabelsGetAnOrderAndANewName) {
  const auto targets = targets_of("{kind: ordinal, label: emotion, classes: [angry, happy]}");
  EXPECT_TRUE(at::equal(targets.y_B, at::tensor({1, 0, 1, 0, 1, 0}, at::kLong)));
  targets_of("{kind: single_label, label: emotion}");
  EXPECT_EQ(space_.num_classes(), 3);
}

TEST_F(TargetTest, AnAnnotationIsReadAtTheTasksOwnTimes) {
  const auto targets = targets_of(
      "{kind: continuous, stream: annotation, columns: [gold.arousal, gold.valence], rate_hz: 5, classes: "
      "[a, "
      "v]}");
  // Two seconds at 5 Hz are the longest.
  ASSERT_EQ(targets.value_BTC.sizes(), (at::IntArrayRef{6, 10, 2}));
  for (int64_t b = 0; b < kTargetSamples; ++b) {
    for (int64_t t = 0; t < 10; ++t) {
      // Frame f of the annotation is 0.1 + f / 10 behind the start, row t at t / 5; frame 6 is not valid.
      const double place = (static_cast<double>(t) / 5 - 0.1) * 10;
      const bool is_inside = t < (b == 3 ? 10 : 5) && place >= -0.5 && place <= 9.5 && b != 2;
      const bool touches_gap = place > 5 + 1e-6 && place < 7 - 1e-6;
      ASSERT_EQ(targets.known_BTC[b][t][1].item<bool>(), is_inside && !touches_gap) << b << " " << t;
      if (!is_inside || touches_gap) continue;
      EXPECT_NEAR(targets.value_BTC[b][t][1].item<double>(), 3 * place + static_cast<double>(b), 1e-4);
      EXPECT_NEAR(targets.value_BTC[b][t][0].item<double>(), 3 * place + 2 + static_cast<double>(b), 1e-4);
    }
  }
  EXPECT_FALSE(targets.mask_B[2].item<bool>());
  EXPECT_EQ(counts_, (std::vector<int64_t>{5, 5}));
}

TEST_F(TargetTest, WithoutARateAnAnnotationIsItsMean) {
  const auto targets = targets_of("{kind: continuous, stream: annotation, columns: [gold.valence]}");
  // The mean of 0, 3, ..., 27 without 18.
  EXPECT_NEAR(targets.value_BC[0][0].item<double>(), (135.0 - 18.0) / 9, 1e-5);
  EXPECT_FALSE(targets.known_BC[2][0].item<bool>());
}

TEST_F(TargetTest, ALostRowIsUnknown) {
  const auto targets = targets_of("{kind: continuous, values: [valence]}", {true});
  EXPECT_FALSE(targets.mask_B[0].item<bool>());
  EXPECT_EQ(targets.value_BC[0][0].item<float>(), 0.0f);
}

TEST_F(TargetTest, ALoaderSaysWhereFramesLieWhenATaskIsOverTime) {
  const auto target = read("{kind: continuous, stream: annotation, columns: [gold.valence], rate_hz: 4}");
  LoaderInput input;
  input.store = store_;
  input.indices = indices_;
  input.tasks = {target_space("trace", target, *store_), store_->label_space("emotion")};
  input.targets = {{"trace", target}};
  input.features = {{"eda", features::ValuesFeature{}}};
  LoaderConfig config;
  config.batch_size = 6;
  Loader loader(input, config);
  loader.begin_epoch(0);
  const auto batch = loader.next();
  ASSERT_TRUE(batch.has_value());
  EXPECT_TRUE(at::allclose(batch->streams.at("eda").start_s_B, at::full({6}, 0.25, at::kDouble)));
  EXPECT_TRUE(at::equal(batch->streams.at("eda").rate_hz_B, at::full({6}, 4.0, at::kDouble)));
  EXPECT_TRUE(batch->targets.at("trace").value_BTC.defined());
  EXPECT_TRUE(batch->targets.at("emotion").y_B.defined());
  EXPECT_EQ(class_counts(*store_, indices_, input.tasks, input.targets).at("emotion"),
            (std::vector<int64_t>{3, 0, 3}));
}

TEST_F(TargetTest, SaysWhatTheStoreLacksAndWhatContradictsItself) {
  const auto lacks = [&](const std::string& text) {
    return test::error_of([&] { target_space("mood", read(text), *store_); }, ErrorCode::kConfig);
  };
  EXPECT_EQ(
      lacks("{kind: continuous, values: [valance]}"),
      "data.targets.mood: the store has no value 'valance', only au12, valence; did you mean 'valence'?");
  EXPECT_NE(lacks("{kind: continuous, stream: annotation, columns: [gold]}").find("no column 'gold'"),
            std::string::npos);
  const auto refused = [](const std::string& text) {
    return test::error_of([&] { read(text); }, ErrorCode::kConfig);
  };
  EXPECT_NE(refused("{kind: continuous}").find("exactly one of"), std::string::npos);
  EXPECT_NE(refused("{kind: ordinal, values: [valence], cuts: [0], classes: [a]}").find("one more than cuts"),
            std::string::npos);
  EXPECT_NE(refused("{kind: continuous, values: [valence], range: [1, -1]}").find("[least, largest]"),
            std::string::npos);
  EXPECT_NE(refused("{kind: continuous, values: [valence], rate_hz: 5}").find("needs a stream"),
            std::string::npos);
}

}  // namespace
}  // namespace limbic::data
