#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <clocale>

#include "recipe.h"

namespace limbic::config::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr const char* kRich = R"(# a comment
seed: 18446744073709551615
use_ema: true
optimizer: {learning_rate: 1e-3, weight_decay: 0.05, max_norm: null}
fusion:
  dim: 96
  heads: 6
  pooling: attention
encoders:
  audio: {type: tcn, width: 256}
  face:
    type: gru
    hidden: 48
tasks:
  - name: emotion
    classes: [anger, joy, "no"]
  - name: valence
grid: [[1, 2], [3], []]
weights: {face: 0.5}
second: {dim: 8, heads: 2}
note: |
  two
  lines
)";

TEST(ReadConfig, TakesEveryKindOfField) {
  const Recipe r = read(kRich);
  EXPECT_EQ(r.seed, 18446744073709551615U);
  EXPECT_TRUE(r.use_ema);
  EXPECT_EQ(r.optimizer.learning_rate, 1e-3);
  EXPECT_EQ(r.optimizer.weight_decay, 0.05F);
  EXPECT_FALSE(r.optimizer.max_norm.has_value());
  EXPECT_EQ(r.fusion.pooling, Pooling::kAttention);
  EXPECT_EQ(std::get<Tcn>(r.encoders.at("audio")).width, 256);
  EXPECT_EQ(std::get<Tcn>(r.encoders.at("audio")).dropout, 0.1);
  EXPECT_EQ(std::get<Gru>(r.encoders.at("face")).hidden, 48);
  ASSERT_EQ(r.tasks.size(), 2U);
  EXPECT_THAT(r.tasks[0].classes, ElementsAre("anger", "joy", "no"));
  EXPECT_THAT(r.grid, ElementsAre(ElementsAre(1, 2), ElementsAre(3), ElementsAre()));
  EXPECT_EQ(r.weights.at("face"), 0.5);
  EXPECT_EQ(r.weights.at("audio"), 1.0) << "mappings merge with their defaults";
  ASSERT_TRUE(r.second.has_value());
  EXPECT_EQ(r.second->heads, 2);
  EXPECT_EQ(r.note, "two\nlines\n");
}

TEST(ReadConfig, AnEmptyDocumentIsAllDefaults) {
  for (const char* text : {"", "# only a comment\n", "{}", "---\n"}) {
    EXPECT_EQ(dump(read(text)), dump(Recipe{})) << text;
  }
}

TEST(ReadConfig, AVariantWithoutTypeKeepsItsDefaultAlternative) {
  const Recipe r = read("encoder: {hidden: 7}");
  EXPECT_EQ(std::get<Gru>(r.encoder).hidden, 7);
  EXPECT_EQ(std::get<Gru>(r.encoder).dropout, 0.25) << "the field's own default, not the type's";
  const Recipe other = read("encoder: {type: tcn}");
  EXPECT_EQ(std::get<Tcn>(other.encoder).dropout, 0.1);
  EXPECT_EQ(first_line(problem("encoders: {audio: {width: 3}}")),
            "recipe.yaml:1:19: error: encoders.audio: type is missing; expected one of tcn, gru");
}

TEST(ReadConfig, AnUnknownKeyNamesTheNearestWithItsTypeAndDefault) {
  EXPECT_EQ(problem("seed: 3\noptimizer:\n  learing_rate: 1e-3\n"),
            "recipe.yaml:3:3: error: unknown key 'learing_rate' in optimizer; did you mean 'learning_rate' "
            "(float > 0, default 0.0003)?\n"
            "    3 |   learing_rate: 1e-3\n"
            "      |   ^~~~~~~~~~~~");
  EXPECT_EQ(first_line(problem("sede: 3\n")),
            "recipe.yaml:1:1: error: unknown key 'sede'; did you mean 'seed' (int >= 0, default 1)?");
  EXPECT_THAT(problem("fusion: {zzzzz: 1}"),
              HasSubstr("unknown key 'zzzzz' in fusion; known here: dim, heads, pooling"));
  EXPECT_THAT(problem("tasks: [{}, {nmae: a}]"),
              HasSubstr("unknown key 'nmae' in tasks[1]; did you mean 'name'"));
  EXPECT_THAT(problem("encoder: {type: gru, width: 3}"),
              HasSubstr("unknown key 'width' in encoder (type gru); it belongs to type tcn"));
}

