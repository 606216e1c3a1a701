#pragma once
#include <torch/nn/module.h>

#include <memory>
#include <vector>

#include "blocks/layers.h"
#include "limbic/nn/encoder.h"
#include "pretrained/checkpoint.h"
#include "pretrained/transformer.h"

namespace limbic::nn {

/// What the encoders with published networks share: modes, weights, copies.
class PretrainedEncoder : public torch::nn::Module, public Encoder {
 public:
  void load_pretrained() override;
  /// Their input scaling is published with the weights.
  void set_input_statistics(const std::vector<double>&, const std::vector<double>&) override {}
  bool wants_input_statistics() const override { return false; }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

  void train(bool is_training = true) override;
  std::shared_ptr<torch::nn::Module> clone(
      const torch::optional<torch::Device>& device = torch::nullopt) const override;

 protected:
  PretrainedEncoder(PretrainedConfig config, FramePooling pooling, int64_t token_width,
                    int64_t attention_hidden);
  /// Registers the network; its parameters are frozen as the config says.
  void adopt(const std::shared_ptr<torch::nn::Module>& network, const FoundationStack& stack,
             NameTable names);
  virtual std::shared_ptr<Encoder> rebuild() const = 0;

  FramePool pool_{nullptr};

 private:
  PretrainedConfig config_;
  NameTable names_;
  std::shared_ptr<torch::nn::Module> network_;
  FoundationStack stack_{nullptr};
};

}  // namespace limbic::nn
