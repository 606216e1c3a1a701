#include "limbic/data/loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <numeric>
#include <optional>
#include <set>

#include "limbic/data/statistics.h"
#include "limbic/features/feature_extractor.h"
#include "support/paths.h"
#include "synthetic_store.h"

namespace limbic::data {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kNumSamples = 40;

class LoaderTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir_ = new test::TempDir();
    testing::write_synthetic(*dir_ / "store", kNumSamples);
  }
  static void TearDownTestSuite() {
    delete dir_;
    dir_ = nullptr;
  }

  static LoaderInput input(bool is_training) {
    LoaderInput in;
    in.store = Store::open(*dir_ / "store");
    in.indices.resize(kNumSamples);
    std::iota(in.indices.begin(), in.indices.end(), 0);
    in.tasks = {in.store->label_space("emotion")};
    in.features = testing::synthetic_features();
    in.is_training = is_training;
    in.seed = 7;
    SpectrumAugment spectrum;
    spectrum.stretch = 0.2;
    spectrum.gain = 0.5;
    spectrum.num_time_masks = 1;
    spectrum.time_mask_frames = 5;
    spectrum.num_band_masks = 1;
    spectrum.band_mask_bands = 3;
    ImageAugment image;
    image.shift_px = 1;
    image.rotate_deg = 10;
    in.augment = {{"audio", spectrum}, {"face", image}};
    return in;
  }
  static LoaderConfig config(int64_t num_workers) {
    LoaderConfig c;
    c.batch_size = 8;
    c.num_workers = num_workers;
    c.prefetch_batches = 2;
    c.max_frames = {{"audio", 20}, {"face", 4}};
    return c;
  }

  static test::TempDir* dir_;
};
test::TempDir* LoaderTest::dir_ = nullptr;

std::vector<affect::Batch> epoch_of(Loader& loader, int64_t epoch, int64_t first_batch = 0) {
  std::vector<affect::Batch> batches;
  loader.begin_epoch(epoch, first_batch);
  while (auto batch = loader.next()) batches.push_back(std::move(*batch));
  return batches;
}

std::vector<std::string> ids_of(const std::vector<affect::Batch>& batches) {
  std::vector<std::string> ids;
  for (const auto& batch : batches) ids.insert(ids.end(), batch.ids.begin(), batch.ids.end());
  return ids;
}

void expect_same(const std::vector<affect::Batch>& a, const std::vector<affect::Batch>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].ids, b[i].ids);
    for (const auto& [name, stream] : a[i].streams) {
      const auto& other = b[i].streams.at(name);
      EXPECT_TRUE(at::equal(stream.x, other.x)) << "batch " << i << " " << name;
      EXPECT_TRUE(at::equal(stream.mask_BT, other.mask_BT));
      EXPECT_TRUE(at::equal(stream.present_B, other.present_B));
    }
    ASSERT_EQ(a[i].views.size(), b[i].views.size());
    for (size_t v = 0; v < a[i].views.size(); ++v) {
      for (const auto& [name, stream] : a[i].views[v])
        EXPECT_TRUE(at::equal(stream.x, b[i].views[v].at(name).x))
            << "batch " << i << " view " << v << " " << name;
    }
    for (const auto& [task, targets] : a[i].targets) {
      EXPECT_TRUE(at::equal(targets.y_B, b[i].targets.at(task).y_B));
      EXPECT_TRUE(at::equal(targets.mask_B, b[i].targets.at(task).mask_B));
    }
    ASSERT_EQ(a[i].dialogues.is_defined(), b[i].dialogues.is_defined());
    if (a[i].dialogues.is_defined()) {
      EXPECT_TRUE(at::equal(a[i].dialogues.dialogue_B, b[i].dialogues.dialogue_B));
    }
  }
}

TEST_F(LoaderTest, AnyNumberOfWorkersGivesTheSameBatchesBitForBit) {
  for (const auto sampler : {Sampler::kShuffle, Sampler::kBalanced}) {
    std::vector<std::vector<affect::Batch>> runs;
    for (const int64_t workers : {0, 1, 3}) {
      auto c = config(workers);
      c.sampler = sampler;
      Loader loader(input(true), c);
      epoch_of(loader, 0);
      runs.push_back(epoch_of(loader, 1));
    }
    ASSERT_EQ(runs[0].size(), 5u);
    expect_same(runs[0], runs[1]);
    expect_same(runs[0], runs[2]);
  }
}

