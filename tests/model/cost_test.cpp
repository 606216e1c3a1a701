#include "limbic/model/cost.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include "limbic/config/config.h"
#include "limbic/nn/state.h"

namespace limbic::model {
namespace {

constexpr int64_t kBatch = 3, kFrames = 10, kFeatures = 6;

std::shared_ptr<MultimodalModel> model_of(const std::string& encoder) {
  const auto config = config::load_text<ModelConfig>(
      "{encoders: {x: " + encoder + "}, heads: {task: {dropout: 0}}}", "recipe.yaml", {});
  return build_model(config, {{"task", {"a", "b"}}}, {{"x", {{kFeatures}}}});
}

affect::Batch frames() {
  affect::Batch batch;
  batch.streams["x"] = {at::randn({kBatch, kFrames, kFeatures}), at::ones({kBatch, kFrames}, at::kBool),
                        at::ones({kBatch}, at::kBool)};
  batch.ids = {"a", "b", "c"};
  return batch;
}

TEST(Cost, CountsTheProductsOfLinearLayers) {
  const auto model = model_of("{type: mlp, hidden: [8, 4], batch_norm: false, pooling: mean}");
  const auto report = measure_cost(*model, frames(), 2);
  ASSERT_EQ(report.parts.front().name, "encoders.x");
  EXPECT_DOUBLE_EQ(report.parts.front().macs_per_sample, kFrames * (6 * 8 + 8 * 4));
  EXPECT_DOUBLE_EQ(report.total.macs_per_sample, kFrames * (6 * 8 + 8 * 4) + 4 * 2);
  EXPECT_EQ(report.total.num_parameters, nn::num_parameters(*model->as_module()));
  EXPECT_EQ(report.batch_size, kBatch);
  EXPECT_GT(report.inference_peak_bytes, 0);
  EXPECT_GT(report.training_peak_bytes, report.inference_peak_bytes);
}

TEST(Cost, CountsConvolutionsOnceAndRecurrentSteps) {
  const auto conv = model_of(
      "{type: conv_recurrent, layers: [{channels: 5, kernel: 3, pool_feature: 1}], projection: 0, recurrent: "
      "none, pooling: mean}");
  EXPECT_DOUBLE_EQ(measure_cost(*conv, frames(), 1).parts.front().macs_per_sample,
                   kFrames * kFeatures * 5 * 9);
  const auto gru = model_of(
      "{type: gru, projection: 0, hidden: 7, layers: 1, bidirectional: false, dropout: 0, pooling: mean}");
  EXPECT_DOUBLE_EQ(measure_cost(*gru, frames(), 1).parts.front().macs_per_sample,
                   kFrames * 3 * 7 * (kFeatures + 7));
}

TEST(Cost, LeavesTheModelAsItWas) {
  const auto model = model_of("{type: mlp, hidden: [8], dropout: 0.5}");
  model->as_module()->train();
  const auto before = nn::state_of(*model->copy()->as_module());
  const auto batch = frames();
  at::manual_seed(3);
  const auto expected = at::rand({1}).item<float>();
  at::manual_seed(3);
  measure_cost(*model, batch, 1);
  EXPECT_EQ(at::rand({1}).item<float>(), expected);
  EXPECT_TRUE(model->as_module()->is_training());
  for (const auto& [name, tensor] : nn::state_of(*model->as_module())) {
    EXPECT_TRUE(at::equal(tensor, before.at(name))) << name;
    EXPECT_FALSE(tensor.grad().defined()) << name;
  }
  EXPECT_NE(cost_text(measure_cost(*model, batch, 1)).find("encoders.x"), std::string::npos);
}

}  // namespace
}  // namespace limbic::model
