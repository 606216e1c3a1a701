#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "recipe.h"

namespace limbic::config::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string load_problem(const std::string& path, const Overrides& overrides = {}) {
  return limbic::test::error_of([&] { load_file<Recipe>(path, overrides); }, ErrorCode::kConfig);
}

TEST(BaseFile, MappingsMergeListsAreReplacedAndPathsAreRelativeToTheFile) {
  const limbic::test::TempDir dir;
  std::filesystem::create_directories(dir / "common");
  core::write_file(dir / "common/root.yaml",
                   "seed: 3\nfusion: {dim: 96, heads: 6}\nbetas: [0.1, 0.2, 0.3]\n");
  core::write_file(dir / "common/mid.yaml", "base: root.yaml\nfusion: {heads: 4}\nweights: {face: 2.0}\n");
  core::write_file(dir / "leaf.yaml", "base: common/mid.yaml\nbetas: [0.5]\nweights: {eda: 3.0}\n");
  const auto r = load_file<Recipe>(dir / "leaf.yaml", {"fusion.pooling=attention"});
  EXPECT_EQ(r.seed, 3U);
  EXPECT_EQ(r.fusion.dim, 96);
  EXPECT_EQ(r.fusion.heads, 4);
  EXPECT_EQ(r.fusion.pooling, Pooling::kAttention);
  EXPECT_THAT(r.betas, ElementsAre(0.5));
  EXPECT_EQ(r.weights.size(), 3U);
}

TEST(BaseFile, AVariantOfAnotherTypeStartsAfresh) {
  const limbic::test::TempDir dir;
  core::write_file(dir / "base.yaml",
                   "encoder: {type: tcn, width: 7, dropout: 0.7}\nencoders: {a: {type: gru, hidden: 5}}\n");
  core::write_file(dir / "other.yaml", "base: base.yaml\nencoder: {type: gru}\nencoders: {a: {type: tcn}}\n");
  core::write_file(dir / "same.yaml",
                   "base: base.yaml\nencoder: {dropout: 0.5}\nencoders: {a: {dropout: 0.0}}\n");
  const auto other = load_file<Recipe>(dir / "other.yaml");
  EXPECT_EQ(std::get<Gru>(other.encoder).dropout, 0.25)
      << "the field's own default, not 0.7 of the other type";
  EXPECT_EQ(std::get<Tcn>(other.encoders.at("a")).width, 128);
  const auto same = load_file<Recipe>(dir / "same.yaml");
  EXPECT_EQ(std::get<Tcn>(same.encoder).width, 7);
  EXPECT_EQ(std::get<Tcn>(same.encoder).dropout, 0.5);
  EXPECT_EQ(std::get<Gru>(same.encoders.at("a")).hidden, 5);
}

TEST(BaseFile, MistakesAreReportedInTheFileThatHoldsThem) {
  const limbic::test::TempDir dir;
  core::write_file(dir / "base.yaml", "seed: 1\nfusion: {hedas: 6}\n");
  core::write_file(dir / "leaf.yaml", "base: base.yaml\nuse_ema: maybe\n");
  const std::string text = load_problem(dir / "leaf.yaml");
  EXPECT_THAT(text, HasSubstr((dir / "base.yaml") + ":2:10: error: unknown key 'hedas' in fusion"));
  EXPECT_THAT(text,
              HasSubstr((dir / "leaf.yaml") + ":2:10: error: use_ema: expected true or false, got 'maybe'"));
}

TEST(BaseFile, MissingCyclicAndDeepChainsAreRefused) {
  const limbic::test::TempDir dir;
  core::write_file(dir / "lost.yaml", "seed: 1\nbase: nowhere.yaml\n");
  EXPECT_EQ(first_line(load_problem(dir / "lost.yaml")), (dir / "lost.yaml") +
                                                             ":2:7: error: base: " + (dir / "nowhere.yaml") +
                                                             ": cannot open: No such file or directory");
  core::write_file(dir / "a.yaml", "base: b.yaml\n");
  core::write_file(dir / "b.yaml", "base: ./a.yaml\n");
  EXPECT_THAT(load_problem(dir / "a.yaml"),
              StartsWith((dir / "b.yaml") + ":1:7: error: base: ./a.yaml is a base of itself"));
  core::write_file(dir / "self.yaml", "base: self.yaml\n");
  EXPECT_THAT(load_problem(dir / "self.yaml"), HasSubstr("is a base of itself"));
  core::write_file(dir / "wrong.yaml", "base: [a]\n");
  EXPECT_THAT(load_problem(dir / "wrong.yaml"),
              HasSubstr(":1:7: error: base: expected the path of a YAML file, got a list"));
  for (int i = 0; i < 10; ++i) {
    const std::string base = i == 0 ? "" : "base: f" + std::to_string(i - 1) + ".yaml\n";
    core::write_file(dir / ("f" + std::to_string(i) + ".yaml"), base + "seed: " + std::to_string(i) + "\n");
  }
  EXPECT_EQ(load_file<Recipe>(dir / "f8.yaml").seed, 8U);
  EXPECT_THAT(load_problem(dir / "f9.yaml"), HasSubstr("f1.yaml:1:7: error: base: more than 8 files deep"));
}

TEST(ConfigFile, AMissingOrStrangeFileIsOneLine) {
  const limbic::test::TempDir dir;
  EXPECT_EQ(load_problem(dir / "no.yaml"), (dir / "no.yaml") + ": cannot open: No such file or directory");
  EXPECT_EQ(load_problem(dir.path()), dir.path() + ": not a regular file");
  core::write_file(dir / "big.yaml", std::string(2U << 20U, '#'));
  EXPECT_THAT(load_problem(dir / "big.yaml"), StartsWith((dir / "big.yaml") + ": file > 1 MiB"));
}

TEST(ShowOrigin, EveryLineSaysWhereItComesFrom) {
  const limbic::test::TempDir dir;
  core::write_file(dir / "base.yaml", "optimizer:\n  learning_rate: 0.01\n");
  core::write_file(dir / "leaf.yaml",
                   "base: base.yaml\nseed: 4\nencoders:\n  a: {type: tcn,\n      width: 3}\n");
  const std::string text = show_origin<Recipe>(dir / "leaf.yaml", {"fusion.heads=4"});
  const auto line = [&](const std::string& key) {
    std::string found = text.substr(text.find(key));
    found = found.substr(0, found.find('\n'));
    const size_t value_end = found.find("  ");
    return found.substr(0, value_end) + found.substr(found.find("  #"));
  };
  EXPECT_EQ(line("seed:"), "seed: 4  # " + (dir / "leaf.yaml") + ":2");
  EXPECT_EQ(line("learning_rate:"), "learning_rate: 0.01  # " + (dir / "base.yaml") + ":2");
  EXPECT_EQ(line("weight_decay:"), "weight_decay: 0.1  # default");
  EXPECT_EQ(line("heads:"), "heads: 4  # --set fusion.heads=4");
  EXPECT_EQ(line("width:"), "width: 3  # " + (dir / "leaf.yaml") + ":5");
  EXPECT_EQ(line("note:"), "note: \"none yet\"  # default");
  EXPECT_EQ(dump(read(text)), dump(load_file<Recipe>(dir / "leaf.yaml", {"fusion.heads=4"})));
}

}  // namespace
}  // namespace limbic::config::test