TEST_F(LoaderTest, TheCacheChangesNothing) {
  auto uncached = config(0);
  uncached.cache_mib = 0;
  Loader with(input(true), config(2));
  Loader without(input(true), uncached);
  expect_same(epoch_of(with, 3), epoch_of(without, 3));
  EXPECT_GT(with.cache_bytes(), 0);
  EXPECT_EQ(without.cache_bytes(), 0);
  expect_same(epoch_of(with, 3), epoch_of(without, 3));
}

TEST_F(LoaderTest, EpochsDifferAndOneEpochShowsEverySampleOnce) {
  Loader loader(input(true), config(2));
  const auto first = ids_of(epoch_of(loader, 0));
  auto second = ids_of(epoch_of(loader, 1));
  EXPECT_NE(first, second);
  EXPECT_EQ(std::set<std::string>(first.begin(), first.end()).size(), static_cast<size_t>(kNumSamples));
  EXPECT_EQ(second.size(), static_cast<size_t>(kNumSamples));
}

TEST_F(LoaderTest, AnEpochGoesOnFromAnyBatch) {
  Loader loader(input(true), config(2));
  auto whole = epoch_of(loader, 2);
  whole.erase(whole.begin(), whole.begin() + 3);
  expect_same(epoch_of(loader, 2, 3), whole);
  EXPECT_TRUE(epoch_of(loader, 2, 99).empty());
}

TEST_F(LoaderTest, AnEpochCanBeDroppedAtAnyBatch) {
  for (int repeat = 0; repeat < 30; ++repeat) {
    Loader loader(input(true), config(3));
    for (int64_t epoch = 0; epoch < 3; ++epoch) {
      loader.begin_epoch(epoch);
      for (int taken = 0; taken < repeat % 4; ++taken) ASSERT_TRUE(loader.next());
    }
    EXPECT_EQ(ids_of(epoch_of(loader, 1)).size(), static_cast<size_t>(kNumSamples));
    loader.begin_epoch(5);  // and the loader goes while workers are busy
  }
}

TEST_F(LoaderTest, EveryWayOfBatchingGoesOnFromAnyBatchWithAnyNumberOfWorkers) {
  std::vector<LoaderConfig> configs(4, config(0));
  configs[0].bucket_batches = 3;
  configs[1].batch_frames = 200;
  configs[1].bucket_batches = 2;
  configs[1].length_by = "audio";
  configs[2].sampler = Sampler::kDialogue;
  configs[3].mixing.temperature = 2;
  for (auto& c : configs) {
    Loader alone(input(true), c);
    c.num_workers = 2;
    Loader loader(input(true), c);
    auto whole = epoch_of(alone, 3);
    expect_same(epoch_of(loader, 3), whole);
    EXPECT_EQ(loader.epoch_batches(), static_cast<int64_t>(whole.size()));
    whole.erase(whole.begin(), whole.begin() + 2);
    expect_same(epoch_of(loader, 3, 2), whole);
  }
}

TEST_F(LoaderTest, BatchesOfDialoguesSayWhoFollowsWhom) {
  std::vector<Sample> samples;
  for (int i = 0; i < 7; ++i) {
    Sample sample;
    sample.id = "s" + std::to_string(i);
    sample.dialogue = i == 3 ? "" : i % 2 == 0 ? "even" : "odd";
    sample.turn = 10 - i;
    sample.subject = i == 4 ? "" : i < 4 ? "ann" : "bob";
    sample.labels["emotion"] = "x";
    samples.push_back(sample);
  }
  test::TempDir dir;
  DatasetInfo info;
  info.name = "talk";
  info.label_spaces = {{"emotion", {"x", "y"}}};
  StoreWriter writer(dir / "store", info);
  for (const auto& sample : samples) writer.add(sample, {});
  writer.finish();
  LoaderInput in;
  in.store = Store::open(dir / "store");
  in.indices = {0, 1, 2, 3, 4, 5, 6};
  in.tasks = info.label_spaces;
  auto c = config(0);
  c.max_frames.clear();
  c.sampler = Sampler::kDialogue;
  Loader loader(in, c);
  const auto batches = epoch_of(loader, 0);
  ASSERT_EQ(batches.size(), 1u);
  // Evaluation keeps the order in which dialogues are first seen; turns are in order.
  EXPECT_EQ(batches[0].ids, (std::vector<std::string>{"s6", "s4", "s2", "s0", "s5", "s1", "s3"}));
  const auto& rows = batches[0].dialogues;
  EXPECT_TRUE(at::equal(rows.dialogue_B, at::tensor({0, 0, 0, 0, 1, 1, 2}, at::kLong)));
  EXPECT_TRUE(rows.turn_B.slice(0, 1).gt(rows.turn_B.slice(0, 0, -1)).all().item<bool>());
  EXPECT_EQ(rows.speaker_B[1].item<int64_t>(), -1);
  EXPECT_TRUE(rows.speaker_B[0].equal(rows.speaker_B[4]));
  EXPECT_FALSE(rows.speaker_B[0].equal(rows.speaker_B[2]));
  c.sampler = Sampler::kShuffle;
  Loader other(in, c);
  EXPECT_FALSE(epoch_of(other, 0)[0].dialogues.is_defined());
}

