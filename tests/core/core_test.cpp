#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <thread>

#include "limbic/core/build_info.h"
#include "limbic/core/error.h"
#include "limbic/core/interrupt.h"
#include "limbic/core/suggest.h"
#include "limbic/core/threads.h"
#include "limbic/core/time.h"
#include "support/paths.h"

namespace limbic {
namespace {

TEST(Error, CodesAreTheExitCodesAndContextGoesInFront) {
  const std::pair<ErrorCode, int> codes[] = {
      {ErrorCode::kInternal, 1}, {ErrorCode::kConfig, 2},   {ErrorCode::kData, 3},   {ErrorCode::kModel, 4},
      {ErrorCode::kResource, 5}, {ErrorCode::kDiverged, 6}, {ErrorCode::kStorage, 7}};
  for (const auto& [code, exit_code] : codes) EXPECT_EQ(Error(code, "x").exit_code(), exit_code);
  const Error outer = Error(ErrorCode::kData, "no face").in("clip 42");
  EXPECT_STREQ(outer.what(), "clip 42: no face");
  EXPECT_EQ(outer.code(), ErrorCode::kData);
  EXPECT_NO_THROW(require(true, ErrorCode::kData, "x"));
  EXPECT_EQ(test::error_of([] { require(false, ErrorCode::kModel, "broken"); }, ErrorCode::kModel), "broken");
}

TEST(Suggest, FindsTheNearestNameButNoFarOne) {
  const std::vector<std::string> known = {"learning_rate", "batch_size", "lr", "epochs"};
  EXPECT_EQ(core::nearest("learing_rate", known), "learning_rate");
  EXPECT_EQ(core::nearest("bathc_size", known), "batch_size");  // a transposition is one step
  EXPECT_EQ(core::nearest("lt", known), "lr");
  EXPECT_EQ(core::nearest("momentum", known), "");
  EXPECT_EQ(core::nearest("", {}), "");
  EXPECT_EQ(core::nearest(std::string(1000000, 'x'), known), "");
  EXPECT_EQ(core::nearest("ab", {"ac", "ad"}), "ac");
  EXPECT_EQ(core::did_you_mean("epoch", known), "; did you mean 'epochs'?");
  EXPECT_EQ(core::did_you_mean("zzz", known), "");
  EXPECT_EQ(core::join({"a", "b"}), "a, b");
  EXPECT_EQ(core::join({"a", "b"}, "/"), "a/b");
  EXPECT_EQ(core::join({}), "");
}

TEST(Timestamp, SecondsRoundToTheNearestNanosecond) {
  EXPECT_EQ(core::Timestamp::from_seconds(0.1).ticks, 100'000'000);
  EXPECT_EQ(core::Timestamp::from_seconds(-0.1).ticks, -100'000'000);
  EXPECT_EQ(core::Timestamp::from_seconds(1001.0 / 30000).ticks, 33'366'667);
  EXPECT_DOUBLE_EQ(core::Timestamp{1'500'000'000}.seconds(), 1.5);
  EXPECT_TRUE(core::Timestamp{1} < core::Timestamp{2} && core::Timestamp{2} >= core::Timestamp{2});
  EXPECT_EQ((core::Timestamp{5} - core::Timestamp{7}).ticks, -2);
}

TEST(Threads, AreSetExplicitly) {
  EXPECT_GE(core::num_cores(), 1);
  EXPECT_LE(core::num_cores(), static_cast<int>(std::thread::hardware_concurrency()));
  core::set_num_threads(2);
  EXPECT_EQ(core::num_threads(), 2);
  core::set_num_threads(0);
  EXPECT_EQ(core::num_threads(), core::num_cores());
  core::set_num_threads(1);
}

TEST(Process, TuningSwitchesCoreDumpsOff) {
  EXPECT_EXIT(
      {
        core::tune_process();
        rlimit limit{};
        getrlimit(RLIMIT_CORE, &limit);
        _exit(limit.rlim_cur == 0 && getenv("DNNL_PRIMITIVE_CACHE_CAPACITY") != nullptr ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST(Interrupt, TheFirstSignalAsksAndTheSecondEnds) {
  for (const int number : {SIGINT, SIGTERM, SIGUSR1}) {
    EXPECT_EXIT(
        {
          core::install_stop_handlers();
          if (core::stop_signal() != 0) _exit(1);
          raise(number);
          _exit(core::stop_signal() == number ? 0 : 2);
        },
        ::testing::ExitedWithCode(0), "");
    EXPECT_EXIT(
        {
          core::install_stop_handlers();
          raise(SIGUSR1);
          raise(number);
          _exit(1);
        },
        ::testing::ExitedWithCode(128 + number), "");
  }
}

TEST(Interrupt, AClosedPipeIsAnErrorReturn) {
  EXPECT_EXIT(
      {
        core::install_stop_handlers();
        int ends[2];
        if (pipe(ends) != 0) _exit(3);
        close(ends[0]);
        _exit(write(ends[1], "x", 1) == -1 && errno == EPIPE ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST(BuildInfo, NamesWhatAResultDependsOn) {
  EXPECT_THAT(core::version(), ::testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
  std::vector<std::string> names;
  for (const auto& [name, value] : core::environment()) {
    names.push_back(name);
    EXPECT_FALSE(value.empty()) << name;
  }
  for (const char* name : {"limbic", "git", "compiler", "libtorch", "ffmpeg", "cpu", "cores"}) {
    EXPECT_THAT(names, ::testing::Contains(name));
  }
}

}  // namespace
}  // namespace limbic
