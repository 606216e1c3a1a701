#include "limbic/data/supervision.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <set>

#include "limbic/config/config.h"
#include "limbic/data/loader.h"
#include "limbic/data/statistics.h"
#include "support/paths.h"
#include "synthetic_store.h"

namespace limbic::data {
namespace {

constexpr int64_t kNumSupervised = 700;

/// Samples of synthetic_store.h without their streams, but for a number: six in seven have a label.
class SupervisionTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir_ = std::make_unique<test::TempDir>();
    DatasetInfo info = testing::synthetic_info();
    info.label_spaces.push_back({"mood", {"up", "down"}});
    StoreWriter writer(*dir_ / "store", info);
    for (int64_t i = 0; i < kNumSupervised; ++i) {
      auto sample = testing::synthetic_sample(i);
      sample.id = fmt::format("s{:04}", i);
      RawStream eda;
      eda.rate_hz = 4;
      eda.values = at::arange(2, at::kFloat).add(static_cast<double>(i)).reshape({2, 1});
      writer.add(sample, {{"eda", eda}});
    }
    writer.finish();
    store_ = Store::open(*dir_ / "store");
  }
  static void TearDownTestSuite() {
    store_.reset();
    dir_.reset();
  }

  static std::vector<int64_t> all() {
    std::vector<int64_t> indices(kNumSupervised);
    std::iota(indices.begin(), indices.end(), 0);
    return indices;
  }
  static affect::LabelSpace emotion() { return store_->label_space("emotion"); }
  static TaskSupervision with(const BudgetConfig& budget, const LabelNoiseConfig& noise = {},
                              uint64_t seed = 1) {
    return supervise(*store_, all(), emotion(), nullptr, budget, noise, seed);
  }
  static BudgetConfig share(double share) { return {share, 0, BudgetBy::kSample}; }
  static std::set<int64_t> kept(const TaskSupervision& supervision) {
    std::set<int64_t> rows;
    for (size_t i = 0; i < supervision.levels.size(); ++i) {
      if (supervision.levels[i] == affect::kFullSupervision) rows.insert(static_cast<int64_t>(i));
    }
    return rows;
  }
  static LoaderInput loader_input(TaskSupervision supervision) {
    LoaderInput in;
    in.store = store_;
    in.indices = all();
    in.tasks = {emotion()};
    in.features = {{"eda", features::ValuesFeature{}}};
    in.is_training = true;
    in.seed = 5;
    in.supervision = {{"emotion", std::make_shared<const TaskSupervision>(std::move(supervision))}};
    return in;
  }
  static LoaderConfig loader_config() {
    LoaderConfig config;
    config.batch_size = 16;
    config.num_workers = 0;
    return config;
  }

  static inline std::unique_ptr<test::TempDir> dir_;
  static inline std::shared_ptr<const Store> store_;
};

TEST_F(SupervisionTest, ABudgetKeepsItsShareOfEveryClass) {
  const auto truth = known_classes(*store_, all(), emotion());
  std::array<int64_t, 3> sizes{};
  for (const int32_t c : truth) {
    if (c >= 0) ++sizes[static_cast<size_t>(c)];
  }
  const auto supervision = with(share(0.1));
  const auto rows = kept(supervision);
  EXPECT_EQ(rows.size(), 60u);
  std::array<int64_t, 3> counts{};
  for (const int64_t i : rows) ++counts[static_cast<size_t>(truth[static_cast<size_t>(i)])];
  for (size_t c = 0; c < 3; ++c)
    EXPECT_NEAR(static_cast<double>(counts[c]), 0.1 * static_cast<double>(sizes[c]), 1);
  for (size_t i = 0; i < truth.size(); ++i) {
    const bool is_kept = rows.count(static_cast<int64_t>(i)) == 1;
    EXPECT_EQ(supervision.classes[i], is_kept ? truth[i] : -1);
    // What the budget hides is known to audits; what it keeps hides nothing.
    EXPECT_EQ(supervision.withheld[i], is_kept ? -1 : truth[i]);
  }
  EXPECT_EQ(kept(with(share(1))).size(), 600u);
  EXPECT_EQ(kept(with(share(0))).size(), 0u);
  EXPECT_EQ(kept(with({1, 7, BudgetBy::kSample})).size(), 7u);
  // Three labels are one of each class.
  std::set<int32_t> seen;
  for (const int64_t i : kept(with({1, 3, BudgetBy::kSample}))) seen.insert(truth[static_cast<size_t>(i)]);
  EXPECT_EQ(seen.size(), 3u);
}

TEST_F(SupervisionTest, ALargerBudgetHoldsTheSmallerOneAndASeedDrawsItAgain) {
  const auto small = kept(with(share(0.05)));
  const auto large = kept(with(share(0.3)));
  EXPECT_TRUE(std::includes(large.begin(), large.end(), small.begin(), small.end()));
  EXPECT_EQ(kept(with(share(0.05))), small);
  EXPECT_NE(kept(with(share(0.05), {}, 2)), small);
}

