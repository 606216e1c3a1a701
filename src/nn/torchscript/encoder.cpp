#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "blocks/layers.h"
#include "encoders/build.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/nn/torchscript.h"
#include "torchscript/process.h"

namespace limbic::nn {
namespace {

class TorchScriptEncoderImpl final : public torch::nn::Cloneable<TorchScriptEncoderImpl>, public Encoder {
 public:
  explicit TorchScriptEncoderImpl(TorchScriptConfig config) : config_(std::move(config)) { reset(); }

  void reset() override {
    process_ = nullptr;
    // The type of the tokens when the pool has no parameter.
    dtype_ = register_buffer("dtype", at::zeros({1}));
    pool_ = register_module("pool", FramePool(config_.pooling, config_.width, config_.attention_hidden));
  }

  EncoderOutput encode(const at::Tensor& x, const at::Tensor& mask_BT) override {
    const FrameMask mask(mask_BT, dtype_.scalar_type());
    auto shape = mask_BT.sizes().vec();
    shape.resize(static_cast<size_t>(x.dim()), 1);
    auto real_x = x.to(at::kFloat);
    if (mask.is_padded()) real_x = real_x.masked_fill(mask_BT.logical_not().view(shape), 0.0);
    // Started by the first call: a model that is only described costs nothing.
    if (process_ == nullptr) process_ = std::make_shared<HostProcess>(config_);
    at::Tensor tokens_BTD;
    try {
      tokens_BTD = process_->call(real_x, mask_BT);
    } catch (const Error&) {
      process_ = nullptr;
      throw;
    }
    const std::vector<int64_t> want = {mask_BT.size(0), mask_BT.size(1), config_.width};
    require(tokens_BTD.sizes() == at::IntArrayRef(want), ErrorCode::kModel,
            config_.path + ": forward returned " + sizes_of(tokens_BTD.sizes()) +
                ", expected (B, T, width) = " + sizes_of(want));
    require(at::isfinite(tokens_BTD).all().item<bool>(), ErrorCode::kModel,
            config_.path + ": forward returned NaN or infinite values");
    tokens_BTD = mask.apply_BTD(tokens_BTD.to(dtype_.options()));
    return {tokens_BTD, mask_BT, pool_(tokens_BTD, mask)};
  }

  void set_input_statistics(const std::vector<double>&, const std::vector<double>&) override {}
  bool wants_input_statistics() const override { return false; }
  int64_t width() const override { return pool_->width(); }
  int64_t token_width() const override { return config_.width; }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  static std::string sizes_of(at::IntArrayRef sizes) {
    std::string text;
    for (const int64_t size : sizes) text += (text.empty() ? "(" : ", ") + std::to_string(size);
    return text + ")";
  }

  TorchScriptConfig config_;
  std::shared_ptr<HostProcess> process_;
  at::Tensor dtype_;
  FramePool pool_{nullptr};
};

}  // namespace

std::shared_ptr<Encoder> build(const TorchScriptConfig& config, const affect::StreamShape&) {
  require(!torchscript_host().empty(), ErrorCode::kConfig,
          "encoder 'torchscript': " + config.path +
              " is a program of someone else; check where it is from, then allow it with --allow-torchscript "
              "(it runs in a sandboxed process)");
  const auto hash = core::sha256_file(config.path);
  require(hash == config.sha256, ErrorCode::kModel,
          config.path + ": its SHA-256 is " + hash + ", but the recipe says " + config.sha256 +
              "; it is another file than the one that was checked");
  return std::make_shared<TorchScriptEncoderImpl>(config);
}

}  // namespace limbic::nn
