#include "eda/bateman_lq.h"

#include <cmath>
#include <string>

#include "limbic/core/error.h"

namespace limbic::signals {

// The spline's column j is a triangle convolved with itself around sample j * knot_, so it reaches less than
// two knots far: segment m (samples [m knot_, (m + 1) knot_)) touches the columns m - 1 .. m + 2. Column j
// lives in slot j mod 4; a row of a table holds the four values twice, so that one pointer shift rotates
// them.
BatemanLq::BatemanLq(const std::vector<double>& y, double rate_hz, const CvxEdaConfig& config)
    : size_(static_cast<int64_t>(y.size())),
      knot_(std::llround(config.knot_s * rate_hz)),
      num_columns_((size_ + knot_ / 2 + knot_ - 1) / knot_),
      num_segments_((size_ + knot_ - 1) / knot_),
      gamma_(config.gamma) {
  const double step_s = 1.0 / rate_hz;
  const double fast = step_s / config.tau1_s;
  const double slow = step_s / config.tau0_s;
  pole_[0] = (2.0 - slow) / (2.0 + slow);
  pole_[1] = (2.0 - fast) / (2.0 + fast);
  const double first = (fast - slow) * step_s / ((fast + 2.0) * (slow + 2.0));  // 1 / A's diagonal
  direct_ = first / (pole_[0] * pole_[1]);
  for (int i = 0; i < 2; ++i) {
    const double zero = 1.0 + 1.0 / pole_[i];
    input_[i] = first * zero * zero / (1.0 - pole_[1 - i] / pole_[i]);
  }
  y_.resize(y.size());
  present_.resize(y.size());
  for (size_t t = 0; t < y.size(); ++t) {
    present_[t] = std::isnan(y[t]) ? 0.0 : 1.0;
    y_[t] = std::isnan(y[t]) ? 0.0 : y[t];
  }
  fill_rows();
  sum_segments();
  rules_.resize(y.size());
  knots_.resize(static_cast<size_t>(num_segments_));
}

void BatemanLq::fill_rows() {
  const auto knot = static_cast<size_t>(knot_);
  std::vector<double> bump(4 * knot - 3, 0.0);
  for (size_t i = 0; i < 2 * knot - 1; ++i) {
    const auto left = static_cast<double>(i < knot ? i + 1 : 2 * knot - 1 - i);
    for (size_t k = 0; k < 2 * knot - 1; ++k) {
      bump[i + k] += left * static_cast<double>(k < knot ? k + 1 : 2 * knot - 1 - k);
    }
  }
  const int64_t middle = 2 * knot_ - 2;
  const double top = bump[static_cast<size_t>(middle)];
  const auto table = [&](int64_t segment, bool all) {
    std::vector<double> values(8 * knot, 0.0);
    for (int64_t offset = 0; offset < knot_; ++offset) {
      for (int64_t i = 0; i < 4; ++i) {
        const int64_t at = offset - (i - 1) * knot_ + middle;
        const bool in_reach = at >= 0 && at <= 2 * middle;
        if (!in_reach || !(all || has_column(segment - 1 + i))) continue;
        const auto place = static_cast<size_t>(8 * offset + i);
        values[place] = values[place + 4] = bump[static_cast<size_t>(at)] / top;
      }
    }
    return values;
  };
  tables_.reserve(8);
  tables_.push_back(table(0, true));
  rows_.resize(static_cast<size_t>(num_segments_));
  for (int64_t m = 0; m < num_segments_; ++m) {
    const bool all = has_column(m - 1) && has_column(m + 2);
    if (!all) tables_.push_back(table(m, false));
    const auto& values = all ? tables_.front() : tables_.back();
    // Slot s belongs to column m - 1 + i with i = s - (m - 1) mod 4.
    rows_[static_cast<size_t>(m)] = values.data() + ((1 - m) & 3);
  }
}

void BatemanLq::sum_segments() {
  block_.assign(static_cast<size_t>(num_segments_), Block::Zero());
  right_.assign(static_cast<size_t>(num_segments_), Part::Zero());
  for (int64_t m = 0; m < num_segments_; ++m) {
    for (int64_t t = m * knot_; t < segment_end(m); ++t) {
      if (present_[static_cast<size_t>(t)] == 0.0) continue;
      const double* spline = row(m, t);
      Part b;
      b << 1.0, line_at(t), spline[0], spline[1], spline[2], spline[3];
      block_[static_cast<size_t>(m)].noalias() += b * b.transpose();
      right_[static_cast<size_t>(m)].noalias() += y_[static_cast<size_t>(t)] * b;
    }
  }
}

double BatemanLq::follow(const Rule& rule, const double* state) {
  // The state's first two change with every sample: they come last, off the chain of dependencies.
  double tonic = rule.constant;
  for (int i = 2; i < 8; ++i) tonic -= rule.gain[i] * state[i];
  return tonic - (rule.gain[0] * state[0] + rule.gain[1] * state[1]);
}

void BatemanLq::factor(const std::vector<double>& weight, const std::vector<double>& linear) {
  // The value function of the state after a sample: 1/2 state' P state - right' state, with P = [X C'; C E].
  double x00 = 0;
  double x01 = 0;
  double x11 = 0;
  Part c0 = Part::Zero();
  Part c1 = Part::Zero();
  Block e = Block::Zero();
  double v0 = 0;
  double v1 = 0;
  Part v = Part::Zero();
  const double through = direct_ + input_[0] + input_[1];
  const double r0 = input_[0];
  const double r1 = input_[1];
  for (int64_t s = -1; s <= 2; ++s) {
    const int64_t column = num_segments_ - 1 + s;
    const int64_t slot = slot_of(column);
    e(slot, slot) = has_column(column) ? gamma_ : 1.0;
  }
  for (int64_t m = num_segments_ - 1; m >= 0; --m) {
    e += block_[static_cast<size_t>(m)];
    v += right_[static_cast<size_t>(m)];
    for (int64_t t = segment_end(m) - 1; t >= m * knot_; --t) {
      const auto i = static_cast<size_t>(t);
      const double w = present_[i];
      const double* spline = row(m, t);
      Part b;
      b << 1.0, line_at(t), spline[0], spline[1], spline[2], spline[3];
      const double u0 = r0 * x00 + r1 * x01;
      const double u1 = r0 * x01 + r1 * x11;
      const double pivot = weight[i] + w * through * through + r0 * u0 + r1 * u1;
      const double inverse = 1.0 / pivot;
      const double seen = w * through;
      const double h0 = pole_[0] * (u0 + seen);
      const double h1 = pole_[1] * (u1 + seen);
      const Part h = r0 * c0 + r1 * c1 + seen * b;
      const double g0 = h0 * inverse;
      const double g1 = h1 * inverse;
      const Part g = h * inverse;
      const double along = r0 * v0 + r1 * v1 + seen * y_[i] - linear[i];
      const double wy = w * y_[i];

      x00 = pole_[0] * pole_[0] * (x00 + w) - h0 * g0;
      x01 = pole_[0] * pole_[1] * (x01 + w) - h0 * g1;
      x11 = pole_[1] * pole_[1] * (x11 + w) - h1 * g1;
      c0 = pole_[0] * (c0 + w * b) - h0 * g;
      c1 = pole_[1] * (c1 + w * b) - h1 * g;
      e.noalias() -= h * g.transpose();
      v0 = pole_[0] * (v0 + wy) - g0 * along;
      v1 = pole_[1] * (v1 + wy) - g1 * along;
      v -= along * g;

      Rule& rule = rules_[i];
      rule.gain[0] = g0;
      rule.gain[1] = g1;
      for (int k = 0; k < 6; ++k) rule.gain[2 + k] = g[k];
      rule.constant = along * inverse;
      rule.inverse = inverse;
    }
    if (m == 0) break;
    // Column m + 2 leaves, column m - 2 takes its slot.
    const int64_t slot = slot_of(m + 2);
    Rule& rule = knots_[static_cast<size_t>(m)];
    rule.inverse = 1.0 / e(slot, slot);
    rule.constant = v[slot] * rule.inverse;
    Part a = e.col(slot);
    a[slot] = 0;
    const double a0 = c0[slot];
    const double a1 = c1[slot];
    c0[slot] = c1[slot] = v[slot] = 0;
    e.row(slot).setZero();
    e.col(slot).setZero();
    rule.gain[0] = a0 * rule.inverse;
    rule.gain[1] = a1 * rule.inverse;
    for (int k = 0; k < 6; ++k) rule.gain[2 + k] = a[k] * rule.inverse;
    x00 -= a0 * rule.gain[0];
    x01 -= a0 * rule.gain[1];
    x11 -= a1 * rule.gain[1];
    c0 -= rule.gain[0] * a;
    c1 -= rule.gain[1] * a;
    e.noalias() -= rule.inverse * a * a.transpose();
    v0 -= a0 * rule.constant;
    v1 -= a1 * rule.constant;
    v -= rule.constant * a;
    e(slot, slot) = has_column(m - 2) ? gamma_ : 1.0;
  }
  last_.compute(e);
  start_ = last_.solve(v);
}

void BatemanLq::relinearize(const std::vector<double>& linear) {
  double v0 = 0;
  double v1 = 0;
  Part v = Part::Zero();
  const double through = direct_ + input_[0] + input_[1];
  for (int64_t m = num_segments_ - 1; m >= 0; --m) {
    v += right_[static_cast<size_t>(m)];
    for (int64_t t = segment_end(m) - 1; t >= m * knot_; --t) {
      const auto i = static_cast<size_t>(t);
      Rule& rule = rules_[i];
      const double wy = y_[i];  // 0 where missing
      const double along = input_[0] * v0 + input_[1] * v1 + (through * wy - linear[i]);
      v0 = pole_[0] * (v0 + wy) - rule.gain[0] * along;
      v1 = pole_[1] * (v1 + wy) - rule.gain[1] * along;
      for (int k = 0; k < 6; ++k) v[k] -= rule.gain[2 + k] * along;
      rule.constant = along * rule.inverse;
    }
    if (m == 0) break;
    const int64_t slot = slot_of(m + 2);
    Rule& rule = knots_[static_cast<size_t>(m)];
    const double along = v[slot];
    v[slot] = 0;
    v0 -= rule.gain[0] * along;
    v1 -= rule.gain[1] * along;
    for (int k = 0; k < 6; ++k) v[k] -= rule.gain[2 + k] * along;
    rule.constant = along * rule.inverse;
  }
  start_ = last_.solve(v);
}

double BatemanLq::minimize(BatemanPoint& point) const {
  double state[8] = {0, 0};
  for (int k = 0; k < 6; ++k) state[2 + k] = start_[k];
  point.driver.resize(static_cast<size_t>(size_));
  point.spline.resize(static_cast<size_t>(num_columns_));
  point.line = {start_[0], start_[1]};
  for (int64_t column = 0; column <= 2; ++column) {
    if (has_column(column)) point.spline[static_cast<size_t>(column)] = start_[slot_of(column)];
  }
  double squares = 0;
  for (int64_t m = 0; m < num_segments_; ++m) {
    if (m > 0) {
      const double value = follow(knots_[static_cast<size_t>(m)], state);
      state[2 + slot_of(m + 2)] = value;
      if (has_column(m + 2)) point.spline[static_cast<size_t>(m + 2)] = value;
    }
    for (int64_t t = m * knot_; t < segment_end(m); ++t) {
      const auto i = static_cast<size_t>(t);
      const double* spline = row(m, t);
      const double tonic = state[2] + line_at(t) * state[3] + spline[0] * state[4] + spline[1] * state[5] +
                           spline[2] * state[6] + spline[3] * state[7];
      const double p = follow(rules_[i], state);
      state[0] = pole_[0] * state[0] + input_[0] * p;
      state[1] = pole_[1] * state[1] + input_[1] * p;
      const double error = direct_ * p + state[0] + state[1] + tonic - y_[i];
      squares += present_[i] * error * error;
      point.driver[i] = p;
    }
  }
  for (const double l : point.spline) squares += gamma_ * l * l;
  return 0.5 * squares;
}

std::vector<double> BatemanLq::response(const std::vector<double>& driver) const {
  std::vector<double> r(driver.size());
  double x0 = 0;
  double x1 = 0;
  for (size_t t = 0; t < driver.size(); ++t) {
    x0 = pole_[0] * x0 + input_[0] * driver[t];
    x1 = pole_[1] * x1 + input_[1] * driver[t];
    r[t] = direct_ * driver[t] + x0 + x1;
  }
  return r;
}

std::vector<double> BatemanLq::tonic(const BatemanPoint& point) const {
  std::vector<double> values(static_cast<size_t>(size_));
  for (int64_t m = 0; m < num_segments_; ++m) {
    double l[4] = {0, 0, 0, 0};
    for (int64_t column = m - 1; column <= m + 2; ++column) {
      if (has_column(column)) l[column & 3] = point.spline[static_cast<size_t>(column)];
    }
    for (int64_t t = m * knot_; t < segment_end(m); ++t) {
      const double* spline = row(m, t);
      double value = point.line[0] + line_at(t) * point.line[1];
      for (int s = 0; s < 4; ++s) value += spline[s] * l[s];
      values[static_cast<size_t>(t)] = value;
    }
  }
  return values;
}

double BatemanLq::misfit(const std::vector<double>& response, const std::vector<double>& tonic,
                         const std::vector<double>& spline) const {
  double squares = 0;
  for (size_t t = 0; t < response.size(); ++t) {
    const double error = response[t] + tonic[t] - y_[t];
    squares += present_[t] * error * error;
  }
  for (const double l : spline) squares += gamma_ * l * l;
  return 0.5 * squares;
}

}  // namespace limbic::signals
