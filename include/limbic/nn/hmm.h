#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace limbic::nn {

/// A hidden Markov model over the classes of a task, to smooth what a classifier says of successive windows
/// or turns. Emotions last: a chain that mostly stays removes single odd windows.
struct Hmm {
  at::Tensor initial_C;      ///< double, sums to 1
  at::Tensor transition_CC;  ///< double, rows sum to 1: [i][j] = probability of j after i
  /// Double, the classes' share in the classifier's training data: posteriors are divided by it to be
  /// likelihoods (Bourlard and Morgan 1994). Undefined = posteriors are taken as likelihoods.
  at::Tensor prior_C;

  int64_t num_classes() const { return initial_C.size(0); }
};

/// A chain that keeps its class with probability `stay` and else goes to each other one alike; uniform start.
Hmm staying_hmm(int64_t num_classes, double stay);
/// Relative frequencies of the sequences' starts, steps and labels.
/// @param sequences  class indices; -1 = unknown, a step from or to it does not count
/// @param smoothing  pseudo-count of every start, step and label, > 0
Hmm estimate_hmm(const std::vector<std::vector<int64_t>>& sequences, int64_t num_classes,
                 double smoothing = 1.0);

// Below, p_TC are a classifier's probabilities on a CPU; rows need not sum to 1. A row of zeros, or with a
// value that is not finite, says nothing (a window without any modality).

/// (T, C) double, posterior of every window given all (forward-backward).
at::Tensor hmm_smooth(const Hmm& hmm, const at::Tensor& p_TC);
/// (T, C) double, posterior of every window given those up to it: causal.
at::Tensor hmm_filter(const Hmm& hmm, const at::Tensor& p_TC);
/// (T,) int64, the most probable sequence of classes (Viterbi).
at::Tensor hmm_best_path(const Hmm& hmm, const at::Tensor& p_TC);

/// hmm_filter() one window at a time. A copy continues on its own.
class HmmFilter {
 public:
  explicit HmmFilter(const Hmm& hmm);
  /// @param p_C  any float type
  /// @return (C,) double, posterior given everything so far
  at::Tensor step(const at::Tensor& p_C);
  /// Forgets what came before.
  void reset() { posterior_.clear(); }

 private:
  std::vector<double> initial_, transition_, prior_;
  std::vector<double> posterior_;  ///< empty before the first window
};

}  // namespace limbic::nn
