// Files made by h5py 3.7 in the layout of the CMU Multimodal SDK: tests/data/golden/mosei_csd.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include "import/corpus_files.h"
#include "support/paths.h"

namespace limbic::data {
namespace {

using ::testing::HasSubstr;
using testing::imported_twice;
using testing::text_of;
using testing::write_text;

constexpr const char* kMoseiGolden = "tests/data/golden/mosei_csd";

void copy_mosei(const std::string& folder) {
  std::filesystem::create_directories(folder);
  for (const auto& file : std::filesystem::directory_iterator(kMoseiGolden))
    std::filesystem::copy_file(file.path(), folder / file.path().filename());
}

std::string mosei_error(const std::string& source, const std::string& out) {
  return test::error_of([&] { import_corpus("mosei_csd", source, out); }, ErrorCode::kData);
}

TEST(MoseiCsdImport, SegmentsGetTheFramesThatOverlapThem) {
  const test::TempDir dir;
  copy_mosei(dir / "c");
  write_text(dir / "c/cmu_mosei_std_folds.py",
             "standard_train_fold=['-3g5yACwYnA',\n 'unknown']\nstandard_valid_fold=['AbC_1']\n"
             "standard_test_fold=[\"zzz\"]\n");
  const auto store = imported_twice("mosei_csd", dir / "c", dir / "s");
  ASSERT_EQ(store->size(), 4);
  EXPECT_EQ(store->info().name, "cmu_mosei");
  // Rows lie in the file in another order than in time.
  const int64_t second = store->index_of("-3g5yACwYnA_000");
  const int64_t first = store->index_of("-3g5yACwYnA_001");
  const Sample early = store->samples()[first], late = store->samples()[second];
  EXPECT_EQ(early.turn, 0);
  EXPECT_EQ(late.turn, 1);
  EXPECT_EQ(early.t0.seconds(), 0);
  EXPECT_EQ(late.t0.seconds(), 4);
  EXPECT_EQ(late.duration.seconds(), 4);
  EXPECT_EQ(early.dialogue, "-3g5yACwYnA");
  EXPECT_EQ(early.split, "train");
  EXPECT_EQ(store->samples()[store->index_of("AbC_1_000")].split, "valid");
  EXPECT_EQ(early.values.at("sentiment"), -2);
  EXPECT_EQ(early.values.at("sad"), 1);
  EXPECT_EQ(late.values.at("happy"), 2);
  EXPECT_EQ(late.values.at("fear"), 0.5);
  EXPECT_EQ(early.labels.at("sentiment"), "negative");
  EXPECT_EQ(late.labels.at("sentiment"), "positive");
  EXPECT_EQ(store->samples()[store->index_of("AbC_1_000")].labels.at("sentiment"), "neutral");
  // Frames of 0.25 s; row i holds i, i + 1/8, i + 2/8.
  const at::Tensor frames = store->read(second, "covarep");
  ASSERT_EQ(frames.size(0), 16);
  EXPECT_EQ(frames[0][0].item<float>(), 16);
  EXPECT_EQ(frames[15][2].item<float>(), 31.25f);
  EXPECT_EQ(late.streams.at("covarep").rate_hz, 4);
  EXPECT_EQ(late.streams.at("covarep").t0.seconds(), 4);
  EXPECT_EQ(store->read(first, "covarep")[0][0].item<float>(), 0);
  EXPECT_TRUE(std::isnan(store->read(first, "covarep")[2][1].item<float>()));
  // A word that lies in two segments is in both; "sp" is a pause.
  EXPECT_EQ(text_of(*store, first), "good day");
  EXPECT_EQ(text_of(*store, second), "day to you");
  const Sample lonely = store->samples()[store->index_of("zzz_000")];
  EXPECT_EQ(lonely.streams.count("covarep"), 0u);
  EXPECT_EQ(lonely.streams.count("text"), 0u);
}

TEST(MoseiCsdImport, WhatContradictsItselfIsRefused) {
  const test::TempDir dir;
  copy_mosei(dir / "c");
  write_text(dir / "c/train.txt", "zzz\n");
  write_text(dir / "c/test.txt", "AbC_1\r\nzzz\n");
  EXPECT_THAT(mosei_error(dir / "c", dir / "s"), HasSubstr("video zzz is in test and in train"));
  std::filesystem::remove(dir / "c/test.txt");
  std::filesystem::copy_file(dir / "c/CMU_MOSEI_COVAREP.csd", dir / "c/copy.csd");
  EXPECT_THAT(mosei_error(dir / "c", dir / "s"), HasSubstr("a second sequence for stream covarep; keep one"));
  std::filesystem::remove(dir / "c/copy.csd");
  std::filesystem::remove(dir / "c/CMU_MOSEI_Labels.csd");
  EXPECT_THAT(mosei_error(dir / "c", dir / "s"), HasSubstr("no labels; expected a .csd with 'All Labels'"));
}

}  // namespace
}  // namespace limbic::data
