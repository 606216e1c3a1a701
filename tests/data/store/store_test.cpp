#include "limbic/data/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "limbic/data/check.h"
#include "support/paths.h"
#include "synthetic_store.h"

namespace limbic::data {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::synthetic_info;
using testing::synthetic_sample;
using testing::synthetic_streams;
using testing::write_synthetic;

std::string slurp(const std::string& path) {
  return core::read_file(path);
}

std::map<std::string, std::string> all_bytes(const std::string& directory) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) {
      files[entry.path().lexically_relative(directory).string()] = slurp(entry.path().string());
    }
  }
  return files;
}

/// A store whose manifest is one good line, to be spoiled.
class HostileManifest : public ::testing::Test {
 protected:
  void SetUp() override {
    write_synthetic(path_, 3);
    std::istringstream text(slurp(path_ + "/manifest.jsonl"));
    for (std::string line; std::getline(text, line);) lines_.push_back(line);
  }
  std::string error_with_second_line(const std::string& line) {
    std::ofstream(path_ + "/manifest.jsonl") << lines_[0] << "\n" << line << "\n" << lines_[2] << "\n";
    return test::error_of([&] { Store::open(path_); }, ErrorCode::kData);
  }
  std::string replaced(const std::string& from, const std::string& to) {
    std::string line = lines_[1];
    const size_t at = line.find(from);
    EXPECT_NE(at, std::string::npos) << from << " in " << line;
    return line.replace(at, from.size(), to);
  }

  test::TempDir dir_;
  std::string path_ = dir_ / "store";
  std::vector<std::string> lines_;
};

TEST(Store, GivesBackWhatWasWritten) {
  const test::TempDir dir;
  write_synthetic(dir / "store", 12);
  const auto store = Store::open(dir / "store");
  ASSERT_EQ(store->size(), 12);
  EXPECT_EQ(store->info().name, "synthetic");
  EXPECT_EQ(store->label_space("emotion").classes[2], "angry");
  for (int64_t i = 0; i < 12; ++i) {
    const auto& sample = store->samples()[static_cast<size_t>(i)];
    const auto expected = synthetic_sample(i);
    EXPECT_EQ(sample.id, expected.id);
    EXPECT_EQ(sample.labels, expected.labels);
    EXPECT_EQ(sample.values, expected.values);
    EXPECT_EQ(sample.duration, expected.duration);
    const auto streams = synthetic_streams(i);
    ASSERT_EQ(sample.streams.size(), streams.size());
    for (const auto& [name, raw] : streams) {
      const auto stream = store->read_stream(i, name);
      EXPECT_TRUE(at::equal(stream.values, raw.values)) << sample.id << " " << name;
      EXPECT_EQ(stream.rate_hz, raw.rate_hz);
      const auto valid_T = raw.valid_T.defined() ? raw.valid_T : at::ones({raw.values.size(0)}, at::kBool);
      EXPECT_TRUE(at::equal(stream.valid_T, valid_T));
      EXPECT_EQ(store->checksum(i, name), sample.streams.at(name).crc32);
    }
  }
  EXPECT_EQ(store->index_of("s007"), 7);
  EXPECT_THAT(test::error_of([&] { store->index_of("s0007"); }, ErrorCode::kData),
              HasSubstr("did you mean 's00"));
  EXPECT_THAT(test::error_of([&] { store->read(4, "face"); }, ErrorCode::kData),
              HasSubstr("sample 's004' has no stream 'face'"));
  EXPECT_THAT(test::error_of([&] { store->label_space("emotoin"); }, ErrorCode::kData),
              HasSubstr("did you mean 'emotion'"));
}

TEST(StoreWriter, TheSameSamplesGiveTheSameBytes) {
  const test::TempDir dir;
  write_synthetic(dir / "a", 9);
  write_synthetic(dir / "b", 9);
  EXPECT_EQ(all_bytes(dir / "a"), all_bytes(dir / "b"));
  EXPECT_EQ(Store::open(dir / "a")->content_hash(), Store::open(dir / "b")->content_hash());
}