TEST(ReadConfig, ReportsEveryProblemInTheOrderOfTheFile) {
  const std::string text = problem(
      "fusion: {dim: 10, heads: 4}\n"
      "seed: -1\n"
      "optimizer:\n"
      "  learning_rate: fast\n"
      "  momentum: 0.9\n"
      "encoders: {audio: {type: lstm}, face: 3}\n"
      "seed: 2\n"
      "betas: [0.5, 1.0]\n");
  EXPECT_EQ(
      text,
      "recipe.yaml:1:26: error: fusion.heads: must divide dim = 10, got 4\n"
      "    1 | fusion: {dim: 10, heads: 4}\n"
      "      |                          ^\n"
      "recipe.yaml:2:7: error: seed: must be >= 0, got '-1'\n"
      "    2 | seed: -1\n"
      "      |       ^~\n"
      "recipe.yaml:4:18: error: optimizer.learning_rate: expected a number, got 'fast'\n"
      "    4 |   learning_rate: fast\n"
      "      |                  ^~~~\n"
      "recipe.yaml:5:3: error: unknown key 'momentum' in optimizer; known here: learning_rate, weight_decay, "
      "max_norm\n"
      "    5 |   momentum: 0.9\n"
      "      |   ^~~~~~~~\n"
      "recipe.yaml:6:26: error: encoders.audio: unknown type 'lstm'; expected one of tcn, gru\n"
      "    6 | encoders: {audio: {type: lstm}, face: 3}\n"
      "      |                          ^~~~\n"
      "recipe.yaml:6:39: error: encoders.face: expected a mapping with type: one of tcn, gru, got '3'\n"
      "    6 | encoders: {audio: {type: lstm}, face: 3}\n"
      "      |                                       ^\n"
      "recipe.yaml:7:1: error: duplicate key 'seed'; first at line 2\n"
      "    7 | seed: 2\n"
      "      | ^~~~\n"
      "recipe.yaml:8:14: error: betas[1]: must be in [0, 1), got '1.0'\n"
      "    8 | betas: [0.5, 1.0]\n"
      "      |              ^~~");
}

TEST(ReadConfig, TheCaretStandsUnderTheWordWhenTextBeforeItIsNotAscii) {
  EXPECT_THAT(problem("{note: \"\u00e4\u00f6\u00fc\", sede: 1}"),
              HasSubstr("    1 | {note: \"\u00e4\u00f6\u00fc\", sede: 1}\n"
                        "      |               ^~~~"));
}

TEST(ReadConfig, AcceptsOnlyDecimalNumbers) {
  const std::vector<std::pair<std::string, std::string>> refused = {
      {"fusion: {dim: 010}", "fusion.dim: expected an int without leading zeros, got '010'"},
      {"fusion: {dim: 0x1F}", "fusion.dim: expected an int, got '0x1F'; only decimal digits are read"},
      {"fusion: {dim: 1_000}", "got '1_000'; only decimal digits are read"},
      {"fusion: {dim: 1.5}", "fusion.dim: expected an int, got '1.5', a float"},
      {"fusion: {dim: 1e3}", "fusion.dim: expected an int, got '1e3', a float"},
      {"fusion: {dim: yes}", "fusion.dim: expected an int, got 'yes'"},
      {"fusion: {dim: '8'}", "fusion.dim: expected an int, got the text '8'"},
      {"fusion: {dim: 2147483648}", "fusion.dim: out of range [-2147483648, 2147483647], got '2147483648'"},
      {"fusion: {dim: }", "fusion.dim: expected an int, got nothing (null)"},
      {"fusion: {dim: [1]}", "fusion.dim: expected an int, got a list"},
      {"fusion: {dim: 0}", "fusion.dim: must be >= 1, got '0'"},
      {"seed: 18446744073709551616", "seed: out of range [0, 18446744073709551615]"},
      {"seed: -1", "seed: must be >= 0, got '-1'"},
      {"optimizer: {learning_rate: .nan}", "optimizer.learning_rate: expected a finite number, got '.nan'"},
      {"optimizer: {learning_rate: -.inf}", "expected a finite number, got '-.inf'"},
      {"optimizer: {learning_rate: nan}", "expected a finite number, got 'nan'"},
      {"optimizer: {learning_rate: 1e400}", "does not fit a 64-bit float, got '1e400'"},
      {"optimizer: {weight_decay: 1e39}", "does not fit a 32-bit float, got '1e39'"},
      {"optimizer: {learning_rate: 010.5}", "expected a number without leading zeros, got '010.5'"},
      {"optimizer: {learning_rate: 1,5}", "optimizer"},
      {"optimizer: {learning_rate: 0}", "optimizer.learning_rate: must be > 0, got '0'"},
      {"use_ema: yes", "use_ema: expected true or false, got 'yes'"},
      {"use_ema: True", "use_ema: expected true or false, got 'True'"},
      {"use_ema: 1", "use_ema: expected true or false, got '1'"},
      {"use_ema: 'true'", "use_ema: expected true or false, got the text 'true'"},
  };
  for (const auto& [text, message] : refused) EXPECT_THAT(problem(text), HasSubstr(message)) << text;
  for (const char* text : {"1e3", "1000", "+1000.0", "1E+3", "1000.", ".1e4"}) {
    EXPECT_EQ(read(std::string("optimizer: {learning_rate: ") + text + "}").optimizer.learning_rate, 1000)
        << text;
  }
  EXPECT_EQ(read("fusion: {dim: +8}").fusion.dim, 8);
}

