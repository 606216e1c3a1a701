#pragma once
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "limbic/affect/label_space.h"
#include "limbic/data/store.h"
#include "limbic/data/supervision.h"
#include "limbic/weak/weak_config.h"

namespace limbic::weak {

/// Samples of a training part and what a learner may know of them.
struct WeakLabelInput {
  std::shared_ptr<const data::Store> store;
  std::vector<int64_t> indices;  ///< rows; nothing of other rows is read
  affect::LabelSpace task;       ///< of classes
  /// How the task is made; its own label or number is refused as a source, for it is what is withheld.
  std::optional<data::TargetConfig> target;
  std::vector<int32_t> known_N;  ///< class that the budget leaves, -1 = none
  std::vector<int32_t> truth_N;  ///< for the audit in the report alone, -1 = not known; may be empty
};

struct WeakLabels {
  std::vector<float> soft_NC;        ///< rows sum to 1; zeros where is_given_N is false
  std::vector<double> confidence_N;  ///< probability of the most probable class; 0 where nothing is given
  std::vector<float> weight_N;       ///< in [0, 1]
  std::vector<bool> is_given_N;      ///< no known class, at least one source speaks, sure enough
  /// {task, classes, num_samples, num_known, num_given, coverage, prior, sources: {name: {type, coverage,
  /// accuracy: {value, low, high}, confusion | mean + deviation, lag}}, groups, model, audit}
  std::shared_ptr<const nlohmann::json> report;
};

/// Runs the sources over the samples and joins them by the label model.
/// @throws Error(kConfig) a source that the store does not have or that is the truth itself; Error(kData)
WeakLabels make_weak_labels(const WeakLabelInput& input, const WeakLabelConfig& config);

/// Adds the weak labels to what a budget leaves: rows without a label get one.
void add_weak_labels(const std::vector<int64_t>& indices, const WeakLabels& labels, int64_t num_classes,
                     data::TaskSupervision& supervision);

/// The report for people: a table of the sources, lags, coverage, audit.
std::string weak_report_text(const nlohmann::json& report);

}  // namespace limbic::weak
