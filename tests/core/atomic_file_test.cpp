#include "limbic/core/atomic_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "support/paths.h"

namespace limbic::core {
namespace {

using test::error_of;
using test::TempDir;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

size_t num_entries(const std::string& directory) {
  return static_cast<size_t>(std::distance(fs::directory_iterator(directory), {}));
}

TEST(AtomicFile, AppearsAtCommitAndKeepsTheOldFileUntilThen) {
  const TempDir dir;
  const std::string path = dir / "deep/er/a.txt";
  write_file(path, "old");
  {
    AtomicFile file(path);
    file.write("abcdef");
    EXPECT_EQ(read_file(path), "old");
    EXPECT_TRUE(is_temp_name(fs::path(file.temp_path()).filename().string()));
  }
  EXPECT_EQ(read_file(path), "old");  // destroyed without commit
  EXPECT_EQ(num_entries(dir / "deep/er"), 1U);
  AtomicFile file(path);
  file.write("abcdef");
  file.write_at(1, "XY", 2);
  file.write("g");  // goes to the end again
  EXPECT_EQ(file.num_bytes(), 7U);
  file.commit();
  EXPECT_EQ(read_file(path), "aXYdefg");
  EXPECT_EQ(num_entries(dir / "deep/er"), 1U);
}

TEST(AtomicFile, AKilledWriterLeavesTheOldFileAndATempThatIsSwept) {
  const TempDir dir;
  write_file(dir / "a", "old");
  const pid_t child = fork();
  if (child == 0) {
    AtomicFile file(dir / "a");
    file.write("half of the n");
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(read_file(dir / "a"), "old");
  EXPECT_EQ(num_entries(dir.path()), 2U);
  AtomicFile alive(dir / "b");
  sweep_stale_temps(dir.path());
  EXPECT_EQ(num_entries(dir.path()), 2U);  // a, and the temp of a writer that lives
  alive.commit();
  EXPECT_TRUE(fs::exists(dir / "b"));
  sweep_stale_temps(dir / "no such directory");
}

TEST(AtomicFile, AFailedWriteIsAStorageErrorAndLeavesTheOldFile) {
  const TempDir dir;
  write_file(dir / "a", "old");
  EXPECT_THAT(error_of([&] { write_file(dir / "a/below", "x"); }, ErrorCode::kStorage),
              HasSubstr("cannot make the directory"));
  fs::create_directory(dir / "folder");
  EXPECT_THAT(error_of([&] { write_file(dir / "folder", "x"); }, ErrorCode::kStorage),
              HasSubstr("cannot finish"));
  // A full disk, as a file size limit.
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{1000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const std::string error =
      error_of([&] { write_file(dir / "a", std::string(5000, 'x')); }, ErrorCode::kStorage);
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_THAT(error, HasSubstr("a: write failed: File too large"));
  EXPECT_EQ(read_file(dir / "a"), "old");
  EXPECT_EQ(num_entries(dir.path()), 2U);  // a and folder
}

TEST(ReadFile, RefusesWhatIsNoRegularFileWithoutWaiting) {
  const TempDir dir;
  ASSERT_EQ(mkfifo((dir / "fifo").c_str(), 0600), 0);
  EXPECT_THAT(error_of([&] { read_file(dir / "fifo"); }, ErrorCode::kData), HasSubstr("not a regular file"));
  EXPECT_THAT(error_of([&] { read_file(dir.path()); }, ErrorCode::kData), HasSubstr("not a regular file"));
  EXPECT_THAT(error_of([&] { read_file("/dev/zero"); }, ErrorCode::kData), HasSubstr("not a regular file"));
  EXPECT_THAT(error_of([&] { read_file(dir / "none"); }, ErrorCode::kData),
              HasSubstr("cannot open: No such file"));
  write_file(dir / "a", "12345");
  EXPECT_EQ(read_file(dir / "a", 5), "12345");
  EXPECT_THAT(error_of([&] { read_file(dir / "a", 4); }, ErrorCode::kResource),
              HasSubstr("5 bytes; at most 4"));
}

TEST(PublishDirectory, MovesACompleteDirectoryAndReplacesNothing) {
  const TempDir dir;
  write_file(dir / "new.tmp/ckpt/model", "weights");
  publish_directory(dir / "new.tmp", dir / "step1");
  EXPECT_EQ(read_file(dir / "step1/ckpt/model"), "weights");
  EXPECT_FALSE(fs::exists(dir / "new.tmp"));
  write_file(dir / "next/model", "w2");
  for (const char* taken : {"step1", "empty"}) {
    fs::create_directory(dir / "empty");
    EXPECT_THAT(error_of([&] { publish_directory(dir / "next", dir / taken); }, ErrorCode::kStorage),
                HasSubstr("cannot publish the directory"));
    EXPECT_EQ(read_file(dir / "next/model"), "w2");
  }
}

TEST(ReplaceSymlink, PointsElsewhereInOneStep) {
  const TempDir dir;
  write_file(dir / "step1", "1");
  write_file(dir / "step2", "2");
  replace_symlink("step1", dir / "last");
  EXPECT_EQ(read_file(dir / "last"), "1");
  replace_symlink("step2", dir / "last");
  EXPECT_EQ(read_file(dir / "last"), "2");
  EXPECT_EQ(fs::read_symlink(dir / "last"), "step2");
  EXPECT_EQ(num_entries(dir.path()), 3U);
}

// FIPS 180-4 examples (NIST), and the check value of CRC-32/ISO-HDLC.
TEST(Hash, AgreesWithPublishedVectors) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const std::string million(1000000, 'a');
  constexpr const char* kMillion = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
  EXPECT_EQ(sha256_hex(million), kMillion);
  Sha256 pieces;
  for (size_t at = 0; at < million.size(); at += 777) {
    pieces.update(million.data() + at, std::min<size_t>(777, million.size() - at));
  }
  EXPECT_EQ(pieces.hex(), kMillion);
  const TempDir dir;
  write_file(dir / "a", million);
  EXPECT_EQ(sha256_file(dir / "a"), kMillion);
  EXPECT_THAT(error_of([&] { sha256_file(dir.path()); }, ErrorCode::kData), HasSubstr("not a regular file"));
  EXPECT_EQ(crc32("123456789", 9), 0xCBF43926U);
  EXPECT_EQ(crc32(nullptr, 0), 0U);
}

TEST(SweepStaleTemps, AKilledWriterThatNobodyReapedIsDead) {
  test::TempDir dir;
  const pid_t child = fork();
  if (child == 0) _exit(0);
  ASSERT_GT(child, 0);
  siginfo_t info{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT),
            0);  // dead, and still a zombie
  const std::string temp = dir / ("file.limbic-tmp-" + std::to_string(child) + "-0");
  write_file(temp, "half");
  sweep_stale_temps(dir.path());
  EXPECT_FALSE(std::filesystem::exists(temp));
  waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace limbic::core
