// Judge: the same networks written in Python's torch, if the machine has it (apt: python3-torch).
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <torch/nn/module.h>

#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>

#include "limbic/core/atomic_file.h"
#include "limbic/core/rng.h"
#include "limbic/nn/encoder.h"
#include "limbic/nn/state.h"
#include "support/paths.h"

namespace limbic::nn {
namespace {

constexpr const char* kPrelude = R"(
import sys
try: import numpy as np, torch, torch.nn.functional as F
except ImportError: sys.exit(77)
s = {}
for line in open(sys.argv[1] + '/index.txt'):
    name, offset, *shape = line.split()
    shape = [int(v) for v in shape]
    n = int(np.prod(shape))
    s[name] = torch.from_numpy(np.fromfile(sys.argv[1] + '/data.bin', np.float32, n, offset=4 * int(offset)).reshape(shape))
def bn(x, p): return F.batch_norm(x, s[p + '.running_mean'], s[p + '.running_var'], s[p + '.weight'], s[p + '.bias'])
def conv(x, p, stride=1): return F.conv2d(x, s[p + '.weight'], None, stride, s[p + '.weight'].shape[-1] // 2)
def residual(x, p, stride=1):
    y = bn(conv(F.relu(bn(conv(x, p + '.conv1', stride), p + '.norm1')), p + '.conv2'), p + '.norm2')
    if p + '.shortcut.weight' in s: x = bn(conv(x, p + '.shortcut', stride), p + '.shortcut_norm')
    return F.relu(x + y)
def linear(x, p): return F.linear(x, s[p + '.weight'], s[p + '.bias'])
def attention(h): return (linear(torch.tanh(linear(h, 'pool.hidden')), 'pool.score').softmax(1) * h).sum(1)
x = s['x']
)";

constexpr const char* kConvRecurrent = R"(
x = ((x - s['scale.mean_F']) / s['scale.std_F'])[:, None]
x = F.max_pool2d(F.relu(bn(conv(x, 'layers.0.conv1', 2), 'layers.0.norm1')), 2)
x = F.max_pool2d(residual(x, 'layers.1'), 2)
x = F.max_pool2d(residual(x, 'layers.2'), (1, 2))
h = F.relu(linear(x.permute(0, 2, 1, 3).flatten(2), 'projection'))
net = torch.nn.GRU(h.shape[2], s['recurrent.gru.weight_hh_l0'].shape[1], batch_first=True, bidirectional=True)
net.load_state_dict({k[len('recurrent.gru.'):]: v for k, v in s.items() if k.startswith('recurrent.gru.')})
y = attention(net(h)[0])
)";

constexpr const char* kResNet = R"(
x = x.flatten(0, 1) / 255
x = (x - x.mean((1, 2, 3), keepdim=True)) / (x.var((1, 2, 3), unbiased=False, keepdim=True).sqrt() + 0.02)
x = F.relu(bn(conv(x, 'stem', 2), 'stem_norm'))
for i in range(3): x = residual(x, 'blocks.%d' % i, 2)
y = x.mean((2, 3)).view(s['x'].shape[0], s['x'].shape[1], -1).mean(1)
)";

/// Largest difference between `got` and what the script's y is, given the state and x; none without Python's
/// torch.
std::optional<double> difference_to_python(State state, const at::Tensor& x, const at::Tensor& got,
                                           const std::string& script) {
  const test::TempDir dir;
  state["x"] = x;
  std::string index;
  std::string data;
  for (const auto& [name, tensor] : state) {
    const auto values = tensor.to(at::kFloat).contiguous();
    index += name + " " + std::to_string(data.size() / sizeof(float));
    for (const int64_t size : values.sizes()) index += " " + std::to_string(size);
    index += "\n";
    data.append(static_cast<const char*>(values.data_ptr()), values.nbytes());
  }
  core::write_file(dir / "index.txt", index);
  core::write_file(dir / "data.bin", data);
  core::write_file(dir / "net.py", kPrelude + script + "y.detach().numpy().tofile(sys.argv[1] + '/y.bin')\n");
  const auto command = "/usr/bin/python3 " + (dir / "net.py") + " " + dir.path() + " 2> " + (dir / "stderr");
  const int status = std::system(command.c_str());
  if (WIFEXITED(status) && (WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 127)) return std::nullopt;
  if (status != 0) {
    ADD_FAILURE() << core::read_file(dir / "stderr");
    return 1e9;
  }
  const auto bytes = core::read_file(dir / "y.bin");
  EXPECT_EQ(bytes.size(), got.nbytes());
  if (bytes.size() != got.nbytes()) return 1e9;
  auto want = at::empty_like(got);
  std::memcpy(want.data_ptr(), bytes.data(), bytes.size());
  return (want - got).abs().max().item<double>();
}

TEST(EncoderParity, ConvRecurrentIsWhatPythonTorchComputes) {
  core::seed_torch(21);
  const auto encoder = build_encoder(ConvRecurrentConfig{}, {{64}});
  encoder->set_input_statistics(std::vector<double>(64, -3.0), std::vector<double>(64, 2.0));
  const auto x = at::randn({3, 128, 64}) * 2.0 - 3.0;
  const auto mask = at::ones({3, 128}, at::kBool);
  for (int i = 0; i < 5; ++i) encoder->encode(x, mask);  // moves the running statistics
  encoder->as_module()->eval();
  at::NoGradGuard no_grad;
  const auto whole = encoder->encode(x, mask).embedding_BD;
  const auto difference = difference_to_python(state_of(*encoder->as_module()), x, whole, kConvRecurrent);
  if (!difference) GTEST_SKIP() << "python3-torch is absent";
  EXPECT_LT(*difference, 2e-5);
}

TEST(EncoderParity, ResNetIsWhatPythonTorchComputes) {
  core::seed_torch(22);
  const auto encoder = build_encoder(ResNetFaceConfig{}, {{1, 48, 48}});
  const auto x = at::randint(256, {2, 3, 1, 48, 48}, at::kByte);
  const auto mask = at::ones({2, 3}, at::kBool);
  for (int i = 0; i < 5; ++i) encoder->encode(x, mask);
  encoder->as_module()->eval();
  at::NoGradGuard no_grad;
  const auto got = encoder->encode(x, mask).embedding_BD;
  const auto difference = difference_to_python(state_of(*encoder->as_module()), x, got, kResNet);
  if (!difference) GTEST_SKIP() << "python3-torch is absent";
  EXPECT_LT(*difference, 2e-5);
}

}  // namespace
}  // namespace limbic::nn
