#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <random>

#include "recipe.h"

namespace limbic::config::test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string repeat(const std::string& unit, size_t count) {
  std::string out;
  out.reserve(unit.size() * count);
  for (size_t i = 0; i < count; ++i) out += unit;
  return out;
}

/// The problem of a text, which must show within `limit_s` (generous: the machine may be busy).
std::string quick_problem(const std::string& text, double limit_s = 1.0) {
  const auto start = std::chrono::steady_clock::now();
  const std::string what = problem(text);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  EXPECT_LT(taken.count(), limit_s) << first_line(what);
  return what;
}

TEST(HostileConfig, AliasesAnchorsTagsAndMergeKeysAreRefused) {
  EXPECT_THAT(problem("a: &x 1\nb: *x\n"), StartsWith("recipe.yaml:1:4: error: anchors are not allowed"));
  EXPECT_THAT(problem("a: &a [*a]\n"), StartsWith("recipe.yaml:1:4: error: anchors are not allowed"));
  EXPECT_THAT(problem("b: *x\n"), StartsWith("recipe.yaml:1:4: error: not valid YAML"));
  EXPECT_THAT(problem("seed: !!int 3\n"), HasSubstr("tags are not allowed: 'tag:yaml.org,2002:int'"));
  EXPECT_THAT(problem("optimizer: !python/object {}\n"), HasSubstr("tags are not allowed"));
  EXPECT_THAT(problem("<<: {seed: 1}\n"), StartsWith("recipe.yaml:1:1: error: merge keys are not allowed"));
  EXPECT_THAT(problem("? [a]\n: 1\n"), HasSubstr("a list or mapping as a key; expected a word"));
  EXPECT_THAT(problem("~: 1\n"), HasSubstr("expected a key before ':'"));
  EXPECT_THAT(problem("seed: 1\n---\nseed: 2\n"), HasSubstr("a second document; expected one per file"));
  EXPECT_THAT(problem("seed: [1\n"), StartsWith("recipe.yaml:"));
}

TEST(HostileConfig, AnAliasBombGoesOffNowhere) {
  std::string bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c < 'k'; ++c) {
    const std::string previous(1, static_cast<char>(c - 1));
    bomb += std::string(1, c) + ": &" + c + " [" + repeat("*" + previous + ",", 9) + "*" + previous + "]\n";
  }
  EXPECT_THAT(quick_problem(bomb), HasSubstr("anchors are not allowed"));
}

TEST(HostileConfig, DeepNestingIsRefusedQuickly) {
  EXPECT_THAT(quick_problem("grid: " + repeat("[", 600) + repeat("]", 600)), HasSubstr("nesting > 32"));
  EXPECT_THAT(quick_problem(repeat("[", 1000000)), HasSubstr("nesting > 32"));
  EXPECT_THAT(quick_problem(repeat("{a: ", 250000)), HasSubstr("nesting > 32"));
  EXPECT_THAT(quick_problem("x: 'quote\ny: " + repeat("[", 1000000)), HasSubstr("nesting > 32"));
  EXPECT_THAT(quick_problem(repeat("- ", 500000)), HasSubstr("nesting > 32"));
  EXPECT_THAT(quick_problem(repeat("? ", 500000)), StartsWith("recipe.yaml:"));
  std::string stairs;
  for (size_t i = 0; i < 600; ++i) stairs += std::string(i, ' ') + "a:\n";
  EXPECT_THAT(quick_problem(stairs), HasSubstr("nesting > 32"));
  EXPECT_EQ(first_line(problem("grid: " + repeat("[", 31) + repeat("]", 31))),
            "recipe.yaml:1:9: error: grid[0][0]: expected an int, got a list")
      << "32 levels are read";
}

TEST(HostileConfig, SizeAndNumberOfValuesAreBounded) {
  EXPECT_THAT(quick_problem("note: " + std::string(10U << 20U, 'x')),
              HasSubstr("a config file is at most 1 MiB"));
  EXPECT_THAT(quick_problem("grid: [" + repeat("1,", 500000) + "1]"), HasSubstr("more than 100000 ','"));
  EXPECT_THAT(quick_problem("grid: [" + repeat("[],", 50000) + "]"), HasSubstr("more than 20000 '['"));
  EXPECT_THAT(quick_problem("grid:\n" + repeat("-\n", 400000), 5.0), HasSubstr("more than 100000 values"));
  std::string keys;
  for (int i = 0; i < 90000; ++i) keys += "k" + std::to_string(i) + ":\n";
  EXPECT_THAT(quick_problem(keys, 5.0), HasSubstr("and 89950 more errors"));
  std::string weights = "weights:\n";
  for (int i = 0; i < 40000; ++i) weights += "  k" + std::to_string(i) + ": -1\n";
  EXPECT_THAT(quick_problem(weights, 5.0), HasSubstr("and 39950 more errors"));
}

