#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include "limbic/config/checks.h"
#include "limbic/core/atomic_file.h"
#include "limbic/core/rng.h"
#include "limbic/formats/safetensors.h"
#include "limbic/nn/encoder.h"
#include "limbic/nn/pretrained.h"
#include "limbic/nn/state.h"
#include "nn/pretrained/published_files.h"
#include "support/paths.h"

namespace limbic::nn {
namespace {

constexpr int64_t kPatch = 4;
constexpr int64_t kSide = 8;

/// A frozen DINOv2 of two blocks whose weights are at `path`.
VitConfig dino_config(const std::string& path, Tune tune = Tune::kFrozen) {
  VitConfig config;
  config.pretrained.weights = path;
  config.pretrained.tune = tune;
  config.size = {kWidth, kLayers, kHeads, kHidden};
  config.patch = kPatch;
  config.image_size = kSide;
  config.dropout = 0.2;
  return config;
}

Tensors dino_tensors() {
  return publish_dinov2(kPatch, 4, 0, /*swiglu=*/false);
}

at::Tensor pictures(int64_t num_frames = 2) {
  return at::rand({2, num_frames, 3, kSide, kSide}) * 255.0;
}

std::shared_ptr<Encoder> build_dino(const VitConfig& config) {
  return build_encoder(config, {{3, kSide, kSide}});
}

at::Tensor embed(Encoder& encoder, const at::Tensor& x) {
  return encoder.encode(x, at::ones({x.size(0), x.size(1)}, at::kBool)).embedding_BD;
}

std::set<std::string> trained_names(Encoder& encoder) {
  std::set<std::string> names;
  for (const auto& named : encoder.as_module()->named_parameters()) {
    if (named.value().requires_grad()) names.insert(named.key());
  }
  return names;
}

class PretrainedWeightsTest : public testing::Test {
 protected:
  void SetUp() override { core::seed_torch(41); }
  std::string write(const Tensors& tensors, const std::string& leaf = "model.safetensors") {
    formats::write_safetensors(dir_ / leaf, tensors);
    return dir_ / leaf;
  }
  static std::string load_error(const VitConfig& config) {
    return test::error_of([&] { build_dino(config)->load_pretrained(); }, ErrorCode::kModel);
  }
  test::TempDir dir_;
};

TEST_F(PretrainedWeightsTest, EveryTensorThatDoesNotFitIsNamed) {
  auto tensors = dino_tensors();
  tensors.erase("encoder.layer.1.mlp.fc1.bias");
  tensors["classifier.weight"] = at::zeros({2, kWidth});
  tensors["layernorm.weight"] = at::ones({kWidth + 1});
  const auto path = write(tensors);
  EXPECT_EQ(load_error(dino_config(path)),
            path +
                ": the weights do not fit the encoder; missing: encoder.layer.1.mlp.fc1.bias; other shape: "
                "layernorm.weight is [17], want [16]; unexpected: classifier.weight (allow_unexpected leaves "
                "tensors out by the begin of their name)");
}

TEST_F(PretrainedWeightsTest, AFailedLoadLeavesTheEncoderAsItWas) {
  auto tensors = dino_tensors();
  tensors["classifier.weight"] = at::zeros({2, kWidth});
  const auto encoder = build_dino(dino_config(write(tensors)));
  State before;
  for (const auto& [name, tensor] : state_of(*encoder->as_module())) before[name] = tensor.clone();
  EXPECT_THROW(encoder->load_pretrained(), Error);
  for (const auto& [name, tensor] : state_of(*encoder->as_module()))
    EXPECT_TRUE(at::equal(tensor, before[name]));
}

TEST_F(PretrainedWeightsTest, ShardsAreJoinedAndHalfPrecisionIsConverted) {
  const auto tensors = dino_tensors();
  const auto whole = build_dino(dino_config(write(tensors, "whole.safetensors")));
  whole->load_pretrained();
  Tensors halves[2];
  std::string map;
  int64_t i = 0;
  for (const auto& [name, tensor] : tensors) {
    const auto part = static_cast<size_t>(i++ % 2);
    halves[part][name] = tensor.to(part == 0 ? at::kHalf : at::kBFloat16);
    map += (map.empty() ? "\"" : ", \"") + name + "\": \"part-" + std::to_string(part) + ".safetensors\"";
  }
  write(halves[0], "part-0.safetensors");
  write(halves[1], "part-1.safetensors");
  core::write_file(dir_ / "model.safetensors.index.json", "{\"weight_map\": {" + map + "}}");
  const auto sharded = build_dino(dino_config(dir_.path()));
  sharded->load_pretrained();
  const auto have = state_of(*sharded->as_module());
  double worst = 0.0;
  for (const auto& [name, want] : state_of(*whole->as_module()))
    worst = std::max(worst, (have.at(name) - want).abs().max().item<double>());
  EXPECT_LT(worst, 1e-2);  // bfloat16 has 8 bits
  EXPECT_GT(worst, 0.0);
}

TEST_F(PretrainedWeightsTest, AnIndexNamesFilesBesideItOnly) {
  core::write_file(dir_ / "model.safetensors.index.json",
                   R"({"weight_map": {"a": "../secret.safetensors"}})");
  EXPECT_EQ(load_error(dino_config(dir_.path())),
            (dir_ / "model.safetensors.index.json") + ": '../secret.safetensors' is no plain file name");
}

TEST_F(PretrainedWeightsTest, WeightsWithNanAreRefused) {
  auto tensors = dino_tensors();
  tensors["layernorm.bias"][3] = std::nan("");
  const auto path = write(tensors);
  EXPECT_EQ(load_error(dino_config(path)), path + ": 'layernorm.bias' holds NaN or infinite values");
}

TEST_F(PretrainedWeightsTest, ABundleNeedsNoFile) {
  auto path = write(dino_tensors());
  const auto trained = build_dino(dino_config(path));
  trained->load_pretrained();
  trained->as_module()->eval();
  core::write_file(path, "gone");
  const auto rebuilt = build_dino(dino_config(path));
  load_state(*rebuilt->as_module(), state_of(*trained->as_module()));
  rebuilt->as_module()->eval();
  const auto x = pictures();
  EXPECT_TRUE(at::equal(embed(*rebuilt, x), embed(*trained, x)));
}

TEST_F(PretrainedWeightsTest, FrozenNetworksHaveNoGradientAndNoDropout) {
  const auto encoder = build_dino(dino_config(write(dino_tensors())));
  encoder->load_pretrained();
  encoder->as_module()->train();
  const auto x = pictures();
  const auto first = embed(*encoder, x);
  EXPECT_FALSE(first.requires_grad());
  EXPECT_TRUE(at::equal(embed(*encoder, x), first));
  EXPECT_TRUE(trained_names(*encoder).empty());
}

TEST_F(PretrainedWeightsTest, TheTopLayersAreTrainedAloneAndTheRestKeepsItsMode) {
  auto config = dino_config(write(dino_tensors()), Tune::kTop);
  config.pretrained.top_layers = 1;
  const auto encoder = build_dino(config);
  encoder->load_pretrained();
  const auto names = trained_names(*encoder);
  EXPECT_EQ(names.count("network.stack.norm.weight"), 1u);
  EXPECT_EQ(names.size(), 20u);  // two tensors of 9 parts and two scales
  for (const auto& name : names) {
    EXPECT_TRUE(name.rfind("network.stack.layers.1.", 0) == 0 || name.rfind("network.stack.norm.", 0) == 0)
        << name;
  }
  encoder->as_module()->train();
  const auto x = pictures();
  EXPECT_FALSE(at::equal(embed(*encoder, x), embed(*encoder, x)));  // dropout in the last block
  encoder->as_module()->eval();
  EXPECT_TRUE(at::equal(embed(*encoder, x), embed(*encoder, x)));
}

TEST_F(PretrainedWeightsTest, LowRankUpdatesStartAtNothingAreTrainedAloneAndMergeForInference) {
  const auto path = write(dino_tensors());
  const auto frozen = build_dino(dino_config(path));
  frozen->load_pretrained();
  frozen->as_module()->eval();
  auto config = dino_config(path, Tune::kLora);
  config.dropout = 0.0;
  config.pretrained.lora.rank = 3;
  config.pretrained.lora.projections = {Projection::kQuery, Projection::kValue, Projection::kDown};
  const auto encoder = build_dino(config);
  encoder->load_pretrained();
  const auto x = pictures();
  EXPECT_TRUE(at::allclose(embed(*encoder, x), embed(*frozen, x), 1e-5, 1e-6));
  std::set<std::string> want;
  for (const char* layer : {"0", "1"}) {
    for (const char* part : {"query", "value", "down"}) {
      for (const char* which : {"lora_a", "lora_b"})
        want.insert(std::string("network.stack.layers.") + layer + "." + part + "." + which);
    }
  }
  EXPECT_EQ(trained_names(*encoder), want);
  embed(*encoder, x).pow(2).sum().backward();
  for (const auto& named : encoder->as_module()->named_parameters()) {
    EXPECT_EQ(named.value().grad().defined(), want.count(named.key()) == 1) << named.key();
    at::NoGradGuard no_grad;
    if (want.count(named.key()) == 1) named.value().normal_(0.0, 0.2);
  }
  encoder->as_module()->eval();
  const auto beside = embed(*encoder, x);
  EXPECT_FALSE(at::allclose(beside, embed(*frozen, x), 1e-3, 1e-3));
  at::NoGradGuard no_grad;
  EXPECT_TRUE(at::allclose(embed(*encoder, x), beside, 1e-4, 1e-5));
  // Merged by hand into the weights of a network without updates.
  auto merged = state_of(*frozen->as_module());
  const auto state = state_of(*encoder->as_module());
  for (const auto& [name, tensor] : state) {
    const auto at_leaf = name.rfind(".lora_a");
    if (at_leaf == std::string::npos) continue;
    const auto stem = name.substr(0, at_leaf);
    merged[stem + ".weight"] =
        state.at(stem + ".weight") + state.at(stem + ".lora_b").matmul(tensor) * (16.0 / 3.0);
  }
  load_state(*frozen->as_module(), merged);
  EXPECT_TRUE(at::allclose(embed(*frozen, x), beside, 1e-4, 1e-5));
}

TEST_F(PretrainedWeightsTest, ACopyTrainsWhatTheOriginalTrains) {
  const auto encoder = build_dino(dino_config(write(dino_tensors()), Tune::kLora));
  encoder->load_pretrained();
  const auto copied = encoder->as_module()->clone();
  auto* copy = dynamic_cast<Encoder*>(copied.get());
  ASSERT_NE(copy, nullptr);
  EXPECT_EQ(trained_names(*copy), trained_names(*encoder));
  encoder->as_module()->eval();
  copied->eval();
  const auto x = pictures();
  EXPECT_TRUE(at::equal(embed(*copy, x), embed(*encoder, x)));
}

TEST_F(PretrainedWeightsTest, ALearnedMixOfLayersBeginsAsTheirMean) {
  const auto path = write(dino_tensors());
  const auto x = pictures();
  at::Tensor sum;
  for (int64_t layer = 0; layer <= kLayers; ++layer) {
    auto config = dino_config(path);
    config.pretrained.layer = layer;
    const auto encoder = build_dino(config);
    encoder->load_pretrained();
    const auto one = embed(*encoder, x);
    sum = sum.defined() ? sum + one : one;
  }
  auto config = dino_config(path);
  config.pretrained.layer_mix = true;
  const auto encoder = build_dino(config);
  encoder->load_pretrained();
  EXPECT_TRUE(at::allclose(embed(*encoder, x), sum / static_cast<double>(kLayers + 1), 1e-4, 1e-5));
  EXPECT_EQ(trained_names(*encoder), std::set<std::string>{"network.stack.mix"});
}

TEST_F(PretrainedWeightsTest, ConfigJsonFillsInSizesAndContradictionsAreErrors) {
  core::write_file(dir_ / "config.json", std::string(R"({"model_type": "dinov2", )") + kSizesJson +
                                             R"(, "patch_size": 4, "image_size": 8, "mlp_ratio": 1.5})");
  VitConfig config;
  config.pretrained.weights = dir_.path();
  EncoderConfig resolved = config;
  resolve_pretrained(resolved);
  resolve_pretrained(resolved);  // a resumed run does it again
  const auto& filled = std::get<VitConfig>(resolved);
  EXPECT_EQ(filled.size.width, kWidth);
  EXPECT_EQ(filled.size.hidden, kHidden);
  EXPECT_EQ(filled.patch, kPatch);
  config.size.width = 99;
  EncoderConfig wrong = config;
  EXPECT_EQ(
      test::error_of([&] { resolve_pretrained(wrong); }, ErrorCode::kConfig),
      (dir_ / "config.json") + ": 'hidden_size' is 16, but the recipe says 99; leave it out of the recipe");
  BertConfig text;
  text.pretrained.weights = dir_.path();
  wrong = text;
  EXPECT_EQ(test::error_of([&] { resolve_pretrained(wrong); }, ErrorCode::kModel),
            (dir_ / "config.json") +
                ": model_type is 'dinov2'; this encoder reads bert, roberta, xlm-roberta, camembert");
}

TEST_F(PretrainedWeightsTest, ARandomNetworkCannotBeFrozen) {
  VitConfig config;
  config.pretrained.tune = Tune::kFrozen;
  config::ThrowingChecks checks("pretrained");
  EXPECT_EQ(test::error_of([&] { config.pretrained.validate(checks); }, ErrorCode::kConfig),
            "pretrained.tune: must be all where there are no weights: a random network would stay as it is");
}

TEST(Bert, RefusesTextsThatAreTooLongAndIdsOfAnotherTokenizer) {
  BertConfig config;
  config.size = {kWidth, 1, kHeads, kHidden};
  config.family = BertFamily::kRoberta;
  config.vocabulary = 10;
  config.positions = 6;
  const auto encoder = build_encoder(config, {{1}});
  EXPECT_EQ(test::error_of(
                [&] {
                  encoder->encode(at::zeros({1, 5, 1}), at::ones({1, 5}, at::kBool));
                },
                ErrorCode::kModel),
            "encoder 'bert': a text of 5 tokens, but the model has 4 positions; lower max_length of feature "
            "'tokens'");
  EXPECT_EQ(test::error_of(
                [&] {
                  encoder->encode(at::full({1, 2, 1}, 10.0), at::ones({1, 2}, at::kBool));
                },
                ErrorCode::kModel),
            "encoder 'bert': token ids are in [10, 10], the model knows 10; feature 'tokens' must use the "
            "model's own tokenizer");
}

TEST(Wav2Vec2, SoundShorterThanATokenGivesNone) {
  Wav2Vec2Config config;
  config.size = {kWidth, 1, kHeads, kHidden};
  config.convolutions = {{6, 4, 2}, {6, 3, 2}};
  config.position_kernel = 6;
  config.position_groups = 4;
  const auto encoder = build_encoder(config, {{1}});
  encoder->as_module()->eval();
  const auto out = encoder->encode(at::randn({1, 7, 1}), at::ones({1, 7}, at::kBool));
  EXPECT_EQ(out.mask_BT.sum().item<int64_t>(), 0);
  EXPECT_EQ(out.embedding_BD.abs().sum().item<float>(), 0.0f);
  // Eight samples are one token, whether a frame of the stream is one sample or two.
  const auto x = at::randn({1, 8, 1});
  const auto one = encoder->encode(x, at::ones({1, 8}, at::kBool));
  EXPECT_EQ(one.mask_BT.sum().item<int64_t>(), 1);
  const auto paired = build_encoder(config, {{2}});
  load_state(*paired->as_module(), state_of(*encoder->as_module()));
  paired->as_module()->eval();
  EXPECT_TRUE(
      at::equal(paired->encode(x.view({1, 4, 2}), at::ones({1, 4}, at::kBool)).tokens_BTD, one.tokens_BTD));
}

TEST(BuildVit, SaysWhatKindOfFramesItWants) {
  VitConfig config;
  EXPECT_EQ(
      test::error_of(
          [&] {
            build_encoder(config, {{3, 48, 48}});
          },
          ErrorCode::kConfig),
      "encoder 'vit': frames [3, 48, 48] are no whole number of patches of 14 pixels; set input_size, for "
      "example to 224");
  EXPECT_EQ(test::error_of([&] { build_encoder(config, {{64}}); }, ErrorCode::kConfig),
            "encoder 'vit' takes images [1 or 3, H, W], but a frame of this modality is [64]");
}

TEST(Vit, GreyFramesAreThreeEqualChannelsAndFramesAreResized) {
  VitConfig config;
  config.size = {kWidth, 1, kHeads, kHidden};
  config.patch = kPatch;
  config.image_size = kSide;
  config.input_size = kSide;
  config.layer_scale = 1.0;
  const auto grey = build_encoder(config, {{1, 12, 12}});
  const auto color = build_encoder(config, {{3, 12, 12}});
  load_state(*color->as_module(), state_of(*grey->as_module()));
  const auto x = at::randint(256, {1, 1, 1, 12, 12}, at::kByte);
  const auto mask = at::ones({1, 1}, at::kBool);
  const auto one = grey->encode(x, mask).embedding_BD;
  EXPECT_TRUE(at::allclose(color->encode(x.expand({1, 1, 3, 12, 12}), mask).embedding_BD, one, 1e-5, 1e-6));
}

}  // namespace
}  // namespace limbic::nn
