#include "limbic/weak/weak_labels.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "limbic/affect/batch.h"
#include "limbic/config/config.h"
#include "limbic/core/rng.h"
#include "limbic/weak/recordings.h"
#include "support/paths.h"

namespace limbic::weak {
namespace {

constexpr int64_t kPeople = 6;
constexpr int64_t kWindows = 60;  ///< a person, 4 s each
constexpr double kLag_s = 2.0;

int32_t vote_of(int32_t truth, double accuracy, core::Rng& rng) {
  return rng.chance(accuracy) ? truth : 1 - truth;
}
const char* level_name(int32_t level) {
  return level == 1 ? "high" : "low";
}

/// People whose skin answers high arousal 2 s later; raters see a mask in a fifth of the windows; a
/// self-report is noisy. @param turned  a row whose label is turned round, to see who notices
void write_store(const std::string& path, int64_t turned = -1) {
  data::DatasetInfo info;
  info.name = "planted";
  info.importer = "test";
  const std::vector<std::string> levels{"low", "high"};
  info.label_spaces = {
      {"arousal", levels}, {"rater_1", levels}, {"rater_2", levels}, {"rater_3", levels}, {"shown", levels}};
  info.modalities["eda"] = {"series", 4.0, "microsiemens", {1}};
  info.modalities["window"] = {"series", 0.0, "", {2}, {"noise", "level"}};
  data::StoreWriter writer(path, info);
  for (int64_t person = 0; person < kPeople; ++person) {
    core::Rng rng(77, static_cast<uint64_t>(person));
    std::vector<int32_t> truth;
    while (truth.size() < kWindows) truth.insert(truth.end(), 2, static_cast<int32_t>(rng.below(2)));
    std::vector<double> onsets;
    for (double t_s = 0; t_s < 4.0 * kWindows; t_s += 0.05) {
      const auto w = static_cast<size_t>(std::max(0.0, t_s - kLag_s) / 4.0);
      const bool is_free = onsets.empty() || t_s - onsets.back() > 1;
      if (rng.chance(0.05 * (truth[w] == 1 ? 0.4 : 0.04)) && is_free) onsets.push_back(t_s);
    }
    for (int64_t w = 0; w < kWindows; ++w) {
      const int32_t felt = truth[static_cast<size_t>(w)];
      const int32_t shown = vote_of(felt, 0.8, rng);
      data::Sample sample;
      sample.id = "p" + std::to_string(person) + "_" + std::to_string(1000 + w);
      sample.corpus = "planted";
      sample.subject = sample.clip = "p" + std::to_string(person);
      sample.t0 = core::Timestamp::from_seconds(4.0 * static_cast<double>(w));
      sample.duration = core::Timestamp::from_seconds(4.0);
      const bool is_turned = person * kWindows + w == turned;
      sample.labels = {{"arousal", level_name(is_turned ? 1 - felt : felt)}, {"shown", level_name(shown)}};
      sample.labels["rater_1"] = level_name(vote_of(shown, 0.9, rng));
      sample.labels["rater_2"] = level_name(vote_of(shown, 0.75, rng));
      if (rng.chance(0.5)) sample.labels["rater_3"] = level_name(vote_of(shown, 0.85, rng));
      sample.values["self"] = (felt == 1 ? 0.5 : -0.5) + 0.5 * rng.normal();
      sample.attributes["nurse"] = vote_of(felt, 0.7, rng) == 1 ? "aroused" : "quiet";
      data::RawStream eda;
      eda.rate_hz = 4;
      eda.t0 = sample.t0;
      eda.values = at::empty({16, 1}, at::TensorOptions(at::kFloat));
      for (int64_t i = 0; i < 16; ++i) {
        const double t_s = sample.t0.seconds() + static_cast<double>(i) / 4;
        double value = 3;
        for (const double onset : onsets) {
          const double d = t_s - onset;
          if (d > 0) value += 0.8 * (std::exp(-d / 3) - std::exp(-d / 0.5));
        }
        eda.values.data_ptr<float>()[i] = static_cast<float>(value + 0.005 * rng.normal());
      }
      data::RawStream window;
      window.values = at::empty({1, 2}, at::TensorOptions(at::kFloat));
      window.values.data_ptr<float>()[0] = static_cast<float>(rng.normal());
      window.values.data_ptr<float>()[1] = static_cast<float>(felt + rng.normal());
      writer.add(sample, {{"eda", eda}, {"window", window}});
    }
  }
  writer.finish();
}

class WeakLabelsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir_ = std::make_unique<test::TempDir>();
    write_store(*dir_ / "store");
    store_ = data::Store::open(*dir_ / "store");
  }
  static void TearDownTestSuite() {
    store_.reset();
    dir_.reset();
  }

