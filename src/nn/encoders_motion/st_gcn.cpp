#include <torch/nn/init.h>
#include <torch/nn/modules/conv.h>

#include <string>
#include <utility>

#include "blocks/layers.h"
#include "encoders/build.h"
#include "encoders_motion/pose_input.h"
#include "encoders_motion/skeleton.h"
#include "limbic/core/error.h"
#include "limbic/nn/dropout.h"

namespace limbic::nn {
namespace {

/// Of convolutions, around 0, and of batch norms, around 1: as in the paper's code.
constexpr double kGraphDeviation = 0.02;

torch::nn::Conv2d make_graph_conv(int64_t in_channels, int64_t channels, int64_t kernel, int64_t stride) {
  torch::nn::Conv2d conv(torch::nn::Conv2dOptions(in_channels, channels, {kernel, 1})
                             .stride({stride, 1})
                             .padding({(kernel - 1) / 2, 0}));
  torch::nn::init::normal_(conv->weight, 0.0, kGraphDeviation);
  torch::nn::init::zeros_(conv->bias);
  return conv;
}

MaskedBatchNorm make_graph_norm(int64_t channels) {
  MaskedBatchNorm norm(channels);
  torch::nn::init::normal_(norm->named_parameters()["weight"], 1.0, kGraphDeviation);
  return norm;
}

/// Over neighbours, then over time. Frames are dimension 2; padded ones are zero before and after.
class GraphBlockImpl final : public torch::nn::Cloneable<GraphBlockImpl> {
 public:
  struct Options {
    int64_t in_channels = 0;
    int64_t channels = 0;
    int64_t stride = 1;
    int64_t kernel = 9;
    int64_t num_joints = 0;
    bool has_shortcut = true;
    double dropout = 0.0;
  };
  explicit GraphBlockImpl(Options options) : options_(options) { reset(); }
  void reset() override {
    const auto& o = options_;
    spread_ = register_module("spread", make_graph_conv(o.in_channels, kGraphPartitions * o.channels, 1, 1));
    importance_KJJ_ =
        register_parameter("importance", at::ones({kGraphPartitions, o.num_joints, o.num_joints}));
    norm1_ = register_module("norm1", make_graph_norm(o.channels));
    over_time_ = register_module("over_time", make_graph_conv(o.channels, o.channels, o.kernel, o.stride));
    norm2_ = register_module("norm2", make_graph_norm(o.channels));
    if (o.has_shortcut && (o.in_channels != o.channels || o.stride != 1)) {
      shortcut_ = register_module("shortcut", make_graph_conv(o.in_channels, o.channels, 1, o.stride));
      shortcut_norm_ = register_module("shortcut_norm", make_graph_norm(o.channels));
    }
  }

  /// @param mask  of x; becomes that of the result
  at::Tensor forward(const at::Tensor& x_BCTJ, const at::Tensor& links_KJJ, FrameMask& mask) {
    auto y = norm1_(over_neighbours(x_BCTJ, links_KJJ), &mask);
    y = over_time_(mask.apply_BCT_(y).relu_());
    mask = mask.reduced(options_.stride);
    y = fast_dropout(norm2_(y, &mask), options_.dropout, is_training());
    if (options_.has_shortcut) y = y + (shortcut_ ? shortcut_norm_(shortcut_(x_BCTJ), &mask) : x_BCTJ);
    return mask.apply_BCT_(y).relu_();
  }

 private:
  /// Every partition of neighbours has weights of its own; one matrix product adds up all of them.
  at::Tensor over_neighbours(const at::Tensor& x_BCTJ, const at::Tensor& links_KJJ) {
    const int64_t joints = options_.num_joints;
    const auto spread = spread_(x_BCTJ);
    const auto each_BCTKJ =
        spread.view({spread.size(0), kGraphPartitions, options_.channels, spread.size(2), joints})
            .permute({0, 2, 3, 1, 4});
    const auto weighted = (links_KJJ * importance_KJJ_).view({kGraphPartitions * joints, joints});
    return at::mm(each_BCTKJ.reshape({-1, kGraphPartitions * joints}), weighted)
        .view({spread.size(0), options_.channels, spread.size(2), joints});
  }

  Options options_;
  torch::nn::Conv2d spread_{nullptr}, over_time_{nullptr}, shortcut_{nullptr};
  at::Tensor importance_KJJ_;
  MaskedBatchNorm norm1_{nullptr}, norm2_{nullptr}, shortcut_norm_{nullptr};
};
TORCH_MODULE(GraphBlock);

class StGcnImpl final : public torch::nn::Cloneable<StGcnImpl>, public Encoder {
 public:
  StGcnImpl(StGcnConfig config, PoseInput input) : config_(std::move(config)), input_(std::move(input)) {
    reset();
  }

