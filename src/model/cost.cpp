#include "limbic/model/cost.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/record_function.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>

#include "limbic/core/torch_compat.h"
#include "limbic/nn/state.h"

namespace limbic::model {
namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<int64_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// What the callbacks below write into while a model runs on this thread. They are plain functions, so it is
/// found through a thread-local pointer.
struct Observation {
  std::vector<std::string> parts;         ///< that are running, outermost first
  std::vector<Clock::time_point> starts;  ///< of them
  std::map<std::string, double> macs;     ///< by part
  std::map<std::string, double> ms;       ///< by part
  int num_nested = 0;                     ///< operators under way that count for what they call
};
thread_local Observation* observation = nullptr;

double product(at::IntArrayRef sizes) {
  double result = 1;
  for (const int64_t size : sizes) result *= static_cast<double>(size);
  return result;
}

/// MACs of the product of two matrices or batches of them.
double macs_of_product(const at::Tensor& a, const at::Tensor& b) {
  return product(a.sizes()) * static_cast<double>(b.size(-1));
}

bool counts_for_callees(const std::string& name) {
  return name == "aten::convolution" || name == "aten::mkldnn_rnn_layer";
}

double macs_of_call(const std::string& name, c10::ArrayRef<const c10::IValue> inputs) {
  const auto tensor = [&](size_t i) { return inputs[i].toTensor(); };
  if (name == "aten::mm" || name == "aten::bmm") return macs_of_product(tensor(0), tensor(1));
  if (name == "aten::addmm" || name == "aten::baddbmm") return macs_of_product(tensor(1), tensor(2));
  if (name == "aten::mv" || name == "aten::dot") return product(tensor(0).sizes());
  if (name == "aten::addmv") return product(tensor(1).sizes());
  if (name == "aten::mkldnn_rnn_layer") {  // (T, B, D) input and the two matrices of one direction
    return static_cast<double>(tensor(0).size(0) * tensor(0).size(1)) *
           (product(tensor(1).sizes()) + product(tensor(2).sizes()));
  }
  return 0;
}

/// Of a convolution: every output element is a product over one filter.
struct ConvolutionContext final : at::ObserverContext {
  double macs_per_output = 0;
};

std::unique_ptr<at::ObserverContext> on_start(const at::RecordFunction& call) {
  if (observation == nullptr) return nullptr;
  auto& seen = *observation;
  const std::string name = call.name();
  if (call.scope() == at::RecordScope::USER_SCOPE) {
    seen.parts.push_back(name);
    seen.starts.push_back(Clock::now());
    return nullptr;
  }
  std::unique_ptr<ConvolutionContext> context;
  if (seen.num_nested == 0) {
    if (name == "aten::convolution") {
      const auto weight = call.inputs()[1].toTensor();
      context = std::make_unique<ConvolutionContext>();
      context->macs_per_output = product(weight.sizes()) / static_cast<double>(weight.size(0));
    } else if (!seen.parts.empty()) {
      seen.macs[seen.parts.front()] += macs_of_call(name, call.inputs());
    }
  }
  if (counts_for_callees(name)) ++seen.num_nested;
  return context;
}

void on_end(const at::RecordFunction& call, at::ObserverContext* context) {
  if (observation == nullptr) return;
  auto& seen = *observation;
  if (call.scope() == at::RecordScope::USER_SCOPE) {
    if (seen.parts.size() == 1) seen.ms[seen.parts.front()] += ms_since(seen.starts.front());
    seen.parts.pop_back();
    seen.starts.pop_back();
    return;
  }
  if (counts_for_callees(call.name())) --seen.num_nested;
  if (context == nullptr || call.outputs().empty() || seen.parts.empty()) return;
  const auto output = call.outputs().front().toTensor();
  seen.macs[seen.parts.front()] +=
      static_cast<ConvolutionContext*>(context)->macs_per_output * product(output.sizes());
}

/// Watches what runs on this thread while it lives.
class Observer {
 public:
  /// @param with_operators  count MACs, which takes time that is then measured too
  explicit Observer(bool with_operators) {
    observation = &seen_;
    at::RecordFunctionCallback callback(on_start, on_end);
    callback.needsInputs(with_operators).needsOutputs(with_operators);
    callback.scopes(
        with_operators
            ? std::unordered_set<at::RecordScope, std::hash<at::RecordScope>>{at::RecordScope::FUNCTION,
                                                                              at::RecordScope::USER_SCOPE}
            : std::unordered_set<at::RecordScope, std::hash<at::RecordScope>>{at::RecordScope::USER_SCOPE});
    handle_ = at::addThreadLocalCallback(callback);
  }
  ~Observer() {
    at::removeCallback(handle_);
    observation = nullptr;
  }
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  const Observation& seen() const { return seen_; }

