#include "limbic/nn/hmm.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "limbic/core/error.h"

namespace limbic::nn {
namespace {

/// Least probability that a window leaves to a class, so that no chain of windows rules out all classes.
constexpr double kLeastEvidence = 1e-12;

using Doubles = std::vector<double>;

Doubles doubles_of(const at::Tensor& x) {
  if (!x.defined()) return {};
  const auto values = x.detach().to(at::kCPU, at::kDouble).contiguous();
  return {values.data_ptr<double>(), values.data_ptr<double>() + values.numel()};
}

at::Tensor tensor_of(const Doubles& values, at::IntArrayRef shape) {
  return at::tensor(values, at::kDouble).view(shape);
}

void normalise(double* values, size_t count) {
  double sum = 0.0;
  for (size_t c = 0; c < count; ++c) sum += values[c];
  for (size_t c = 0; c < count; ++c) values[c] /= sum;
}

/// Turns one window's probabilities into likelihoods up to a factor.
void to_evidence(double* p, size_t num_classes, const Doubles& prior) {
  double sum = 0.0;
  for (size_t c = 0; c < num_classes; ++c) sum += p[c];
  if (!(sum > 0) || !std::isfinite(sum)) {
    std::fill(p, p + num_classes, 1.0);
    return;
  }
  for (size_t c = 0; c < num_classes; ++c) {
    p[c] = std::max(p[c] / sum, kLeastEvidence);
    if (!prior.empty()) p[c] /= prior[c];
  }
}

/// A model and windows as plain numbers, row by row.
struct Chain {
  Chain(const Hmm& hmm, const at::Tensor& p_TC)
      : num_classes(static_cast<size_t>(hmm.num_classes())),
        num_windows(static_cast<size_t>(p_TC.size(0))),
        initial(doubles_of(hmm.initial_C)),
        transition(doubles_of(hmm.transition_CC)),
        evidence(doubles_of(p_TC)) {
    TORCH_CHECK(p_TC.dim() == 2 && p_TC.size(1) == hmm.num_classes(), "an HMM of ", num_classes,
                " classes wants (T, ", num_classes, "), got ", p_TC.sizes());
    const auto prior = doubles_of(hmm.prior_C);
    for (size_t t = 0; t < num_windows; ++t) to_evidence(row(evidence, t), num_classes, prior);
  }
  double* row(Doubles& values, size_t t) const { return values.data() + t * num_classes; }
  double step(size_t from, size_t to) const { return transition[from * num_classes + to]; }
  std::vector<int64_t> shape() const {
    return {static_cast<int64_t>(num_windows), static_cast<int64_t>(num_classes)};
  }

