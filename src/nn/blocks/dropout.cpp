#include "limbic/nn/dropout.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

namespace limbic::nn {
namespace {

// Note [Counter dropout]
// Element i of a call is kept when mix(i, seed) >= p * 2^32. Nothing is stored for the backward pass but the
// seed, the loop has no carried state (so it vectorises), and the cut into threads cannot change a mask.
// mix() is two rounds of the 32-bit murmur3 finaliser with the halves of the seed in between; the index's
// upper half joins the seed.

constexpr int64_t kBlock =
    1 << 16;  ///< elements; divides 2^32, so a block shares the upper half of its indices

struct DropoutKey {
  uint32_t low;
  uint32_t high;
  uint32_t threshold;  ///< elements that hash below it are zeroed
};

template <class Scalar>
__attribute__((always_inline)) inline void drop_block(const Scalar* x, Scalar* y, int32_t size,
                                                      uint32_t first, DropoutKey key, Scalar scale) {
  for (int32_t i = 0; i < size; ++i) {
    uint32_t h = first + static_cast<uint32_t>(i);
    h = (h ^ key.low) * 0x9E3779B1u;
    h = (h ^ (h >> 16)) * 0x85EBCA6Bu;
    h = (h ^ (h >> 13)) + key.high;
    h = (h ^ (h >> 15)) * 0xC2B2AE35u;
    h ^= h >> 16;
    // The choice is between two constants, not between x * scale and 0: g++ vectorises only this (20x
    // faster).
    const Scalar factor = h >= key.threshold ? scale : Scalar(0);
    y[i] = x[i] * factor;
  }
}

#if defined(__GNUC__) && !defined(__clang__)
#define LIMBIC_VECTORISE optimize("O3")
#else
#define LIMBIC_VECTORISE
#endif

template <class Scalar>
__attribute__((LIMBIC_VECTORISE)) void drop_block_portable(const Scalar* x, Scalar* y, int32_t size,
                                                           uint32_t first, DropoutKey key, Scalar scale) {
  drop_block(x, y, size, first, key, scale);
}

#if defined(__x86_64__) && defined(__GNUC__)
#define LIMBIC_DROPOUT_AVX2 1
template <class Scalar>
__attribute__((target("avx2"), LIMBIC_VECTORISE)) void drop_block_avx2(const Scalar* x, Scalar* y,
                                                                       int32_t size, uint32_t first,
                                                                       DropoutKey key, Scalar scale) {
  drop_block(x, y, size, first, key, scale);
}
#endif

template <class Scalar>
void drop(const Scalar* x, Scalar* y, int64_t numel, double p, uint64_t seed) {
  auto* run = &drop_block_portable<Scalar>;
#ifdef LIMBIC_DROPOUT_AVX2
  if (__builtin_cpu_supports("avx2")) run = &drop_block_avx2<Scalar>;
#endif
  const auto scale = static_cast<Scalar>(1.0 / (1.0 - p));
  const auto threshold = static_cast<uint32_t>(p * 4294967296.0);
  const int64_t num_blocks = (numel + kBlock - 1) / kBlock;
  at::parallel_for(0, num_blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const int64_t first = block * kBlock;
      const auto size = static_cast<int32_t>(std::min(kBlock, numel - first));
      const auto upper = static_cast<uint32_t>(static_cast<uint64_t>(first) >> 32);
      const DropoutKey key{static_cast<uint32_t>(seed),
                           static_cast<uint32_t>(seed >> 32) + upper * 0x9E3779B1u, threshold};
      run(x + first, y + first, size, static_cast<uint32_t>(first), key, scale);
    }
  });
}

class HashDropout : public torch::autograd::Function<HashDropout> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, double p,
                            int64_t seed, int64_t memory_format) {
    context->saved_data["p"] = p;
    context->saved_data["seed"] = seed;
    context->saved_data["memory_format"] = memory_format;
    const auto dense = x.contiguous(static_cast<at::MemoryFormat>(memory_format));
    auto y = at::empty_like(dense);
    AT_DISPATCH_FLOATING_TYPES(dense.scalar_type(), "hash_dropout", [&] {
      drop(dense.data_ptr<scalar_t>(), y.data_ptr<scalar_t>(), dense.numel(), p, static_cast<uint64_t>(seed));
    });
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& grads) {
    return {apply(grads[0], context->saved_data["p"].toDouble(), context->saved_data["seed"].toInt(),
                  context->saved_data["memory_format"].toInt()),
            at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor hash_dropout(const at::Tensor& x, double p, uint64_t seed) {
  TORCH_CHECK(p >= 0 && p < 1, "dropout probability must be in [0, 1), got ", p);
  if (p == 0 || x.numel() == 0) return x;
  return HashDropout::apply(x, p, static_cast<int64_t>(seed),
                            static_cast<int64_t>(x.suggest_memory_format()));
}

at::Tensor fast_dropout(const at::Tensor& x, double p, bool is_training) {
  if (!is_training || p == 0 || x.numel() == 0) return x;
  const bool has_fast_path =
      x.device().is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble);
  if (!has_fast_path) return at::dropout(x, p, true);
  const auto seed = at::empty({1}, at::kLong).random_().item<int64_t>();
  return hash_dropout(x, p, static_cast<uint64_t>(seed));
}

}  // namespace limbic::nn
