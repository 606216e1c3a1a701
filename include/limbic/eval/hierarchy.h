#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "limbic/affect/class_constraints.h"
#include "limbic/affect/ontology.h"
#include "limbic/data/label_mapping.h"
#include "limbic/eval/metrics.h"
#include "limbic/eval/predict.h"
#include "limbic/eval/report.h"

namespace limbic::eval {

/// Per class of a label space: the concepts it means and all their ancestors but the root, sorted. A class
/// that means nothing has a mark of its own, so that it counts as in a flat metric.
using AncestorSets = std::vector<std::vector<affect::ConceptId>>;
AncestorSets ancestor_sets(const affect::Ontology& ontology, const affect::LabelSpace& labels,
                           const std::string& corpus = "");

/// Hierarchical precision, recall and their harmonic mean (Kiritchenko, Matwin, Nock, Famili 2006): overlap
/// of the ancestor sets of prediction and truth, summed over samples. Rage for anger costs less than joy for
/// anger. An invalid prediction has the empty set. 0 where a denominator is 0.
struct HierarchicalScores {
  double precision = 0.0;
  double recall = 0.0;
  double f1 = 0.0;
};
HierarchicalScores hierarchical_scores(const ConfusionMatrix& confusion, const AncestorSets& ancestors);

/// Adds hierarchical_precision, hierarchical_recall and hierarchical_f1 with their intervals to a report.
void add_hierarchical_metrics(TaskReport& report, const std::vector<Prediction>& predictions,
                              const AncestorSets& ancestors, const BootstrapOptions& options = {});

/// The predictions in the classes of a coarser label space: samples whose truth has no class there are left
/// out, a predicted class without one is invalid, probabilities add up. `loss` is NaN.
TaskPredictions coarsened(const TaskPredictions& fine, const data::LabelMap& map);

/// Replaces the predicted classes of samples that several tasks share by the most probable ones that do not
/// contradict each other; probabilities stay. @return samples with a changed class
int64_t make_consistent(std::map<std::string, TaskPredictions>& tasks,
                        const affect::ClassConstraints& constraints);
/// Samples of several tasks whose predicted classes contradict each other.
int64_t count_contradictions(const std::map<std::string, TaskPredictions>& tasks,
                             const affect::ClassConstraints& constraints);

}  // namespace limbic::eval
