#include "eda/scr_joint.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <utility>
#include "limbic/signals/table.h"

namespace limbic::signals {
namespace {

constexpr double kFast_s = 0.7;
constexpr double kSlow_s = 2.0;
constexpr double kKnot_s = 8.0;
constexpr double kJointWindow_s = 28.0;
constexpr double kEdge_s = 0.75;       // an onset so close to the end of a window is noise's
constexpr double kPropose = 2.5;       // deviations of the noise
constexpr double kKeep = 4.0;          // deviations of the noise
constexpr int kMostProposals = 30;     // in a window
constexpr double kMerge_s = 1.3;       // neighbours as close as this may be one
constexpr double kNear_s = 4.0;        // a misfit reaches so far
constexpr double kFirstMisfit = 0.12;  // assumed while the misfit is being measured
constexpr double kMostMisfit = 0.06;   // measured: above, the model does not fit
constexpr double kLeastMisfit = 0.03;
constexpr double kMisfitFactor = 2.5;  // from the median to one that few exceed
constexpr double kStrong = 10.0;       // deviations: the misfit of weaker ones is noise
constexpr int64_t kMisfitWindows = 16;
constexpr int64_t kFewest = 24;  // samples of a window

using Places = std::vector<int64_t>;

/// The model over a window; responses are given by the sample before their onset, their place.
class JointWindow {
 public:
  JointWindow(int64_t size, double rate_hz) : size_(size), rate_hz_(rate_hz) {
    const double peak_s = std::log(kSlow_s / kFast_s) * kSlow_s * kFast_s / (kSlow_s - kFast_s);
    const double top = std::exp(-peak_s / kSlow_s) - std::exp(-peak_s / kFast_s);
    const auto at_s = [&](int64_t i) { return static_cast<double>(i) / rate_hz_; };
    responses_ = Eigen::MatrixXd::Zero(size_, size_);
    for (int64_t j = 0; j < size_; ++j) {
      for (int64_t i = j; i < size_; ++i) {
        const double t = at_s(i - j);
        responses_(i, j) = (std::exp(-t / kSlow_s) - std::exp(-t / kFast_s)) / top;
      }
    }
    // What no response explains: the level, and the decay of what was before.
    const int64_t pieces = std::max<int64_t>(1, std::llround(at_s(size_) / kKnot_s));
    const int64_t columns = pieces + 5;
    Eigen::MatrixXd base = Eigen::MatrixXd::Zero(size_, columns);
    for (int64_t i = 0; i < size_; ++i) {
      const double u = static_cast<double>(i * pieces) / static_cast<double>(size_);
      const auto piece = static_cast<int64_t>(u);
      const double f = u - static_cast<double>(piece);
      const double g = 1.0 - f;
      base(i, piece) = g * g * g / 6.0;
      base(i, piece + 1) = (3.0 * f * f * f - 6.0 * f * f + 4.0) / 6.0;
      base(i, piece + 2) = (3.0 * g * g * g - 6.0 * g * g + 4.0) / 6.0;
      base(i, piece + 3) = f * f * f / 6.0;
      base(i, columns - 2) = std::exp(-at_s(i) / kSlow_s);
      base(i, columns - 1) = std::exp(-at_s(i) / kFast_s);
    }
    const Eigen::HouseholderQR<Eigen::MatrixXd> qr(base);
    base_ = qr.householderQ() * Eigen::MatrixXd::Identity(size_, columns);
    responses_ -= base_ * (base_.transpose() * responses_);
    gram_ = responses_.transpose() * responses_;
    usable_ = size_ - std::max<int64_t>(2, std::llround(kEdge_s * rate_hz_));
  }

  void load(const double* x) {
    const Eigen::Map<const Eigen::VectorXd> v(x, size_);
    x_ = v - base_ * (base_.transpose() * v);
    match_ = responses_.transpose() * x_;
  }

  std::vector<JointResponse> fit(double noise, double misfit) {
    const double variance = noise * noise;
    Places places = proposed(noise);
    double now = explained(places);
    while (!places.empty()) {
      const std::vector<double> energy = energies(places);
      double least = 1.0;
      Places next;
      for (size_t k = 0; k < places.size(); ++k) {
        double near = 0;
        for (size_t j = 0; j < places.size(); ++j) {
          const auto apart = static_cast<double>(std::abs(places[j] - places[k]));
          if (j != k && apart < kNear_s * rate_hz_) near += energy[j];
        }
        const double little = kKeep * kKeep * variance + misfit * misfit * near;
        const auto consider = [&](const Places& other) {
          const double loss = (now - explained(other)) / little;
          if (loss >= least) return;
          least = loss;
          next = other;
        };
        Places other = places;
        other.erase(other.begin() + static_cast<std::ptrdiff_t>(k));
        consider(other);
        for (size_t a = k > 0 ? k - 1 : 0; a <= k && a + 1 < places.size(); ++a) {
          const int64_t from = places[a];
          const int64_t to = places[a + 1];
          if (static_cast<double>(to - from) > kMerge_s * rate_hz_) continue;
          other = places;
          other.erase(other.begin() + static_cast<std::ptrdiff_t>(a));
          for (other[a] = from; other[a] <= to; ++other[a]) consider(other);
        }
      }
      if (least >= 1.0) break;
      places = next;
      now = explained(places);
    }
    return described(places, variance);
  }

