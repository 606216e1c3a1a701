#include "limbic/data/quarantine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <fstream>
#include <numeric>

#include "limbic/data/loader.h"
#include "support/paths.h"
#include "synthetic_store.h"

namespace limbic::data {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kSamples = 300;

/// 300 samples of which `bad` have a NaN in their EDA (a defect that features refuse); the first of them has
/// nothing but EDA.
std::shared_ptr<const Store> store_with(const std::string& path, const std::vector<int64_t>& bad) {
  auto info = testing::synthetic_info();
  StoreWriter writer(path, info);
  for (int64_t i = 0; i < kSamples; ++i) {
    auto streams = testing::synthetic_streams(i % 12);
    streams.erase("face");
    auto& eda = streams["eda"];
    eda.rate_hz = 4;
    eda.values = at::full({3, 1}, static_cast<double>(i), at::kFloat);
    if (std::find(bad.begin(), bad.end(), i) != bad.end()) eda.values[1][0] = std::nan("");
    if (!bad.empty() && i == bad.front()) streams.erase("audio_wave");
    writer.add(testing::synthetic_sample(i), streams);
  }
  writer.finish();
  return Store::open(path);
}

LoaderInput input_of(std::shared_ptr<const Store> store, bool is_training,
                     std::vector<BadStream>* told = nullptr) {
  LoaderInput in;
  in.store = std::move(store);
  in.indices.resize(kSamples);
  std::iota(in.indices.begin(), in.indices.end(), 0);
  in.tasks = {in.store->label_space("emotion")};
  in.features = testing::synthetic_features();
  in.features.erase("face");
  in.is_training = is_training;
  in.seed = 5;
  if (told != nullptr) in.on_bad = [told](const BadStream& bad) { told->push_back(bad); };
  return in;
}

LoaderConfig skipping(int64_t num_workers) {
  LoaderConfig config;
  config.batch_size = 10;
  config.num_workers = num_workers;
  config.skip_bad = true;
  return config;
}

TEST(Quarantine, ABadStreamIsAnErrorUnlessItMayBeSkipped) {
  const test::TempDir dir;
  const auto store = store_with(dir / "store", {42});
  auto config = skipping(1);
  config.skip_bad = false;
  Loader loader(input_of(store, false), config);
  loader.begin_epoch(0);
  const auto error = test::error_of(
      [&] {
        while (loader.next()) {
        }
      },
      ErrorCode::kData);
  EXPECT_THAT(error, HasSubstr("sample 's042': eda: values: frame 1 is marked valid but is not finite"));
}

TEST(Quarantine, ASkippedStreamIsAbsentAndASampleWithNothingLeftHasNoLabel) {
  const test::TempDir dir;
  const auto store = store_with(dir / "store", {31, 84});
  std::vector<BadStream> told;
  Loader loader(input_of(store, false, &told), skipping(2));
  loader.begin_epoch(0);
  std::vector<affect::Batch> batches;
  while (auto batch = loader.next()) batches.push_back(std::move(*batch));
  ASSERT_EQ(batches.size(), 30u);
  const auto& emptied = batches[3];  // row 1 is sample 31
  EXPECT_EQ(emptied.ids[1], "s031");
  EXPECT_FALSE(emptied.streams.at("eda").present_B[1].item<bool>());
  EXPECT_FALSE(emptied.streams.at("audio").present_B[1].item<bool>());
  EXPECT_FALSE(emptied.targets.at("emotion").mask_B[1].item<bool>());
  EXPECT_EQ(emptied.streams.at("eda").x[1].abs().sum().item<float>(), 0.0f);
  const auto& partial = batches[8];  // row 4 is sample 84
  EXPECT_FALSE(partial.streams.at("eda").present_B[4].item<bool>());
  EXPECT_TRUE(partial.streams.at("audio").present_B[4].item<bool>());
  EXPECT_TRUE(partial.targets.at("emotion").mask_B[4].item<bool>());
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[0].id, "s031");
  EXPECT_EQ(told[1].id, "s084");
  EXPECT_EQ(told[1].modality, "eda");
  EXPECT_THAT(told[1].reason, HasSubstr("not finite"));
  EXPECT_EQ(loader.num_bad_samples(), 2);
  EXPECT_FALSE(loader.features_of(84, "eda").values.defined());
  loader.begin_epoch(1);  // the same again is not counted twice
  while (loader.next()) {
  }
  EXPECT_EQ(loader.num_bad_samples(), 2);
  EXPECT_EQ(told.size(), 2u);
}