  /// The first `num_people` people; every `known_every`-th sample keeps its label.
  static WeakLabelInput input(int64_t num_people = kPeople, int64_t known_every = 20) {
    WeakLabelInput in;
    in.store = store_;
    in.indices.resize(static_cast<size_t>(num_people * kWindows));
    std::iota(in.indices.begin(), in.indices.end(), int64_t{0});
    in.task = store_->label_space("arousal");
    in.truth_N = data::known_classes(*store_, in.indices, in.task);
    in.known_N.assign(in.indices.size(), -1);
    for (size_t i = 0; known_every > 0 && i < in.indices.size(); i += static_cast<size_t>(known_every)) {
      in.known_N[i] = in.truth_N[i];
      in.truth_N[i] = -1;
    }
    return in;
  }
  static WeakLabelConfig config(const std::string& sources, const std::string& rest = "") {
    return config::load_text<WeakLabelConfig>(
        "sources: {" + sources + "}\nmodel: {num_resamples: 20}\n" + rest, "weak.yaml");
  }
  static double at(const nlohmann::json& report, const std::string& path) {
    return report.at(nlohmann::json::json_pointer(path)).get<double>();
  }

  static inline std::unique_ptr<test::TempDir> dir_;
  static inline std::shared_ptr<const data::Store> store_;
};

TEST_F(WeakLabelsTest, WindowsOfARecordingComeTogetherInTime) {
  std::vector<int64_t> indices{3, 0, 1, 60, 61, 90};
  const auto recordings = assemble_recordings(*store_, indices, "eda", "", 30);
  ASSERT_EQ(recordings.size(), 3u);
  EXPECT_EQ(recordings[0].samples, (std::vector<int64_t>{0, 1, 3}));
  ASSERT_EQ(recordings[0].series.values.size(), 64u);
  EXPECT_EQ(recordings[0].series.values[17],
            static_cast<double>(store_->read(1, "eda").flatten()[1].item<float>()));
  // The window that is not among the indices is missing, whatever the store has there.
  EXPECT_TRUE(std::isnan(recordings[0].series.values[32]));
  EXPECT_TRUE(std::isfinite(recordings[0].series.values[48]));
  EXPECT_EQ(recordings[1].samples, (std::vector<int64_t>{60, 61}));
  EXPECT_EQ(recordings[2].series.t0_s, 120.0);
  const auto text =
      test::error_of([&] { assemble_recordings(*store_, indices, "window", "", 30); }, ErrorCode::kConfig);
  EXPECT_NE(text.find("has 2 columns; name one of noise, level"), std::string::npos) << text;
  test::error_of([&] { assemble_recordings(*store_, indices, "window", "level", 30); }, ErrorCode::kData);
}

