#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "recipe.h"

namespace limbic::config::test {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

struct Loop {
  std::vector<Loop> inner;
  template <class Visitor>
  void visit(Visitor& v) {
    v("inner", inner, "more of the same");
  }
};

TEST(Schema, SaysWhatTheReaderAccepts) {
  const Json s = Json::parse(schema<Recipe>("limbic recipe"));
  EXPECT_EQ(s["$schema"], "http://json-schema.org/draft-07/schema#");
  EXPECT_EQ(s["title"], "limbic recipe");
  EXPECT_EQ(s["type"], "object");
  EXPECT_EQ(s["additionalProperties"], false);
  const Json& p = s["properties"];
  EXPECT_EQ(p.size(), 13U) << "12 fields and base";
  EXPECT_EQ(p["base"]["type"], "string");
  EXPECT_EQ(p["seed"], Json::parse(R"({"type": "integer", "minimum": 0, "maximum": 18446744073709551615,
                                       "description": "seed of every generator", "default": 1})"));
  EXPECT_EQ(p["use_ema"]["type"], "boolean");
  const Json& rate = p["optimizer"]["properties"]["learning_rate"];
  EXPECT_EQ(rate,
            Json::parse(R"({"type": "number", "exclusiveMinimum": 0.0, "description": "peak learning rate",
                                  "default": 0.0003})"));
  EXPECT_EQ(p["optimizer"]["additionalProperties"], false);
  EXPECT_EQ(p["optimizer"]["properties"]["weight_decay"]["default"], 0.1);
  const Json& norm = p["optimizer"]["properties"]["max_norm"];
  EXPECT_EQ(norm["anyOf"], Json::parse(R"([{"type": "number", "exclusiveMinimum": 0.0}, {"type": "null"}])"));
  EXPECT_EQ(norm["default"], 1.0);
  EXPECT_EQ(p["fusion"]["properties"]["heads"]["minimum"], 1);
  EXPECT_EQ(p["fusion"]["properties"]["heads"]["maximum"], 2147483647);
  EXPECT_EQ(p["fusion"]["properties"]["pooling"]["enum"], Json::parse(R"(["mean", "attention", "off"])"));
  EXPECT_EQ(p["betas"]["items"],
            Json::parse(R"({"type": "number", "minimum": 0.0, "exclusiveMaximum": 1.0})"));
  EXPECT_EQ(p["betas"]["default"], Json::parse("[0.9, 0.999]"));
  EXPECT_EQ(p["grid"]["items"]["items"]["type"], "integer");
  EXPECT_EQ(p["weights"]["additionalProperties"]["minimum"], 0.0);
  EXPECT_EQ(p["second"]["default"], nullptr);
  EXPECT_EQ(p["note"]["default"], "none yet");
}

TEST(Schema, AVariantIsOneOfItsTypes) {
  const Json s = Json::parse(schema<Recipe>("limbic recipe"));
  const Json& field = s["properties"]["encoder"]["oneOf"];
  ASSERT_EQ(field.size(), 2U);
  EXPECT_EQ(field[0]["properties"]["type"]["const"], "tcn");
  EXPECT_EQ(field[0]["required"], Json::parse(R"(["type"])"));
  EXPECT_EQ(field[1]["properties"]["type"]["const"], "gru");
  EXPECT_FALSE(field[1].contains("required")) << "the default type may be left out";
  EXPECT_EQ(field[1]["additionalProperties"], false);
  EXPECT_EQ(field[1]["properties"]["hidden"]["default"], 32) << "the field's own default";
  EXPECT_EQ(s["properties"]["encoder"]["default"]["type"], "gru");
  const Json& element = s["properties"]["encoders"]["additionalProperties"]["oneOf"];
  EXPECT_TRUE(element[0].contains("required"));
  EXPECT_TRUE(element[1].contains("required"));
}

TEST(Describe, ListsEveryFieldOnOneLine) {
  const std::string table = describe<Recipe>();
  EXPECT_EQ(first_line(table).substr(0, 4), "path");
  EXPECT_THAT(table,
              ::testing::ContainsRegex("optimizer.learning_rate +float > 0 +0.0003 +peak learning rate\n"));
  EXPECT_THAT(table, ::testing::ContainsRegex("encoders.<name>.tcn..width +int >= 1 +128 +channels\n"));
  EXPECT_THAT(table, ::testing::ContainsRegex("encoder +type tcn . gru +gru +the shared encoder\n"));
  EXPECT_THAT(table, ::testing::ContainsRegex("tasks...name +text +emotion +name of the task\n"));
  EXPECT_THAT(table, ::testing::ContainsRegex("second +optional mapping +null +a second fusion\n"));
}

TEST(Describe, ATypeThatContainsItselfIsABug) {
  EXPECT_THAT(limbic::test::error_of([] { type_of<Loop>(); }, ErrorCode::kInternal),
              HasSubstr("contains itself"));
}

TEST(BoundsText, IsAnInterval) {
  EXPECT_EQ(in_range(0, 1).to_string(), "in [0, 1]");
  EXPECT_EQ(half_open(0, 1).to_string(), "in [0, 1)");
  EXPECT_EQ(half_open_below(0, 0.5).to_string(), "in (0, 0.5]");
  EXPECT_EQ(between(-1, 1).to_string(), "in (-1, 1)");
  EXPECT_EQ(at_least(1).to_string(), ">= 1");
  EXPECT_EQ(above(0).to_string(), "> 0");
  EXPECT_EQ(at_most(8).to_string(), "<= 8");
  EXPECT_FALSE(above(0).contains(0));
  EXPECT_TRUE(in_range(0, 1).contains(1));
  EXPECT_FALSE(half_open(0, 1).contains(1));
}

}  // namespace
}  // namespace limbic::config::test
