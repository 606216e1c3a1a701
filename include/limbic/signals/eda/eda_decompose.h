#pragma once
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/signals/eda/cvx_eda.h"

namespace limbic::signals {

enum class EdaDecomposer {
  kHighPass,  ///< NeuroKit2's default: Butterworth high-pass is phasic, low-pass is tonic
  kMedian,    ///< running median is tonic, the rest phasic ("smoothmedian")
  kCvxEda,    ///< see cvx_eda.h
};
constexpr auto enum_names(EdaDecomposer) {
  return std::array{std::pair{EdaDecomposer::kHighPass, "high_pass"},
                    std::pair{EdaDecomposer::kMedian, "median"}, std::pair{EdaDecomposer::kCvxEda, "cvxeda"}};
}

struct EdaDecomposeConfig {
  EdaDecomposer method = EdaDecomposer::kHighPass;
  double cutoff_hz = 0.05;
  int64_t order = 2;
  double median_s = 4.0;
  CvxEdaConfig cvxeda;

  template <class Visitor>
  void visit(Visitor& v) {
    v("method", method, "high_pass, median or cvxeda");
    v("cutoff_hz", cutoff_hz, "high_pass: border of tonic and phasic");
    v("order", order, "high_pass: Butterworth order, run both ways");
    v("median_s", median_s, "median: window");
    v("cvxeda", cvxeda, "cvxeda: the model's parameters");
  }
  void validate(config::Checks& checks) const;
};

struct EdaComponents {
  std::vector<double> tonic;
  std::vector<double> phasic;
  std::vector<double> driver;  ///< cvxeda only, else empty
  double objective = 0;        ///< cvxeda only, else NaN
};

/// Tonic and phasic part, NaN where the input is. high_pass and median take every run between gaps for
/// itself; cvxeda solves one problem in which missing samples have no say.
EdaComponents decompose_eda(const std::vector<double>& x, double rate_hz,
                            const EdaDecomposeConfig& config = {});

}  // namespace limbic::signals
