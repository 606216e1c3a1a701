#pragma once
#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "limbic/signals/eda/cvx_eda.h"

namespace limbic::signals {

// Note [cvxEDA as a control problem]
// The authors' program has variables q with driver p = A q >= 0 and response r = M q, both banded. Written in
// p, the response is a filter of two real poles: with X_t = E X_{t-1} + R p_t (E diagonal) it is r_t = K p_t
// + X0_t + X1_t, K and R from the partial fractions of M / A. The tonic part at t involves four spline
// coefficients and the two of the line. So a Newton step of the interior point method,
//   min 1/2 sum w_t (r_t + b_t e - y_t)^2 + 1/2 sum D_t p_t^2 + sum f_t p_t + gamma/2 |l|^2,
// is a linear-quadratic control problem with state (X0, X1, d0, d1, four l): dynamic programming from the end
// to the start (a Riccati recursion) gives every p_t as k_t - g_t * state, and running forward gives all
// values. A spline coefficient leaves the state when the recursion has passed the first sample it touches.
// The barrier's D_t, which spans twenty orders of magnitude near the solution, appears only in the pivots;
// in the banded normal equations of q it would cancel the data's terms away.

/// What a Newton step gives: the driver, and the tonic part's coefficients that are best for it.
struct BatemanPoint {
  std::vector<double> driver;        ///< p
  std::vector<double> spline;        ///< l, a knot each
  std::array<double, 2> line{0, 0};  ///< d: offset and rise over the recording
};

/// The quadratic subproblem of cvxEDA for one recording. factor() once an iteration, then minimize() as often
/// as the linear terms change.
class BatemanLq {
 public:
  /// @param y  NaN where missing; at least three values
  BatemanLq(const std::vector<double>& y, double rate_hz, const CvxEdaConfig& config);

  int64_t num_knots() const { return num_columns_; }
  /// Riccati recursion for the weights D > 0 of p^2 / 2 and, in the same sweep, the linear terms f of p.
  void factor(const std::vector<double>& weight, const std::vector<double>& linear);
  /// Only the linear terms change.
  void relinearize(const std::vector<double>& linear);
  /// The minimizer for what was last given. @return 1/2 sum w (r + tonic - y)^2 + gamma/2 |l|^2 there
  double minimize(BatemanPoint& point) const;

  std::vector<double> response(const std::vector<double>& driver) const;
  std::vector<double> tonic(const BatemanPoint& point) const;
  /// Without the driver's price: 1/2 sum w (r + tonic - y)^2 + gamma/2 |l|^2.
  double misfit(const std::vector<double>& response, const std::vector<double>& tonic,
                const std::vector<double>& spline) const;

 private:
  using Block = Eigen::Matrix<double, 6, 6>;
  using Part = Eigen::Matrix<double, 6, 1>;
  /// A variable as constant - gain * state; state = (X0, X1, d0, d1, l by slot).
  struct Rule {
    double gain[8];
    double constant;
    double inverse;  // of the pivot
  };
  static double follow(const Rule& rule, const double* state);

  static int64_t slot_of(int64_t column) { return 2 + (column & 3); }  // among the six of the tonic part
  bool has_column(int64_t column) const { return column >= 0 && column < num_columns_; }
  int64_t segment_end(int64_t segment) const { return std::min(size_, (segment + 1) * knot_); }
  void fill_rows();
  void sum_segments();
  /// The four spline values of a sample by slot.
  const double* row(int64_t segment, int64_t t) const {
    return rows_[static_cast<size_t>(segment)] + 8 * (t - segment * knot_);
  }
  double line_at(int64_t t) const { return static_cast<double>(t + 1) / static_cast<double>(size_); }

  int64_t size_;
  int64_t knot_;  // samples from one to the next
  int64_t num_columns_;
  int64_t num_segments_;
  double gamma_;
  double pole_[2];
  double input_[2];              // R
  double direct_;                // K
  std::vector<double> y_;        // 0 where missing
  std::vector<double> present_;  // 1 or 0
  std::vector<std::vector<double>> tables_;
  std::vector<const double*> rows_;
  std::vector<Block> block_;  // sum of w b b' of a segment
  std::vector<Part> right_;   // sum of w y b of a segment
  std::vector<Rule> rules_;   // of the driver's samples
  std::vector<Rule> knots_;   // of the column that enters with a segment
  Eigen::LDLT<Block> last_;
  Part start_;  // the tonic variables of segment 0
};

}  // namespace limbic::signals