TEST_F(WeakLabelsTest, JoinsSkinReportsAndPeopleAndSaysHowFarToTrustThem) {
  const auto in = input();
  const auto labels = make_weak_labels(
      in,
      config("skin: {type: eda}, self: {type: value, value: self}, nurse: {type: label, attribute: nurse, "
             "classes: {aroused: high, quiet: low}}, rule: {type: column, stream: window, column: level, "
             "cuts: [-0.5, 1.5], classes: [low, \"\", high]}"));
  const auto& report = *labels.report;
  for (const std::string name : {"skin", "self", "nurse", "rule"}) {
    EXPECT_NEAR(at(report, "/sources/" + name + "/accuracy/value"),
                at(report, "/audit/sources/" + name + "/accuracy/value"), 0.1)
        << name;
  }
  EXPECT_NEAR(at(report, "/sources/skin/lag/value"), kLag_s, 0.5);
  EXPECT_LT(at(report, "/sources/skin/lag/latency/value"), at(report, "/sources/skin/lag/value"));
  EXPECT_EQ(report.at("/sources/skin/lag/curve"_json_pointer).size(), 25u);
  EXPECT_GT(at(report, "/audit/sources/skin/auc"), 0.7);
  EXPECT_LT(at(report, "/sources/rule/coverage"), 0.8);
  EXPECT_EQ(at(report, "/coverage"), 1.0);
  EXPECT_GT(at(report, "/audit/precision/value"), 0.88);
  EXPECT_GT(at(report, "/audit/precision/value"), at(report, "/audit/sources/self/accuracy/value"));
  for (size_t i = 0; i < in.indices.size(); ++i) {
    EXPECT_EQ(labels.is_given_N[i], in.known_N[i] < 0);
    const float sum = labels.soft_NC[2 * i] + labels.soft_NC[2 * i + 1];
    EXPECT_NEAR(sum, in.known_N[i] < 0 ? 1 : 0, 1e-5);
    EXPECT_NEAR(labels.weight_N[i], in.known_N[i] < 0 ? 2 * labels.confidence_N[i] - 1 : 0, 1e-5);
  }
  const auto text = weak_report_text(report);
  EXPECT_NE(text.find("lag "), std::string::npos);
  EXPECT_NE(text.find("audit: weak labels are right for"), std::string::npos);
}

TEST_F(WeakLabelsTest, RatersWhoSeeTheSameMaskAreOneVote) {
  const std::string raters =
      "r1: {type: label, label: rater_1}, r2: {type: label, label: rater_2}, "
      "r3: {type: label, label: rater_3}, self: {type: value, value: self, cuts: [0]}";
  const auto alone = make_weak_labels(input(), config(raters));
  const auto grouped = make_weak_labels(input(), config(raters, "groups: {raters: [r1, r2, r3]}"));
  const auto& report = *grouped.report;
  EXPECT_EQ(report.at("/sources/raters/type"_json_pointer), "group");
  // Among themselves: how often each names what is shown.
  const auto of_shown = [&](const std::string& label) {
    double right = 0;
    double total = 0;
    for (int64_t i = 0; i < store_->size(); ++i) {
      const auto said = store_->samples().label(label, i);
      if (said.empty()) continue;
      total += 1;
      right += said == store_->samples().label("shown", i) ? 1 : 0;
    }
    return right / total;
  };
  for (const std::string r : {"1", "2", "3"})
    EXPECT_NEAR(at(report, "/groups/raters/r" + r + "/accuracy/value"), of_shown("rater_" + r), 0.1) << r;
  EXPECT_NEAR(at(report, "/sources/raters/accuracy/value"),
              at(report, "/audit/sources/raters/accuracy/value"), 0.1);
  // Taken for three witnesses, they are believed more than they deserve.
  const auto excess = [](const nlohmann::json& r) {
    return at(r, "/audit/mean_confidence") - at(r, "/audit/precision/value");
  };
  EXPECT_GT(excess(*alone.report), excess(report) + 0.03);
  EXPECT_EQ(test::error_of(
                [&] {
                  make_weak_labels(input(), config("a: {type: value, value: self}, r: {type: label, label: "
                                                   "rater_1}",
                                                   "groups: {both: [a, r]}"));
                },
                ErrorCode::kConfig),
            "weak.groups.both: 'a' gives numbers; only sources that vote make a group");
}

TEST_F(WeakLabelsTest, NeedsNoLabelWhereTheLagIsFixedAndScoresHaveAnOrder) {
  const auto labels = make_weak_labels(input(kPeople, 0), config("skin: {type: eda, lag_s: 2}"));
  EXPECT_GT(at(*labels.report, "/audit/precision/value"), 0.68);
  EXPECT_FALSE(labels.report->at("/sources/skin/lag/learned"_json_pointer).get<bool>());
  const auto text = test::error_of([&] { make_weak_labels(input(kPeople, 0), config("skin: {type: eda}")); },
                                   ErrorCode::kData);
  EXPECT_NE(text.find("fix lag_s"), std::string::npos) << text;
}

