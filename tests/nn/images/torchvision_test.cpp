// Judge: torchvision's models on weights of ours (apt: python3-torchvision).
#include "limbic/nn/encoders/torchvision.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include <string>

#include "limbic/core/rng.h"
#include "limbic/nn/encoder.h"
#include "limbic/nn/state.h"
#include "support/python_judge.h"

namespace limbic::nn {
namespace {

/// `make` builds net. Its features take the place of a classifier; every tensor but the counters must be
/// given.
std::string torchvision_script(const std::string& make) {
  return R"(
try: import torchvision
except ImportError: sys.exit(77)
from torchvision.models import resnet, convnext, video
x = s.pop('x') / 255
)" + make +
         R"(
net.eval()
for last in ('fc', 'classifier'):
    if not hasattr(net, last): continue
    classifier = getattr(net, last)
    setattr(net, last, torch.nn.Identity() if last == 'fc' else classifier[:2])
s.update({k: v for k, v in net.state_dict().items() if k.endswith('num_batches_tracked')})
net.load_state_dict(s, strict=True)
with torch.no_grad(): y = net(x)
)";
}

/// How far our embedding of random pictures or clips is from torchvision's, relative to its largest value;
/// none without torchvision.
template <class Config>
std::optional<double> difference_to_torchvision(Config config, const affect::StreamShape& input,
                                                int64_t num_frames, const std::string& make) {
  core::seed_torch(11);
  config.normalize = ImageNormalization::kFixed;
  config.pixel_mean = {0.0};
  config.pixel_std = {1.0};
  const auto encoder = build_encoder(config, input);
  const bool is_clip = num_frames > 1;
  std::vector<int64_t> sizes = {2, num_frames};
  sizes.insert(sizes.end(), input.frame.begin(), input.frame.end());
  const auto x = at::rand(sizes) * 255.0;
  const auto mask = at::ones({2, num_frames}, at::kBool);
  at::NoGradGuard no_grad;
  // Layer scales of 1e-6 would hide the blocks; a step of training moves the running statistics.
  for (auto& parameter : encoder->as_module()->named_parameters()) {
    if (parameter.key().find("layer_scale") != std::string::npos) parameter.value().fill_(0.3);
  }
  for (int i = 0; i < 3; ++i) encoder->encode(x, mask);
  encoder->as_module()->eval();
  const at::Tensor got = encoder->encode(x, mask).embedding_BD;
  std::map<std::string, at::Tensor> tensors;
  const auto state = state_of(*encoder->as_module());
  for (const auto& [own, theirs] : torchvision_names(config)) tensors[theirs] = state.at(own);
  tensors["x"] = is_clip ? x.transpose(1, 2) : x.squeeze(1);
  const auto difference = test::difference_to_python(tensors, got, torchvision_script(make));
  if (!difference) return std::nullopt;
  return *difference / got.abs().max().item<double>();
}

#define EXPECT_AS_IN_TORCHVISION(...)                                                  \
  do {                                                                                 \
    const auto difference = difference_to_torchvision(__VA_ARGS__);                    \
    if (!difference) GTEST_SKIP() << "python3-torch or python3-torchvision is absent"; \
    EXPECT_LT(*difference, 1e-5);                                                      \
  } while (false)

TEST(Torchvision, ResNet18IsTheSame) {
  EXPECT_AS_IN_TORCHVISION(ResNetFaceConfig::torchvision(18), {{3, 64, 64}}, 1, "net = resnet.resnet18()");
}

TEST(Torchvision, ResNet50IsTheSame) {
  EXPECT_AS_IN_TORCHVISION(ResNetFaceConfig::torchvision(50), {{3, 64, 64}}, 1, "net = resnet.resnet50()");
}

TEST(Torchvision, ConvNextTinyIsTheSame) {
  EXPECT_AS_IN_TORCHVISION(ConvNextConfig{}, {{3, 64, 64}}, 1, "net = convnext.convnext_tiny()");
}

TEST(Torchvision, R3d18IsTheSame) {
  EXPECT_AS_IN_TORCHVISION(Conv3dConfig{}, {{3, 32, 32}}, 8, "net = video.r3d_18()");
}

TEST(Torchvision, R2Plus1d18IsTheSame) {
  EXPECT_AS_IN_TORCHVISION(R2Plus1dConfig{}, {{3, 32, 32}}, 8, "net = video.r2plus1d_18()");
}

TEST(Torchvision, ResNet34And101HaveAsManyWeights) {
  // Published totals less the classifier of 1000 classes.
  const auto count = [](int depth) {
    return num_parameters(*build_encoder(ResNetFaceConfig::torchvision(depth), {{3, 64, 64}})->as_module());
  };
  EXPECT_EQ(count(34), 21797672 - 513000);
  EXPECT_EQ(count(101), 44549160 - 2049000);
}

}  // namespace
}  // namespace limbic::nn