TEST_F(LoaderTest, TheProfileCountsWhatWasDone) {
  auto in = input(true);
  auto c = config(1);
  c.drop_last = false;
  Loader loader(in, c);
  EXPECT_EQ(loader.profile().num_samples, 0);
  int64_t num_real = 0, num_frames = 0;
  for (const auto& batch : epoch_of(loader, 0)) {
    for (const auto& [name, stream] : batch.streams) num_frames += stream.mask_BT.numel();
    num_real += batch.streams.at("eda").present_B.sum().item<int64_t>();
  }
  const auto first = loader.profile();
  EXPECT_EQ(first.num_samples, kNumSamples);
  EXPECT_EQ(first.num_batches, 5);
  EXPECT_EQ(num_real, 20);
  EXPECT_EQ(first.num_computed, 40 + 32 + 20);  // audio, face, EDA
  EXPECT_EQ(first.num_read, first.num_computed);
  EXPECT_EQ(first.num_augmented, 40 + 32);
  EXPECT_EQ(first.num_padded_frames, num_frames);
  EXPECT_GT(first.padding_share(), 0.1);
  epoch_of(loader, 1);
  // Faces are read where they are mapped, which needs no second copy.
  EXPECT_EQ(loader.profile().num_computed, first.num_computed + 32);
  EXPECT_EQ(loader.profile().num_cached, 40 + 20);
}

TEST_F(LoaderTest, ChangedWavesMakeNewFeaturesInEveryEpoch) {
  auto in = input(true);
  in.features.erase("face");
  in.features.erase("eda");
  auto c = config(0);
  c.max_frames.clear();
  WaveAugment off;
  in.augment = {{"audio", off}};
  auto plain = in;
  plain.augment.clear();
  Loader changed(in, c);
  Loader unchanged(plain, c);
  expect_same(epoch_of(changed, 0), epoch_of(unchanged, 0));
  EXPECT_EQ(changed.cache_bytes(), 0);
  off.noise = 1;
  off.speed = 0.1;
  off.background = 0.5;
  in.augment = {{"audio", ChainAugment{{off, SpectrumAugment{}}}}};
  Loader alone(in, c);
  c.num_workers = 3;
  Loader loader(in, c);
  const auto first = epoch_of(loader, 1);
  expect_same(first, epoch_of(alone, 1));
  expect_same(first, epoch_of(loader, 1));
  const auto of_sample = [](const std::vector<affect::Batch>& batches, const std::string& id) {
    for (const auto& batch : batches) {
      for (size_t b = 0; b < batch.ids.size(); ++b) {
        if (batch.ids[b] == id) return batch.streams.at("audio").x[static_cast<int64_t>(b)][3];
      }
    }
    return at::Tensor();
  };
  EXPECT_FALSE(at::equal(of_sample(first, "s005"), of_sample(epoch_of(loader, 2), "s005")));
  in.augment = {{"face", off}};
  in.features = testing::synthetic_features();
  EXPECT_THAT(test::error_of([&] { Loader(in, c); }, ErrorCode::kConfig),
              HasSubstr("augment.face: `wave` changes waveforms"));
}