  void reset() override {
    const int64_t joints = input_.num_joints();
    links_KJJ_ = register_buffer("links", known_links());
    input_norm_ = register_module("input_norm", make_graph_norm(joints * input_.channels()));
    layers_ = register_module("layers", torch::nn::ModuleList());
    GraphBlockImpl::Options options;
    options.in_channels = input_.channels();
    options.kernel = config_.kernel;
    options.num_joints = joints;
    options.dropout = config_.dropout;
    options.has_shortcut = false;
    for (const auto& layer : config_.layers) {
      options.channels = layer.channels;
      options.stride = layer.stride;
      layers_->push_back(GraphBlock(options));
      options.in_channels = layer.channels;
      options.has_shortcut = true;
    }
    pool_ = register_module("pool", FramePool(config_.pooling, token_width(), config_.attention_hidden));
  }

  EncoderOutput encode(const at::Tensor& x_BTF, const at::Tensor& mask_BT) override {
    const auto dtype = links_KJJ_.scalar_type();
    const auto frames = input_.read(x_BTF, mask_BT, dtype);
    FrameMask mask(frames.mask_BT, dtype);
    const int64_t batch = x_BTF.size(0);
    const int64_t num_frames = x_BTF.size(1);
    const int64_t joints = input_.num_joints();
    const auto flat_BFT1 = frames.x_BTJC.permute({0, 2, 3, 1}).reshape({batch, -1, num_frames, 1});
    auto h_BCTJ = input_norm_(flat_BFT1, &mask)
                      .view({batch, joints, input_.channels(), num_frames})
                      .permute({0, 2, 3, 1})
                      .contiguous();
    h_BCTJ = mask.apply_BCT_(h_BCTJ);
    for (const auto& layer : *layers_)
      h_BCTJ = layer->as<GraphBlockImpl>()->forward(h_BCTJ, links_KJJ_, mask);
    const auto tokens_BTD = h_BCTJ.mean(3).transpose(1, 2);
    return {tokens_BTD, mask.mask_BT, pool_(tokens_BTD, mask)};
  }

  /// Where joints are linked to their nearest: in the mean shape.
  void set_input_statistics(const std::vector<double>& mean_F, const std::vector<double>&) override {
    if (!wants_input_statistics()) return;
    const int64_t joints = input_.num_joints();
    const int64_t columns = input_.num_columns();
    require(mean_F.size() == static_cast<size_t>(joints * columns), ErrorCode::kModel,
            "input statistics have " + std::to_string(mean_F.size()) + " means; expected " +
                std::to_string(joints * columns) + ", one per feature");
    const auto shape_JD = at::tensor(mean_F, at::kDouble)
                              .view({joints, columns})
                              .narrow(1, 0, input_.dimensions())
                              .contiguous();
    const int64_t center = config_.graph_center >= 0 ? config_.graph_center : central_point(shape_JD);
    at::NoGradGuard no_grad;
    links_KJJ_.copy_(spatial_partitions(nearest_edges(shape_JD, config_.neighbours), joints, center));
  }
  bool wants_input_statistics() const override { return config_.pose.skeleton == Skeleton::kNearest; }
  int64_t width() const override { return pool_->width(); }
  int64_t token_width() const override { return config_.layers.back().channels; }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  /// Of the skeleton by its name or of `edges`; before the statistics come, nearest joints are not linked.
  at::Tensor known_links() const {
    Edges edges;
    int64_t center = 0;
    if (const auto* known = skeleton_info(config_.pose.skeleton); known != nullptr) {
      edges = known->edges;
      center = known->center;
    }
    for (const auto& edge : config_.edges) edges.emplace_back(edge[0], edge[1]);
    if (config_.graph_center >= 0) center = config_.graph_center;
    return spatial_partitions(edges, input_.num_joints(), center);
  }

  StGcnConfig config_;
  PoseInput input_;
  at::Tensor links_KJJ_;
  MaskedBatchNorm input_norm_{nullptr};
  torch::nn::ModuleList layers_{nullptr};
  FramePool pool_{nullptr};
};

}  // namespace

void StGcnConfig::validate(config::Checks& checks) const {
  const bool is_custom = pose.skeleton == Skeleton::kCustom;
  checks.expect(is_custom || edges.empty(), "edges", "are for skeleton custom; this one has its own");
  checks.expect(!is_custom || !edges.empty(), "edges",
                "are empty; name a skeleton (pose.skeleton), or list pairs of linked joints");
  for (const auto& edge : edges) {
    checks.expect(edge.size() == 2, "edges",
                  "must be pairs of joints, got one of " + std::to_string(edge.size()));
  }
  checks.expect(kernel % 2 == 1, "kernel", "must be odd, got " + std::to_string(kernel));
  checks.expect(!layers.empty(), "layers", "must have at least one layer");
}

std::shared_ptr<Encoder> build(const StGcnConfig& config, const affect::StreamShape& input) {
  PoseInput pose(config.pose, input, StGcnConfig::kType);
  const auto check = [&](int64_t joint, const char* where) {
    require(joint < pose.num_joints(), ErrorCode::kConfig,
            std::string("encoder 'st_gcn': joint ") + std::to_string(joint) + " of " + where +
                "; a frame has " + std::to_string(pose.num_joints()) + " joints, 0 to " +
                std::to_string(pose.num_joints() - 1));
  };
  for (const auto& edge : config.edges)
    for (const int64_t joint : edge) check(joint, "edges");
  check(config.graph_center, "graph_center");
  return std::make_shared<StGcnImpl>(config, std::move(pose));
}

}  // namespace limbic::nn