TEST_F(WeakLabelsTest, SeesNoOtherPartAndNoWithheldLabel) {
  const auto sources = config("skin: {type: eda}, self: {type: value, value: self}");
  const auto in = input(4);
  const auto labels = make_weak_labels(in, sources);
  // A label of the part that the budget withholds, and one of another part, are turned round.
  for (const int64_t turned : {int64_t{7}, 5 * kWindows + 7}) {
    const test::TempDir dir;
    write_store(dir / "store", turned);
    auto other = in;
    other.store = data::Store::open(dir / "store");
    const auto again = make_weak_labels(other, sources);
    EXPECT_EQ(labels.soft_NC, again.soft_NC);
    EXPECT_EQ(labels.weight_N, again.weight_N);
  }
}

TEST_F(WeakLabelsTest, TheTruthIsNoSource) {
  auto in = input();
  const auto refused = [&](const std::string& sources) {
    return test::error_of([&] { make_weak_labels(in, config(sources)); }, ErrorCode::kConfig);
  };
  EXPECT_EQ(
      refused("a: {type: label, label: arousal}"),
      "data.supervision.arousal.weak.sources.a: label 'arousal' is the truth that the budget withholds");
  data::TargetConfig target;
  target.values = {"self"};
  in.target = target;
  EXPECT_NE(refused("a: {type: value, value: self}").find("is the truth"), std::string::npos);
  EXPECT_NE(refused("a: {type: label, label: rater_9}").find("the store has no label 'rater_9'"),
            std::string::npos);
  EXPECT_NE(refused("a: {type: label, attribute: nurse}").find("says aroused, quiet, which is no class"),
            std::string::npos);
  EXPECT_NE(refused("a: {type: column, stream: window, column: levle}").find("did you mean 'level'"),
            std::string::npos);
}

TEST_F(WeakLabelsTest, GoBetweenTheLevelsOfSupervision) {
  const auto in = input();
  data::BudgetConfig budget;
  budget.share = 0.1;
  auto supervision = data::supervise(*store_, in.indices, in.task, nullptr, budget, {}, 3);
  auto known = in;
  for (size_t i = 0; i < known.indices.size(); ++i) {
    known.known_N[i] = supervision.classes[i];
    known.truth_N[i] = supervision.withheld[i];
  }
  const auto labels = make_weak_labels(
      known, config("self: {type: value, value: self}", "min_confidence: 0.8\nhard: true\nweight: one"));
  add_weak_labels(known.indices, labels, 2, supervision);
  EXPECT_EQ(supervision.count(affect::kFullSupervision), 36);
  EXPECT_GT(supervision.count(affect::kWeakSupervision), 100);
  EXPECT_GT(supervision.count(affect::kNoSupervision), 20);
  for (size_t i = 0; i < known.indices.size(); ++i) {
    const bool is_taught = supervision.levels[i] != affect::kNoSupervision;
    EXPECT_EQ(supervision.classes[i] >= 0, is_taught);
    EXPECT_EQ(supervision.weights[i], is_taught ? 1.0f : 0.0f);
    EXPECT_EQ(supervision.soft_RC[2 * i] + supervision.soft_RC[2 * i + 1], is_taught ? 1.0f : 0.0f);
  }
}

TEST(WeakLabelConfig, NamesWhatIsWrongWithIt) {
  const auto problem = [](const std::string& text) {
    return test::error_of([&] { config::load_text<WeakLabelConfig>(text, "weak.yaml"); }, ErrorCode::kConfig);
  };
  EXPECT_NE(problem("{}").find("must have at least one source"), std::string::npos);
  EXPECT_NE(problem("sources: {a: {type: label}}").find("exactly one of label and attribute"),
            std::string::npos);
  EXPECT_NE(problem("sources: {a: {type: value, value: x, cuts: [1, 0]}}").find("must ascend"),
            std::string::npos);
  EXPECT_NE(
      problem("{sources: {a: {type: value, value: x}}, groups: {g: [a, b]}}").find("'b' of 'g' is no source"),
      std::string::npos);
  EXPECT_NE(problem("sources: {a: {type: eda, min_lag_s: 4, max_lag_s: 2}}").find("must not be above"),
            std::string::npos);
  const auto config =
      config::load_text<WeakLabelConfig>("sources: {a: {type: eda, lag_s: 2.5, score: driver}}", "weak.yaml");
  const auto& source = std::get<EdaSource>(config.sources.at("a"));
  EXPECT_EQ(source.arousal.lag_s, 2.5);
  EXPECT_EQ(source.arousal.score, EdaScore::kDriver);
}

}  // namespace
}  // namespace limbic::weak
