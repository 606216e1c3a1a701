#include "fft.h"

#include <cmath>
#include <utility>
#include "dsp/constants.h"

namespace limbic::signals {
namespace {

/// kLanes complex numbers; an array of them is the real signal x[0] + i x[1], x[2] + i x[3]... as it lies in
/// memory.
struct Complex {
  Lanes re;
  Lanes im;
};
inline Complex operator+(Complex a, Complex b) {
  return {a.re + b.re, a.im + b.im};
}
inline Complex operator-(Complex a, Complex b) {
  return {a.re - b.re, a.im - b.im};
}
inline Complex rotate(Complex a, const double* w) {
  return {w[0] * a.re - w[1] * a.im, w[0] * a.im + w[1] * a.re};
}

void push_root(std::vector<double>& table, int64_t numerator, int64_t denominator) {
  const double angle =
      -kTwoPi * static_cast<double>(numerator % denominator) / static_cast<double>(denominator);
  table.push_back(std::cos(angle));
  table.push_back(std::sin(angle));
}

// Note [Stockham pass]
// From x to y, with n = radix * num_groups the length of the sub-transforms and s the stride:
//   y[q + s (radix p + k)] = w_n^(p k) sum_j w_radix^(j k) x[q + s (p + num_groups j)]
// for p in [0, num_groups), q in [0, s). After the last pass y is in natural order.

void radix_two(const Complex* x, Complex* y, int64_t groups, int64_t s, const double* w) {
  for (int64_t p = 0; p < groups; ++p, w += 2) {
    for (int64_t q = 0; q < s; ++q) {
      const Complex a = x[q + s * p];
      const Complex b = x[q + s * (p + groups)];
      y[q + s * 2 * p] = a + b;
      y[q + s * (2 * p + 1)] = rotate(a - b, w);
    }
  }
}

void radix_four(const Complex* x, Complex* y, int64_t groups, int64_t s, const double* w) {
  for (int64_t p = 0; p < groups; ++p, w += 6) {
    for (int64_t q = 0; q < s; ++q) {
      const Complex a = x[q + s * p];
      const Complex b = x[q + s * (p + groups)];
      const Complex c = x[q + s * (p + 2 * groups)];
      const Complex d = x[q + s * (p + 3 * groups)];
      const Complex even = a + c;
      const Complex odd = a - c;
      const Complex even2 = b + d;
      const Complex odd2 = b - d;
      Complex* out = y + q + s * 4 * p;
      out[0] = even + even2;
      out[s] = rotate({odd.re + odd2.im, odd.im - odd2.re}, w);  // odd - i odd2
      out[2 * s] = rotate(even - even2, w + 2);
      out[3 * s] = rotate({odd.re - odd2.im, odd.im + odd2.re}, w + 4);  // odd + i odd2
    }
  }
}

void radix_odd(const Complex* x, Complex* y, int64_t radix, int64_t groups, int64_t s, const double* w,
               const double* roots) {
  for (int64_t p = 0; p < groups; ++p, w += 2 * (radix - 1)) {
    for (int64_t q = 0; q < s; ++q) {
      for (int64_t k = 0; k < radix; ++k) {
        Complex sum = x[q + s * p];
        for (int64_t j = 1; j < radix; ++j) {
          sum = sum + rotate(x[q + s * (p + groups * j)], roots + 2 * ((j * k) % radix));
        }
        y[q + s * (radix * p + k)] = k == 0 ? sum : rotate(sum, w + 2 * (k - 1));
      }
    }
  }
}

}  // namespace

RealFft::RealFft(int64_t length) : length_(length) {
  int64_t left = length / 2;
  int64_t stride = 1;
  while (left > 1) {
    int64_t radix = 3;
    if (left % 4 == 0) {
      radix = 4;
    } else if (left % 2 == 0) {
      radix = 2;
    } else {
      while (left % radix != 0) radix += 2;
    }
    Pass pass{radix, left / radix, stride, {}, {}};
    for (int64_t p = 0; p < pass.num_groups; ++p) {
      for (int64_t k = 1; k < radix; ++k) push_root(pass.twiddles, p * k, left);
    }
    if (radix % 2 == 1) {
      for (int64_t j = 0; j < radix; ++j) push_root(pass.roots, j, radix);
    }
    left = pass.num_groups;
    stride *= radix;
    passes_.push_back(std::move(pass));
  }
  for (int64_t k = 0; k <= length / 4; ++k) push_root(split_, k, length);
}

template <class Put>
void RealFft::transform(Lanes* signal, Lanes* scratch, Put put) const {
  // Lanes pairs in memory are the members of Complex.
  auto* z = reinterpret_cast<Complex*>(signal);
  auto* other = reinterpret_cast<Complex*>(scratch);
  for (const Pass& pass : passes_) {
    const double* w = pass.twiddles.data();
    if (pass.radix == 4) {
      radix_four(z, other, pass.num_groups, pass.stride, w);
    } else if (pass.radix == 2) {
      radix_two(z, other, pass.num_groups, pass.stride, w);
    } else {
      radix_odd(z, other, pass.radix, pass.num_groups, pass.stride, w, pass.roots.data());
    }
    std::swap(z, other);
  }

  // z is the DFT of even samples + i odd samples. Its conjugate-symmetric part E and the rest O give
  // X[k] = E + w^k O and X[half - k] = conj(E - w^k O).
  const int64_t half = length_ / 2;
  for (int64_t k = 0; k <= half / 2; ++k) {
    const Complex a = z[k];
    const Complex b = z[k == 0 ? 0 : half - k];
    const Complex even = {0.5 * (a.re + b.re), 0.5 * (a.im - b.im)};
    const Complex odd = rotate({0.5 * (a.im + b.im), 0.5 * (b.re - a.re)}, split_.data() + 2 * k);
    const Complex high = even + odd;
    const Complex low = even - odd;
    put(k, high.re, high.im);
    put(half - k, low.re, Lanes{} - low.im);
  }
}

void RealFft::power_spectrum(Lanes* signal, Lanes* scratch, Lanes* power) const {
  transform(signal, scratch, [power](int64_t k, Lanes re, Lanes im) { power[k] = re * re + im * im; });
}

void RealFft::real_spectrum(Lanes* signal, Lanes* scratch, Lanes* real) const {
  transform(signal, scratch, [real](int64_t k, Lanes re, Lanes) { real[k] = re; });
}

void RealFft::complex_spectrum(Lanes* signal, Lanes* scratch, Lanes* real, Lanes* imaginary) const {
  transform(signal, scratch, [real, imaginary](int64_t k, Lanes re, Lanes im) {
    real[k] = re;
    imaginary[k] = im;
  });
}

}  // namespace limbic::signals
