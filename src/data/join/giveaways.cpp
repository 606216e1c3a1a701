#include "limbic/data/giveaways.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>

namespace limbic::data {
namespace {

constexpr size_t kMostSamples = 5000;
/// With fewer samples chance separates classes, and short recordings rise by chance.
constexpr size_t kMinPerClass = 10;
constexpr size_t kMinWindows = 8;

/// The mean over frames of every column, of every sample that has the stream. NaN = nothing finite.
struct Columns {
  std::vector<int64_t> rows;
  std::vector<std::vector<double>> values;  ///< by column
};

Columns read_columns(const Store& store, const std::vector<int64_t>& train, const std::string& modality) {
  Columns columns;
  const size_t stride = std::max<size_t>(1, (train.size() + kMostSamples - 1) / kMostSamples);
  for (size_t k = 0; k < train.size(); k += stride) {
    if (!store.samples().has_stream(modality, train[k])) continue;
    const at::Tensor x_TF = store.read(train[k], modality);
    if (x_TF.dim() != 2 || x_TF.scalar_type() != at::kFloat || x_TF.size(0) == 0) continue;
    const auto num_columns = static_cast<size_t>(x_TF.size(1));
    if (columns.values.empty()) columns.values.resize(num_columns);
    if (columns.values.size() != num_columns) continue;
    columns.rows.push_back(train[k]);
    const float* x = x_TF.data_ptr<float>();
    for (size_t c = 0; c < num_columns; ++c) {
      double sum = 0;
      int64_t count = 0;
      for (int64_t t = 0; t < x_TF.size(0); ++t) {
        const double value = x[static_cast<size_t>(t) * num_columns + c];
        if (!std::isfinite(value)) continue;
        sum += value;
        ++count;
      }
      columns.values[c].push_back(count > 0 ? sum / static_cast<double>(count)
                                            : std::numeric_limits<double>::quiet_NaN());
    }
  }
  return columns;
}

/// Whether the classes lie in disjoint ranges of the values.
bool separates(const std::vector<double>& values, const std::vector<int>& class_of) {
  std::vector<std::pair<double, int>> sorted;
  std::map<int, size_t> count;
  for (size_t i = 0; i < values.size(); ++i) {
    if (class_of[i] < 0) continue;
    if (!std::isfinite(values[i])) return false;
    sorted.emplace_back(values[i], class_of[i]);
    ++count[class_of[i]];
  }
  if (count.size() < 2) return false;
  for (const auto& [name, num] : count) {
    if (num < kMinPerClass) return false;
  }
  std::sort(sorted.begin(), sorted.end());
  size_t num_changes = 0;
  for (size_t i = 1; i < sorted.size(); ++i) {
    if (sorted[i].second == sorted[i - 1].second) continue;
    if (sorted[i].first == sorted[i - 1].first) return false;
    ++num_changes;
  }
  return num_changes + 1 == count.size();
}

/// Rows of each recording in the order of time; recordings of few windows are left out.
std::vector<std::vector<size_t>> recordings_of(const SampleTable& samples, const std::vector<int64_t>& rows) {
  std::map<std::pair<int32_t, int32_t>, std::vector<size_t>> of_clip;
  for (size_t k = 0; k < rows.size(); ++k) {
    const int32_t clip = samples.code(SampleField::kClip, rows[k]);
    if (clip != 0) of_clip[{samples.code(SampleField::kCorpus, rows[k]), clip}].push_back(k);
  }
  std::vector<std::vector<size_t>> recordings;
  for (auto& [clip, members] : of_clip) {
    if (members.size() < kMinWindows) continue;
    std::sort(members.begin(), members.end(),
              [&](size_t a, size_t b) { return samples.t0(rows[a]) < samples.t0(rows[b]); });
    recordings.push_back(std::move(members));
  }
  return recordings;
}

bool follows_time(const std::vector<double>& values, const std::vector<std::vector<size_t>>& recordings) {
  for (const int sign : {1, -1}) {
    bool holds = !recordings.empty();
    for (const auto& members : recordings) {
      for (size_t k = 1; holds && k < members.size(); ++k)
        holds = sign * (values[members[k]] - values[members[k - 1]]) > 0;
    }
    if (holds) return true;
  }
  return false;
}

}  // namespace

std::vector<Giveaway> find_giveaways(const Store& store, const std::vector<int64_t>& train,
                                     const std::vector<std::string>& tasks,
                                     const std::vector<std::string>& modalities) {
  static constexpr std::array<const char*, 4> kLabelNames = {"label", "target", "class", "y"};
  std::vector<Giveaway> found;
  for (const auto& name : modalities) {
    const auto modality = store.info().modalities.find(name);
    if (modality == store.info().modalities.end() || modality->second.kind != "series") continue;
    const Columns columns = read_columns(store, train, name);
    const auto recordings = recordings_of(store.samples(), columns.rows);
    std::map<std::string, std::vector<int>> class_of;
    for (const auto& task : tasks) {
      std::map<std::string_view, int> number;
      for (const int64_t row : columns.rows) {
        const auto label = store.samples().label(task, row);
        class_of[task].push_back(
            label.empty() ? -1 : number.emplace(label, static_cast<int>(number.size())).first->second);
      }
    }
    for (size_t c = 0; c < columns.values.size(); ++c) {
      const bool has_name = c < modality->second.columns.size();
      const std::string column = has_name ? modality->second.columns[c] : fmt::format("column {}", c);
      for (const auto& task : tasks) {
        if (column == task) {
          found.push_back({name, column, task, "it bears the task's name"});
        } else if (separates(columns.values[c], class_of[task])) {
          found.push_back({name, column, task, "alone it separates all classes of the training part"});
        }
      }
      if (std::find(kLabelNames.begin(), kLabelNames.end(), column) != kLabelNames.end())
        found.push_back({name, column, "", "it bears the name of a label"});
      if (follows_time(columns.values[c], recordings))
        found.push_back(
            {name, column, "", "it follows time in every recording, so it tells when a window was"});
    }
  }
  return found;
}

}  // namespace limbic::data
