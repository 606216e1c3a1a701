#include "limbic/nn/head.h"

#include <string>

#include "blocks/layers.h"
#include "limbic/nn/dropout.h"

namespace limbic::nn {
namespace {

class ClassHeadImpl final : public torch::nn::Cloneable<ClassHeadImpl>, public Head {
 public:
  ClassHeadImpl(HeadConfig config, int64_t width, int64_t num_classes)
      : config_(config), width_(width), num_classes_(num_classes) {
    reset();
  }
  void reset() override {
    if (config_.hidden > 0) hidden_ = register_module("hidden", torch::nn::Linear(width_, config_.hidden));
    last_ = register_module("last",
                            torch::nn::Linear(config_.hidden > 0 ? config_.hidden : width_, num_classes_));
  }
  at::Tensor logits(const at::Tensor& x_BD) override {
    auto x = fast_dropout(x_BD, config_.dropout, is_training());
    if (hidden_) x = fast_dropout(hidden_(x).relu_(), config_.dropout, is_training());
    return last_(x);
  }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  HeadConfig config_;
  int64_t width_;
  int64_t num_classes_;
  torch::nn::Linear hidden_{nullptr}, last_{nullptr};
};

}  // namespace

std::shared_ptr<Head> build_head(const HeadConfig& config, int64_t width, int64_t num_classes) {
  return std::make_shared<ClassHeadImpl>(config, width, num_classes);
}

}  // namespace limbic::nn
