#include "limbic/weak/weak_labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "limbic/affect/batch.h"
#include "limbic/core/error.h"
#include "sources.h"
#include "weak_report.h"

namespace limbic::weak {
namespace {

/// Members of a group become one voter: what a label model of their own thinks most probable. It does not
/// see the known classes, for what the members agree on may be another thing than the task's class.
Voter voter_of_group(const std::string& name, const std::vector<std::string>& members,
                     const WeakLabelConfig& config, std::vector<Voter>& voters, ReportParts& parts,
                     const LabelModelInput& frame) {
  LabelModelInput inner{
      frame.num_classes, {}, {}, std::vector<int32_t>(frame.known_N.size(), -1), frame.group_N};
  for (const auto& member : members) {
    const auto at = std::find_if(voters.begin(), voters.end(),
                                 [&, &wanted = member](const Voter& v) { return v.name == wanted; });
    require(at != voters.end(), ErrorCode::kConfig,
            "weak.groups." + name + ": '" + member + "' gives numbers; only sources that vote make a group");
    inner.voters.push_back(std::move(*at));
    voters.erase(at);
  }
  auto fit = fit_label_model(inner, config.model);
  Voter voter{name, {}};
  const auto num = static_cast<size_t>(frame.num_classes);
  for (size_t i = 0; i < frame.known_N.size(); ++i) {
    const auto* row = fit.posterior_NC.data() + i * num;
    voter.vote_N.push_back(
        fit.has_evidence_N[i] ? static_cast<int32_t>(std::max_element(row, row + num) - row) : -1);
  }
  parts.group_inputs[name] = std::move(inner);
  parts.groups[name] = std::move(fit);
  return voter;
}

/// What is known of each sample without the signal whose lag is sought: its class, or what the other sources
/// make of it.
std::vector<double> memberships(const LabelModelInput& others, const WeakLabelConfig& config) {
  const auto num = static_cast<size_t>(others.num_classes);
  std::vector<double> membership_NC(others.known_N.size() * num, 0.0);
  if (!others.voters.empty() || !others.scorers.empty()) {
    auto model = config.model;
    model.num_resamples = 0;
    const auto fit = fit_label_model(others, model);
    for (size_t i = 0; i < others.known_N.size(); ++i) {
      if (fit.has_evidence_N[i])
        std::copy_n(fit.posterior_NC.data() + i * num, num, membership_NC.data() + i * num);
    }
    return membership_NC;
  }
  for (size_t i = 0; i < others.known_N.size(); ++i) {
    if (others.known_N[i] >= 0) membership_NC[i * num + static_cast<size_t>(others.known_N[i])] = 1;
  }
  return membership_NC;
}

/// Every EDA source at its lag, as one scorer more.
void add_eda(const std::vector<EdaReading>& readings, const WeakLabelConfig& config, ReportParts& parts) {
  auto& model_input = parts.model_input;
  const auto num = static_cast<size_t>(model_input.num_classes);
  const size_t size = model_input.known_N.size();
  const bool needs_lag = std::any_of(readings.begin(), readings.end(),
                                     [](const auto& r) { return !r.config->arousal.lag_s.has_value(); });
  const auto membership_NC = needs_lag ? memberships(model_input, config) : std::vector<double>{};
  std::vector<Scorer> scorers;
  for (const auto& reading : readings) {
    double lag_s = 0;
    if (const auto& fixed = reading.config->arousal.lag_s) {
      lag_s = parts.fixed_lags_s[reading.name] = *fixed;
    } else {
      std::vector<double> of_windows;
      for (const size_t i : reading.position) {
        const auto row = membership_NC.begin() + static_cast<int64_t>(i * num);
        of_windows.insert(of_windows.end(), row, row + static_cast<int64_t>(num));
      }
      try {
        parts.lags[reading.name] = learn_lag(reading.tracks, reading.windows, of_windows,
                                             model_input.num_classes, reading.config->arousal);
      } catch (const Error& error) {
        throw error.in("weak.sources." + reading.name);
      }
      lag_s = parts.lags[reading.name].lag_s;
    }
    scorers.push_back(reading.at(lag_s, size));
  }
  for (auto& scorer : scorers) model_input.scorers.push_back(std::move(scorer));
}

void require_orientation(const LabelModelInput& input, const std::string& task) {
  const bool is_told =
      !input.voters.empty() ||
      std::any_of(input.known_N.begin(), input.known_N.end(), [](int32_t c) { return c >= 0; }) ||
      std::any_of(input.scorers.begin(), input.scorers.end(),
                  [](const auto& s) { return !s.levels_C.empty(); });
  require(is_told, ErrorCode::kConfig,
          "data.supervision." + task +
              ".weak: nothing tells which class has the higher scores; give a source `levels`, a source that "
              "votes, or a budget of labels");
}

}  // namespace

WeakLabels make_weak_labels(const WeakLabelInput& input, const WeakLabelConfig& config) {
  require(input.task.has_classes(), ErrorCode::kConfig,
          "data.supervision." + input.task.task + ".weak: labels are of classes, but the task has none");
  const size_t size = input.indices.size();
  require(input.known_N.size() == size && (input.truth_N.empty() || input.truth_N.size() == size),
          ErrorCode::kInternal, "make_weak_labels: lists of different sizes");
  auto sources = read_sources(input, config);

  ReportParts parts;
  parts.model_input.num_classes = input.task.num_classes();
  parts.model_input.known_N = input.known_N;
  parts.model_input.group_N = people_of(input);
  std::vector<Voter> of_groups;
  for (const auto& [name, members] : config.groups)
    of_groups.push_back(voter_of_group(name, members, config, sources.voters, parts, parts.model_input));
  parts.model_input.voters = std::move(sources.voters);
  for (auto& voter : of_groups) parts.model_input.voters.push_back(std::move(voter));
  parts.model_input.scorers = std::move(sources.scorers);
  add_eda(sources.eda, config, parts);
  require_orientation(parts.model_input, input.task.task);
  parts.fit = fit_label_model(parts.model_input, config.model);

  const auto num = static_cast<size_t>(input.task.num_classes());
  WeakLabels labels;
  labels.soft_NC.assign(size * num, 0.0f);
  labels.confidence_N.assign(size, 0.0);
  labels.weight_N.assign(size, 0.0f);
  labels.is_given_N.assign(size, false);
  for (size_t i = 0; i < size; ++i) {
    if (!parts.fit.has_evidence_N[i] || input.known_N[i] >= 0) continue;
    const auto* row = parts.fit.posterior_NC.data() + i * num;
    const auto best = static_cast<size_t>(std::max_element(row, row + num) - row);
    if (row[best] < config.min_confidence) continue;
    labels.is_given_N[i] = true;
    labels.confidence_N[i] = row[best];
    const auto classes = static_cast<double>(num);
    labels.weight_N[i] = config.weight == WeakWeight::kOne
                             ? 1.0f
                             : static_cast<float>((classes * row[best] - 1) / (classes - 1));
    for (size_t c = 0; c < num; ++c)
      labels.soft_NC[i * num + c] = config.hard ? (c == best ? 1.0f : 0.0f) : static_cast<float>(row[c]);
  }
  parts.labels = &labels;
  labels.report = std::make_shared<const nlohmann::json>(make_report(input, config, parts));
  return labels;
}

void add_weak_labels(const std::vector<int64_t>& indices, const WeakLabels& labels, int64_t num_classes,
                     data::TaskSupervision& supervision) {
  const auto num = static_cast<size_t>(num_classes);
  const size_t num_rows = supervision.levels.size();
  supervision.soft_RC.assign(num_rows * num, 0.0f);
  supervision.weights.assign(num_rows, 0.0f);
  for (size_t row = 0; row < num_rows; ++row) {
    if (supervision.levels[row] != affect::kFullSupervision) continue;
    supervision.weights[row] = 1;
    supervision.soft_RC[row * num + static_cast<size_t>(supervision.classes[row])] = 1;
  }
  for (size_t i = 0; i < indices.size(); ++i) {
    const auto row = static_cast<size_t>(indices[i]);
    if (!labels.is_given_N[i] || supervision.levels[row] == affect::kFullSupervision) continue;
    const auto* soft = labels.soft_NC.data() + i * num;
    supervision.levels[row] = affect::kWeakSupervision;
    supervision.classes[row] = static_cast<int32_t>(std::max_element(soft, soft + num) - soft);
    supervision.weights[row] = labels.weight_N[i];
    std::copy_n(soft, num, supervision.soft_RC.data() + row * num);
  }
}

}  // namespace limbic::weak