  /// Of all strong responses fitted so far: energy that is left around them, without the noise's, per energy.
  std::vector<double>& misfits() { return misfits_; }

 private:
  using Small =
      Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, 0, 2 * kMostProposals, 2 * kMostProposals>;
  using SmallVector = Eigen::Matrix<double, Eigen::Dynamic, 1, 0, 2 * kMostProposals, 1>;

  /// Non-negative least squares over these columns, by leaving out what would be negative.
  /// @return energy explained
  double solve(const Places& columns, std::vector<double>& weight) const {
    Places used = columns;
    weight.assign(columns.size(), 0.0);
    while (!used.empty()) {
      const auto count = static_cast<Eigen::Index>(used.size());
      Small a(count, count);
      SmallVector b(count);
      for (Eigen::Index i = 0; i < count; ++i) {
        b[i] = match_[used[static_cast<size_t>(i)]];
        for (Eigen::Index j = 0; j < count; ++j) {
          a(i, j) = gram_(used[static_cast<size_t>(i)], used[static_cast<size_t>(j)]);
        }
        a(i, i) *= 1.0 + 1e-10;
      }
      const SmallVector w = a.llt().solve(b);
      Eigen::Index lowest = 0;
      if (w.minCoeff(&lowest) >= 0) {
        for (size_t k = 0, i = 0; k < columns.size() && i < used.size(); ++k) {
          if (columns[k] == used[i]) weight[k] = w[static_cast<Eigen::Index>(i++)];
        }
        return w.dot(b);
      }
      used.erase(used.begin() + lowest);
    }
    return 0.0;
  }

  static Places columns_of(const Places& places) {
    Places columns;
    for (const int64_t p : places) {
      if (columns.empty() || columns.back() < p) columns.push_back(p);
      columns.push_back(p + 1);
    }
    return columns;
  }

  double explained(const Places& places) const {
    std::vector<double> weight;
    return solve(columns_of(places), weight);
  }

  /// Matching pursuit: a column at a time, the one that matches best what is left.
  Places proposed(double noise) const {
    Places columns;
    std::vector<double> weight;
    double so_far = 0;
    for (int round = 0; round < kMostProposals; ++round) {
      Eigen::VectorXd left = match_;
      for (size_t k = 0; k < columns.size(); ++k) left -= weight[k] * gram_.col(columns[k]);
      double best = kPropose * noise;
      int64_t at = -1;
      for (int64_t j = 0; j < usable_; ++j) {
        const double score = left[j] / std::sqrt(gram_(j, j));
        if (!(score > best) || std::binary_search(columns.begin(), columns.end(), j)) continue;
        best = score;
        at = j;
      }
      if (at < 0) break;
      columns.insert(std::lower_bound(columns.begin(), columns.end(), at), at);
      const double now = solve(columns, weight);
      size_t kept = 0;
      for (size_t k = 0; k < columns.size(); ++k) {
        if (!(weight[k] > 0)) continue;
        columns[kept] = columns[k];
        weight[kept++] = weight[k];
      }
      columns.resize(kept);
      weight.resize(kept);
      if (now <= so_far + 1e-9 * noise * noise) break;
      so_far = now;
    }
    Places places;  // neighbours are one response between two samples
    for (const int64_t c : columns) {
      if (places.empty() || c > places.back() + 1) places.push_back(c);
    }
    return places;
  }

  /// Weights of a place's two columns; one that two places share is the first's.
  std::vector<std::pair<double, double>> weights_of(const Places& places) const {
    const Places columns = columns_of(places);
    std::vector<double> weight;
    solve(columns, weight);
    std::vector<std::pair<double, double>> out;
    int64_t taken = -1;
    for (const int64_t p : places) {
      const auto k =
          static_cast<size_t>(std::lower_bound(columns.begin(), columns.end(), p) - columns.begin());
      out.emplace_back(p == taken ? 0.0 : weight[k], weight[k + 1]);
      taken = p + 1;
    }
    return out;
  }

  std::vector<double> energies(const Places& places) const {
    std::vector<double> out;
    for (const auto& [first, second] : weights_of(places)) {
      const int64_t p = places[out.size()];
      out.push_back((first + second) * (first + second) * gram_(p, p));
    }
    return out;
  }