TEST_F(LoaderTest, FurtherViewsAreTheSameSamplesChangedByTheirOwnDraws) {
  const auto in = input(true);
  ImageAugment bright;
  bright.flip = 0;
  bright.brightness = 0.4;
  const std::vector<AugmentConfig> views = {in.augment, {{"face", bright}}};
  Loader alone(in, config(0));
  const auto without = epoch_of(alone, 1);
  alone.set_views(views);
  Loader loader(in, config(3));
  loader.set_views(views);
  const auto batches = epoch_of(loader, 1);
  expect_same(batches, epoch_of(alone, 1));
  EXPECT_TRUE(at::equal(batches[0].streams.at("face").x, without[0].streams.at("face").x))
      << "the batch itself does not depend on its views";
  ASSERT_EQ(batches[0].views.size(), 2u);
  EXPECT_FALSE(at::equal(batches[0].views[0].at("audio").x, batches[0].streams.at("audio").x));
  EXPECT_FALSE(at::equal(batches[0].views[0].at("face").x, batches[0].views[1].at("face").x));
  const auto view = batches[0].with_view(1);
  EXPECT_EQ(view.ids, batches[0].ids);
  EXPECT_TRUE(at::equal(view.targets.at("emotion").y_B, batches[0].targets.at("emotion").y_B));
  EXPECT_THAT(test::error_of(
                  [&] {
                    loader.set_views({{{"fase", bright}}});
                  },
                  ErrorCode::kConfig),
              HasSubstr("views.0.fase: no such modality"));
}

TEST_F(LoaderTest, ABatchMayOutliveTheLoaderAndLaterBatchesDoNotTouchIt) {
  std::optional<affect::Batch> kept;
  at::Tensor copy;
  {
    Loader loader(input(true), config(1));
    loader.begin_epoch(0);
    kept = loader.next();
    copy = kept->streams.at("audio").x.clone();
    for (int64_t epoch = 0; epoch < 3; ++epoch) epoch_of(loader, epoch);
  }
  EXPECT_TRUE(at::equal(kept->streams.at("audio").x, copy));
}

TEST_F(LoaderTest, EvaluationIsInOrderWholeAndUnchanged) {
  auto in = input(false);
  auto c = config(2);
  c.batch_size = 16;
  Loader loader(in, c);
  EXPECT_EQ(loader.num_batches(), 3);
  const auto batches = epoch_of(loader, 0);
  const features::FeatureExtractor extractor(in.features);
  int64_t i = 0;
  for (const auto& batch : batches) {
    for (int64_t b = 0; b < batch.size(); ++b, ++i) {
      EXPECT_EQ(batch.ids[static_cast<size_t>(b)], in.store->samples()[static_cast<size_t>(i)].id);
      const auto expected = extractor.extract("audio", in.store->read_stream(i, "audio_wave"));
      const auto& audio = batch.streams.at("audio");
      const int64_t num_frames = expected.values.size(0);
      EXPECT_TRUE(at::equal(audio.x[b].narrow(0, 0, num_frames), expected.values));
      EXPECT_EQ(audio.mask_BT[b].sum().item<int64_t>(), num_frames);
      EXPECT_EQ(audio.x[b].narrow(0, num_frames, audio.x.size(1) - num_frames).abs().sum().item<float>(),
                0.0f);
    }
  }
  EXPECT_EQ(i, kNumSamples);
}

TEST_F(LoaderTest, CentreCropKeepsTheMiddle) {
  auto in = input(false);
  auto c = config(0);
  c.eval_crop = EvalCrop::kCentre;
  Loader loader(in, c);
  Loader whole(in, config(0));
  const auto cut = epoch_of(loader, 0);
  const auto full = epoch_of(whole, 0);
  EXPECT_EQ(cut[0].streams.at("audio").x.size(1), 20);
  const auto length = full[0].streams.at("audio").mask_BT[5].sum().item<int64_t>();
  ASSERT_GT(length, 20);
  EXPECT_TRUE(at::equal(cut[0].streams.at("audio").x[5],
                        full[0].streams.at("audio").x[5].narrow(0, (length - 20) / 2, 20)));
}