TEST_F(SupervisionTest, ABudgetBySubjectTakesWholeSubjects) {
  const auto supervision = with({0.4, 0, BudgetBy::kSubject});
  std::set<std::string> subjects;
  for (const int64_t i : kept(supervision)) subjects.emplace(store_->samples().subject(i));
  EXPECT_EQ(subjects.size(), 2u);  // of four; one has too few labels
  const auto truth = known_classes(*store_, all(), emotion());
  for (int64_t i = 0; i < kNumSupervised; ++i) {
    if (subjects.count(std::string(store_->samples().subject(i))) == 0 || truth[static_cast<size_t>(i)] < 0)
      continue;
    EXPECT_EQ(supervision.levels[static_cast<size_t>(i)], affect::kFullSupervision);
  }
}

TEST_F(SupervisionTest, NoiseFlipsLabelsAtItsRateAndWhereItSays) {
  const auto truth = known_classes(*store_, all(), emotion());
  LabelNoiseConfig noise;
  noise.rate = 0.3;
  noise.rates = {{"angry", 0.0}};
  noise.to = {{"happy", "sad"}};
  const auto supervision = with(share(1), noise);
  std::array<std::array<double, 3>, 3> counts{};
  for (size_t i = 0; i < truth.size(); ++i) {
    if (truth[i] < 0) continue;
    counts[static_cast<size_t>(truth[i])][static_cast<size_t>(supervision.classes[i])] += 1;
    EXPECT_EQ(supervision.withheld[i], truth[i]) << "a label that may be wrong has its truth for audits";
  }
  EXPECT_NEAR(counts[0][1] / 200, 0.3, 0.1);
  EXPECT_EQ(counts[0][2], 0);
  EXPECT_NEAR((counts[1][0] + counts[1][2]) / 200, 0.3, 0.1);
  EXPECT_GT(std::min(counts[1][0], counts[1][2]), 10);
  EXPECT_EQ(counts[2][0] + counts[2][1], 0);
  // A budget takes labels away and changes none of the others.
  const auto fewer = with(share(0.5), noise);
  for (const int64_t i : kept(fewer))
    EXPECT_EQ(fewer.classes[static_cast<size_t>(i)], supervision.classes[static_cast<size_t>(i)]);
}

TEST_F(SupervisionTest, RefusesNoiseWithoutClassesAndUnknownOnes) {
  LabelNoiseConfig noise;
  noise.rates = {{"hapy", 0.1}};
  EXPECT_NE(test::error_of([&] { with(share(1), noise); }, ErrorCode::kConfig).find("did you mean 'happy'"),
            std::string::npos);
  affect::LabelSpace values{"valence", {"valence"}, {affect::TaskKind::kContinuous}};
  TargetConfig target;
  target.values = {"valence"};
  LabelNoiseConfig symmetric;
  symmetric.rate = 0.1;
  test::error_of([&] { supervise(*store_, all(), values, &target, share(1), symmetric, 1); },
                 ErrorCode::kConfig);
  // A budget of numbers is one.
  const auto supervision = supervise(*store_, all(), values, &target, share(0.5), {}, 1);
  EXPECT_EQ(supervision.count(affect::kFullSupervision), 350);
  EXPECT_TRUE(supervision.classes.empty());
}

TEST_F(SupervisionTest, BatchesSayHowEveryRowIsSupervised) {
  auto supervision = with(share(0.3));
  // A weak label by hand.
  const auto rows = static_cast<size_t>(kNumSupervised);
  supervision.soft_RC.assign(3 * rows, 0.0f);
  supervision.weights.assign(rows, 0.0f);
  for (const int64_t i : kept(supervision)) {
    supervision.weights[static_cast<size_t>(i)] = 1;
    supervision.soft_RC[static_cast<size_t>(3 * i + supervision.classes[static_cast<size_t>(i)])] = 1;
  }
  size_t weak = 0;
  while (supervision.levels[weak] != affect::kNoSupervision) ++weak;
  supervision.levels[weak] = affect::kWeakSupervision;
  supervision.classes[weak] = 1;
  supervision.weights[weak] = 0.25f;
  supervision.soft_RC[3 * weak] = 0.4f;
  supervision.soft_RC[3 * weak + 1] = 0.6f;
  const auto input = loader_input(supervision);
  Loader loader(input, loader_config());
  loader.begin_epoch(0);
  int64_t num_weak = 0;
  while (const auto batch = loader.next()) {
    const auto& targets = batch->targets.at("emotion");
    ASSERT_EQ(targets.soft_BC.sizes(), (std::vector<int64_t>{16, 3}));
    for (int64_t b = 0; b < batch->size(); ++b) {
      const auto row = static_cast<size_t>(store_->index_of(batch->ids[static_cast<size_t>(b)]));
      const auto level = targets.level_B[b].item<int64_t>();
      EXPECT_EQ(level, supervision.levels[row]);
      EXPECT_EQ(targets.mask_B[b].item<bool>(), level != affect::kNoSupervision);
      EXPECT_EQ(targets.withheld_B[b].item<int64_t>(), supervision.withheld[row]);
      EXPECT_EQ(targets.weight_B[b].item<float>(), supervision.weights[row]);
      if (level == affect::kNoSupervision) continue;
      EXPECT_EQ(targets.y_B[b].item<int64_t>(), supervision.classes[row]);
      num_weak += level == affect::kWeakSupervision ? 1 : 0;
      EXPECT_EQ(targets.soft_BC[b][1].item<float>(), supervision.soft_RC[3 * row + 1]);
    }
  }
  EXPECT_LE(num_weak, 1);
  const auto counts = class_counts(*store_, all(), {emotion()}, {}, input.supervision).at("emotion");
  EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), int64_t{0}),
            supervision.count(affect::kFullSupervision) + 1);
}