TEST(ReadConfig, TextTakesNumbersButNotWordsThatYamlReadsAsBools) {
  EXPECT_EQ(read("note: 010").note, "010");
  EXPECT_EQ(read("note: 3.5").note, "3.5");
  EXPECT_EQ(read("note: 'no'").note, "no");
  EXPECT_EQ(read("note: ''").note, "");
  for (const char* word : {"no", "Yes", "ON", "off", "true", "False"}) {
    EXPECT_THAT(problem(std::string("note: ") + word), HasSubstr(std::string("quote it: '") + word + "'"));
  }
  for (const char* word : {"~", "null", ""}) {
    EXPECT_THAT(problem(std::string("note: ") + word), HasSubstr("expected text, got nothing (null)"))
        << word;
  }
  EXPECT_EQ(read("fusion: {pooling: off}").fusion.pooling, Pooling::kOff) << "a name of the enum is no bool";
  EXPECT_THAT(
      problem("fusion: {pooling: atention}"),
      HasSubstr(
          "fusion.pooling: unknown value 'atention'; expected one of mean, attention, off; did you mean "
          "'attention'?"));
}

TEST(ReadConfig, NothingIsNoMappingListOrVariant) {
  EXPECT_THAT(problem("optimizer:"),
              HasSubstr("expected a mapping with learning_rate, weight_decay, max_norm, got nothing"));
  EXPECT_THAT(problem("betas:"), HasSubstr("betas: expected a list of float in [0, 1), got nothing (null)"));
  EXPECT_THAT(problem("encoder: tcn"), HasSubstr("got 'tcn'; write {type: tcn}"));
  EXPECT_THAT(problem("[1, 2]"),
              HasSubstr("recipe.yaml:1:1: error: expected a mapping of keys at the top, got a list"));
}

TEST(ReadConfig, ValidateIsAskedAboutStructsInListsAndOptionalsAndOnlyWhenTheirValuesAreGood) {
  EXPECT_THAT(problem("tasks: [{name: a}, {name: b, classes: [x]}]"),
              HasSubstr("recipe.yaml:1:39: error: tasks[1].classes: a task needs two classes or none"));
  EXPECT_THAT(problem("second: {heads: 7}"),
              HasSubstr("recipe.yaml:1:17: error: second.heads: must divide dim = 64, got 7"));
  EXPECT_THAT(problem("fusion:\n  dim: 63\n"),
              HasSubstr("recipe.yaml:2:3: error: fusion.heads: must divide dim = 63"))
      << "a default that does not fit is reported at its mapping";
  EXPECT_THAT(problem("fusion: {dim: x, heads: 7}"), Not(HasSubstr("must divide")));
}

