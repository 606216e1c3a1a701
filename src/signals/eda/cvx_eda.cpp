#include "limbic/signals/eda/cvx_eda.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "eda/bateman_lq.h"
#include "limbic/core/error.h"

namespace limbic::signals {
namespace {

/// Longest step in [0, 1] that keeps value + step * change >= 0.
double longest_step(const std::vector<double>& value, const std::vector<double>& change) {
  double worst = -1.0;  // lowest change / value
  for (size_t t = 0; t < value.size(); ++t) worst = std::min(worst, change[t] / value[t]);
  return -1.0 / worst;
}

/// Mehrotra's predictor-corrector for the driver's non-negativity.
class InteriorPoint {
 public:
  InteriorPoint(BatemanLq& problem, size_t size, const CvxEdaConfig& config)
      : problem_(problem), config_(config), weight_(size), linear_(size), change_(size), dual_change_(size) {
    // A driver whose response has about the signal's deviation; the price of an unused one as its multiplier.
    constexpr double kStart = 0.3;
    now_.driver.assign(size, kStart);
    now_.spline.assign(static_cast<size_t>(problem.num_knots()), 0.0);
    dual_.assign(size, config.alpha);
  }

  void solve(CvxEdaResult& result) {
    const auto size = static_cast<double>(dual_.size());
    for (; result.iterations < config_.max_iterations; ++result.iterations) {
      result.gap = std::inner_product(dual_.begin(), dual_.end(), now_.driver.begin(), 0.0);
      if (infeasible_ < kFeasible &&
          result.gap <= std::max(config_.absolute_gap, config_.relative_gap * objective_)) {
        result.converged = true;
        return;
      }
      const double mu = result.gap / size;
      predict();
      const double reach = std::min(longest_step(now_.driver, change_), longest_step(dual_, dual_change_));
      double reached = 0;
      for (size_t t = 0; t < dual_.size(); ++t) {
        reached += (now_.driver[t] + reach * change_[t]) * (dual_[t] + reach * dual_change_[t]);
      }
      const double ratio = reached / result.gap;
      correct(ratio * ratio * ratio * mu);
      double step = std::min(longest_step(now_.driver, change_), longest_step(dual_, dual_change_));
      step *= 1.0 - std::min(0.01, 10.0 * mu / config_.alpha);
      advance(std::min(step, 1.0));
    }
  }

  const BatemanPoint& point() const { return now_; }

 private:
  static constexpr double kFeasible = 1e-9;

  /// The step if every product of driver and multiplier were to become 0.
  void predict() {
    for (size_t t = 0; t < dual_.size(); ++t) {
      weight_[t] = dual_[t] / now_.driver[t];
      linear_[t] = config_.alpha - dual_[t];
    }
    problem_.factor(weight_, linear_);
    problem_.minimize(next_);
    for (size_t t = 0; t < dual_.size(); ++t) {
      change_[t] = next_.driver[t] - now_.driver[t];
      dual_change_[t] = -weight_[t] * next_.driver[t];
    }
  }

  /// The step towards products of `target`, with the second-order term of the predicted step.
  void correct(double target) {
    for (size_t t = 0; t < dual_.size(); ++t) {
      dual_change_[t] = (target - change_[t] * dual_change_[t]) / now_.driver[t];
      linear_[t] = config_.alpha - dual_[t] - dual_change_[t];
    }
    problem_.relinearize(linear_);
    const double misfit = problem_.minimize(next_);
    double price = 0;
    for (size_t t = 0; t < dual_.size(); ++t) {
      change_[t] = next_.driver[t] - now_.driver[t];
      dual_change_[t] -= weight_[t] * next_.driver[t];
      price += next_.driver[t];
    }
    objective_ = std::abs(misfit + config_.alpha * price);
  }

  void advance(double step) {
    for (size_t t = 0; t < dual_.size(); ++t) {
      now_.driver[t] += step * change_[t];
      dual_[t] += step * dual_change_[t];
    }
    for (size_t k = 0; k < now_.spline.size(); ++k) {
      now_.spline[k] += step * (next_.spline[k] - now_.spline[k]);
    }
    for (size_t k = 0; k < 2; ++k) now_.line[k] += step * (next_.line[k] - now_.line[k]);
    infeasible_ *= 1.0 - step;
  }