TEST_F(SupervisionTest, ValuesBeyondTheBudgetAreUnknown) {
  LoaderInput input = loader_input(with(share(1)));
  input.tasks = {{"valence", {"valence"}, {affect::TaskKind::kContinuous}}};
  TargetConfig target;
  target.values = {"valence"};
  input.targets = {{"valence", target}};
  const auto supervision = supervise(*store_, all(), input.tasks[0], &target, share(0.5), {}, 1);
  input.supervision = {{"valence", std::make_shared<const TaskSupervision>(supervision)}};
  Loader loader(input, loader_config());
  loader.begin_epoch(0);
  int64_t num_known = 0;
  while (const auto batch = loader.next()) {
    const auto& targets = batch->targets.at("valence");
    EXPECT_TRUE(targets.mask_B.equal(targets.level_B.eq(affect::kFullSupervision)));
    EXPECT_FALSE(targets.withheld_B.defined());
    num_known += targets.mask_B.sum().item<int64_t>();
  }
  EXPECT_NEAR(static_cast<double>(num_known), 344, 8);  // the last, smaller batch is dropped
}

TEST_F(SupervisionTest, ValidationHasNoLevels) {
  auto input = loader_input(with(share(0.1)));
  input.is_training = false;
  EXPECT_NE(test::error_of([&] { Loader(input, loader_config()); }, ErrorCode::kInternal).find("training"),
            std::string::npos);
}

TEST_F(SupervisionTest, EveryBatchHasItsShareOfLabels) {
  const auto supervision = with(share(0.05));
  auto config = loader_config();
  config.labelled_per_batch = 0.25;
  Loader loader(loader_input(supervision), config);
  std::map<std::string, int> times;
  std::set<std::string> labelled;
  for (int64_t epoch = 0; epoch < 2; ++epoch) {
    loader.begin_epoch(epoch);
    while (const auto batch = loader.next()) {
      const auto& level_B = batch->targets.at("emotion").level_B;
      EXPECT_EQ(level_B.eq(affect::kFullSupervision).sum().item<int64_t>(), 4);
      for (int64_t b = 0; b < 16; ++b) {
        const auto& id = batch->ids[static_cast<size_t>(b)];
        if (level_B[b].item<int64_t>() == affect::kFullSupervision)
          labelled.insert(id);
        else if (epoch == 0)
          ++times[id];
      }
    }
  }
  // 670 others, 12 a batch: one is left over; each came once.
  EXPECT_EQ(loader.num_batches(), 55);
  EXPECT_EQ(times.size(), 660u);
  EXPECT_TRUE(std::all_of(times.begin(), times.end(), [](const auto& t) { return t.second == 1; }));
  EXPECT_EQ(labelled.size(), 30u);
  // Taken up in the middle, an epoch is the same.
  loader.begin_epoch(1, 20);
  const auto resumed = loader.next();
  loader.begin_epoch(1);
  for (int i = 0; i < 20; ++i) loader.next();
  EXPECT_EQ(resumed->ids, loader.next()->ids);
}

TEST_F(SupervisionTest, BatchesOfLabelsAloneAndOfNone) {
  auto config = loader_config();
  config.labelled_per_batch = 1.0;
  Loader all_labelled(loader_input(with(share(0.1))), config);
  all_labelled.begin_epoch(0);
  int64_t num_batches = 0;
  for (; const auto batch = all_labelled.next(); ++num_batches)
    EXPECT_EQ(batch->targets.at("emotion").mask_B.sum().item<int64_t>(), 16);
  EXPECT_EQ(num_batches, 4);  // 60 labels; some come twice to fill the last
  EXPECT_EQ(test::error_of([&] { Loader(loader_input(with(share(0))), config); }, ErrorCode::kData),
            "loader.labelled_per_batch: no training sample has a label");
  const auto text = test::error_of(
      [] { config::load_text<LoaderConfig>("{labelled_per_batch: 0.5, sampler: balanced}", "loader.yaml"); },
      ErrorCode::kConfig);
  EXPECT_NE(text.find("goes with sampler shuffle"), std::string::npos) << text;
}

}  // namespace
}  // namespace limbic::data