TEST_F(LoaderTest, WhatIsAbsentIsZeroAndSaysSo) {
  auto in = input(false);
  Loader loader(in, config(1));
  const auto batch = epoch_of(loader, 0)[0];
  const auto& face = batch.streams.at("face");
  EXPECT_EQ(face.x.scalar_type(), at::kByte);
  EXPECT_FALSE(face.present_B[4].item<bool>());  // every fifth lacks the face
  EXPECT_TRUE(face.present_B[5].item<bool>());
  EXPECT_EQ(face.x[4].to(at::kLong).sum().item<int64_t>(), 0);
  EXPECT_FALSE(face.mask_BT[4].any().item<bool>());
  EXPECT_FALSE(face.mask_BT[2][1].item<bool>());  // a frame without a face
  EXPECT_TRUE(face.mask_BT[2][2].item<bool>());
  EXPECT_FALSE(batch.targets.at("emotion").mask_B[6].item<bool>());
  EXPECT_EQ(batch.targets.at("emotion").y_B[6].item<int64_t>(), 0);
  EXPECT_EQ(batch.targets.at("emotion").y_B[5].item<int64_t>(), 2);
  EXPECT_TRUE(batch.targets.at("emotion").mask_B[5].item<bool>());

  in.indices = {1, 3, 5};  // none of them has EDA
  Loader without(in, config(0));
  const auto eda = epoch_of(without, 0)[0].streams.at("eda");
  EXPECT_EQ(eda.x.sizes(), (std::vector<int64_t>{3, 1, 1}));
  EXPECT_EQ(eda.x.abs().sum().item<float>(), 0.0f);
  EXPECT_FALSE(eda.present_B.any().item<bool>());
  EXPECT_FALSE(eda.mask_BT.any().item<bool>());
}

TEST_F(LoaderTest, BalancedDrawsShowEveryClassAlike) {
  auto in = input(true);
  in.indices.clear();
  for (int64_t i = 0; i < kNumSamples; ++i) {
    if (i % 3 == 0 || i < 6) in.indices.push_back(i);  // many happy, few of the others
  }
  auto c = config(1);
  c.sampler = Sampler::kBalanced;
  c.batch_size = 6;
  Loader loader(in, c);
  std::vector<int64_t> counts(3, 0);
  for (const auto& batch : epoch_of(loader, 0)) {
    const auto& targets = batch.targets.at("emotion");
    EXPECT_TRUE(targets.mask_B.all().item<bool>());
    for (int64_t b = 0; b < batch.size(); ++b) ++counts[static_cast<size_t>(targets.y_B[b].item<int64_t>())];
  }
  EXPECT_LE(*std::max_element(counts.begin(), counts.end()) - *std::min_element(counts.begin(), counts.end()),
            1);
}

TEST_F(LoaderTest, DropLastLeavesOutTheSmallBatchInTrainingOnly) {
  auto in = input(true);
  in.indices.resize(20);
  Loader training(in, config(1));
  EXPECT_EQ(training.num_batches(), 2);
  in.is_training = false;
  Loader evaluation(in, config(1));
  EXPECT_EQ(evaluation.num_batches(), 3);
  in.is_training = true;
  in.indices.resize(3);  // less than one batch is still one batch
  Loader tiny(in, config(1));
  EXPECT_EQ(epoch_of(tiny, 0).size(), 1u);
}

TEST_F(LoaderTest, AWorkersErrorReachesTheConsumerWithTheSampleAndEndsTheEpoch) {
  auto in = input(true);
  in.augment = {{"audio", ImageAugment{}}};  // does not fit features
  for (const int64_t workers : {0, 2}) {
    Loader loader(in, config(workers));
    loader.begin_epoch(0);
    const auto error = test::error_of([&] { loader.next(); }, ErrorCode::kConfig);
    EXPECT_THAT(error, HasSubstr("sample 's0"));
    EXPECT_THAT(error, HasSubstr("`image` wants (T, C, H, W) uint8"));
    EXPECT_FALSE(loader.next());
    loader.begin_epoch(1);
    EXPECT_THROW(loader.next(), Error);
  }
}

TEST_F(LoaderTest, WishesForUnknownModalitiesAreErrors) {
  auto c = config(0);
  c.max_frames = {{"audo", 10}};
  EXPECT_THAT(test::error_of([&] { Loader(input(true), c); }, ErrorCode::kConfig),
              HasSubstr("loader.max_frames.audo"));
  auto in = input(true);
  in.augment["fase"] = ImageAugment{};
  EXPECT_THAT(test::error_of([&] { Loader(in, config(0)); }, ErrorCode::kConfig),
              HasSubstr("did you mean 'face'"));
  in = input(true);
  in.indices.clear();
  EXPECT_THAT(test::error_of([&] { Loader(in, config(0)); }, ErrorCode::kData), HasSubstr("no samples"));
}

TEST_F(LoaderTest, LabelsThatTheTaskDoesNotKnowAreUnknown) {
  auto in = input(false);
  in.tasks = {{"emotion", {"sad", "calm"}}};
  Loader loader(in, config(1));
  const auto targets = epoch_of(loader, 0)[0].targets.at("emotion");
  EXPECT_FALSE(targets.mask_B[0].item<bool>());  // happy
  EXPECT_TRUE(targets.mask_B[1].item<bool>());   // sad
  EXPECT_EQ(targets.y_B[1].item<int64_t>(), 0);
}

