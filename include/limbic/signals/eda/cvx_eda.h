#pragma once
#include <cstdint>
#include <vector>

#include "limbic/config/checks.h"

namespace limbic::signals {

/// cvxEDA (Greco, Valenza, Lanata, Scilingo, Citi: IEEE Trans. Biomed. Eng. 63(4), 2016): the recording is a
/// sparse non-negative driver through a bi-exponential (Bateman) response, plus a spline, plus a line, plus
/// noise. The objective is the one of the authors' code of 2025 (exact boundaries, a knot beyond the end).
struct CvxEdaConfig {
  double tau0_s = 2.0;
  double tau1_s = 0.7;
  double knot_s = 10.0;
  double alpha = 8e-4;
  double gamma = 1e-2;
  bool standardize = true;
  double relative_gap = 1e-9;
  double absolute_gap = 2e-8;
  int64_t max_iterations = 100;

  template <class Visitor>
  void visit(Visitor& v) {
    v("tau0_s", tau0_s, "slow time constant of the response");
    v("tau1_s", tau1_s, "fast time constant of the response, below tau0_s");
    v("knot_s", knot_s, "distance of the tonic spline's knots");
    v("alpha", alpha, "price of the driver, of the standardized signal");
    v("gamma", gamma, "price of the spline's coefficients");
    v("standardize", standardize, "solve for the signal with mean 0 and deviation 1 and scale back");
    v("relative_gap", relative_gap, "stop when the duality gap is below this share of the objective");
    v("absolute_gap", absolute_gap, "or below this number");
    v("max_iterations", max_iterations, "of the interior point method; 15 to 30 are usual");
  }
  void validate(config::Checks& checks) const;
};

/// Everything is in the unit of the input; tonic + phasic + residual = input where it is present.
struct CvxEdaResult {
  std::vector<double> phasic;
  std::vector<double> tonic;
  std::vector<double> driver;  ///< per second of the response's unit area, >= 0
  double objective = 0;        ///< of the standardized problem, as the authors' code returns it
  double gap = 0;              ///< the objective is at most this much above the optimum
  int64_t iterations = 0;
  bool converged = false;
};

/// Interior point method whose Newton steps are one backward and one forward recursion over the samples (8
/// numbers of state: two of the response, four spline coefficients, two of the line): time and memory are
/// linear in the length, about 160 bytes a sample.
/// A missing sample (NaN) has no term in the objective; all outputs are defined there too, by the model.
/// @throws Error(kConfig) config out of range, or rate too low for tau1 or the knots
CvxEdaResult cvx_eda(const std::vector<double>& x, double rate_hz, const CvxEdaConfig& config = {});

}  // namespace limbic::signals