TEST(Quarantine, AnyNumberOfWorkersSkipsAndStopsAtTheSamePlace) {
  const test::TempDir dir;
  const auto store = store_with(dir / "store", {20, 77, 130, 201, 290});  // 5 of 300: more than 1 %
  std::vector<std::string> ends;
  std::vector<size_t> num_batches;
  for (const int64_t workers : {0, 1, 3}) {
    std::vector<BadStream> told;
    Loader loader(input_of(store, true, &told), skipping(workers));
    loader.begin_epoch(0);
    size_t taken = 0;
    ends.push_back(test::error_of(
        [&] {
          while (loader.next()) ++taken;
        },
        ErrorCode::kData));
    num_batches.push_back(taken);
    EXPECT_EQ(told.size(), 4u);
    EXPECT_FALSE(loader.next());
  }
  EXPECT_THAT(ends[0], HasSubstr("4 of 300 samples of the part are bad"));
  EXPECT_THAT(ends[0], HasSubstr("expected at most 1 %"));
  EXPECT_EQ(ends[0], ends[1]);
  EXPECT_EQ(ends[0], ends[2]);
  EXPECT_EQ(num_batches[0], num_batches[1]);
  EXPECT_EQ(num_batches[0], num_batches[2]);
}

TEST(Quarantine, DamagedBytesAreFoundWhenTheirChecksumIsAskedFor) {
  const test::TempDir dir;
  store_with(dir / "store", {});
  {
    // The EDA of sample 250 is three times 250.0f, which nothing else in the shard is.
    const std::string shard = dir / "store/shards/00000.safetensors";
    std::ifstream in(shard, std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(in)), {});
    const std::vector<float> values(3, 250.0f);
    const std::string wanted(reinterpret_cast<const char*>(values.data()), 12);
    const size_t at = bytes.find(wanted);
    ASSERT_NE(at, std::string::npos);
    bytes[at + 1] = static_cast<char>(bytes[at + 1] ^ 1);
    std::ofstream(shard, std::ios::binary) << bytes;
  }
  const auto store = Store::open(dir / "store");
  std::vector<BadStream> told;
  auto config = skipping(1);
  for (const bool verify : {false, true}) {
    config.verify = verify;
    Loader loader(input_of(store, false, &told), config);
    loader.begin_epoch(0);
    while (loader.next()) {
    }
    EXPECT_EQ(loader.num_bad_samples(), verify ? 1 : 0);
  }
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].id, "s250");
  EXPECT_THAT(told[0].reason, HasSubstr("the shard is damaged"));
}

TEST(QuarantineLimit, StopsAboveOnePercentOrAtAHundredInARow) {
  QuarantineLimit small("corpus", "files", 8);
  small.bad("a", "r");
  EXPECT_THAT(test::error_of([&] { small.bad("b", "torn"); }, ErrorCode::kData),
              HasSubstr("corpus: 2 of 8 files are bad (2 in a row), the last: b: torn"));
  QuarantineLimit large("corpus", "files", 1000000);
  for (int i = 0; i < 99; ++i) large.bad("x", "r");
  large.good();
  for (int i = 0; i < 99; ++i) large.bad("x", "r", /*is_new=*/false);
  EXPECT_EQ(large.num_bad(), 99);
  EXPECT_THAT(test::error_of([&] { large.bad("x", "r", false); }, ErrorCode::kData),
              HasSubstr("(100 in a row)"));
}

}  // namespace
}  // namespace limbic::data
