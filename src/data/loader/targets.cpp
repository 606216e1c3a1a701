#include "loader/targets.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "limbic/core/error.h"
#include "limbic/core/log.h"
#include "limbic/core/suggest.h"

namespace limbic::data {
namespace {

using affect::TaskKind;

constexpr float kNoValue = std::numeric_limits<float>::quiet_NaN();

/// The class behind the last cut that the value reaches.
int32_t class_behind(const std::vector<double>& cuts, double value) {
  return static_cast<int32_t>(std::upper_bound(cuts.begin(), cuts.end(), value) - cuts.begin());
}

/// Place of every name among `known`. @throws Error(kConfig)
std::vector<int64_t> places_of(const std::vector<std::string>& names, const std::vector<std::string>& known,
                               const std::string& what) {
  std::vector<int64_t> places;
  for (const auto& name : names) {
    const auto found = std::find(known.begin(), known.end(), name);
    require(found != known.end(), ErrorCode::kConfig,
            "the store has no " + what + " '" + name + "', only " +
                (known.empty() ? "none" : core::join(known)) + core::did_you_mean(name, known));
    places.push_back(found - known.begin());
  }
  return places;
}

}  // namespace

void TargetConfig::validate(config::Checks& checks) const {
  const bool has_classes = kind == TaskKind::kSingleLabel || kind == TaskKind::kOrdinal;
  const int num_sources = (label.empty() ? 0 : 1) + (values.empty() ? 0 : 1) + (stream.empty() ? 0 : 1);
  checks.expect(num_sources == 1, "", "exactly one of label, values and stream must say where it comes from");
  checks.expect(label.empty() || has_classes, "label", "makes single_label or ordinal tasks only");
  checks.expect(stream.empty() || kind == TaskKind::kContinuous, "stream", "makes continuous tasks only");
  checks.expect(stream.empty() == columns.empty(), "columns",
                "must name columns of the stream, and only then");
  checks.expect(rate_hz == 0 || !stream.empty(), "rate_hz", "needs a stream");
  checks.expect(range.empty() || (range.size() == 2 && range[0] < range[1]), "range",
                "must be [least, largest]");
  checks.expect(range.empty() || kind == TaskKind::kContinuous, "range", "belongs to continuous tasks");
  checks.expect(cuts.empty() || (has_classes && values.size() == 1), "cuts",
                "belong to single_label or ordinal tasks of one value");
  checks.expect(std::adjacent_find(cuts.begin(), cuts.end(), std::greater_equal<>()) == cuts.end(), "cuts",
                "must ascend");
  if (has_classes && !values.empty()) {
    checks.expect(values.size() == 1 && !cuts.empty(), "values",
                  "must be one, with cuts, to make classes of it");
    checks.expect(classes.size() == cuts.size() + 1, "classes", "must be one more than cuts");
  }
  const size_t num_outputs = stream.empty() ? values.size() : columns.size();
  checks.expect(has_classes || classes.empty() || classes.size() == num_outputs, "classes",
                "must be as many as there are values or columns");
  checks.expect(std::set<std::string>(classes.begin(), classes.end()).size() == classes.size(), "classes",
                "must differ");
}

affect::LabelSpace target_space(const std::string& task, const TargetConfig& target, const Store& store) {
  affect::LabelSpace space{task, target.classes, {target.kind, target.range, target.rate_hz}};
  try {
    places_of(target.values, store.samples().value_names(), "value");
    if (!target.label.empty()) {
      const auto& known = store.label_space(target.label).classes;
      places_of(target.classes, known, "class");
      if (space.classes.empty()) space.classes = known;
    }
    if (!target.stream.empty()) {
      std::vector<std::string> streams;
      for (const auto& [name, modality] : store.info().modalities) streams.push_back(name);
      places_of({target.stream}, streams, "stream");
      places_of(target.columns, store.info().modalities.at(target.stream).columns, "column");
    }
  } catch (const Error& error) {
    throw Error(ErrorCode::kConfig, "data.targets." + task + ": " + error.what());
  }
  if (space.classes.empty()) space.classes = target.stream.empty() ? target.values : target.columns;
  return space;
}

TargetTable::TargetTable(const Store& store, const std::vector<int64_t>& indices,
                         const std::vector<affect::LabelSpace>& tasks,
                         const std::map<std::string, TargetConfig>& targets, const Supervisions& supervisions,
                         bool is_first_reading)
    : store_(store), is_first_reading_(is_first_reading), tasks_(tasks) {
  for (const auto& task : tasks_) {
    const auto found = targets.find(task.task);
    sources_.push_back(read(task, found == targets.end() ? nullptr : &found->second, indices));
    const auto supervision = supervisions.find(task.task);
    if (supervision == supervisions.end()) continue;
    auto& source = sources_.back();
    source.supervision = supervision->second;
    if (task.has_classes()) source.class_of_row = source.supervision->classes;
  }
}

bool TargetTable::has_framewise() const {
  return std::any_of(tasks_.begin(), tasks_.end(), [](const auto& task) { return task.is_framewise(); });
}

void TargetTable::read_labels(const affect::LabelSpace& task, const std::string& label,
                              const std::vector<int64_t>& indices, std::vector<int32_t>& class_of_row) const {
  std::map<std::string, int32_t, std::less<>> index;
  for (size_t c = 0; c < task.classes.size(); ++c) index[task.classes[c]] = static_cast<int32_t>(c);
  int64_t num_foreign = 0;
  for (const int64_t i : indices) {
    const std::string_view name = store_.samples().label(label, i);
    if (name.empty()) continue;
    const auto at = index.find(name);
    if (at == index.end()) {
      ++num_foreign;
    } else {
      class_of_row[static_cast<size_t>(i)] = at->second;
    }
  }
  if (num_foreign > 0 && is_first_reading_) {
    log::warn("labels_unknown_to_task", {{"task", task.task}, {"samples", num_foreign}, {"used", "no"}});
  }
}

TargetTable::Source TargetTable::read(const affect::LabelSpace& task, const TargetConfig* target,
                                      const std::vector<int64_t>& indices) const {
  Source source;
  const auto num_rows = static_cast<size_t>(store_.size());
  const auto num_outputs = task.classes.size();
  if (task.has_classes()) {
    source.class_of_row.resize(num_rows, kUnknown);
    if (target == nullptr || !target->label.empty()) {
      read_labels(task, target == nullptr ? task.task : target->label, indices, source.class_of_row);
      return source;
    }
    for (const int64_t i : indices) {
      const double value = store_.samples().value(target->values.front(), i);
      if (std::isfinite(value))
        source.class_of_row[static_cast<size_t>(i)] = class_behind(target->cuts, value);
    }
    return source;
  }
  require(target != nullptr, ErrorCode::kConfig,
          "task '" + task.task + "' is not of the store's labels; data.targets." + task.task +
              " must say where it comes from");
  if (!target->stream.empty()) {
    source.stream = target->stream;
    source.columns =
        places_of(target->columns, store_.info().modalities.at(target->stream).columns, "column");
    if (task.is_framewise()) return source;
  }
  source.value_of_row.resize(num_rows * num_outputs, kNoValue);
  for (const int64_t i : indices) {
    float* row = source.value_of_row.data() + static_cast<size_t>(i) * num_outputs;
    if (!source.stream.empty()) {
      const auto mean_1C = sampled(source, 0.0, i);
      std::copy_n(mean_1C.data_ptr<float>(), num_outputs, row);
      continue;
    }
    for (size_t c = 0; c < num_outputs; ++c) {
      const double value = store_.samples().value(target->values[c], i);
      if (!std::isfinite(value)) continue;
      const bool is_label = task.traits.kind == TaskKind::kMultiLabel;
      row[c] = is_label ? (value >= target->threshold ? 1.0f : 0.0f) : static_cast<float>(value);
    }
  }
  return source;
}

int32_t TargetTable::class_of(size_t task, int64_t sample_idx) const {
  const auto& classes = sources_[task].class_of_row;
  return classes.empty() ? kUnknown : classes[static_cast<size_t>(sample_idx)];
}

bool TargetTable::is_known(size_t task, int64_t sample_idx) const {
  const auto& source = sources_[task];
  if (source.is_withheld(sample_idx)) return false;
  if (tasks_[task].has_classes()) return class_of(task, sample_idx) != kUnknown;
  if (tasks_[task].is_framewise()) return store_.samples().has_stream(source.stream, sample_idx);
  const auto* values = source.value_of_row.data() + sample_idx * tasks_[task].num_classes();
  return std::any_of(values, values + tasks_[task].num_classes(), [](float v) { return std::isfinite(v); });
}

bool TargetTable::is_labelled(size_t task, int64_t sample_idx) const {
  const auto& supervision = sources_[task].supervision;
  if (!supervision) return is_known(task, sample_idx);
  return supervision->levels[static_cast<size_t>(sample_idx)] == affect::kFullSupervision;
}

void TargetTable::add_levels(const Source& source, const std::vector<int64_t>& samples_B,
                             const std::vector<bool>& is_lost_B, affect::Targets& targets) const {
  const auto& supervision = *source.supervision;
  const auto size = static_cast<int64_t>(samples_B.size());
  targets.level_B = at::zeros({size}, at::TensorOptions(at::kLong));
  for (size_t b = 0; b < samples_B.size(); ++b) {
    if (!is_lost_B[b])
      targets.level_B.data_ptr<int64_t>()[b] = supervision.levels[static_cast<size_t>(samples_B[b])];
  }
  if (!supervision.withheld.empty()) {
    targets.withheld_B = at::empty({size}, at::TensorOptions(at::kLong));
    for (size_t b = 0; b < samples_B.size(); ++b)
      targets.withheld_B.data_ptr<int64_t>()[b] = supervision.withheld[static_cast<size_t>(samples_B[b])];
  }
  if (!supervision.has_weak()) return;
  const auto num_classes = static_cast<int64_t>(supervision.soft_RC.size() / supervision.weights.size());
  targets.weight_B = at::empty({size}, at::TensorOptions(at::kFloat));
  targets.soft_BC = at::empty({size, num_classes}, at::TensorOptions(at::kFloat));
  for (size_t b = 0; b < samples_B.size(); ++b) {
    targets.weight_B.data_ptr<float>()[b] = supervision.weights[static_cast<size_t>(samples_B[b])];
    std::copy_n(supervision.soft_RC.data() + samples_B[b] * num_classes, num_classes,
                targets.soft_BC.data_ptr<float>() + static_cast<int64_t>(b) * num_classes);
  }
}

at::Tensor TargetTable::sampled(const Source& source, double rate_hz, int64_t sample_idx) const {
  const auto num_columns = static_cast<int64_t>(source.columns.size());
  if (!store_.samples().has_stream(source.stream, sample_idx)) return at::full({1, num_columns}, kNoValue);
  const auto stream = store_.read_stream(sample_idx, source.stream);
  const auto values = stream.values.to(at::kFloat).contiguous();
  const auto valid_T = stream.valid_T.contiguous();
  const auto value_at = [&](int64_t t, int64_t column) {
    return valid_T.data_ptr<bool>()[t] ? values.data_ptr<float>()[t * values.size(1) + column] : kNoValue;
  };
  const int64_t num_frames = values.size(0);
  if (rate_hz <= 0) {
    auto mean_1C = at::full({1, num_columns}, kNoValue);
    for (int64_t c = 0; c < num_columns; ++c) {
      double sum = 0;
      int64_t count = 0;
      for (int64_t t = 0; t < num_frames; ++t) {
        const float value = value_at(t, source.columns[static_cast<size_t>(c)]);
        if (!std::isfinite(value)) continue;
        sum += static_cast<double>(value);
        ++count;
      }
      if (count > 0) mean_1C.data_ptr<float>()[c] = static_cast<float>(sum / static_cast<double>(count));
    }
    return mean_1C;
  }
  const double length_s = store_.samples().duration(sample_idx).ticks > 0
                              ? store_.samples().duration(sample_idx).seconds()
                              : static_cast<double>(num_frames) / stream.rate_hz;
  const auto num_rows = std::max<int64_t>(1, std::llround(length_s * rate_hz));
  const double lead_s = (store_.samples().t0(sample_idx) - stream.t0).seconds();
  auto rows_TC = at::full({num_rows, num_columns}, kNoValue);
  for (int64_t k = 0; k < num_rows; ++k) {
    const double place = (lead_s + static_cast<double>(k) / rate_hz) * stream.rate_hz;
    // Linear between frames; half a frame beyond the ends still has the outermost value.
    if (place < -0.5 || place > static_cast<double>(num_frames) - 0.5) continue;
    double inside = std::clamp(place, 0.0, static_cast<double>(num_frames - 1));
    // A time that rounding put beside its frame takes nothing of the next one, which may be unknown.
    if (std::abs(inside - std::round(inside)) < 1e-6) inside = std::round(inside);
    const auto below = static_cast<int64_t>(inside);
    const auto share = static_cast<float>(inside - static_cast<double>(below));
    for (int64_t c = 0; c < num_columns; ++c) {
      const int64_t column = source.columns[static_cast<size_t>(c)];
      float value = value_at(below, column);
      if (share > 0) value += share * (value_at(below + 1, column) - value);
      rows_TC.data_ptr<float>()[k * num_columns + c] = value;
    }
  }
  return rows_TC;
}

affect::Targets TargetTable::rows(size_t task, const std::vector<int64_t>& samples_B,
                                  const std::vector<bool>& is_lost_B) const {
  const auto size = static_cast<int64_t>(samples_B.size());
  const auto& space = tasks_[task];
  const auto& source = sources_[task];
  affect::Targets targets;
  if (space.has_classes()) {
    targets.y_B = at::empty({size}, at::TensorOptions(at::kLong));
    targets.mask_B = at::empty({size}, at::TensorOptions(at::kBool));
    for (size_t b = 0; b < samples_B.size(); ++b) {
      const int32_t label = source.class_of_row[static_cast<size_t>(samples_B[b])];
      targets.mask_B.data_ptr<bool>()[b] = label != kUnknown && !is_lost_B[b];
      targets.y_B.data_ptr<int64_t>()[b] = std::max(label, 0);
    }
    if (source.supervision) add_levels(source, samples_B, is_lost_B, targets);
    return targets;
  }
  std::vector<at::Tensor> values_TC;
  int64_t longest = 1;
  for (size_t b = 0; b < samples_B.size(); ++b) {
    if (space.is_framewise()) {
      values_TC.push_back(sampled(source, space.traits.rate_hz, samples_B[b]));
    } else {
      auto row = at::empty({1, space.num_classes()}, at::TensorOptions(at::kFloat));
      std::copy_n(source.value_of_row.data() + samples_B[b] * space.num_classes(), space.num_classes(),
                  row.data_ptr<float>());
      values_TC.push_back(std::move(row));
    }
    longest = std::max(longest, values_TC.back().size(0));
  }
  auto value_BTC = at::full({size, longest, space.num_classes()}, kNoValue);
  for (size_t b = 0; b < samples_B.size(); ++b) {
    if (!is_lost_B[b] && !source.is_withheld(samples_B[b]))
      value_BTC[static_cast<int64_t>(b)].narrow(0, 0, values_TC[b].size(0)).copy_(values_TC[b]);
  }
  const auto known_BTC = value_BTC.isfinite();
  value_BTC = value_BTC.masked_fill(known_BTC.logical_not(), 0.0);
  targets.mask_B = known_BTC.flatten(1).any(1);
  if (space.is_framewise()) {
    targets.value_BTC = value_BTC;
    targets.known_BTC = known_BTC;
  } else {
    targets.value_BC = value_BTC.squeeze(1);
    targets.known_BC = known_BTC.squeeze(1);
  }
  if (source.supervision) add_levels(source, samples_B, is_lost_B, targets);
  return targets;
}

std::vector<int64_t> TargetTable::counts(size_t task, const std::vector<int64_t>& indices) const {
  const auto& space = tasks_[task];
  const auto& source = sources_[task];
  std::vector<int64_t> counts(space.classes.size(), 0);
  for (const int64_t i : indices) {
    if (source.is_withheld(i)) continue;
    if (space.has_classes()) {
      if (const int32_t label = class_of(task, i); label != kUnknown) ++counts[static_cast<size_t>(label)];
      continue;
    }
    for (size_t c = 0; c < counts.size(); ++c) {
      if (space.is_framewise()) {
        counts[c] += store_.samples().has_stream(source.stream, i) ? 1 : 0;
        continue;
      }
      const float value = source.value_of_row[static_cast<size_t>(i) * counts.size() + c];
      const bool counted = space.traits.kind == TaskKind::kMultiLabel ? value > 0.5f : std::isfinite(value);
      counts[c] += counted ? 1 : 0;
    }
  }
  return counts;
}

}  // namespace limbic::data