TEST(HostileConfig, BytesThatAreNoTextAreRefusedAtTheirPlace) {
  EXPECT_THAT(problem("seed: 1\nnote: \"\xff\"\n"), StartsWith("recipe.yaml:2:8: error: not UTF-8"));
  EXPECT_THAT(problem("note: \xc0\xaf"), HasSubstr("not UTF-8")) << "overlong";
  EXPECT_THAT(problem("note: \xed\xa0\x80"), HasSubstr("not UTF-8")) << "surrogate";
  EXPECT_THAT(problem("note: \xe2\x82"), HasSubstr("not UTF-8")) << "cut off";
  EXPECT_THAT(problem(std::string("no\0te: 1", 8)),
              StartsWith("recipe.yaml:1:3: error: control character 0x00"));
  EXPECT_THAT(problem("note: \x1b[31mred"), HasSubstr("control character 0x1b"));
  EXPECT_THAT(problem("\xff\xfes\0e\0"), HasSubstr("not UTF-8")) << "UTF-16";
  EXPECT_EQ(read("\xef\xbb\xbfseed: 4\n").seed, 4U) << "a byte order mark is no mistake";
  EXPECT_EQ(read("seed: 4\r\nnote: a\r\n").note, "a");
}

TEST(HostileConfig, AMessageStaysOnOneLineWhateverTheFileHolds) {
  const std::string what =
      problem("\"a\\nb\\e[31m\": 1\n" + std::string("seed: ") + std::string(3000, 'x') + "\n");
  EXPECT_THAT(first_line(what), HasSubstr("unknown key 'a?b?[31m'; known here"));
  for (size_t start = 0; start < what.size();) {
    const size_t end = std::min(what.find('\n', start), what.size());
    EXPECT_LT(end - start, 300U);
    start = end + 1;
  }
  EXPECT_EQ(what.find('\x1b'), std::string::npos);
}

TEST(HostileConfig, MutatedTextsLoadOrAreConfigErrors) {
  Recipe seed_recipe;
  seed_recipe.encoders = {{"audio", Tcn{}}, {"face", Gru{}}};
  seed_recipe.tasks = {{"emotion", {"anger", "joy"}}};
  seed_recipe.second = Fusion{};
  const std::string valid = dump(seed_recipe);
  const std::vector<std::string> pieces = {"[",      "]",
                                           "{",      "}",
                                           ":",      ": ",
                                           "- ",     "\n",
                                           "  ",     "&a ",
                                           "*a",     "!!str ",
                                           "'",      "\"",
                                           "#",      "|",
                                           ">",      "? ",
                                           "<<: ",   "---\n",
                                           "...",    "%",
                                           "@",      "\xff",
                                           "\t",     std::string(1, '\0'),
                                           "~",      "null",
                                           ".nan",   "-1",
                                           "1e999",  "010",
                                           "yes",    "type: ",
                                           "base: ", "9999999999999999999999"};
  std::mt19937 rng(20261121);
  const auto below = [&rng](size_t n) { return static_cast<size_t>(rng() % n); };
  int num_loaded = 0;
  int num_refused = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string text = valid;
    for (size_t k = 1 + below(2); k > 0; --k) {
      const size_t at = below(text.size());
      switch (below(4)) {
        case 0:
          text.insert(at, pieces[below(pieces.size())]);
          break;
        case 1:
          text.erase(at, 1 + below(8));
          break;
        case 2:
          text[at] = static_cast<char>(below(256));
          break;
        default:
          text.insert(at, text.substr(below(text.size()), below(40)));
          break;
      }
      if (text.empty()) text = " ";
    }
    try {
      const Recipe r = read(text);
      EXPECT_EQ(dump(read(dump(r))), dump(r));
      ++num_loaded;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kConfig) << e.what() << "\n" << text;
      EXPECT_NE(std::string(e.what()), "");
      ++num_refused;
    }
  }
  EXPECT_GT(num_loaded, 40);
  EXPECT_GT(num_refused, 500);
}

TEST(HostileConfig, MutatedOverridesLoadOrAreConfigErrors) {
  const std::vector<std::string> words = {
      "seed", "encoder", "encoders", "tasks", "0", "type",   "gru", ".", "=",  "[",   "]", "{",
      "}",    ": ",      "null",     "betas", "1", "second", "dim", "'", "*a", "&a ", ","};
  std::mt19937 rng(5);
  for (int i = 0; i < 2000; ++i) {
    std::string text;
    for (size_t k = rng() % 9; k > 0; --k) text += words[rng() % words.size()];
    try {
      read("tasks: [{name: a}]\nsecond: 3\n", {text, text});
      ADD_FAILURE() << "`second: 3` is wrong";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kConfig) << e.what();
    }
  }
}

}  // namespace
}  // namespace limbic::config::test
