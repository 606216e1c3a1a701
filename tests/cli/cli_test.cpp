#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "support/command.h"
#include "support/paths.h"

namespace limbic::cli {
namespace {

namespace fs = std::filesystem;

using test::expect_error;

test::Outcome limbic(const std::string& arguments) {
  return test::run_limbic(arguments);
}

TEST(Cli, HelpAndVersionAreDataOnStdout) {
  const auto help = limbic("--help");
  EXPECT_EQ(help.exit_code, 0);
  for (const char* name : {"simulate", "data", "train", "eval", "infer", "config", "doctor"}) {
    EXPECT_NE(help.out.find(name), std::string::npos) << name;
    EXPECT_EQ(limbic(std::string(name) + " --help").exit_code, 0) << name;
  }
  EXPECT_EQ(limbic("--version").out.rfind("limbic 0.", 0), 0u);
  EXPECT_EQ(limbic("").exit_code, 2);
}

TEST(Cli, TyposGetASuggestion) {
  expect_error(limbic("trian x.yaml"), 2, "unknown command 'trian'; did you mean 'train'?");
  expect_error(limbic("train --resum x"), 2, "unknown option '--resum'; did you mean '--resume'?");
  expect_error(limbic("data chek x"), 2, "did you mean 'check'?");
}

TEST(Cli, EveryShippedRecipeIsWellFormed) {
  std::string recipes;
  for (const auto& entry : fs::directory_iterator("configs")) recipes += " " + entry.path().string();
  const auto outcome = limbic("config validate" + recipes);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
}

TEST(Cli, ResolvedRecipesReloadToThemselves) {
  test::TempDir dir;
  const auto first = limbic("config show configs/demo.yaml --set seed=7");
  ASSERT_EQ(first.exit_code, 0) << first.err;
  core::write_file(dir / "resolved.yaml", first.out);
  EXPECT_EQ(limbic("config show " + (dir / "resolved.yaml")).out, first.out);
  const auto origin = limbic("config show configs/demo.yaml --set seed=7 --origin");
  EXPECT_NE(origin.out.find("--set"), std::string::npos);
  EXPECT_NE(origin.out.find("configs/demo.yaml:"), std::string::npos);
}

TEST(Cli, TheSchemaIsDraft07) {
  const auto schema = nlohmann::json::parse(limbic("config schema").out);
  EXPECT_EQ(schema.at("$schema"), "http://json-schema.org/draft-07/schema#");
  EXPECT_TRUE(schema.at("properties").contains("train"));
}

TEST(Cli, RecipeErrorsNameFileLineAndColumn) {
  test::TempDir dir;
  core::write_file(dir / "bad.yaml", "seed: 1\ntrain:\n  epohcs: 3\n");
  expect_error(limbic("train " + (dir / "bad.yaml")), 2, "bad.yaml:3:3: error: unknown key 'epohcs'");
  expect_error(limbic("train configs/demo.yaml --set train.epohcs=3"), 2, "epochs");
  expect_error(limbic("train " + (dir / "none.yaml")), 2, "none.yaml");
}

TEST(Cli, MissingThingsHaveTheirExitCodes) {
  test::TempDir dir;
  expect_error(limbic("data show " + (dir / "nothing")), 3, "nothing");
  expect_error(limbic("eval " + (dir / "nothing")), 4, "not a run folder");
  expect_error(limbic("train --resume " + (dir / "nothing")), 4, "not a run folder");
  expect_error(limbic("infer x.mp4 --model " + (dir / "nothing") + " --out " + (dir / "out")), 4,
               "neither a bundle");
  fs::create_directories(dir / "corpus");
  expect_error(limbic("simulate " + (dir / "corpus")), 7, "corpus");
  expect_error(limbic("data import ravdes x --out " + (dir / "s")), 2, "ravdess");
}

/// The demo's path in small: simulate, import, check, train, resume, evaluate, infer.
TEST(Cli, TheWholePathRunsOnASimulatedCorpus) {
  test::TempDir dir;
  const std::string corpus = dir / "corpus";
  const std::string store = dir / "store";
  const std::string run = dir / "run";
  auto step = limbic("simulate " + corpus + " --subjects 3 --minutes 0.3 --seed 5");
  ASSERT_EQ(step.exit_code, 0) << step.err;
  step = limbic("data import simulated " + corpus + " --out " + store + " --face-size 48");
  ASSERT_EQ(step.exit_code, 0) << step.err;
  step = limbic("data check " + store);
  EXPECT_EQ(step.exit_code, 0) << step.out << step.err;
  const std::string recipe =
      "train configs/demo.yaml --out " + run + " --set data.store=" + store +
      " --set train.epochs=2 --set 'data.split={type: groups, train: [1], val: [\"2\"], test: [\"3\"]}'" +
      " --set data.loader.batch_size=2";
  step = limbic(recipe + " --dry-run");
  EXPECT_EQ(step.exit_code, 0) << step.err;
  EXPECT_FALSE(fs::exists(run));
  step = limbic(recipe + " --stop-after 1");
  ASSERT_EQ(step.exit_code, 0) << step.err;
  EXPECT_NE(step.err.find("--resume"), std::string::npos) << step.err;
  step = limbic("train --resume " + run);
  ASSERT_EQ(step.exit_code, 0) << step.err;
  for (const char* name : {"config.yaml", "manifest.json", "train.log", "metrics.jsonl", "results.csv",
                           "ckpt/best/model.safetensors", "eval/test/metrics.json", "bundle/bundle.yaml"}) {
    EXPECT_TRUE(fs::exists(run + "/" + name)) << name;
  }
  step = limbic("eval " + run + " --split val --json");
  ASSERT_EQ(step.exit_code, 0) << step.err;
  EXPECT_NO_THROW(nlohmann::json::parse(step.out)) << step.out;
  std::string video;
  for (const auto& entry : fs::directory_iterator(corpus + "/sessions"))
    video = entry.path().string() + "/video.mp4";
  step = limbic("infer " + video + " --model " + run + " --out " + (dir / "out") + " --json");
  ASSERT_EQ(step.exit_code, 0) << step.err;
  const auto summary = nlohmann::json::parse(step.out);
  EXPECT_GT(summary.at("num_frames_with_face").get<int>(), 0.9 * summary.at("num_frames").get<int>());
  for (const char* name : {"frames.csv", "frames.jsonl", "summary.json", "annotated.mp4"}) {
    EXPECT_TRUE(fs::exists(dir / "out/" + name)) << name;
  }
  // The same folder again is refused, and nothing of it is lost.
  expect_error(limbic(recipe), 7, "never overwritten");
}

TEST(Cli, HostileRecordingsEndInOneLineAtOnce) {
  test::TempDir dir;
  fs::create_directories(dir / "corpus/happy");
  const std::string clip = dir / "corpus/happy/clip.mp4";
  const std::vector<std::string> texts{"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n",
                                       "ffconcat version 1.0\nfile '/etc/passwd'\n",
                                       "v=0\no=- 0 0 IN IP4 127.0.0.1\n", "", std::string(4096, '\0')};
  for (const auto& text : texts) {
    core::write_file(clip, text);
    expect_error(limbic("data import folder " + (dir / "corpus") + " --out " + (dir / "store")), 3,
                 "clip.mp4");
    EXPECT_FALSE(fs::exists(dir / "store"));
  }
  fs::remove(clip);
  ASSERT_EQ(mkfifo(clip.c_str(), 0600), 0);
  // A pipe is no recording, so the folder holds none.
  expect_error(limbic("data import folder " + (dir / "corpus") + " --out " + (dir / "store")), 3,
               "nothing to import");
}

}  // namespace
}  // namespace limbic::cli