  std::vector<JointResponse> described(const Places& places, double variance) {
    std::vector<JointResponse> out;
    const auto weights = weights_of(places);
    Eigen::VectorXd left = x_;
    for (size_t k = 0; k < places.size(); ++k) {
      left -=
          weights[k].first * responses_.col(places[k]) + weights[k].second * responses_.col(places[k] + 1);
    }
    const double free = 1.0 - static_cast<double>(base_.cols()) / static_cast<double>(size_);
    for (size_t k = 0; k < places.size(); ++k) {
      const auto [first, second] = weights[k];
      const double amplitude = first + second;
      if (!(amplitude > 0)) continue;
      const int64_t p = places[k];
      out.push_back({static_cast<double>(p) + second / amplitude, amplitude});
      const double energy = amplitude * amplitude * gram_(p, p);
      if (energy <= kStrong * kStrong * variance) continue;
      const int64_t from = std::max<int64_t>(0, p - std::llround(0.5 * rate_hz_));
      const int64_t count = std::min<int64_t>(size_, p + std::llround(kNear_s * rate_hz_)) - from;
      const double expected = (static_cast<double>(count) * free - 2.0) * variance;
      misfits_.push_back((left.segment(from, count).squaredNorm() - expected) / energy);
    }
    return out;
  }

  int64_t size_;
  double rate_hz_;
  int64_t usable_ = 0;         // places
  Eigen::MatrixXd base_;       // orthonormal
  Eigen::MatrixXd responses_;  // one beginning at each sample, without their part in the base
  Eigen::MatrixXd gram_;
  Eigen::VectorXd x_;
  Eigen::VectorXd match_;
  std::vector<double> misfits_;
};

/// Windows by their size: runs shorter than a window need one of their own.
class JointWindows {
 public:
  explicit JointWindows(double rate_hz) : rate_hz_(rate_hz), full_(std::llround(kJointWindow_s * rate_hz)) {}

  int64_t full() const { return full_; }
  int64_t size_for(const std::vector<double>& run) const {
    return std::min(static_cast<int64_t>(run.size()), full_);
  }
  JointWindow& of(int64_t size) { return windows_.try_emplace(size, size, rate_hz_).first->second; }

 private:
  double rate_hz_;
  int64_t full_;
  std::map<int64_t, JointWindow> windows_;
};

/// The median share of energy that the model leaves in windows spread over all runs; NaN when nothing strong
/// was seen.
double typical_misfit(JointWindows& windows, const std::vector<std::vector<double>>& runs, double noise) {
  std::vector<std::pair<const double*, int64_t>> places;  // first sample and size of a window
  for (const auto& run : runs) {
    const int64_t size = windows.size_for(run);
    if (size < kFewest) continue;
    const auto total = static_cast<int64_t>(run.size());
    const int64_t count = std::max<int64_t>(1, 2 * total / size - 1);
    for (int64_t k = 0; k < count; ++k) {
      places.emplace_back(run.data() + (count > 1 ? (total - size) * k / (count - 1) : 0), size);
    }
  }
  const auto available = static_cast<int64_t>(places.size());
  const int64_t looks = std::min(available, kMisfitWindows);
  std::vector<double> misfits;
  for (int64_t k = 0; k < looks; ++k) {
    const auto [first, size] = places[static_cast<size_t>(looks > 1 ? (available - 1) * k / (looks - 1) : 0)];
    JointWindow& window = windows.of(size);
    window.misfits().clear();
    window.load(first);
    window.fit(noise, kFirstMisfit);
    misfits.insert(misfits.end(), window.misfits().begin(), window.misfits().end());
  }
  if (misfits.empty()) return kMissing;
  const auto middle = misfits.begin() + static_cast<std::ptrdiff_t>((misfits.size() - 1) / 2);
  std::nth_element(misfits.begin(), middle, misfits.end());
  return std::sqrt(std::max(0.0, *middle));
}

/// Each window speaks for its middle half, the first and last also for their outer quarter.
std::vector<JointResponse> fit_run(JointWindows& windows, const std::vector<double>& x, double rate_hz,
                                   double noise, double misfit) {
  const auto total = static_cast<int64_t>(x.size());
  const int64_t full = windows.full();
  const int64_t size = windows.size_for(x);
  const int64_t hop = full / 2;
  std::vector<JointResponse> out;
  if (size < kFewest) return out;
  JointWindow& window = windows.of(size);
  int64_t done = 0;
  for (int64_t first = 0; done < total; first += hop) {
    const bool is_last = first + size >= total;
    const int64_t from = is_last ? total - size : first;
    const int64_t end = is_last ? total : from + (full + hop) / 2;
    window.load(x.data() + from);
    for (JointResponse r : window.fit(noise, misfit)) {
      r.onset += static_cast<double>(from);
      if (r.onset < static_cast<double>(done) || r.onset >= static_cast<double>(end)) continue;
      if (!out.empty() && r.onset - out.back().onset < 0.5 * rate_hz) continue;
      out.push_back(r);
    }
    done = end;
  }
  return out;
}

}  // namespace

std::vector<std::vector<JointResponse>> fit_responses(const std::vector<std::vector<double>>& runs,
                                                      double rate_hz, double noise) {
  JointWindows windows(rate_hz);
  std::vector<std::vector<JointResponse>> out(runs.size());
  const double typical = typical_misfit(windows, runs, noise);
  if (!(typical <= kMostMisfit)) return out;
  const double misfit = std::max(kLeastMisfit, kMisfitFactor * typical);
  for (size_t i = 0; i < runs.size(); ++i) out[i] = fit_run(windows, runs[i], rate_hz, noise, misfit);
  return out;
}

}  // namespace limbic::signals
