#include "limbic/train/run_folder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "support/paths.h"

namespace limbic::train {
namespace {

using nlohmann::json;

TEST(RunFolder, HoldsOneProcessAndIsNeverOverwritten) {
  test::TempDir dir;
  const std::string path = dir / "run";
  {
    const auto run = RunFolder::create(path, "x", 1);
    core::write_file(path + "/config.yaml", "name: x\n");
    const auto locked = test::error_of([&] { RunFolder::open(path); }, ErrorCode::kStorage);
    EXPECT_NE(locked.find("locked by process"), std::string::npos) << locked;
  }
  EXPECT_NO_THROW(RunFolder::open(path));
  const auto taken = test::error_of([&] { RunFolder::create(path, "x", 1); }, ErrorCode::kStorage);
  EXPECT_NE(taken.find("--resume"), std::string::npos) << taken;
}

TEST(RunFolder, OpeningWhatIsNoRunSaysSo) {
  test::TempDir dir;
  const auto text = test::error_of([&] { RunFolder::open(dir.path()); }, ErrorCode::kModel);
  EXPECT_NE(text.find("not a run folder"), std::string::npos) << text;
}

TEST(RunFolder, RewindForgetsEpochsAfterTheCheckpointAndTornLines) {
  test::TempDir dir;
  auto run = RunFolder::create(dir / "run", "x", 1);
  for (int epoch = 1; epoch <= 3; ++epoch) run.log_event({{"event", "epoch"}, {"epoch", epoch}});
  std::ofstream(run / "metrics.jsonl", std::ios::app) << "{\"event\": \"epo";
  run.rewind_events(2);
  const std::string text = core::read_file(run / "metrics.jsonl");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  EXPECT_EQ(text.find("\"epoch\":3"), std::string::npos) << text;
}

TEST(RunFolder, ResultsHaveTheUnionOfColumns) {
  test::TempDir dir;
  auto run = RunFolder::create(dir / "run", "x", 1);
  run.write_results({json{{"epoch", 1}, {"val/uar", std::nan("")}}, json{{"epoch", 2}, {"val/uar", 0.5}}});
  EXPECT_EQ(core::read_file(run / "results.csv"), "epoch,val/uar\n1,\n2,0.5\n");
}

}  // namespace
}  // namespace limbic::train
