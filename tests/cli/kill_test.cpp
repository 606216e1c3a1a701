#include <gtest/gtest.h>

#include <filesystem>

#include "limbic/core/rng.h"
#include "support/command.h"
#include "support/level_store.h"
#include "support/paths.h"

namespace limbic::cli {
namespace {

namespace fs = std::filesystem;

/// SIGKILL at random moments of training, 20 times: every resume finds a complete checkpoint, and the run
/// ends with the bits of one that was never disturbed.
TEST(Kill, TwentyKillsChangeNothing) {
  test::TempDir dir;
  test::write_level_store(dir / "store", 1);
  core::write_file(dir / "levels.yaml", test::level_recipe(dir / "store", 150));
  const std::string straight = dir / "straight";
  const std::string killed = dir / "killed";
  auto outcome = test::run_limbic("train " + (dir / "levels.yaml") + " --out " + straight);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  outcome = test::run_limbic("train " + (dir / "levels.yaml") + " --out " + killed + " --stop-after 1");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;

  core::Rng rng(11);
  int num_killed = 0;
  for (int i = 0; i < 20; ++i) {
    outcome = test::run_limbic("train --resume " + killed, rng.uniform(0.2, 1.0), /*kills=*/true);
    if (outcome.exit_code == 0) break;
    EXPECT_EQ(outcome.exit_code, 137) << outcome.err;
    EXPECT_EQ(outcome.err.find("checkpoint_damaged"), std::string::npos) << outcome.err;
    ++num_killed;
  }
  EXPECT_GE(num_killed, 5);
  outcome = test::run_limbic("train --resume " + killed);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  for (const char* name :
       {"/ckpt/last/model.safetensors", "/ckpt/last/optim.safetensors", "/ckpt/last/state.json",
        "/ckpt/best/model.safetensors", "/results.csv", "/bundle/model.safetensors"}) {
    EXPECT_EQ(core::read_file(straight + name), core::read_file(killed + name)) << name;
  }
  for (const auto& entry : fs::recursive_directory_iterator(killed)) {
    EXPECT_FALSE(core::is_temp_name(entry.path().filename().string())) << entry.path();
  }
}

TEST(Kill, ATermSignalSavesAndSaysHowToGoOn) {
  test::TempDir dir;
  test::write_level_store(dir / "store", 1);
  core::write_file(dir / "levels.yaml", test::level_recipe(dir / "store", 100000));
  const std::string run = dir / "run";
  // `timeout` sends SIGTERM and then reports 124 itself; --preserve-status would hide a hang.
  const auto outcome = test::run_limbic("train " + (dir / "levels.yaml") + " --out " + run, 3);
  EXPECT_EQ(outcome.exit_code, 124);
  EXPECT_NE(outcome.err.find("go on with: limbic train --resume " + run), std::string::npos) << outcome.err;
  const auto resumed = test::run_limbic("train --resume " + run + " --stop-after 1");
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
}

}  // namespace
}  // namespace limbic::cli