TEST(StoreWriter, KeepsAnEqualStoreAndRefusesToReplaceAnotherUnlessTold) {
  const test::TempDir dir;
  write_synthetic(dir / "store", 5);
  const auto before = std::filesystem::last_write_time(dir / "store/manifest.jsonl");
  write_synthetic(dir / "store", 5);
  EXPECT_EQ(std::filesystem::last_write_time(dir / "store/manifest.jsonl"), before);
  EXPECT_THAT(test::error_of([&] { write_synthetic(dir / "store", 6); }, ErrorCode::kStorage),
              HasSubstr("--replace"));
  EXPECT_EQ(Store::open(dir / "store")->size(), 5);
  write_synthetic(dir / "store", 6, true);
  EXPECT_EQ(Store::open(dir / "store")->size(), 6);
  // Nothing else is left behind.
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir.path()), {}), 1);
}

TEST(StoreWriter, LeavesNothingBehindWithoutFinish) {
  const test::TempDir dir;
  {
    StoreWriter writer(dir / "store", synthetic_info());
    writer.add(synthetic_sample(0), synthetic_streams(0));
  }
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

TEST(StoreWriter, NeverReplacesAFolderThatIsNoStore) {
  const test::TempDir dir;
  std::filesystem::create_directory(dir / "thesis");
  std::ofstream(dir / "thesis/chapter1.tex") << "important";
  EXPECT_THAT(test::error_of([&] { write_synthetic(dir / "thesis", 3, true); }, ErrorCode::kStorage),
              HasSubstr("is no store"));
  EXPECT_EQ(slurp(dir / "thesis/chapter1.tex"), "important");
}

TEST(StoreWriter, RefusesSamplesThatContradictTheDataset) {
  const test::TempDir dir;
  StoreWriter writer(dir / "store", synthetic_info());
  writer.add(synthetic_sample(0), synthetic_streams(0));
  EXPECT_THAT(test::error_of([&] { writer.add(synthetic_sample(0), {}); }, ErrorCode::kData),
              HasSubstr("id used twice"));
  RawStream wide;
  wide.values = at::zeros({2, 1, 9, 8}, at::kByte);
  EXPECT_THAT(test::error_of(
                  [&] {
                    writer.add(synthetic_sample(1), {{"face", wide}});
                  },
                  ErrorCode::kData),
              HasSubstr("shape [2, 1, 9, 8] does not fit"));
}

TEST_F(HostileManifest, PathsThatLeaveTheStoreAreRefusedWithTheLine) {
  for (const char* shard : {"../00000.safetensors", "/etc/passwd", "http://host/x.safetensors",
                            "a/../../x.safetensors", "x%03d.png"}) {
    const auto error = error_with_second_line(replaced("00000.safetensors", shard));
    EXPECT_THAT(error, HasSubstr("manifest.jsonl:2: streams.")) << shard;
    EXPECT_THAT(error, HasSubstr(shard));
  }
  std::filesystem::create_symlink("/etc/passwd", path_ + "/shards/link.safetensors");
  EXPECT_THAT(error_with_second_line(replaced("00000.safetensors", "link.safetensors")),
              HasSubstr("not a regular file"));
}

TEST_F(HostileManifest, BrokenValuesAreRefusedWithTheLine) {
  const std::vector<std::array<std::string, 3>> cases{
      {"\"s001\"", "\"s000\"", "id 's000' was used before"},
      {"\"s001\"", "\"\"", "sample.id: is empty"},
      {"\"s001\"", "7", "sample.id: expected text"},
      {"\"sad\"", "\"sda\"", "'sda' is no class of task 'emotion' (happy, sad, angry); did you mean 'sad'?"},
      {"\"emotion\":", "\"mood\":", "dataset.yaml has no task 'mood'"},
      {"\"duration_s\":0.2", "\"duration_s\":-0.2", "sample.duration_s: -0.2 is out of range"},
      {"\"duration_s\":0.2", "\"duration_s\":NaN", "manifest.jsonl:2: record"},
      {"\"duration_s\":0.2", "\"duration_s\":1e999", "manifest.jsonl:2: record"},
      {"\"subject\":", "\"subjct\":", "unknown key 'subjct'"},
      {"\"subject\":", "\"id\":", "manifest.jsonl:2: record"},
      {"\"frames\":3200", "\"frames\":3201", "has shape [3200]; expected [3201]"},
      {"\"frames\":3200", "\"frames\":-1", "frames: expected a whole number"},
      {"\"s001/audio_wave\"", "\"s001/audio\"", "has no tensor 's001/audio'"},
      {"\"audio_wave\":", "\"video_wave\":", "dataset.yaml has no modality 'video_wave'"},
  };
  for (const auto& [from, to, expected] : cases) {
    const auto error = error_with_second_line(replaced(from, to));
    EXPECT_THAT(error, HasSubstr(expected)) << to;
    EXPECT_THAT(error, HasSubstr("manifest.jsonl")) << to;
  }
  EXPECT_THAT(error_with_second_line("{\"id\":\"" + std::string(2 << 20, 'x') + "\"}"),
              HasSubstr("manifest.jsonl:2: line of 2097"));
  EXPECT_THAT(error_with_second_line("{\"id\":\"a\\u0000b\"}"), HasSubstr("has a control character"));
  const auto other_crc = std::regex_replace(lines_[1], std::regex("\"crc32\":[0-9]+"), "\"crc32\":5");
  EXPECT_THAT(error_with_second_line(other_crc), HasSubstr("than the manifest means (00000005)"));
  EXPECT_THAT(error_with_second_line("half a li"), HasSubstr("manifest.jsonl:2: "));
}

TEST_F(HostileManifest, AllProblemsAreCountedAndCheckListsThem) {
  std::ofstream(path_ + "/manifest.jsonl") << "nonsense\n" << lines_[1] << "\n{}\n";
  EXPECT_THAT(test::error_of([&] { Store::open(path_); }, ErrorCode::kData),
              HasSubstr("(and 1 more problems: `limbic data check"));
  const auto report = check_store(path_);
  EXPECT_EQ(report.summary.num_samples, 1);
  EXPECT_THAT(render_text(report), HasSubstr("manifest.jsonl:1"));
  EXPECT_THAT(render_text(report), HasSubstr("manifest.jsonl:3"));
  EXPECT_FALSE(report.ok());
}

TEST_F(HostileManifest, MissingFilesAreNamed) {
  std::filesystem::remove(path_ + "/shards/00000.safetensors");
  EXPECT_THAT(test::error_of([&] { Store::open(path_); }, ErrorCode::kData), HasSubstr("00000.safetensors"));
  EXPECT_THAT(test::error_of([&] { Store::open(dir_ / "nowhere"); }, ErrorCode::kData),
              HasSubstr("no such store"));
  EXPECT_THAT(test::error_of([&] { Store::open(dir_.path()); }, ErrorCode::kData),
              HasSubstr("dataset.yaml: missing"));
}

TEST_F(HostileManifest, ADatasetFileIsReadStrictly) {
  const std::string info = slurp(path_ + "/dataset.yaml");
  std::ofstream(path_ + "/dataset.yaml") << info << "licens: x\n";
  const auto error = test::error_of([&] { Store::open(path_); }, ErrorCode::kData);
  EXPECT_THAT(error, HasSubstr("dataset.yaml"));
  EXPECT_THAT(error, HasSubstr("licens"));
  std::ofstream(path_ + "/dataset.yaml") << "base: ../secret.yaml\n" << info;
  EXPECT_THAT(test::error_of([&] { Store::open(path_); }, ErrorCode::kData),
              HasSubstr("`base:` is not allowed"));
}

}  // namespace
}  // namespace limbic::data
