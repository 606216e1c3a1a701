#include "limbic/eval/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "limbic/formats/jsonl.h"
#include "support/paths.h"

namespace limbic::eval {
namespace {

using ::testing::HasSubstr;

const affect::LabelSpace kEmotion = {"emotion", {"anger", "joy", "neutral"}};

std::vector<Prediction> six() {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  return {make_prediction("a", "p1", 0, {0.7, 0.2, 0.1}), make_prediction("b", "p1", 1, {0.6, 0.3, 0.1}),
          make_prediction("c", "p2", 1, {0.1, 0.8, 0.1}), make_prediction("d", "p2", 2, {0.1, 0.2, 0.7}),
          make_prediction("e", "p3", 2, {nan, nan, nan}), make_prediction("f", "", 0, {0.9, 0.1, 0.0})};
}

TEST(TaskReport, MetricsJsonHoldsEverythingAndNaNIsNull) {
  const test::TempDir dir;
  write_metrics_json(dir / "eval/metrics.json", {evaluate(kEmotion, six())});
  const nlohmann::json task = formats::read_json(dir / "eval/metrics.json")["tasks"]["emotion"];
  EXPECT_EQ(task["classes"], nlohmann::json({"anger", "joy", "neutral"}));
  EXPECT_EQ(task["num_samples"], 6);
  EXPECT_EQ(task["num_subjects"], 3);
  EXPECT_EQ(task["num_invalid"], 1);
  EXPECT_EQ(task["confusion"], nlohmann::json({{2, 0, 0}, {1, 1, 0}, {0, 0, 1}}));
  EXPECT_EQ(task["per_class"][1]["class"], "joy");
  EXPECT_DOUBLE_EQ(task["per_class"][1]["recall"], 0.5);
  EXPECT_NEAR(task["metrics"]["accuracy"]["value"].get<double>(), 4.0 / 6, 1e-15);
  EXPECT_EQ(task["metrics"]["accuracy"]["num_groups"], 4);  // three subjects and one sample on its own
  EXPECT_LE(task["metrics"]["uar"]["low"].get<double>(), task["metrics"]["uar"]["high"].get<double>());
  const nlohmann::json lonely = to_json(evaluate(kEmotion, {six()[0]}));
  EXPECT_EQ(lonely["metrics"]["uar"]["value"], 1.0);
  EXPECT_EQ(nlohmann::json::parse(lonely.dump())["metrics"]["uar"]["low"], nullptr);
}

TEST(TaskReport, TablesAreAlignedText) {
  const TaskReport report = evaluate(kEmotion, six());
  EXPECT_EQ(confusion_table(report.confusion, kEmotion.classes),
            "truth \\ predicted  anger  joy  neutral  invalid  recall\n"
            "anger                  2    0        0        0   1.000\n"
            "joy                    1    1        0        0   0.500\n"
            "neutral                0    0        1        1   0.500\n");
  ConfusionMatrix one(2);
  one.add(0, 0, 1000);
  EXPECT_EQ(confusion_table(one, {"\xc3\xa9t\xc3\xa9", "b"}),
            "truth \\ predicted   \xc3\xa9t\xc3\xa9  b  recall\n"
            "\xc3\xa9t\xc3\xa9                1000  0   1.000\n"
            "b                     0  0       -\n");
  EXPECT_THAT(metrics_table(report), HasSubstr("accuracy     0.6667  ["));
}

TEST(Predictions, RoundTripThroughJsonLines) {
  const test::TempDir dir;
  write_predictions(dir / "p.jsonl", kEmotion, six());
  EXPECT_THAT(
      core::read_file(dir / "p.jsonl"),
      HasSubstr(
          "{\"id\":\"e\",\"prediction\":null,\"probabilities\":[null,null,null],\"subject\":\"p3\",\"truth\":"
          "\"neutral\"}\n"));
  const std::vector<Prediction> read = read_predictions(dir / "p.jsonl", kEmotion);
  ASSERT_EQ(read.size(), six().size());
  for (size_t i = 0; i < read.size(); ++i) {
    EXPECT_EQ(read[i].id, six()[i].id);
    EXPECT_EQ(read[i].subject, six()[i].subject);
    EXPECT_EQ(read[i].truth, six()[i].truth);
    EXPECT_EQ(read[i].prediction, six()[i].prediction);
    if (read[i].prediction != kInvalid) {
      EXPECT_EQ(read[i].probabilities, six()[i].probabilities);
    }
  }
  EXPECT_TRUE(std::isnan(read[4].probabilities[2]));
}

TEST(Predictions, BadRowsAreRefusedWithTheirPlace) {
  const test::TempDir dir;
  const auto error = [&](const std::string& line) {
    core::write_file(dir / "p", line + "\n");
    return test::error_of([&] { read_predictions(dir / "p", kEmotion); }, ErrorCode::kData);
  };
  EXPECT_THAT(error(R"({"id":"a","subject":"","truth":"angr","prediction":null,"probabilities":[]})"),
              HasSubstr("p:1: 'angr' is no class of task 'emotion'"));
  EXPECT_THAT(error(R"({"id":"a"})"), HasSubstr("p:1: not a prediction: "));
  EXPECT_THAT(error(R"({"id":"a","subject":"","truth":"joy","prediction":"joy","probabilities":[1]})"),
              HasSubstr("1 probabilities do not fit the 3 classes"));
  std::vector<Prediction> wrong = six();
  wrong[2].truth = 3;
  EXPECT_THAT(test::error_of([&] { evaluate(kEmotion, wrong); }, ErrorCode::kData),
              HasSubstr("sample 'c': truth 3"));
}

}  // namespace
}  // namespace limbic::eval
