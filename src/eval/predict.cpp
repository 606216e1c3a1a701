#include "limbic/eval/predict.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "limbic/eval/calibration.h"

namespace limbic::eval {
namespace {

/// Sums behind a task's loss.
struct LossSum {
  double sum = 0;
  double count = 0;
};

/// What identifies the row of a batch.
struct RowName {
  std::string id;
  std::string subject;
};

std::vector<double> doubles(const at::Tensor& tensor) {
  const auto values = tensor.to(at::kDouble).contiguous();
  return {values.data_ptr<double>(), values.data_ptr<double>() + values.numel()};
}

void take_classes(const at::Tensor& logits_BC, const affect::Targets& target,
                  const std::vector<RowName>& rows, TaskPredictions& task, LossSum& loss) {
  const auto log_p_BC = at::log_softmax(logits_BC.to(at::kDouble), 1).contiguous();
  const int64_t num_classes = log_p_BC.size(1);
  for (size_t b = 0; b < rows.size(); ++b) {
    const auto row = static_cast<int64_t>(b);
    if (!target.mask_B[row].item<bool>()) continue;
    const double* log_p_C = log_p_BC.data_ptr<double>() + row * num_classes;
    std::vector<double> probabilities(log_p_C, log_p_C + num_classes);
    for (auto& value : probabilities) value = std::exp(value);
    const auto truth = target.y_B[row].item<int64_t>();
    loss.sum -= log_p_C[truth];
    loss.count += 1;
    task.predictions.push_back(make_prediction(rows[b].id, rows[b].subject, truth, std::move(probabilities)));
  }
}

/// Rows of the truth that the model has no row for are unknown.
at::Tensor masked(const at::Tensor& value, const at::Tensor& known) {
  return value.to(at::kDouble).masked_fill(known.logical_not(), std::numeric_limits<double>::quiet_NaN());
}

/// @param truth, said  double (B, ...), truth NaN where unknown
/// @param variance     undefined, or as `said`
void take_values(const at::Tensor& truth, const at::Tensor& said, const at::Tensor& variance,
                 const at::Tensor& loss_of_each, const std::vector<RowName>& rows, TaskPredictions& task,
                 LossSum& loss) {
  const auto is_known = truth.isfinite();
  const auto known_B = is_known.flatten(1).any(1);
  loss.sum += loss_of_each.masked_fill(is_known.logical_not(), 0.0).sum().item<double>();
  loss.count += is_known.sum().item<double>();
  for (size_t b = 0; b < rows.size(); ++b) {
    const auto row = static_cast<int64_t>(b);
    if (!known_B[row].item<bool>()) continue;
    // Padding behind the sample's last known frame belongs to the batch, not to the sample.
    int64_t length = 1;
    if (truth.dim() == 3) length = is_known[row].any(1).nonzero().max().item<int64_t>() + 1;
    const auto cut = [&](const at::Tensor& x) {
      return doubles(x.dim() == 3 ? x[row].slice(0, 0, length) : x[row]);
    };
    task.values.push_back({rows[b].id, rows[b].subject, cut(truth), cut(said),
                           variance.defined() ? cut(variance) : std::vector<double>{}});
  }
}

at::Tensor variance_of(const std::map<std::string, at::Tensor>& log_variance, const std::string& task) {
  const auto found = log_variance.find(task);
  return found == log_variance.end() ? at::Tensor() : found->second.to(at::kDouble).exp();
}

void take(const affect::ModelOutput& output, const affect::Targets& target, double temperature,
          const std::vector<RowName>& rows, TaskPredictions& task, LossSum& loss) {
  const std::string& name = task.labels.task;
  if (task.labels.has_classes())
    return take_classes(output.logits_BC.at(name) / temperature, target, rows, task, loss);
  if (task.labels.traits.kind == affect::TaskKind::kMultiLabel) {
    const auto logits_BC = output.label_logits_BC.at(name).to(at::kDouble) / temperature;
    const auto truth_BC = masked(target.value_BC, target.known_BC);
    const auto loss_BC = at::binary_cross_entropy_with_logits(logits_BC, target.value_BC.to(at::kDouble), {},
                                                              {}, at::Reduction::None);
    return take_values(truth_BC, logits_BC.sigmoid(), {}, loss_BC, rows, task, loss);
  }
  if (!task.labels.is_framewise()) {
    const auto truth_BC = masked(target.value_BC, target.known_BC);
    const auto said_BC = output.value_BC.at(name).to(at::kDouble);
    return take_values(truth_BC, said_BC, variance_of(output.log_variance_BC, name),
                       (said_BC - truth_BC).square(), rows, task, loss);
  }
  const auto& said_BTC = output.value_BTC.at(name);
  const int64_t num_rows = std::min(said_BTC.size(1), target.value_BTC.size(1));
  const auto known_BTC = target.known_BTC.slice(1, 0, num_rows)
                             .logical_and(output.covered_BT.at(name).slice(1, 0, num_rows).unsqueeze(2));
  const auto truth_BTC = masked(target.value_BTC.slice(1, 0, num_rows), known_BTC);
  const auto cut_BTC = said_BTC.slice(1, 0, num_rows).to(at::kDouble);
  auto variance_BTC = variance_of(output.log_variance_BTC, name);
  if (variance_BTC.defined()) variance_BTC = variance_BTC.slice(1, 0, num_rows);
  take_values(truth_BTC, cut_BTC, variance_BTC, (cut_BTC - truth_BTC).square(), rows, task, loss);
}

double quadratic_kappa(const ConfusionMatrix& m) {
  // Invalid predictions have no rank; they are left out here and count in accuracy.
  const int64_t num_classes = m.num_classes();
  std::vector<double> truth_C(static_cast<size_t>(num_classes), 0.0);
  std::vector<double> said_C(static_cast<size_t>(num_classes), 0.0);
  double total = 0;
  double observed = 0;
  for (int64_t t = 0; t < num_classes; ++t) {
    for (int64_t p = 0; p < num_classes; ++p) {
      const auto count = static_cast<double>(m.at(t, p));
      truth_C[static_cast<size_t>(t)] += count;
      said_C[static_cast<size_t>(p)] += count;
      total += count;
      observed += count * static_cast<double>((t - p) * (t - p));
    }
  }
  double expected = 0;
  for (int64_t t = 0; t < num_classes; ++t) {
    for (int64_t p = 0; p < num_classes; ++p)
      expected += truth_C[static_cast<size_t>(t)] * said_C[static_cast<size_t>(p)] *
                  static_cast<double>((t - p) * (t - p));
  }
  return expected > 0 ? 1.0 - observed * total / expected : std::numeric_limits<double>::quiet_NaN();
}

double rank_error(const ConfusionMatrix& m) {
  double sum = 0;
  double count = 0;
  for (int64_t t = 0; t < m.num_classes(); ++t) {
    for (int64_t p = 0; p < m.num_classes(); ++p) {
      sum += static_cast<double>(m.at(t, p) * std::abs(t - p));
      count += static_cast<double>(m.at(t, p));
    }
  }
  return count > 0 ? sum / count : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

const std::vector<Metric>& ordinal_metrics() {
  static const std::vector<Metric> table = {
      {"qwk", "quadratic weighted kappa (Cohen 1968)", quadratic_kappa},
      {"mae", "mean distance of the classes, in ranks", rank_error},
  };
  return table;
}

std::vector<std::string> task_metric_names(const affect::LabelSpace& task) {
  if (!task.has_classes()) return value_metric_names(task);
  std::vector<std::string> names = metric_names();
  names.emplace_back(kEceName);
  if (task.traits.kind == affect::TaskKind::kOrdinal) {
    for (const Metric& row : ordinal_metrics()) names.emplace_back(row.name);
  }
  return names;
}

double TaskPredictions::value(const std::string& metric_name) const {
  if (metric_name == "loss") return loss;
  if (!labels.has_classes()) return value_metric(labels, values, metric_name);
  if (metric_name == kAucName) return auc(predictions, labels.num_classes());
  if (metric_name == kEceName) return ece(predictions);
  const auto matrix = confusion(predictions, labels.num_classes());
  if (labels.traits.kind == affect::TaskKind::kOrdinal) {
    for (const Metric& row : ordinal_metrics()) {
      if (metric_name == row.name) return row.value(matrix);
    }
  }
  return metric(metric_name).value(matrix);
}

std::map<std::string, TaskPredictions> predict(model::MultimodalModel& model, data::Loader& loader,
                                               const std::map<std::string, double>& temperature,
                                               const std::set<std::string>& hidden) {
  return predict_changed(model, loader, temperature, [&](affect::Batch& batch) {
    for (const auto& modality : hidden) batch.streams.erase(modality);
  });
}

std::map<std::string, TaskPredictions> predict_changed(model::MultimodalModel& model, data::Loader& loader,
                                                       const std::map<std::string, double>& temperature,
                                                       const std::function<void(affect::Batch&)>& change) {
  const auto module = model.as_module();
  const bool was_training = module->is_training();
  module->eval();
  std::map<std::string, TaskPredictions> all;
  std::map<std::string, LossSum> losses;
  for (const auto& task : model.tasks()) all[task.task].labels = task;
  const auto& store = *loader.input().store;
  {
    const c10::InferenceMode inference;
    loader.begin_epoch(0);
    while (auto batch = loader.next()) {
      change(*batch);
      const auto output = model.forward(*batch);
      std::vector<RowName> rows;
      for (const auto& id : batch->ids)
        rows.push_back({id, std::string(store.samples().subject(store.index_of(id)))});
      for (auto& [name, task] : all) {
        const auto target = batch->targets.find(name);
        if (target == batch->targets.end()) continue;
        const auto scale = temperature.find(name);
        take(output, target->second, scale == temperature.end() ? 1.0 : scale->second, rows, task,
             losses[name]);
      }
    }
  }
  for (auto& [name, task] : all) {
    const auto& loss = losses[name];
    task.loss = loss.count > 0 ? loss.sum / loss.count : std::numeric_limits<double>::quiet_NaN();
  }
  module->train(was_training);
  return all;
}

}  // namespace limbic::eval
