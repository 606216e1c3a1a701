#include "limbic/data/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "support/paths.h"
#include "synthetic_store.h"

namespace limbic::data {
namespace {

using ::testing::HasSubstr;
using testing::synthetic_info;
using testing::synthetic_sample;
using testing::synthetic_streams;

const Problem* find_problem(const CheckReport& report, const std::string& code) {
  const auto at = std::find_if(report.problems.begin(), report.problems.end(),
                               [&](const auto& p) { return p.code == code; });
  return at == report.problems.end() ? nullptr : &*at;
}

/// Samples as `change` leaves them, in a store that is then checked.
template <class Change>
CheckReport check_after(int64_t num_samples, Change&& change) {
  const test::TempDir dir;
  StoreWriter writer(dir / "store", synthetic_info());
  for (int64_t i = 0; i < num_samples; ++i) {
    Sample sample = synthetic_sample(i);
    auto streams = synthetic_streams(i);
    change(i, sample, streams);
    writer.add(sample, streams);
  }
  writer.finish();
  return check_store(dir / "store");
}
using Streams = std::map<std::string, RawStream>;

TEST(DataCheck, ASoundStoreHasNoErrors) {
  const test::TempDir dir;
  testing::write_synthetic(dir / "store", 12);
  const auto report = check_store(dir / "store");
  EXPECT_TRUE(report.ok()) << render_text(report);
  EXPECT_EQ(report.summary.num_samples, 12);
  EXPECT_EQ(report.summary.num_subjects, 4);
  EXPECT_EQ(report.num_streams_read, 12 + 10 + 6);
  const auto* missing = find_problem(report, "missing_stream");
  ASSERT_NE(missing, nullptr);
  EXPECT_EQ(missing->severity, Severity::kNote);
  EXPECT_THAT(render_text(report), HasSubstr("ok: 0 errors"));
}

TEST(DataCheck, FindsAFlippedBit) {
  const test::TempDir dir;
  testing::write_synthetic(dir / "store", 3);
  std::fstream shard(dir / "store/shards/00000.safetensors", std::ios::in | std::ios::out | std::ios::binary);
  shard.seekg(-100, std::ios::end);
  char byte = 0;
  shard.get(byte);
  shard.seekp(-100, std::ios::end);
  shard.put(static_cast<char>(byte ^ 4));
  shard.close();
  const auto report = check_store(dir / "store");
  ASSERT_NE(find_problem(report, "crc"), nullptr) << render_text(report);
  EXPECT_THAT(find_problem(report, "crc")->message, HasSubstr("the data changed on disk"));
}

TEST(DataCheck, FindsASubjectInTwoOfficialSplits) {
  const auto report =
      check_after(8, [](int64_t i, Sample& sample, Streams&) { sample.split = i == 7 ? "test" : "train"; });
  const auto* leak = find_problem(report, "subject_in_two_splits");
  ASSERT_NE(leak, nullptr);
  EXPECT_EQ(leak->where, "subject_04");
  EXPECT_EQ(leak->severity, Severity::kWarning);  // the corpus's own doing; training refuses it by itself
  EXPECT_THAT(leak->message, HasSubstr("official splits test, train"));
}

TEST(DataCheck, FindsCopiesAndSaysWhereTheyLeak) {
  const auto report = check_after(8, [](int64_t i, Sample& sample, Streams& streams) {
    sample.split = i % 4 == 3 ? "test" : "train";
    if (i == 3) streams = synthetic_streams(0);
  });
  const auto* copy = find_problem(report, "duplicate_across_splits");
  ASSERT_NE(copy, nullptr) << render_text(report);
  EXPECT_THAT(copy->message, HasSubstr("s000, s003"));
  EXPECT_THAT(copy->message, HasSubstr("in splits test, train; 2 subjects"));
}

TEST(DataCheck, FindsDeadAndClippedStreams) {
  const auto report = check_after(6, [](int64_t i, Sample&, Streams& streams) {
    if (i == 0) streams["audio_wave"].values.zero_();
    if (i == 1) streams["audio_wave"].values.narrow(0, 0, 100).fill_(32767);
    if (i == 2) streams["face"].values.fill_(128);
    if (i == 3) streams["face"].valid_T.fill_(false);
    if (i == 4) streams["eda"].values[1][0] = std::numeric_limits<float>::quiet_NaN();
  });
  const auto expect = [&](const char* code, const char* where) {
    const auto* problem = find_problem(report, code);
    ASSERT_NE(problem, nullptr) << code << "\n" << render_text(report);
    EXPECT_EQ(problem->where, where);
  };
  expect("silent", "s000");
  expect("clipped", "s001");
  expect("constant", "s002");
  expect("no_real_frame", "s003");
  expect("nonfinite", "s004");
  EXPECT_EQ(report.num_errors, 1);
}

TEST(DataCheck, FindsClassesWithoutSamplesAndWrongDurations) {
  const auto report = check_after(6, [](int64_t i, Sample& sample, Streams&) {
    sample.labels["emotion"] = i % 2 == 0 ? "happy" : "sad";
    if (i == 2) sample.duration = core::Timestamp::from_seconds(30);
  });
  ASSERT_NE(find_problem(report, "empty_class"), nullptr);
  EXPECT_THAT(find_problem(report, "empty_class")->message, HasSubstr("class 'angry' has no sample"));
  ASSERT_NE(find_problem(report, "duration"), nullptr);
  EXPECT_EQ(find_problem(report, "duration")->where, "s002");
}

TEST(DataCheck, JsonHoldsEveryProblemAndTextIsCut) {
  const auto report =
      check_after(20, [](int64_t, Sample&, Streams& streams) { streams["audio_wave"].values.zero_(); });
  const auto json = nlohmann::json::parse(render_json(report));
  EXPECT_EQ(json["problems"].size(), report.problems.size());
  EXPECT_EQ(json["samples"], 20);
  EXPECT_EQ(json["class_counts"]["emotion"]["all"].size(), 4u);
  EXPECT_THAT(render_text(report, 3), HasSubstr("more (--json lists all)"));
}

TEST(DataShow, TablesAndSamplesAreComplete) {
  const test::TempDir dir;
  testing::write_synthetic(dir / "store", 12);
  const auto store = Store::open(dir / "store");
  const auto summary = summarize(*store);
  EXPECT_EQ(summary.class_counts.at("emotion").at("all"), (std::vector<int64_t>{3, 4, 4, 1}));
  const auto text = render_text(summary, *store);
  EXPECT_THAT(text, HasSubstr("synthetic: 12 samples, 4 subjects, 12 clips"));
  EXPECT_THAT(text, HasSubstr("stream face"));
  EXPECT_THAT(text, HasSubstr(store->content_hash()));
  EXPECT_EQ(nlohmann::json::parse(render_json(summary, *store))["classes"]["emotion"][1], "sad");
  const auto sample = describe_sample(*store, "s003");
  EXPECT_THAT(sample, HasSubstr("subject_04"));
  EXPECT_THAT(sample, HasSubstr("[4, 1, 8, 8] at 10 Hz from 0.000 s, 75.0 % real"));
}

}  // namespace
}  // namespace limbic::data
