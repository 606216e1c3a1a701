#include "blocks/conv_norm.h"

#include <ATen/Context.h>
#include <torch/nn/init.h>

#include <utility>

#include "limbic/nn/folding.h"

namespace limbic::nn {
namespace {

template <size_t D, class Conv>
std::shared_ptr<Conv> make_convolution(const ConvOptions& o) {
  const auto array = [](const std::vector<int64_t>& values) {
    return torch::ExpandingArray<D>(at::IntArrayRef(values));
  };
  const auto conv =
      std::make_shared<Conv>(torch::nn::ConvOptions<D>(o.in_channels, o.out_channels, array(o.kernel))
                                 .stride(array(o.stride))
                                 .padding(array(o.padding))
                                 .bias(o.bias));
  torch::nn::init::kaiming_normal_(conv->weight, 0.0, torch::kFanOut, torch::kReLU);
  return conv;
}

/// Grows with every change of the tensor in place. Those made in inference mode do not count, nor change.
int64_t version_of(const at::Tensor& tensor) {
  return tensor.defined() && !tensor.is_inference() ? static_cast<int64_t>(tensor._version()) : 0;
}

bool has_packed_layout(const at::Tensor& weight) {
  return weight.dim() >= 4 && weight.scalar_type() == at::kFloat && weight.device().is_cpu() &&
         at::globalContext().hasMKLDNN() && at::globalContext().userEnabledMkldnn();
}

}  // namespace

ConvNorm::ConvNorm(torch::nn::Module& owner, const std::string& conv_name, const std::string& norm_name,
                   ConvOptions options)
    : options_(std::move(options)), dilation_(options_.kernel.size(), 1) {
  if (options_.padding.empty()) {
    for (const int64_t kernel : options_.kernel) options_.padding.push_back((kernel - 1) / 2);
  }
  TORCH_CHECK(options_.kernel.size() >= 1 && options_.kernel.size() <= 3 &&
                  options_.stride.size() == options_.kernel.size() &&
                  options_.padding.size() == options_.kernel.size(),
              "a convolution has 1 to 3 dimensions, got a kernel of ", options_.kernel.size());
  switch (options_.kernel.size()) {
    case 1:
      conv1d_ = owner.register_module(conv_name, make_convolution<1, torch::nn::Conv1dImpl>(options_));
      break;
    case 2:
      conv2d_ = owner.register_module(conv_name, make_convolution<2, torch::nn::Conv2dImpl>(options_));
      break;
    default:
      conv3d_ = owner.register_module(conv_name, make_convolution<3, torch::nn::Conv3dImpl>(options_));
  }
  norm_ = owner.register_module(norm_name, MaskedBatchNorm(options_.out_channels));
}

const at::Tensor& ConvNorm::weight() const {
  return conv2d_ ? conv2d_->weight : conv3d_ ? conv3d_->weight : conv1d_->weight;
}

const at::Tensor& ConvNorm::bias() const {
  return conv2d_ ? conv2d_->bias : conv3d_ ? conv3d_->bias : conv1d_->bias;
}

at::Tensor ConvNorm::operator()(const at::Tensor& x_BCX, const FrameMask* mask) const {
  const std::vector<int64_t> no_padding(options_.kernel.size(), 0);
  if (!is_folded_for(x_BCX)) {
    const auto y = at::convolution(unpacked(x_BCX), weight(), bias(), options_.stride, options_.padding,
                                   dilation_, /*transposed=*/false, no_padding, /*groups=*/1);
    return norm_->forward(y, mask);
  }
  if (packed_weight_.defined()) {
    return at::mkldnn_convolution(x_BCX, packed_weight_, folded_bias_, options_.padding, options_.stride,
                                  dilation_, /*groups=*/1);
  }
  return at::convolution(x_BCX, folded_weight_, folded_bias_, options_.stride, options_.padding, dilation_,
                         /*transposed=*/false, no_padding, /*groups=*/1);
}

void ConvNorm::fold() {
  at::NoGradGuard no_grad;
  const auto affine = norm_->evaluation_affine();
  std::vector<int64_t> per_output(options_.kernel.size() + 2, 1);
  per_output[0] = options_.out_channels;
  folded_weight_ = weight() * affine.scale_C.view(per_output);
  folded_bias_ = bias().defined() ? affine.shift_C + bias() * affine.scale_C : affine.shift_C;
  folded_version_ = version();
  packed_weight_ = at::Tensor();
  if (!has_packed_layout(folded_weight_)) return;
  const auto plain = folded_weight_.contiguous().to_mkldnn();
  packed_weight_ =
      options_.kernel.size() == 2
          ? at::mkldnn_reorder_conv2d_weight(plain, options_.padding, options_.stride, dilation_, 1)
          : at::mkldnn_reorder_conv3d_weight(plain, options_.padding, options_.stride, dilation_, 1);
}

at::Tensor ConvNorm::packed(const at::Tensor& x_BCX) const {
  const bool is_packable = is_folded_for(x_BCX) && packed_weight_.defined();
  return is_packable && !x_BCX.is_mkldnn() ? x_BCX.contiguous().to_mkldnn() : x_BCX;
}

bool ConvNorm::is_folded_for(const at::Tensor& x) const {
  return folded_weight_.defined() && !norm_->is_training() && !at::GradMode::is_enabled() && x.numel() > 0 &&
         x.scalar_type() == folded_weight_.scalar_type() && x.device() == folded_weight_.device() &&
         version() == folded_version_;
}

int64_t ConvNorm::version() const {
  int64_t sum = version_of(weight()) + version_of(bias());
  for (const auto& tensor : norm_->tensors()) sum += version_of(tensor);
  return sum;
}

at::Tensor unpacked(const at::Tensor& x) {
  return x.is_mkldnn() ? x.to_dense() : x;
}

int64_t fold_normalization(torch::nn::Module& module) {
  int64_t count = 0;
  for (const auto& part : module.modules()) {
    auto* owner = dynamic_cast<HasConvNorms*>(part.get());
    if (owner == nullptr) continue;
    for (auto* conv_norm : owner->conv_norms()) {
      conv_norm->fold();
      ++count;
    }
  }
  return count;
}

}  // namespace limbic::nn