  BatemanLq& problem_;
  const CvxEdaConfig& config_;
  BatemanPoint now_;
  BatemanPoint next_;
  std::vector<double> dual_;  // multipliers of driver >= 0
  std::vector<double> weight_;
  std::vector<double> linear_;
  std::vector<double> change_;
  std::vector<double> dual_change_;
  double infeasible_ = 1.0;  // what is left of the start's dual residual
  double objective_ = 0;     // near the current point
};

}  // namespace

void CvxEdaConfig::validate(config::Checks& checks) const {
  checks.expect(tau1_s > 0 && std::isfinite(tau1_s), "tau1_s",
                "must be positive, got " + std::to_string(tau1_s));
  checks.expect(tau0_s >= 1.02 * tau1_s && std::isfinite(tau0_s), "tau0_s",
                "must be at least 1.02 tau1_s, got " + std::to_string(tau0_s));
  checks.expect(knot_s > 0 && knot_s <= 600, "knot_s", "must be in (0, 600], got " + std::to_string(knot_s));
  checks.expect(alpha > 0 && std::isfinite(alpha), "alpha", "must be positive, got " + std::to_string(alpha));
  checks.expect(gamma > 0 && std::isfinite(gamma), "gamma", "must be positive, got " + std::to_string(gamma));
  checks.expect(relative_gap >= 1e-13 && relative_gap < 1, "relative_gap", "must be in [1e-13, 1)");
  checks.expect(absolute_gap >= 0 && std::isfinite(absolute_gap), "absolute_gap", "must not be negative");
  checks.expect(max_iterations >= 1, "max_iterations", "must be positive");
}

CvxEdaResult cvx_eda(const std::vector<double>& x, double rate_hz, const CvxEdaConfig& config) {
  config::ThrowingChecks checks("cvx_eda");
  config.validate(checks);
  checks.expect(std::isfinite(rate_hz) && rate_hz * config.tau1_s >= 1.0, "tau1_s",
                "the fast time constant must be at least a sample long, got " +
                    std::to_string(config.tau1_s) + " s at " + std::to_string(rate_hz) + " Hz");
  checks.expect(rate_hz * config.knot_s >= 4.0, "knot_s",
                "knots must be at least four samples apart, got " + std::to_string(config.knot_s) + " s at " +
                    std::to_string(rate_hz) + " Hz");
  double sum = 0;
  double count = 0;
  for (const double v : x) {
    require(!std::isinf(v), ErrorCode::kData, "cvx_eda: infinite value; expected numbers or NaN for missing");
    if (std::isnan(v)) continue;
    sum += v;
    count += 1;
  }
  CvxEdaResult result;
  const double center = count > 0 ? sum / count : 0.0;
  double squares = 0;
  for (const double v : x) squares += std::isnan(v) ? 0.0 : (v - center) * (v - center);
  const double deviation = count > 0 ? std::sqrt(squares / count) : 0.0;
  // Too little to tell parts apart: the level is tonic. Deviations below the rounding of a mean are none.
  if (count < 3 || deviation <= 1e-12 * std::abs(center) || deviation < 1e-150) {
    result.phasic.assign(x.size(), 0.0);
    result.driver.assign(x.size(), 0.0);
    result.tonic.assign(x.size(), count > 0 ? center : std::nan(""));
    result.converged = true;
    return result;
  }
  const double shift = config.standardize ? center : 0.0;
  const double scale = config.standardize ? deviation : 1.0;
  std::vector<double> y(x.size());
  for (size_t t = 0; t < x.size(); ++t) y[t] = (x[t] - shift) / scale;

  BatemanLq problem(y, rate_hz, config);
  InteriorPoint method(problem, y.size(), config);
  method.solve(result);
  const BatemanPoint& point = method.point();
  result.driver = point.driver;
  result.phasic = problem.response(point.driver);
  result.tonic = problem.tonic(point);
  result.objective = problem.misfit(result.phasic, result.tonic, point.spline) +
                     config.alpha * std::accumulate(point.driver.begin(), point.driver.end(), 0.0);
  for (size_t t = 0; t < y.size(); ++t) {
    result.driver[t] *= scale;
    result.phasic[t] *= scale;
    result.tonic[t] = result.tonic[t] * scale + shift;
  }
  return result;
}

}  // namespace limbic::signals
