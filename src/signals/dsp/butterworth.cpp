#include <algorithm>
#include <cmath>
#include <complex>
#include <string>
#include <utility>

#include "dsp/constants.h"
#include "limbic/core/error.h"
#include "limbic/signals/dsp/filter.h"

namespace limbic::signals {
namespace {

using Root = std::complex<double>;
using Roots = std::vector<Root>;

struct ZerosPolesGain {
  Roots zeros;
  Roots poles;
  double gain = 1;
};

Root product(const Roots& roots, double sign, double offset) {
  Root p = 1.0;
  for (const Root& r : roots) p *= offset + sign * r;
  return p;
}

/// The analog prototype: poles evenly on the left half of the unit circle.
Roots prototype_poles(int64_t order) {
  Roots poles;
  for (int64_t m = 1 - order; m < order; m += 2) {
    const double angle = kPi * static_cast<double>(m) / (2.0 * static_cast<double>(order));
    poles.push_back(m == 0 ? Root(-1.0, 0.0) : -std::exp(Root(0.0, angle)));
  }
  return poles;
}

/// Each root q of the prototype becomes the two roots of s^2 - 2 q s + centre^2.
Roots split_band(const Roots& roots, double centre) {
  Roots out;
  for (const double sign : {1.0, -1.0}) {
    for (const Root& q : roots) out.push_back(q + sign * std::sqrt(q * q - centre * centre));
  }
  return out;
}

ZerosPolesGain analog(int64_t order, Band band, double low, double high) {
  const Roots unit = prototype_poles(order);
  const auto count = static_cast<size_t>(order);
  ZerosPolesGain out;
  const bool is_two_sided = band == Band::kBandPass || band == Band::kBandStop;
  const double width = high - low;
  const double centre = std::sqrt(low * high);
  Roots moved;
  for (const Root& p : unit) {
    if (band == Band::kLowPass) moved.push_back(high * p);
    if (band == Band::kHighPass) moved.push_back(low / p);
    if (band == Band::kBandPass) moved.push_back(p * (0.5 * width));
    if (band == Band::kBandStop) moved.push_back(0.5 * width / p);
  }
  out.poles = is_two_sided ? split_band(moved, centre) : moved;
  if (band == Band::kLowPass) out.gain = std::pow(high, static_cast<double>(order));
  if (band == Band::kBandPass) out.gain = std::pow(width, static_cast<double>(order));
  if (band == Band::kHighPass || band == Band::kBandPass) out.zeros.assign(count, Root(0.0, 0.0));
  if (band == Band::kBandStop) {
    out.zeros.assign(count, Root(0.0, centre));
    out.zeros.insert(out.zeros.end(), count, Root(0.0, -centre));
  }
  if (band == Band::kHighPass || band == Band::kBandStop) out.gain = (1.0 / product(unit, -1.0, 0.0)).real();
  return out;
}

/// s = 2 rate (z - 1) / (z + 1); what the degree lacks in zeros lies at z = -1.
ZerosPolesGain bilinear(const ZerosPolesGain& s, double rate) {
  const double twice = 2.0 * rate;
  ZerosPolesGain z;
  for (const Root& r : s.zeros) z.zeros.push_back((twice + r) / (twice - r));
  for (const Root& r : s.poles) z.poles.push_back((twice + r) / (twice - r));
  z.zeros.resize(s.poles.size(), Root(-1.0, 0.0));
  z.gain = s.gain * (product(s.zeros, -1.0, twice) / product(s.poles, -1.0, twice)).real();
  return z;
}

/// One of every conjugate pair (positive imaginary part) and all real roots, each sorted.
Roots half_plane(Roots roots) {
  Roots pairs;
  Roots reals;
  for (const Root& r : roots) {
    const bool is_real = std::abs(r.imag()) <= 2.2e-14 * std::abs(r);
    if (is_real) reals.emplace_back(r.real(), 0.0);
    if (!is_real && r.imag() > 0) pairs.push_back(r);
  }
  const auto by_real = [](const Root& a, const Root& b) {
    return a.real() != b.real() ? a.real() < b.real() : a.imag() < b.imag();
  };
  std::sort(pairs.begin(), pairs.end(), by_real);
  std::sort(reals.begin(), reals.end(), by_real);
  pairs.insert(pairs.end(), reals.begin(), reals.end());
  return pairs;
}

/// Removes and returns the root with the least `cost`; only real ones when asked.
template <class Cost>
Root take(Roots& roots, bool only_real, Cost cost) {
  auto best = roots.end();
  for (auto it = roots.begin(); it != roots.end(); ++it) {
    if (only_real && it->imag() != 0) continue;
    if (best == roots.end() || cost(*it) < cost(*best)) best = it;
  }
  const Root root = *best;
  roots.erase(best);
  return root;
}

/// Sections in scipy's "nearest" pairing: from the last section to the first, the pole closest to the unit
/// circle gets the zero closest to it, so that gains within the cascade stay small. The gain is in the first.
BiquadCascade sections_of(ZerosPolesGain filter) {
  if (filter.poles.size() % 2 == 1) {
    filter.poles.emplace_back(0.0, 0.0);
    filter.zeros.emplace_back(0.0, 0.0);
  }
  BiquadCascade sections(filter.poles.size() / 2);
  Roots zeros = half_plane(std::move(filter.zeros));
  Roots poles = half_plane(std::move(filter.poles));
  const auto to_circle = [](const Root& r) { return std::abs(1.0 - std::abs(r)); };
  for (auto section = sections.rbegin(); section != sections.rend(); ++section) {
    const Root p1 = take(poles, false, to_circle);
    const Root p2 = p1.imag() == 0 ? take(poles, true, to_circle) : std::conj(p1);
    const auto to_pole = [p1](const Root& r) { return std::abs(r - p1); };
    const Root z1 = take(zeros, false, to_pole);
    const Root z2 = z1.imag() == 0 ? take(zeros, true, to_pole) : std::conj(z1);
    *section = {1.0, -(z1 + z2).real(), (z1 * z2).real(), -(p1 + p2).real(), (p1 * p2).real()};
  }
  sections.front().b0 *= filter.gain;
  sections.front().b1 *= filter.gain;
  sections.front().b2 *= filter.gain;
  return sections;
}

void check_rate(const char* what, double rate_hz) {
  require(
      std::isfinite(rate_hz) && rate_hz > 0, ErrorCode::kConfig,
      std::string(what) + ": sampling rate " + std::to_string(rate_hz) + " Hz; expected a positive number");
}

void check_edge(const char* what, const char* name, double edge_hz, double rate_hz) {
  require(edge_hz > 0 && edge_hz < 0.5 * rate_hz, ErrorCode::kConfig,
          std::string(what) + ": " + name + " " + std::to_string(edge_hz) +
              " Hz; expected above 0 and below half the sampling rate (" + std::to_string(0.5 * rate_hz) +
              " Hz)");
}

}  // namespace

BiquadCascade butterworth(int64_t order, Band band, double low_hz, double high_hz, double rate_hz) {
  constexpr const char* kName = "butterworth";
  require(order >= 1 && order <= 12, ErrorCode::kConfig,
          "butterworth: order " + std::to_string(order) + "; expected 1 to 12");
  check_rate(kName, rate_hz);
  if (band != Band::kLowPass) check_edge(kName, "low_hz", low_hz, rate_hz);
  if (band != Band::kHighPass) check_edge(kName, "high_hz", high_hz, rate_hz);
  if (band == Band::kBandPass || band == Band::kBandStop) {
    require(low_hz < high_hz, ErrorCode::kConfig,
            "butterworth: low_hz " + std::to_string(low_hz) + " Hz; expected below high_hz (" +
                std::to_string(high_hz) + " Hz)");
  }
  // Frequencies in half cycles a sample and a rate of 2, as scipy, so that rounding is the same.
  constexpr double kRate = 2.0;
  const auto warped = [&](double hz) { return 2.0 * kRate * std::tan(kPi * (2.0 * hz / rate_hz) / kRate); };
  const double low = band == Band::kLowPass ? 0.0 : warped(low_hz);
  const double high = band == Band::kHighPass ? 0.0 : warped(high_hz);
  return sections_of(bilinear(analog(order, band, low, high), kRate));
}

BiquadCascade notch(double centre_hz, double quality, double rate_hz) {
  check_rate("notch", rate_hz);
  check_edge("notch", "centre_hz", centre_hz, rate_hz);
  require(std::isfinite(quality) && quality > 0 && centre_hz / quality < 0.5 * rate_hz, ErrorCode::kConfig,
          "notch: quality " + std::to_string(quality) +
              "; expected positive, with centre_hz / quality below half the sampling rate");
  const double centre = kPi * 2.0 * centre_hz / rate_hz;
  const double gain = 1.0 / (1.0 + std::tan(centre / quality / 2.0));
  const double c = -2.0 * std::cos(centre);
  return {{gain, gain * c, gain, gain * c, 2.0 * gain - 1.0}};
}

}  // namespace limbic::signals