TEST_F(LoaderTest, StatisticsEqualThoseOfAllRealFrames) {
  const auto in = input(true);
  std::vector<at::Tensor> rows;
  std::vector<at::Tensor> faces;
  const features::FeatureExtractor extractor(in.features);
  for (int64_t i = 0; i < kNumSamples; ++i) {
    rows.push_back(extractor.extract("audio", in.store->read_stream(i, "audio_wave")).values);
    if (i % 5 == 4) continue;
    const auto face = in.store->read_stream(i, "face");
    faces.push_back(face.values.index({face.valid_T}).to(at::kDouble).flatten());
  }
  const auto all = at::cat(rows).to(at::kDouble);
  const auto pixels = at::cat(faces);
  std::map<std::string, InputStatistics> first;
  for (const int64_t workers : {0, 3}) {
    Loader loader(in, config(workers));
    const auto statistics = compute_input_statistics(loader);
    const auto& audio = statistics.at("audio");
    EXPECT_EQ(audio.num_frames, all.size(0));
    for (int64_t f = 0; f < 12; ++f) {
      EXPECT_NEAR(audio.mean_F[static_cast<size_t>(f)], all.select(1, f).mean().item<double>(), 1e-9);
      EXPECT_NEAR(audio.std_F[static_cast<size_t>(f)], all.select(1, f).std(false).item<double>(), 1e-7);
    }
    ASSERT_EQ(statistics.at("face").mean_F.size(), 1u);
    EXPECT_NEAR(statistics.at("face").mean_F[0], pixels.mean().item<double>(), 1e-9);
    EXPECT_NEAR(statistics.at("face").std_F[0], pixels.std(false).item<double>(), 1e-7);
    if (first.empty()) first = statistics;
    EXPECT_EQ(audio.mean_F, first.at("audio").mean_F);
    EXPECT_EQ(audio.std_F, first.at("audio").std_F);
  }
}

TEST(InputStatistics, LeaveOutMissingValuesThatTheFeatureKeeps) {
  const test::TempDir dir;
  auto streams = testing::synthetic_streams(0);
  streams["eda"].values =
      at::tensor(std::vector<float>{1, std::numeric_limits<float>::quiet_NaN(), 4}).view({3, 1});
  StoreWriter writer(dir / "store", testing::synthetic_info(), false);
  writer.add(testing::synthetic_sample(0), streams);
  writer.finish();
  features::ValuesFeature eda;
  eda.missing = features::MissingValue::kKeep;
  LoaderInput input;
  input.store = Store::open(dir / "store");
  input.indices = {0};
  input.features = {{"eda", eda}};
  const auto statistics = compute_input_statistics(Loader(input, {})).at("eda");
  EXPECT_DOUBLE_EQ(statistics.mean_F.at(0), 2.5);
  EXPECT_DOUBLE_EQ(statistics.std_F.at(0), 1.5);
}

TEST_F(LoaderTest, SubjectsAreScaledByAllTheyHaveInTheStore) {
  LoaderInput input;
  input.store = Store::open(*dir_ / "store");
  const auto& store = *input.store;
  input.indices = {0, 2};  // subjects 1 and 3; their other samples are in no part
  features::ValuesFeature eda;
  eda.normalise = features::Normalise::kSubject;
  input.features = {{"eda", eda}};
  const Loader loader(input, {});
  for (const int64_t i : input.indices) {
    std::vector<affect::Stream> all;
    for (int64_t k = i; k < store.size(); k += 4) all.push_back(store.read_stream(k, "eda"));
    const auto scale = features::subject_scale(all);
    const auto raw = store.read(i, "eda").to(at::kDouble);
    EXPECT_TRUE(at::allclose(loader.features_of(i, "eda").values.to(at::kDouble),
                             (raw - scale.mean_F[0]) / scale.deviation_F[0], 1e-6, 1e-6));
  }
}

TEST_F(LoaderTest, ClassCountsCountKnownNamesOnly) {
  const auto in = input(true);
  const auto counts = class_counts(*in.store, {0, 1, 2, 3, 6}, {{"emotion", {"angry", "happy"}}});
  EXPECT_EQ(counts.at("emotion"), (std::vector<int64_t>{1, 2}));
}

}  // namespace
}  // namespace limbic::data
