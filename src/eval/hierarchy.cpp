#include "limbic/eval/hierarchy.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <set>

#include "limbic/core/error.h"

namespace limbic::eval {
namespace {

/// Samples that at least two tasks of the constraints have, by id: their predictions by task, null where a
/// task does not have the sample. @tparam P  Prediction or const Prediction, as the tasks are
template <class P, class Tasks>
std::map<std::string, std::vector<P*>> shared_samples(Tasks& tasks,
                                                      const affect::ClassConstraints& constraints) {
  std::map<std::string, std::vector<P*>> rows;
  const auto& spaces = constraints.tasks();
  for (size_t t = 0; t < spaces.size(); ++t) {
    const auto found = tasks.find(spaces[t].task);
    if (found == tasks.end()) continue;
    for (auto& prediction : found->second.predictions) {
      auto& row = rows[prediction.id];
      row.resize(spaces.size(), nullptr);
      row[t] = &prediction;
    }
  }
  for (auto row = rows.begin(); row != rows.end();) {
    const auto num_tasks = std::count_if(row->second.begin(), row->second.end(),
                                         [](const P* prediction) { return prediction != nullptr; });
    row = num_tasks < 2 ? rows.erase(row) : std::next(row);
  }
  return rows;
}

}  // namespace

AncestorSets ancestor_sets(const affect::Ontology& ontology, const affect::LabelSpace& labels,
                           const std::string& corpus) {
  AncestorSets sets;
  for (const auto& name : labels.classes) {
    std::set<affect::ConceptId> marks;
    for (const affect::ConceptId id : ontology.class_meaning(labels, name, corpus).ids) {
      marks.insert(id);
      for (const affect::ConceptId above : ontology.ancestors(id)) {
        if (!ontology.parents(above).empty()) marks.insert(above);
      }
    }
    if (marks.empty()) marks.insert(-1 - static_cast<affect::ConceptId>(sets.size()));
    sets.emplace_back(marks.begin(), marks.end());
  }
  return sets;
}

HierarchicalScores hierarchical_scores(const ConfusionMatrix& confusion, const AncestorSets& ancestors) {
  require(static_cast<int64_t>(ancestors.size()) == confusion.num_classes(), ErrorCode::kInternal,
          "hierarchical_scores: sets and classes differ in number");
  double shared = 0.0;
  double predicted = 0.0;
  double wanted = 0.0;
  for (int64_t truth = 0; truth < confusion.num_classes(); ++truth) {
    const auto& of_truth = ancestors[static_cast<size_t>(truth)];
    for (int64_t p = kInvalid; p < confusion.num_classes(); ++p) {
      const auto count = static_cast<double>(confusion.at(truth, p));
      if (count == 0) continue;
      wanted += count * static_cast<double>(of_truth.size());
      if (p == kInvalid) continue;
      const auto& of_prediction = ancestors[static_cast<size_t>(p)];
      std::vector<affect::ConceptId> both;
      std::set_intersection(of_truth.begin(), of_truth.end(), of_prediction.begin(), of_prediction.end(),
                            std::back_inserter(both));
      shared += count * static_cast<double>(both.size());
      predicted += count * static_cast<double>(of_prediction.size());
    }
  }
  HierarchicalScores scores;
  scores.precision = predicted > 0 ? shared / predicted : 0.0;
  scores.recall = wanted > 0 ? shared / wanted : 0.0;
  const double sum = scores.precision + scores.recall;
  scores.f1 = sum > 0 ? 2 * scores.precision * scores.recall / sum : 0.0;
  return scores;
}

void add_hierarchical_metrics(TaskReport& report, const std::vector<Prediction>& predictions,
                              const AncestorSets& ancestors, const BootstrapOptions& options) {
  const auto add = [&](const char* name, double HierarchicalScores::*score) {
    report.metrics[name] = bootstrap_interval(
        predictions, report.labels.num_classes(),
        [&](const ConfusionMatrix& confusion) { return hierarchical_scores(confusion, ancestors).*score; },
        options);
  };
  add("hierarchical_precision", &HierarchicalScores::precision);
  add("hierarchical_recall", &HierarchicalScores::recall);
  add("hierarchical_f1", &HierarchicalScores::f1);
}

TaskPredictions coarsened(const TaskPredictions& fine, const data::LabelMap& map) {
  TaskPredictions coarse;
  coarse.labels = map.label_space();
  coarse.loss = std::numeric_limits<double>::quiet_NaN();
  std::vector<int64_t> group_of_class;
  for (const auto& name : fine.labels.classes) {
    const auto found = map.class_of_label.find(name);
    group_of_class.push_back(found == map.class_of_label.end() ? kInvalid
                                                               : coarse.labels.index_of(found->second));
  }
  for (const Prediction& p : fine.predictions) {
    Prediction mapped{p.id, p.subject, group_of_class.at(static_cast<size_t>(p.truth)), kInvalid, {}};
    if (mapped.truth == kInvalid) continue;
    if (p.prediction != kInvalid) mapped.prediction = group_of_class.at(static_cast<size_t>(p.prediction));
    if (!p.probabilities.empty()) mapped.probabilities.assign(map.classes.size(), 0.0);
    for (size_t c = 0; c < p.probabilities.size(); ++c) {
      if (group_of_class[c] != kInvalid)
        mapped.probabilities[static_cast<size_t>(group_of_class[c])] += p.probabilities[c];
    }
    coarse.predictions.push_back(std::move(mapped));
  }
  return coarse;
}

int64_t make_consistent(std::map<std::string, TaskPredictions>& tasks,
                        const affect::ClassConstraints& constraints) {
  int64_t num_changed = 0;
  for (const auto& [id, row] : shared_samples<Prediction>(tasks, constraints)) {
    std::vector<std::vector<double>> probabilities;
    for (size_t t = 0; t < row.size(); ++t) {
      // A task that lacks the sample, or has only its class, takes no part.
      const auto num_classes = static_cast<size_t>(constraints.tasks()[t].num_classes());
      const bool takes_part = row[t] != nullptr && row[t]->probabilities.size() == num_classes;
      probabilities.push_back(
          takes_part ? row[t]->probabilities
                     : std::vector<double>(num_classes, std::numeric_limits<double>::quiet_NaN()));
    }
    const auto choice = constraints.decode(probabilities);
    bool is_changed = false;
    for (size_t t = 0; t < row.size(); ++t) {
      if (choice.classes[t] < 0 || row[t]->prediction == choice.classes[t]) continue;
      row[t]->prediction = choice.classes[t];
      is_changed = true;
    }
    num_changed += is_changed ? 1 : 0;
  }
  return num_changed;
}

int64_t count_contradictions(const std::map<std::string, TaskPredictions>& tasks,
                             const affect::ClassConstraints& constraints) {
  int64_t count = 0;
  for (const auto& [id, row] : shared_samples<const Prediction>(tasks, constraints)) {
    bool contradicts = false;
    for (size_t a = 0; a < row.size(); ++a) {
      for (size_t b = a + 1; b < row.size(); ++b) {
        if (row[a] == nullptr || row[b] == nullptr) continue;
        if (row[a]->prediction == kInvalid || row[b]->prediction == kInvalid) continue;
        contradicts = contradicts || constraints.contradicts(static_cast<int64_t>(a), row[a]->prediction,
                                                             static_cast<int64_t>(b), row[b]->prediction);
      }
    }
    count += contradicts ? 1 : 0;
  }
  return count;
}

}  // namespace limbic::eval
