#include "limbic/eval/degrade.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include "limbic/core/error.h"
#include "limbic/core/rng.h"

namespace limbic::eval {
namespace {

/// Undisturbed by what else draws, and different for every modality and batch.
at::Generator generator_of(uint64_t seed, uint64_t batch, const std::string& modality) {
  uint64_t key = 0;
  for (const char c : modality) key = key * 131 + static_cast<unsigned char>(c);
  return at::detail::createCPUGenerator(core::Rng(seed, batch, key).next());
}

void add_noise(affect::ModalityBatch& stream, double level, const std::vector<double>& std_F,
               at::Generator generator) {
  // (B, T, F) or (B, T, C, H, W): the deviation belongs to the third dimension.
  std::vector<int64_t> shape(static_cast<size_t>(stream.x.dim()), 1);
  shape[2] = -1;
  const auto scale =
      at::tensor(std_F, at::TensorOptions(at::kFloat)).to(stream.x.device()).view(shape) * level;
  const auto noise =
      at::randn(stream.x.sizes(), generator, at::TensorOptions(at::kFloat)).to(stream.x.device());
  auto noisy = stream.x.to(at::kFloat) + noise * scale;
  if (stream.x.scalar_type() == at::kByte) noisy = noisy.round().clamp(0, 255);
  stream.x = noisy.to(stream.x.scalar_type());
}

void drop_frames(affect::ModalityBatch& stream, double probability, at::Generator generator) {
  const auto draw_BT = at::rand(stream.mask_BT.sizes(), generator, at::TensorOptions(at::kFloat));
  stream.mask_BT = stream.mask_BT.logical_and(draw_BT.ge(probability).to(stream.mask_BT.device()));
  stream.present_B = stream.present_B.logical_and(stream.mask_BT.any(1));
}

}  // namespace

Degrader::Degrader(Degradation degradation) : degradation_(std::move(degradation)) {
  const bool is_drop = degradation_.kind == DegradationKind::kDrop;
  require(degradation_.level >= 0 && (!is_drop || degradation_.level <= 1), ErrorCode::kConfig,
          is_drop ? "the probability to drop a frame must be in [0, 1]"
                  : "the level of noise must not be negative");
}

void Degrader::operator()(affect::Batch& batch) {
  const uint64_t number = num_batches_++;
  if (degradation_.level == 0) return;
  for (auto& [modality, stream] : batch.streams) {
    if (degradation_.modalities.count(modality) == 0) continue;
    auto generator = generator_of(degradation_.seed, number, modality);
    if (degradation_.kind == DegradationKind::kDrop) {
      drop_frames(stream, degradation_.level, generator);
    } else {
      add_noise(stream, degradation_.level, degradation_.std_F.at(modality), generator);
    }
  }
}

}  // namespace limbic::eval