TEST(ReadConfig, OverridesWinAndTheirMistakesAreNamed) {
  const Recipe r = read("tasks: [{name: a}, {name: b}]\nencoder: {type: tcn, width: 3}\n",
                        {"tasks.1.name=c", "encoder.type=gru", "encoder.hidden=9", "betas=[0.1, 0.2]",
                         "seed=7", "optimizer.max_norm=null", "encoders.eda.type=tcn", "encoders.eda.width=5",
                         "second.dim=16", "note='x: y'", "weights.face=2"});
  EXPECT_EQ(r.tasks[1].name, "c");
  EXPECT_EQ(std::get<Gru>(r.encoder).hidden, 9);
  EXPECT_THAT(r.betas, ElementsAre(0.1, 0.2));
  EXPECT_EQ(r.seed, 7U);
  EXPECT_FALSE(r.optimizer.max_norm.has_value());
  EXPECT_EQ(std::get<Tcn>(r.encoders.at("eda")).width, 5);
  EXPECT_EQ(r.second->dim, 16);
  EXPECT_EQ(r.note, "x: y");
  EXPECT_EQ(r.weights.size(), 2U);

  EXPECT_THAT(read("", {"betas=[0.1]", "betas.+=0.25"}).betas, ElementsAre(0.1, 0.25));

  const std::vector<std::pair<std::string, std::string>> refused = {
      {"optimizer.lr=1",
       "--set optimizer.lr=1: error: unknown key 'lr' in optimizer; known here: learning_rate, weight_decay, "
       "max_norm"},
      {"optimizer.learnin_rate=1",
       "--set optimizer.learnin_rate=1: error: unknown key 'learnin_rate' in optimizer; did you mean "
       "'learning_rate' "
       "(float > 0, default 0.0003)?"},
      {"seed=x", "--set seed=x: error: seed: expected an int, got 'x'"},
      {"seed.a=1", "--set seed.a=1: error: seed is int >= 0; it has no key 'a'"},
      {"betas.2=1", "--set betas.2=1: error: betas has 2 elements; index 2 is out of range (+ adds one)"},
      {"betas.x=1",
       "--set betas.x=1: error: betas is a list; expected an index from 0, or + for one more, got 'x'"},
      {"encoder.type=lstm", "--set encoder.type=lstm: error: unknown type 'lstm'; expected one of tcn, gru"},
      {"encoder.width=3",
       "--set encoder.width=3: error: unknown key 'width' in encoder (type gru); it belongs to type tcn"},
      {"encoders.eda.width=3",
       "--set encoders.eda.width=3: error: encoders.eda has no type yet; set encoders.eda.type first"},
      {"fusion={hedas: 2}",
       "--set fusion={hedas: 2}: error: unknown key 'hedas' in fusion; did you mean 'heads' (int >= 1, "
       "default 8)?"},
      {"", "--set : error: no '='; expected a.b.c=value"},
      {"seed", "--set seed: error: no '='; expected a.b.c=value"},
      {"=1", "--set =1: error: no key before '='; expected a.b.c=value"},
      {"seed=", "--set seed=: error: no value after '='; write null to unset an optional, '' for empty text"},
      {"a..b=1", "--set a..b=1: error: 'a..b' is no path; expected keys joined by single dots: a.b.c=value"},
      {"base=x.yaml", "--set base=x.yaml: error: base can only be given in the file"},
      {"fusion.heads=7", "--set fusion.heads=7: error: fusion.heads: must divide dim = 64, got 7"},
  };
  for (const auto& [text, message] : refused) EXPECT_EQ(first_line(problem("", {text})), message);
  EXPECT_THAT(problem("", {"betas=[1"}), StartsWith("--set betas=[1: error: not valid YAML: "));
  EXPECT_THAT(problem("", {"note=*x"}), StartsWith("--set note=*x: error: not valid YAML: "));
  EXPECT_EQ(problem("sede: 1", {"x=1", "seed=y"}),
            "recipe.yaml:1:1: error: unknown key 'sede'; did you mean 'seed' (int >= 0, default 1)?\n"
            "    1 | sede: 1\n"
            "      | ^~~~\n"
            "--set seed=y: error: seed: expected an int, got 'y'\n"
            "--set x=1: error: unknown key 'x'; known here: seed, use_ema, optimizer, fusion, encoder, "
            "encoders, tasks, "
            "betas, grid, weights, second, note");
}

TEST(ReadConfig, IsTheSameUnderEveryLocale) {
  const std::string before = std::setlocale(LC_ALL, nullptr);
  for (const char* name : {"C", "de_DE.UTF-8", "fr_FR.UTF-8"}) {
    if (std::setlocale(LC_ALL, name) == nullptr) continue;
    EXPECT_EQ(read("optimizer: {learning_rate: 0.125}").optimizer.learning_rate, 0.125);
    EXPECT_THAT(dump(read("seed: 1000000")), HasSubstr("learning_rate: 0.0003\n"));
  }
  std::setlocale(LC_ALL, before.c_str());
}

TEST(ReadConfig, ATreeReadsLikeATextAndNamesItsSource) {
  const Node tree = parse_text("seed: 5\nfusion: {heads: 2}\n", "bundle.yaml");
  EXPECT_EQ(read_node<Recipe>(tree).fusion.heads, 2);
  EXPECT_EQ(dump(read_node<Recipe>(write_node(read(kRich)))), dump(read(kRich)));
  EXPECT_THAT(limbic::test::error_of([] { read_node<Recipe>(parse_text("a: 1", "bundle.yaml")); },
                                     ErrorCode::kConfig),
              StartsWith("bundle.yaml:1:1: error: unknown key 'a'"));
}

TEST(ReadConfig, AVariantOrMapMayBeTheWholeDocument) {
  EXPECT_EQ(std::get<Gru>(load_text<Encoder>("{type: gru, hidden: 3}", "e.yaml")).hidden, 3);
  EXPECT_EQ(load_text<Encoder>("", "e.yaml").index(), 0U);
  using Encoders = std::map<std::string, Encoder>;
  EXPECT_EQ(load_text<Encoders>("a: {type: gru}\nb: {type: tcn}\n", "e.yaml").size(), 2U);
}

}  // namespace
}  // namespace limbic::config::test
