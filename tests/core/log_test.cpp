#include "limbic/core/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limbic/core/atomic_file.h"
#include "limbic/core/progress.h"
#include "support/paths.h"

namespace limbic {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

template <class Action>
std::string stderr_of(Action&& action) {
  ::testing::internal::CaptureStderr();
  action();
  return ::testing::internal::GetCapturedStderr();
}

class LogTest : public ::testing::Test {
 protected:
  void SetUp() override { log::set_level(log::Level::kInfo); }
  void TearDown() override { log::set_level(log::Level::kError); }
};

TEST_F(LogTest, LinesHaveTheShapeEventKeyValue) {
  const std::string line = stderr_of([] {
    log::info("epoch_end", {{"epoch", 3},
                            {"loss", 0.25},
                            {"name", "plain"},
                            {"note", "two words \"x\"\nnext"},
                            {"empty", ""},
                            {"ok", true},
                            {"lr", 3e-4f}});
  });
  EXPECT_THAT(line, MatchesRegex("[0-9]+:[0-9]+:[0-9]+ I epoch_end epoch=3 loss=0.25 name=plain .*\n"));
  EXPECT_THAT(line, EndsWith("note=\"two words \\\"x\\\" next\" empty=\"\" ok=true lr=0.0003\n"));
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
}

TEST_F(LogTest, LevelsBelowTheSetOneAreSilent) {
  EXPECT_EQ(stderr_of([] { log::debug("hidden"); }), "");
  log::set_level(log::Level::kWarn);
  EXPECT_EQ(stderr_of([] { log::info("hidden"); }), "");
  EXPECT_THAT(stderr_of([] { log::warn("shown"); }), HasSubstr(" W shown"));
  log::set_level(log::Level::kOff);
  EXPECT_EQ(stderr_of([] { log::error("hidden"); }), "");
}

TEST_F(LogTest, ColorIsOnlyWhereItIsWanted) {
  log::set_color(log::Color::kAlways);
  EXPECT_THAT(stderr_of([] { log::error("bad"); }), ::testing::StartsWith("\033[31m"));
  log::set_color(log::Color::kNever);
  EXPECT_EQ(stderr_of([] { log::error("bad"); }).find('\033'), std::string::npos);
  EXPECT_FALSE(log::use_color());
}

TEST_F(LogTest, AFileGetsTheLinesToo) {
  const test::TempDir dir;
  log::set_file(dir / "train.log");
  stderr_of([] { log::info("kept", {{"step", 7}}); });
  EXPECT_THAT(core::read_file(dir / "train.log"), HasSubstr("info kept step=7\n"));
  EXPECT_THAT(test::error_of([&] { log::set_file(dir / "train.log/x"); }, ErrorCode::kStorage),
              HasSubstr("cannot open the log file"));
}

TEST(Progress, ABarFitsTheTerminalAndIsErased) {
  setenv("COLUMNS", "60", 1);
  const std::string text = stderr_of([] {
    core::Progress bar("ep 1/2", 3, core::Progress::Mode::kBar);
    for (int i = 0; i < 3; ++i) bar.step({{"loss", "0.842"}});
  });
  unsetenv("COLUMNS");
  EXPECT_THAT(text, HasSubstr("ep 1/2 [====================] 3/3  loss 0.842"));
  EXPECT_THAT(text, EndsWith("\r\033[2K"));
  EXPECT_LE(text.find('\r'), 59U);
}

TEST(Progress, LogLinesLiftTheBarOutOfTheWay) {
  log::set_level(log::Level::kInfo);
  const std::string text = stderr_of([] {
    core::Progress bar("x", 1, core::Progress::Mode::kBar);
    bar.step({});
    log::info("between");
  });
  log::set_level(log::Level::kError);
  const size_t event = text.find("between");
  ASSERT_NE(event, std::string::npos);
  EXPECT_NE(text.rfind("\r\033[2K", event), std::string::npos);
  EXPECT_NE(text.find("x [", event), std::string::npos);  // redrawn
}

TEST(Progress, OffAndShortLineRunsSayNothing) {
  EXPECT_EQ(stderr_of([] {
              core::Progress off("x", 1, core::Progress::Mode::kOff);
              off.step({});
              core::Progress lines("y", 10, core::Progress::Mode::kLines);
              lines.step({});
            }),
            "");
}

TEST(Progress, TimesAndSizesReadEasily) {
  EXPECT_EQ(core::clock_text(130), "0:02:10");
  EXPECT_EQ(core::clock_text(36000.4), "10:00:00");
  EXPECT_EQ(core::clock_text(-5), "0:00:00");
  EXPECT_EQ(core::bytes_text(1'100'000'000), "1.1G");
  EXPECT_EQ(core::bytes_text(12'000'000), "12M");
  EXPECT_EQ(core::bytes_text(900), "1k");
  EXPECT_GT(core::resident_bytes(), 1 << 20);
  EXPECT_GE(core::peak_resident_bytes(), core::resident_bytes() / 2);
}

}  // namespace
}  // namespace limbic
