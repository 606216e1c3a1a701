#include "limbic/train/checkpoint.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "limbic/core/rng.h"
#include "support/paths.h"

namespace limbic::train {
namespace {

namespace fs = std::filesystem;

Checkpoint make_checkpoint(int64_t step) {
  Checkpoint checkpoint;
  checkpoint.model = {{"w", at::full({4, 3}, static_cast<double>(step))}};
  checkpoint.raw_model = {{"w", at::full({4, 3}, -static_cast<double>(step))}};
  checkpoint.optimizer = {{"mean.w", at::ones({4, 3})}, {"num_steps", at::scalar_tensor(step, at::kLong)}};
  checkpoint.torch_rng = at::zeros({16}, at::kByte);
  checkpoint.step = step;
  checkpoint.state = std::make_shared<nlohmann::json>(nlohmann::json{{"epoch", step / 10}});
  return checkpoint;
}

void flip_bit(const std::string& path, uint64_t bit) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(bit / 8));
  const int byte = file.get();
  file.seekp(static_cast<std::streamoff>(bit / 8));
  file.put(static_cast<char>(byte ^ (1 << (bit % 8))));
}

TEST(CheckpointStore, RoundTripsAndKeepsTheNewestTwoAndTheBest) {
  test::TempDir dir;
  CheckpointStore store(dir / "ckpt");
  EXPECT_FALSE(store.load_newest().has_value());
  for (const int64_t step : {10, 20, 30, 40, 50}) store.save(make_checkpoint(step), step == 20);
  const auto newest = store.load_newest();
  ASSERT_TRUE(newest.has_value());
  EXPECT_EQ(newest->step, 50);
  EXPECT_EQ(newest->state->at("epoch"), 5);
  EXPECT_EQ(newest->raw_model.at("w")[0][0].item<float>(), -50.0f);
  EXPECT_EQ(newest->optimizer.at("num_steps").item<int64_t>(), 50);
  EXPECT_EQ(store.load("best").step, 20);
  EXPECT_EQ(store.load("last").step, 50);
  size_t num_directories = 0;
  for (const auto& entry : fs::directory_iterator(dir / "ckpt"))
    num_directories += entry.is_symlink() ? 0 : 1;
  EXPECT_EQ(num_directories, 3u);
}

TEST(CheckpointStore, DamagedNewestIsSetAsideAndTheOneBeforeItIsUsed) {
  test::TempDir dir;
  CheckpointStore store(dir / "ckpt");
  store.save(make_checkpoint(10), true);
  store.save(make_checkpoint(20), false);
  fs::resize_file(dir / "ckpt/step-00000020/model.safetensors", 40);
  const auto newest = store.load_newest();
  ASSERT_TRUE(newest.has_value());
  EXPECT_EQ(newest->step, 10);
  EXPECT_TRUE(fs::exists(dir / "ckpt/step-00000020.corrupt"));
}

TEST(CheckpointStore, AllDamagedIsAnErrorThatListsEachReason) {
  test::TempDir dir;
  CheckpointStore store(dir / "ckpt");
  store.save(make_checkpoint(10), false);
  store.save(make_checkpoint(20), false);
  fs::remove(dir / "ckpt/step-00000010/optim.safetensors");
  fs::resize_file(dir / "ckpt/step-00000020/state.json", 5);
  const auto text = test::error_of([&] { store.load_newest(); }, ErrorCode::kModel);
  EXPECT_NE(text.find("step-00000010"), std::string::npos) << text;
  EXPECT_NE(text.find("step-00000020"), std::string::npos) << text;
}

TEST(CheckpointStore, EverySingleBitFlipIsFoundOrHarmless) {
  test::TempDir dir;
  CheckpointStore store(dir / "ckpt");
  store.save(make_checkpoint(10), false);
  const std::string step = dir / "ckpt/step-00000010";
  core::Rng rng(5);
  int num_found = 0;
  constexpr int kFlips = 300;
  for (int i = 0; i < kFlips; ++i) {
    for (const char* name : {"/model.safetensors", "/optim.safetensors", "/state.json"}) {
      const std::string path = step + name;
      const auto bit = static_cast<uint64_t>(rng.below(static_cast<int64_t>(fs::file_size(path) * 8)));
      flip_bit(path, bit);
      try {
        const auto loaded = store.load("last");
        EXPECT_TRUE(at::equal(loaded.model.at("w"), at::full({4, 3}, 10.0)));
        EXPECT_TRUE(at::equal(loaded.raw_model.at("w"), at::full({4, 3}, -10.0)));
        EXPECT_EQ(loaded.state->at("epoch"), 1);
      } catch (const Error& e) {
        EXPECT_EQ(e.code(), ErrorCode::kModel);
        ++num_found;
      }
      flip_bit(path, bit);
    }
  }
  EXPECT_GT(num_found, 2 * kFlips);
}

TEST(CheckpointStore, LeftoversOfKilledWritersAreSwept) {
  test::TempDir dir;
  fs::create_directories(dir / "ckpt/step-00000010.limbic-tmp-999999999-0");
  CheckpointStore store(dir / "ckpt");
  EXPECT_FALSE(fs::exists(dir / "ckpt/step-00000010.limbic-tmp-999999999-0"));
  EXPECT_FALSE(store.load_newest().has_value());
}

}  // namespace
}  // namespace limbic::train
