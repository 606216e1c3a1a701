#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace limbic::signals {

/// One number of each of four independent signals, kept in two vector registers. A lane's arithmetic does not
/// depend on the others, so a frame's result is the same whichever frames share its registers.
struct Lanes {
  using Pair = double __attribute__((vector_size(16)));
  Pair low;
  Pair high;
};
inline constexpr size_t kLanes = 4;

/// One signal's number. Through memory: subscripting `cond ? x.low : x.high` loses the store with g++ 12's
/// -fsanitize=undefined.
inline double lane_of(const Lanes& x, int64_t lane) {
  double value;
  std::memcpy(&value, reinterpret_cast<const char*>(&x) + static_cast<size_t>(lane) * sizeof(double),
              sizeof(double));
  return value;
}
inline void set_lane(Lanes& x, int64_t lane, double value) {
  std::memcpy(reinterpret_cast<char*>(&x) + static_cast<size_t>(lane) * sizeof(double), &value,
              sizeof(double));
}

inline Lanes operator+(Lanes a, Lanes b) {
  return {a.low + b.low, a.high + b.high};
}
inline Lanes operator-(Lanes a, Lanes b) {
  return {a.low - b.low, a.high - b.high};
}
inline Lanes operator*(Lanes a, Lanes b) {
  return {a.low * b.low, a.high * b.high};
}
inline Lanes operator*(double s, Lanes a) {
  return {s * a.low, s * a.high};
}

/// Forward DFT of kLanes real signals of one even length. Stockham autosort with radix 4, 2 and any odd prime
/// (at a cost per point that grows with the prime): every even length is right, lengths of small factors are
/// fast.
class RealFft {
 public:
  /// @param length  even, at least 2
  explicit RealFft(int64_t length);

  int64_t length() const { return length_; }
  int64_t num_bins() const { return length_ / 2 + 1; }
  /// |X[k]|^2 for k in [0, length / 2]. Thread-safe.
  /// @param signal, scratch  `length` each, both overwritten
  /// @param power            num_bins()
  void power_spectrum(Lanes* signal, Lanes* scratch, Lanes* power) const;
  /// Re X[k] for k in [0, length / 2]: all there is of an even signal. The rest as power_spectrum.
  void real_spectrum(Lanes* signal, Lanes* scratch, Lanes* real) const;
  /// Re X[k] and Im X[k] for k in [0, length / 2]. The rest as power_spectrum.
  void complex_spectrum(Lanes* signal, Lanes* scratch, Lanes* real, Lanes* imaginary) const;

 private:
  struct Pass {
    int64_t radix;
    int64_t num_groups;            ///< length of the sub-transforms after this pass
    int64_t stride;                ///< product of the radices before it
    std::vector<double> twiddles;  ///< (re, im) of exp(-2 pi i p k / (num_groups * radix)), k in [1, radix)
    std::vector<double> roots;     ///< (re, im) of exp(-2 pi i j / radix), odd radices only
  };

  /// Calls put(k, re, im) for every bin. The arrays are overwritten.
  template <class Put>
  void transform(Lanes* signal, Lanes* scratch, Put put) const;

  int64_t length_;
  std::vector<Pass> passes_;
  std::vector<double> split_;  ///< (re, im) of exp(-2 pi i k / length), k in [0, length / 4]
};

}  // namespace limbic::signals