 private:
  Observation seen_;
  at::CallbackHandle handle_;
};

at::Tensor sum_of(const affect::ModelOutput& output) {
  at::Tensor sum;
  for (const auto* outputs :
       {&output.logits_BC, &output.label_logits_BC, &output.value_BC, &output.value_BTC}) {
    for (const auto& [task, of_task] : *outputs) sum = sum.defined() ? sum + of_task.sum() : of_task.sum();
  }
  for (const auto& [name, loss] : output.losses) sum = sum + loss;
  return sum;
}

std::string count_text(double count) {
  const char* const units[] = {"", " k", " M", " G", " T"};
  size_t unit = 0;
  while (count >= 1000 && unit + 1 < std::size(units)) {
    count /= 1000;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f}", count)
                   : fmt::format("{:.{}f}{}", count, count < 100 ? 1 : 0, units[unit]);
}

std::string mib_text(int64_t bytes) {
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

int64_t trainable_of(const torch::nn::Module& module) {
  int64_t count = 0;
  for (const auto& parameter : module.parameters())
    count += parameter.requires_grad() ? parameter.numel() : 0;
  return count;
}

/// The module of a part: "encoders.audio", "fusion" (with all that is below).
const torch::nn::Module& part_of(const torch::nn::Module& model, const std::string& name) {
  const auto modules = model.named_modules(std::string(), false);
  return *modules[name];
}

}  // namespace

CostReport measure_cost(MultimodalModel& original, const affect::Batch& batch, int repeats) {
  auto generator = at::detail::getDefaultCPUGenerator();
  const auto random_state = generator.get_state().clone();
  const auto model = original.copy();
  const auto module = model->as_module();
  CostReport report;
  for (const auto& [modality, stream] : batch.streams) report.batch_size = stream.x.size(0);
  const auto per_sample = [&](double value) {
    return report.batch_size > 0 ? value / static_cast<double>(report.batch_size) : 0;
  };

  module->eval();
  std::vector<double> inference_ms;
  std::map<std::string, std::vector<double>> part_ms;
  std::map<std::string, double> macs;
  {
    const c10::InferenceMode inference;
    {
      const Observer observer(/*with_operators=*/true);
      model->forward(batch);
      macs = observer.seen().macs;
    }
    {
      const core::TensorMemoryWatch memory;
      model->forward(batch);
      report.inference_peak_bytes = memory.peak_bytes();
    }
    for (int i = 0; i < repeats; ++i) {
      const Observer observer(/*with_operators=*/false);
      const auto start = Clock::now();
      model->forward(batch);
      inference_ms.push_back(ms_since(start));
      for (const auto& [part, ms] : observer.seen().ms) part_ms[part].push_back(ms);
    }
  }
  report.inference_ms = per_sample(median(inference_ms));

  module->train();
  std::vector<double> training_ms;
  for (int i = -1; i < repeats; ++i) {
    const core::TensorMemoryWatch memory;
    const auto start = Clock::now();
    sum_of(model->forward(batch)).backward();
    module->zero_grad();
    if (i >= 0) training_ms.push_back(ms_since(start));
    report.training_peak_bytes = std::max(report.training_peak_bytes, memory.peak_bytes());
  }
  report.training_step_ms = per_sample(median(training_ms));

  for (const auto& part : model_summary(*model)) {
    PartCost cost{part.name, part.num_parameters};
    cost.num_trainable =
        part.name == "total" ? trainable_of(*module) : trainable_of(part_of(*module, part.name));
    cost.macs_per_sample = per_sample(macs[part.name]);
    cost.forward_ms = per_sample(median(part_ms[part.name]));
    if (part.name == "total") {
      for (const auto& [name, count] : macs) cost.macs_per_sample += per_sample(count);
      cost.forward_ms = report.inference_ms;
      report.total = cost;
    } else {
      report.parts.push_back(cost);
    }
  }
  for (const auto& [name, tensor] : nn::state_of(*module))
    report.parameter_bytes += static_cast<int64_t>(tensor.nbytes());
  generator.set_state(random_state);
  return report;
}

std::string cost_text(const CostReport& report) {
  std::vector<std::array<std::string, 4>> rows{{"part", "parameters", "MACs/sample", "ms/sample"}};
  const auto add = [&](const PartCost& part) {
    std::string parameters = std::to_string(part.num_parameters);
    if (part.num_trainable != part.num_parameters)
      parameters += fmt::format(" ({} trained)", part.num_trainable);
    rows.push_back(
        {part.name, parameters, count_text(part.macs_per_sample), fmt::format("{:.3f}", part.forward_ms)});
  };
  for (const auto& part : report.parts) add(part);
  add(report.total);
  std::array<size_t, 4> widths{};
  for (const auto& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  std::string text;
  for (const auto& row : rows)
    text += fmt::format("{:<{}}  {:>{}}  {:>{}}  {:>{}}\n", row[0], widths[0], row[1], widths[1], row[2],
                        widths[2], row[3], widths[3]);
  return text +
         fmt::format(
             "batch of {}: inference {:.3f} ms/sample, {} at most; training step {:.3f} ms/sample, {} at "
             "most; weights {}\n",
             report.batch_size, report.inference_ms, mib_text(report.inference_peak_bytes),
             report.training_step_ms, mib_text(report.training_peak_bytes), mib_text(report.parameter_bytes));
}

}  // namespace limbic::model