  size_t num_classes;
  size_t num_windows;
  Doubles initial, transition, evidence;
};

Hmm frequencies(Doubles initial, Doubles transition, Doubles label, int64_t num_classes) {
  const auto n = static_cast<size_t>(num_classes);
  normalise(initial.data(), n);
  normalise(label.data(), n);
  for (size_t c = 0; c < n; ++c) normalise(transition.data() + c * n, n);
  return {tensor_of(initial, {num_classes}), tensor_of(transition, {num_classes, num_classes}),
          tensor_of(label, {num_classes})};
}

}  // namespace

Hmm staying_hmm(int64_t num_classes, double stay) {
  require(num_classes >= 1 && stay > 0 && stay < 1, ErrorCode::kConfig,
          "an HMM needs at least one class and a probability to stay in (0, 1), got " +
              std::to_string(num_classes) + " and " + std::to_string(stay));
  const auto n = static_cast<size_t>(num_classes);
  Doubles transition(n * n, n > 1 ? (1.0 - stay) / static_cast<double>(n - 1) : 0.0);
  for (size_t c = 0; c < n; ++c) transition[c * n + c] = n > 1 ? stay : 1.0;
  auto hmm = frequencies(Doubles(n, 1.0), std::move(transition), Doubles(n, 1.0), num_classes);
  hmm.prior_C = at::Tensor();
  return hmm;
}

Hmm estimate_hmm(const std::vector<std::vector<int64_t>>& sequences, int64_t num_classes, double smoothing) {
  require(num_classes >= 1 && smoothing > 0, ErrorCode::kConfig,
          "an HMM needs at least one class and a smoothing above 0, got " + std::to_string(num_classes) +
              " and " + std::to_string(smoothing));
  const auto n = static_cast<size_t>(num_classes);
  Doubles initial(n, smoothing);
  Doubles transition(n * n, smoothing);
  Doubles label(n, smoothing);
  for (const auto& sequence : sequences) {
    for (size_t t = 0; t < sequence.size(); ++t) {
      const int64_t now = sequence[t];
      require(now >= -1 && now < num_classes, ErrorCode::kData,
              "label " + std::to_string(now) + " at " + std::to_string(t) +
                  " of a sequence; expected -1 to " + std::to_string(num_classes - 1));
      if (now < 0) continue;
      const auto c = static_cast<size_t>(now);
      label[c] += 1.0;
      if (t == 0) initial[c] += 1.0;
      if (t > 0 && sequence[t - 1] >= 0) transition[static_cast<size_t>(sequence[t - 1]) * n + c] += 1.0;
    }
  }
  return frequencies(std::move(initial), std::move(transition), std::move(label), num_classes);
}

at::Tensor hmm_filter(const Hmm& hmm, const at::Tensor& p_TC) {
  HmmFilter filter(hmm);
  std::vector<at::Tensor> posterior_C;
  const auto p = p_TC.detach();
  for (int64_t t = 0; t < p.size(0); ++t) posterior_C.push_back(filter.step(p[t]));
  if (posterior_C.empty()) return at::empty({0, hmm.num_classes()}, at::kDouble);
  return at::stack(posterior_C);
}

at::Tensor hmm_smooth(const Hmm& hmm, const at::Tensor& p_TC) {
  Chain chain(hmm, p_TC);
  auto posterior = doubles_of(hmm_filter(hmm, p_TC));
  const size_t n = chain.num_classes;
  Doubles later(n, 1.0);  // likelihood of the windows after t, by class at t
  Doubles weighted(n);
  for (size_t t = chain.num_windows; t-- > 0;) {
    auto* now = chain.row(posterior, t);
    for (size_t c = 0; c < n; ++c) now[c] *= later[c];
    normalise(now, n);
    for (size_t c = 0; c < n; ++c) weighted[c] = later[c] * chain.row(chain.evidence, t)[c];
    for (size_t from = 0; from < n; ++from) {
      later[from] = 0.0;
      for (size_t to = 0; to < n; ++to) later[from] += chain.step(from, to) * weighted[to];
    }
    normalise(later.data(), n);
  }
  return tensor_of(posterior, chain.shape());
}

at::Tensor hmm_best_path(const Hmm& hmm, const at::Tensor& p_TC) {
  Chain chain(hmm, p_TC);
  const size_t n = chain.num_classes;
  Doubles best(n);
  Doubles next(n);
  std::vector<size_t> before(chain.num_windows * n);
  for (size_t t = 0; t < chain.num_windows; ++t) {
    for (size_t to = 0; to < n; ++to) {
      double entered = std::log(chain.initial[to]);
      for (size_t from = 0; t > 0 && from < n; ++from) {
        const double score = best[from] + std::log(chain.step(from, to));
        if (from > 0 && score <= entered) continue;
        entered = score;
        before[t * n + to] = from;
      }
      next[to] = entered + std::log(chain.row(chain.evidence, t)[to]);
    }
    std::swap(best, next);
  }
  auto path_T = at::empty({static_cast<int64_t>(chain.num_windows)}, at::kLong);
  auto now = static_cast<size_t>(std::max_element(best.begin(), best.end()) - best.begin());
  for (size_t t = chain.num_windows; t-- > 0;) {
    path_T.data_ptr<int64_t>()[t] = static_cast<int64_t>(now);
    now = before[t * n + now];
  }
  return path_T;
}

HmmFilter::HmmFilter(const Hmm& hmm)
    : initial_(doubles_of(hmm.initial_C)),
      transition_(doubles_of(hmm.transition_CC)),
      prior_(doubles_of(hmm.prior_C)) {}

at::Tensor HmmFilter::step(const at::Tensor& p_C) {
  const size_t n = initial_.size();
  auto now = doubles_of(p_C);
  TORCH_CHECK(now.size() == n, "an HMM of ", n, " classes wants as many probabilities, got ", now.size());
  to_evidence(now.data(), n, prior_);
  for (size_t to = 0; to < n; ++to) {
    double predicted = posterior_.empty() ? initial_[to] : 0.0;
    for (size_t from = 0; from < posterior_.size(); ++from) {
      predicted += posterior_[from] * transition_[from * n + to];
    }
    now[to] *= predicted;
  }
  normalise(now.data(), n);
  posterior_ = now;
  return tensor_of(now, {static_cast<int64_t>(n)});
}

}  // namespace limbic::nn
