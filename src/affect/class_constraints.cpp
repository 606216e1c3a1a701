#include "limbic/affect/class_constraints.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "limbic/core/error.h"

namespace limbic::affect {
namespace {

std::optional<Vad> mean_vad(const Ontology& ontology, const std::vector<ConceptId>& ids) {
  if (ids.empty()) return std::nullopt;
  Vad mean;
  for (const ConceptId id : ids) {
    mean.valence += ontology.vad(id).valence / static_cast<double>(ids.size());
    mean.arousal += ontology.vad(id).arousal / static_cast<double>(ids.size());
    mean.dominance += ontology.vad(id).dominance / static_cast<double>(ids.size());
  }
  return mean;
}

}  // namespace

ClassConstraints::ClassConstraints(const Ontology& ontology, std::vector<LabelSpace> tasks,
                                   const std::string& corpus)
    : tasks_(std::move(tasks)) {
  std::vector<std::vector<ConceptId>> meanings;
  for (const auto& space : tasks_) {
    first_.push_back(meanings.size());
    bool means_something = false;
    for (size_t c = 0; c < space.classes.size(); ++c) {
      meanings.push_back(ontology.class_meaning(space, space.classes[c], corpus).ids);
      vads_.push_back(mean_vad(ontology, meanings.back()));
      means_something = means_something || vads_.back().has_value();
    }
    require(means_something, ErrorCode::kConfig,
            "the ontology knows no class of task '" + space.task +
                "'; name the corpus, or add its labels to an ontology of your own");
  }
  const auto all_contradict = [&](const std::vector<ConceptId>& a, const std::vector<ConceptId>& b) {
    return !a.empty() && !b.empty() && std::all_of(a.begin(), a.end(), [&](ConceptId x) {
      return std::all_of(b.begin(), b.end(), [&](ConceptId y) { return ontology.contradicts(x, y); });
    });
  };
  is_contradiction_.assign(meanings.size(), std::vector<bool>(meanings.size(), false));
  for (size_t a = 0; a < tasks_.size(); ++a) {
    for (size_t b = a + 1; b < tasks_.size(); ++b) {
      for (int64_t i = 0; i < tasks_[a].num_classes(); ++i) {
        for (int64_t j = 0; j < tasks_[b].num_classes(); ++j) {
          const Contradiction pair{static_cast<int64_t>(a), i, static_cast<int64_t>(b), j};
          const size_t x = flat(pair.task_a, i);
          const size_t y = flat(pair.task_b, j);
          if (!all_contradict(meanings[x], meanings[y])) continue;
          is_contradiction_[x][y] = is_contradiction_[y][x] = true;
          contradictions_.push_back(pair);
        }
      }
    }
  }
}

bool ClassConstraints::contradicts(int64_t task_a, int64_t class_a, int64_t task_b, int64_t class_b) const {
  return is_contradiction_.at(flat(task_a, class_a)).at(flat(task_b, class_b));
}

const std::optional<Vad>& ClassConstraints::vad(int64_t task, int64_t class_idx) const {
  return vads_.at(flat(task, class_idx));
}

std::vector<std::string> ClassConstraints::meaningless() const {
  std::vector<std::string> words;
  for (size_t t = 0; t < tasks_.size(); ++t) {
    for (int64_t c = 0; c < tasks_[t].num_classes(); ++c) {
      if (!vad(static_cast<int64_t>(t), c))
        words.push_back(tasks_[t].task + ": " + tasks_[t].classes[static_cast<size_t>(c)]);
    }
  }
  return words;
}

/// Depth first over the tasks, classes by falling score. What is left can add at most the sum of its best
/// scores.
struct ClassConstraints::Search {
  struct Task {
    size_t index = 0;            ///< into tasks()
    std::vector<double> scores;  ///< by class
    std::vector<int64_t> order;  ///< classes by falling score, then rising index
  };

  void descend(size_t at, double score) {
    if (at == tasks.size()) {
      if (!found || score > best_score) {
        found = true;
        best_score = score;
        best = chosen;
      }
      return;
    }
    const Task& task = tasks[at];
    for (const int64_t c : task.order) {
      const double next = score + task.scores[static_cast<size_t>(c)];
      if (found && next + best_rest[at + 1] <= best_score) return;
      const size_t id = owner->flat(static_cast<int64_t>(task.index), c);
      const bool is_allowed = std::none_of(chosen_flat.begin(), chosen_flat.end(),
                                           [&](size_t other) { return owner->is_contradiction_[id][other]; });
      if (!is_allowed) continue;
      chosen.push_back(c);
      chosen_flat.push_back(id);
      descend(at + 1, next);
      chosen.pop_back();
      chosen_flat.pop_back();
    }
  }

  const ClassConstraints* owner = nullptr;
  std::vector<Task> tasks;
  std::vector<double> best_rest;  ///< of tasks [i, end)
  std::vector<int64_t> chosen;
  std::vector<size_t> chosen_flat;
  bool found = false;
  double best_score = 0.0;
  std::vector<int64_t> best;
};

JointChoice ClassConstraints::decode(const std::vector<std::vector<double>>& probabilities,
                                     const AffectValues& values, double sigma) const {
  require(probabilities.size() == tasks_.size() && sigma > 0, ErrorCode::kInternal,
          "decode: one list of probabilities per task, sigma > 0");
  Search search;
  search.owner = this;
  JointChoice choice;
  choice.classes.assign(tasks_.size(), -1);
  for (size_t t = 0; t < tasks_.size(); ++t) {
    const auto& p = probabilities[t];
    require(static_cast<int64_t>(p.size()) == tasks_[t].num_classes(), ErrorCode::kInternal,
            "decode: task '" + tasks_[t].task + "' has another number of classes");
    if (p.empty() || !std::all_of(p.begin(), p.end(), [](double x) { return std::isfinite(x); })) continue;
    Search::Task task;
    task.index = t;
    for (size_t c = 0; c < p.size(); ++c) {
      // A probability of 0 stays possible when nothing else is.
      double score = std::log(std::max(p[c], std::numeric_limits<double>::min()));
      const auto& vad = vads_[first_[t] + c];
      const auto add = [&](const std::optional<double>& value, double of_class) {
        if (value && std::isfinite(*value))
          score -= (*value - of_class) * (*value - of_class) / (2 * sigma * sigma);
      };
      if (vad) {
        add(values.valence, vad->valence);
        add(values.arousal, vad->arousal);
        add(values.dominance, vad->dominance);
      }
      task.scores.push_back(score);
    }
    task.order.resize(p.size());
    std::iota(task.order.begin(), task.order.end(), 0);
    std::stable_sort(task.order.begin(), task.order.end(), [&](int64_t a, int64_t b) {
      return task.scores[static_cast<size_t>(a)] > task.scores[static_cast<size_t>(b)];
    });
    search.tasks.push_back(std::move(task));
  }
  search.best_rest.assign(search.tasks.size() + 1, 0.0);
  for (size_t i = search.tasks.size(); i-- > 0;) {
    const auto& task = search.tasks[i];
    search.best_rest[i] = search.best_rest[i + 1] + task.scores[static_cast<size_t>(task.order.front())];
  }
  search.descend(0, 0.0);
  choice.is_consistent = search.found;
  choice.log_score = search.found ? search.best_score : search.best_rest.front();
  for (size_t i = 0; i < search.tasks.size(); ++i) {
    choice.classes[search.tasks[i].index] = search.found ? search.best[i] : search.tasks[i].order.front();
  }
  return choice;
}

}  // namespace limbic::affect
