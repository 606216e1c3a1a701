#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "recipe.h"

namespace limbic::config::test {
namespace {

using ::testing::HasSubstr;

Recipe rich_recipe() {
  Recipe r;
  r.seed = std::numeric_limits<uint64_t>::max();
  r.optimizer = {0.1 + 0.2, 0.1F, std::nullopt};
  r.encoders = {{"audio", Tcn{9, 0.5}}, {"no", Gru{}}, {"with space: #", Tcn{}}, {"", Tcn{}}};
  r.tasks = {
      {"emotion", {"anger", "no", "y", "1", "0x1F", "~", "", "- a", "a: b", "#c", "null", "1e3", "\u00e4"}},
      {"b", {}}};
  r.grid = {{}, {1}, {std::numeric_limits<int>::min(), 2}};
  r.betas.assign(60, 0.123456789);
  r.second = Fusion{8, 2, Pooling::kOff};
  r.note = "two\nlines\t\"quoted\" \\ back\x01\x7f";
  return r;
}

TEST(DumpConfig, ReloadsToAnEqualValue) {
  for (const Recipe& r : {Recipe{}, rich_recipe()}) {
    const std::string text = dump(r);
    const Recipe back = read(text);
    EXPECT_EQ(dump(back), text);
    EXPECT_EQ(back.note, r.note);
    EXPECT_EQ(back.seed, r.seed);
    EXPECT_EQ(back.optimizer.learning_rate, r.optimizer.learning_rate);
    EXPECT_EQ(back.optimizer.max_norm, r.optimizer.max_norm);
    EXPECT_EQ(back.grid, r.grid);
    EXPECT_EQ(back.betas, r.betas);
    ASSERT_EQ(back.tasks.size(), r.tasks.size());
    for (size_t i = 0; i < r.tasks.size(); ++i) EXPECT_EQ(back.tasks[i].classes, r.tasks[i].classes);
    EXPECT_EQ(back.encoders.size(), r.encoders.size());
    EXPECT_EQ(back.second.has_value(), r.second.has_value());
  }
}

TEST(DumpConfig, LooksLikeARecipe) {
  EXPECT_EQ(dump(read("tasks: [{name: 'no', classes: [a, '1']}]\nencoders: {face: {type: tcn}}\n")),
            "seed: 1\n"
            "use_ema: false\n"
            "optimizer:\n"
            "  learning_rate: 0.0003\n"
            "  weight_decay: 0.1\n"
            "  max_norm: 1.0\n"
            "fusion:\n"
            "  dim: 64\n"
            "  heads: 8\n"
            "  pooling: mean\n"
            "encoder:\n"
            "  type: gru\n"
            "  hidden: 32\n"
            "  dropout: 0.25\n"
            "  is_bidirectional: false\n"
            "encoders:\n"
            "  face:\n"
            "    type: tcn\n"
            "    width: 128\n"
            "    dropout: 0.1\n"
            "tasks:\n"
            "  - name: \"no\"\n"
            "    classes: [a, \"1\"]\n"
            "betas: [0.9, 0.999]\n"
            "grid: []\n"
            "weights:\n"
            "  audio: 1.0\n"
            "second: null\n"
            "note: \"none yet\"\n");
}

TEST(DumpConfig, RandomNumbersAndTextsSurvive) {
  std::mt19937_64 rng(7);
  for (int i = 0; i < 300; ++i) {
    Recipe r;
    uint64_t bits = rng();
    double value = 0;
    static_assert(sizeof value == sizeof bits);
    std::memcpy(&value, &bits, sizeof value);
    value = std::abs(value);
    if (!std::isfinite(value) || value < std::numeric_limits<double>::min()) continue;
    r.optimizer.learning_rate = value;
    for (int k = 0; k < 12; ++k) {
      const auto code = static_cast<unsigned>(rng() % 4 == 0 ? 0xA0 + rng() % 0x700 : 1 + rng() % 0x7F);
      if (code < 0x80) {
        r.note += static_cast<char>(code);
      } else {
        r.note += static_cast<char>(0xC0U | (code >> 6U));
        r.note += static_cast<char>(0x80U | (code & 0x3FU));
      }
    }
    r.tasks = {{r.note, {r.note, r.note + " "}}};
    const Recipe back = read(dump(r));
    EXPECT_EQ(back.optimizer.learning_rate, value);
    EXPECT_EQ(back.note, r.note);
    EXPECT_EQ(back.tasks[0].classes, r.tasks[0].classes);
  }
}

TEST(DumpConfig, RefusesWhatYamlCannotHold) {
  Recipe r;
  r.optimizer.learning_rate = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(
      limbic::test::error_of([&] { dump(r); }, ErrorCode::kConfig),
      "optimizer: learning_rate: a number is not finite and cannot be written; expected a finite number");
  Recipe latin;
  latin.note = "caf\xe9";
  EXPECT_THAT(limbic::test::error_of([&] { dump(latin); }, ErrorCode::kConfig), HasSubstr("is not UTF-8"));
}

TEST(FormatReal, IsTheShortestThatReadsBack) {
  EXPECT_EQ(format_real(0.1), "0.1");
  EXPECT_EQ(format_real(0.1 + 0.2), "0.30000000000000004");
  EXPECT_EQ(format_real(0.1F), "0.1");
  EXPECT_EQ(format_real(3.0), "3.0");
  EXPECT_EQ(format_real(-0.0), "-0.0");
  EXPECT_EQ(format_real(1e-5), "1e-05");
  EXPECT_EQ(format_real(1e300), "1e+300");
  EXPECT_EQ(parse_double("1e+300"), 1e300);
}

}  // namespace
}  // namespace limbic::config::test
