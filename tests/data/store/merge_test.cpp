#include "limbic/data/merge.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "import/pipeline.h"
#include "support/paths.h"
#include "synthetic_store.h"

namespace limbic::data {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::synthetic_info;
using testing::synthetic_sample;
using testing::synthetic_streams;

/// Imports `num_items` made-up files, two samples each; file 3 is bad.
ImportReport import_items(const std::string& out, int64_t num_items, const ImportPart& part = {},
                          bool replace = false, int64_t offset = 0) {
  std::vector<ImportItem> items;
  for (int64_t i = 0; i < num_items; ++i) {
    items.push_back({fmt::format("file{:03}", i), [i, offset](ImportWorker&) {
                       require(i != 3, ErrorCode::kData, "file003 is torn");
                       std::vector<RawSample> samples;
                       for (const int64_t k : {2 * i, 2 * i + 1})
                         samples.push_back({synthetic_sample(k + offset), synthetic_streams(k)});
                       return samples;
                     }});
  }
  ImportOptions options;
  options.num_workers = 1;
  options.skip_bad = true;
  options.replace = replace;
  options.part = part;
  return run_import("corpus", out, synthetic_info(), std::move(items), options);
}

void import_parts(const std::string& out, int64_t num_items, int64_t num_parts) {
  for (int64_t i = 0; i < num_parts; ++i) import_items(out, num_items, {i, num_parts});
}

std::string said(const Store& store) {
  std::string text;
  for (int64_t i = 0; i < store.size(); ++i) {
    auto sample = store.samples()[i];
    text += sample.id + fmt::format(" {} {}", sample.subject, sample.labels["emotion"]);
    for (const auto& [name, ref] : sample.streams)
      text += fmt::format(" {}:{:08x}:{}", name, store.checksum(i, name), ref.crc32);
  }
  return text;
}

/// Runs `action` in a process of its own. @returns its number
template <class Action>
pid_t in_process(Action&& action) {
  const pid_t child = fork();
  if (child != 0) return child;
  const int null = open("/dev/null", O_WRONLY);
  dup2(null, STDERR_FILENO);
  try {
    action();
    _exit(0);
  } catch (const std::exception&) {
    _exit(1);
  }
}

int exit_of(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// Lets a process run until `is_time` or its end, and kills it.
template <class Action, class IsTime>
void killed(Action&& action, IsTime&& is_time) {
  const pid_t child = in_process(action);
  siginfo_t info{};
  while (!is_time()) {
    info.si_pid = 0;
    if (waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != 0)
      break;
  }
  kill(child, SIGKILL);
  exit_of(child);
}

bool has_temp(const std::string& directory) {
  std::error_code ec;
  for (fs::directory_iterator at(directory, ec), end; !ec && at != end; at.increment(ec))
    if (core::is_temp_name(at->path().filename().string())) return true;
  return false;
}

TEST(Merge, PartsBecomeTheStoreOfAWholeImport) {
  const test::TempDir dir;
  const auto whole = import_items(dir / "whole", 11);
  for (const int64_t num_parts : {1, 3, 16}) {
    const std::string path = dir / fmt::format("of{}", num_parts);
    import_parts(path, 11, num_parts);
    EXPECT_THAT(test::error_of([&] { Store::open(path); }, ErrorCode::kData), HasSubstr("limbic data merge"));
    const auto report = merge_parts(path);
    EXPECT_EQ(report.num_parts, num_parts);
    EXPECT_EQ(report.num_samples, whole.num_samples);
    EXPECT_EQ(report.content_hash, whole.content_hash) << num_parts;
    const auto store = Store::open(path);
    EXPECT_EQ(store->content_hash(), whole.content_hash);
    EXPECT_EQ(said(*store), said(*Store::open(dir / "whole")));
    EXPECT_EQ(core::read_file(path + "/quarantine.jsonl"), core::read_file(dir / "whole/quarantine.jsonl"));
    EXPECT_FALSE(fs::exists(path + "/parts"));
    EXPECT_EQ(merge_parts(path).content_hash, whole.content_hash);  // again: nothing to do
    EXPECT_EQ(merge_parts(path).num_parts, 0);
  }
}

TEST(Merge, SaysWhichPartsAreMissing) {
  const test::TempDir dir;
  const std::string path = dir / "store";
  EXPECT_THAT(test::error_of([&] { merge_parts(path); }, ErrorCode::kData), HasSubstr("--shard i/n"));
  for (const int64_t i : {0, 3}) import_items(path, 12, {i, 5});
  EXPECT_THAT(test::error_of([&] { merge_parts(path); }, ErrorCode::kData),
              HasSubstr("3 of 5 parts are missing: 1, 2, 4; make them with `--shard 1/5`"));
  import_items(path, 12, {1, 4});
  EXPECT_THAT(test::error_of([&] { merge_parts(path); }, ErrorCode::kData),
              HasSubstr("expected one division"));
  EXPECT_EQ(std::distance(fs::directory_iterator(path + "/parts"), {}), 3);
}

TEST(Merge, RefusesPartsOfDifferentImportsAndSamplesInTwo) {
  const test::TempDir dir;
  const std::string path = dir / "store";
  import_items(path, 8, {0, 2});
  import_items(path, 8, {1, 2}, false, -4);
  EXPECT_THAT(test::error_of([&] { merge_parts(path); }, ErrorCode::kData), HasSubstr("id used twice"));
  import_items(path, 8, {1, 2}, true);
  std::ofstream(part_path(path, {1, 2}) + "/dataset.yaml", std::ios::app) << "# changed\n";
  EXPECT_THAT(test::error_of([&] { merge_parts(path); }, ErrorCode::kData),
              HasSubstr("same corpus with the same options"));
  EXPECT_FALSE(fs::exists(path + "/dataset.yaml"));
  EXPECT_FALSE(has_temp(dir.path()));
}

TEST(Merge, APartIsMadeOnceAndNotBesideAWholeStore) {
  const test::TempDir dir;
  const std::string path = dir / "store";
  import_parts(path, 8, 2);
  const std::string part = part_path(path, {1, 2});
  const auto before = fs::last_write_time(part + "/manifest.jsonl");
  import_items(path, 8, {1, 2});
  EXPECT_EQ(fs::last_write_time(part + "/manifest.jsonl"), before);
  EXPECT_THAT(test::error_of(
                  [&] {
                    import_items(path, 10, {1, 2});
                  },
                  ErrorCode::kStorage),
              HasSubstr("--replace"));
  merge_parts(path);
  EXPECT_THAT(test::error_of(
                  [&] {
                    import_items(path, 8, {1, 2});
                  },
                  ErrorCode::kStorage),
              HasSubstr("a whole store is there already"));
  for (const int64_t i : {0, 1}) import_items(path, 10, {i, 2}, true);
  EXPECT_THAT(test::error_of([&] { merge_parts(path); }, ErrorCode::kStorage), HasSubstr("--replace"));
  EXPECT_EQ(Store::open(path)->size(), 14);
  EXPECT_EQ(merge_parts(path, true).num_samples, 18);
  EXPECT_EQ(Store::open(path)->size(), 18);
}

TEST(Merge, PartsAreReadFromTheCommandLineStrictly) {
  EXPECT_EQ(parse_import_part("3/16").index, 3);
  EXPECT_EQ(parse_import_part("0/1").count, 1);
  for (const char* bad : {"16/16", "-1/4", "1", "1/", "/4", "1/0", "a/b", "1/4/8", "0x1/4", ""})
    EXPECT_THAT(test::error_of([&] { parse_import_part(bad); }, ErrorCode::kConfig), HasSubstr("SLURM"))
        << bad;
  int64_t next = 0;
  for (int64_t i = 0; i < 7; ++i) {
    const ImportPart part{i, 7};
    EXPECT_EQ(part.begin(100), next);
    next = part.end(100);
  }
  EXPECT_EQ(next, 100);
}

TEST(Merge, SurvivesKillsAtAnyPoint) {
  const test::TempDir dir;
  const auto whole = import_items(dir / "whole", 9);
  for (int round = 0; round < 6; ++round) {
    const std::string path = dir / fmt::format("store{}", round);
    const std::string parts = path + "/parts";
    killed(
        [&] {
          import_items(path, 9, {0, 2});
        },
        [&] {
          return round % 2 == 0 ? has_temp(parts) : fs::exists(part_path(path, {0, 2}));
        });
    import_parts(path, 9, 2);
    EXPECT_FALSE(has_temp(parts));
    killed([&] { merge_parts(path); },
           [&] {
             if (round < 2) return has_temp(dir.path());
             return fs::exists(path + (round < 4 ? "/shards" : "/dataset.yaml"));
           });
    if (!fs::exists(path + "/dataset.yaml")) {
      EXPECT_TRUE(fs::exists(part_path(path, {0, 2})) && fs::exists(part_path(path, {1, 2})));
    } else {
      EXPECT_EQ(Store::open(path)->content_hash(), whole.content_hash);
    }
    EXPECT_EQ(merge_parts(path).content_hash, whole.content_hash);
    EXPECT_FALSE(fs::exists(parts));
    EXPECT_FALSE(has_temp(dir.path()) || has_temp(path));
  }
}

TEST(Merge, WritersAtOnceGiveTheSameParts) {
  const test::TempDir dir;
  const auto whole = import_items(dir / "whole", 9);
  const std::string path = dir / "store";
  std::vector<pid_t> children;
  for (const int64_t i : {0, 1, 0, 1, 2})
    children.push_back(in_process([&] { import_items(path, 9, {i, 3}); }));
  for (const pid_t child : children) EXPECT_EQ(exit_of(child), 0);
  EXPECT_EQ(merge_parts(path).content_hash, whole.content_hash);
}

}  // namespace
}  // namespace limbic::data
