// Times training steps and inference of one recipe, on request; step_time.py asks it and Python's torch in
// turn.
//   limbic_steps RECIPE.yaml THREADS
// stdin, one request a line: "train N", "infer N", "fold", "cost", "gemm N"; stdout: an answer a line.
#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <torch/nn/module.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <limits>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "limbic/config/config.h"
#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "limbic/core/rng.h"
#include "limbic/core/threads.h"
#include "limbic/model/cost.h"
#include "limbic/model/multimodal.h"
#include "limbic/nn/folding.h"
#include "limbic/train/optimizer.h"

namespace limbic {
namespace {

constexpr int64_t kNumClasses = 7;
constexpr double kClipNorm = 5.0;

struct StepInput {
  int64_t frames = 1;
  std::vector<int64_t> frame;

  template <class Visitor>
  void visit(Visitor& v) {
    v("frames", frames, "frames of a sample");
    v("frame", frame, "[features] or [channels, height, width]");
  }
};

struct StepRecipe {
  int64_t batch_size = 32;
  int64_t turns = 0;  ///< rows of a conversation; 0 = every row by itself
  std::map<std::string, StepInput> inputs;
  model::ModelConfig model;

  template <class Visitor>
  void visit(Visitor& v) {
    v("batch_size", batch_size, "rows");
    v("turns", turns, "rows of a conversation; 0 = every row by itself");
    v("inputs", inputs, "by modality");
    v("model", model, "as in a recipe");
  }
};

affect::Batch make_batch(const StepRecipe& recipe) {
  const int64_t rows = recipe.batch_size;
  affect::Batch batch;
  for (const auto& [modality, input] : recipe.inputs) {
    std::vector<int64_t> sizes = {rows, input.frames};
    sizes.insert(sizes.end(), input.frame.begin(), input.frame.end());
    auto& stream = batch.streams[modality];
    stream.x = input.frame.size() == 3 ? at::randint(256, sizes, at::kByte) : at::randn(sizes);
    stream.mask_BT = at::ones({rows, input.frames}, at::kBool);
    stream.present_B = at::ones({rows}, at::kBool);
  }
  batch.targets["emotion"] = {at::randint(kNumClasses, {rows}, at::kLong), at::ones({rows}, at::kBool), {}};
  for (int64_t b = 0; b < rows; ++b) batch.ids.push_back(std::to_string(b));
  if (recipe.turns > 0) {
    const auto row_B = at::arange(rows, at::kLong);
    batch.dialogues = {row_B.div(recipe.turns, "floor"), row_B.remainder(recipe.turns), row_B.remainder(2)};
  }
  return batch;
}

double cpu_ms() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return 1e3 * static_cast<double>(now.tv_sec) + 1e-6 * static_cast<double>(now.tv_nsec);
}

double wall_ms() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// Prints the least CPU and wall time of `times` calls.
template <class Run>
void time_least(int times, const Run& run) {
  double least_cpu = std::numeric_limits<double>::infinity();
  double least_wall = least_cpu;
  for (int i = 0; i < times; ++i) {
    const double cpu = cpu_ms();
    const double wall = wall_ms();
    run();
    least_cpu = std::min(least_cpu, cpu_ms() - cpu);
    least_wall = std::min(least_wall, wall_ms() - wall);
  }
  std::printf("%.4f %.4f\n", least_cpu, least_wall);
}

class StepTimer {
 public:
  explicit StepTimer(const StepRecipe& recipe) : batch_(make_batch(recipe)) {
    std::map<std::string, affect::StreamShape> shapes;
    for (const auto& [modality, input] : recipe.inputs) shapes[modality] = {input.frame};
    affect::LabelSpace space{"emotion", {}};
    for (int64_t c = 0; c < kNumClasses; ++c) space.classes.push_back("class" + std::to_string(c));
    model_ = model::build_model(recipe.model, {space}, shapes);
    for (const auto& named : model_->as_module()->named_parameters())
      parameters_.emplace_back(named.key(), named.value());
    optimizer_ = train::build_optimizer(train::AdamWConfig{}, parameters_);
  }

  void train_step() {
    model_->as_module()->train();
    const auto output = model_->forward(batch_);
    auto loss = at::cross_entropy_loss(output.logits_BC.at("emotion"), batch_.targets.at("emotion").y_B);
    for (const auto& named : output.losses) loss = loss + named.second;
    loss.backward();
    train::clip_gradients(parameters_, kClipNorm);
    optimizer_->step(1.0);
    optimizer_->zero_grad();
  }
  void infer() {
    model_->as_module()->eval();
    const c10::InferenceMode inference;
    model_->forward(batch_);
  }
  int64_t fold() { return nn::fold_normalization(*model_->as_module()); }
  void print_cost() {
    const auto cost = model::measure_cost(*model_, batch_, 1);
    std::printf("%lld %.0f\n", static_cast<long long>(cost.total.num_parameters),
                cost.total.macs_per_sample * static_cast<double>(batch_.size()));
  }

 private:
  affect::Batch batch_;
  std::shared_ptr<model::MultimodalModel> model_;
  train::Optimizer::NamedTensors parameters_;
  std::unique_ptr<train::Optimizer> optimizer_;
};

void serve(const StepRecipe& recipe) {
  core::seed_torch(1);
  StepTimer timer(recipe);
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string request;
    int times = 1;
    words >> request >> times;
    if (request == "train") {
      time_least(times, [&] { timer.train_step(); });
    } else if (request == "infer") {
      time_least(times, [&] { timer.infer(); });
    } else if (request == "fold") {
      std::printf("%lld\n", static_cast<long long>(timer.fold()));
    } else if (request == "cost") {
      timer.print_cost();
    } else if (request == "gemm") {
      const auto a = at::randn({2048, 2048});
      const auto b = at::randn({2048, 2048});
      time_least(times, [&] { at::mm(a, b); });
    } else {
      throw Error(ErrorCode::kConfig, "unknown request '" + line + "'");
    }
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace limbic

int main(int argc, char** argv) {
  limbic::core::tune_process();
  if (argc != 3) {
    std::cerr << "usage: limbic_steps RECIPE.yaml THREADS\n";
    return 2;
  }
  limbic::core::set_num_threads(std::atoi(argv[2]));
  try {
    const auto text = limbic::core::read_file(argv[1]);
    limbic::serve(limbic::config::load_text<limbic::StepRecipe>(text, argv[1], {}));
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
  return 0;
}
