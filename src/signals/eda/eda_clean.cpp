#include "limbic/signals/eda/eda_clean.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "dsp/runs.h"
#include "eda/smoothing_windows.h"
#include "limbic/core/error.h"
#include "limbic/signals/dsp/filter.h"

namespace limbic::signals {
namespace {

std::vector<double> low_pass(const std::vector<double>& x, double rate_hz, double edge_hz,
                             std::string& note) {
  constexpr int64_t kOrder = 4;
  if (rate_hz <= 2.0 * edge_hz) {
    note = "no low-pass: " + std::to_string(static_cast<int>(edge_hz)) + " Hz is at or above half the rate";
    return x;
  }
  return filter_runs(butterworth(kOrder, Band::kLowPass, 0.0, edge_hz, rate_hz), x);
}

}  // namespace

EdaCleaned clean_eda(const std::vector<double>& x, double rate_hz, EdaCleaner cleaner) {
  require(std::isfinite(rate_hz) && rate_hz > 0, ErrorCode::kConfig,
          "clean_eda: rate " + std::to_string(rate_hz) + " Hz; expected a positive number");
  EdaCleaned out;
  out.values = x;
  for (double& v : out.values) {
    if (!std::isfinite(v)) v = std::nan("");
  }
  switch (cleaner) {
    case EdaCleaner::kNeurokit:
      out.values = low_pass(out.values, rate_hz, 3.0, out.note);
      break;
    case EdaCleaner::kBiosppy: {
      out.values = low_pass(out.values, rate_hz, 5.0, out.note);
      const auto size = static_cast<size_t>(0.75 * rate_hz);
      out.values = map_runs(out.values, [&](const std::vector<double>& run) {
        // As BioSPPy, which shortens the windows for a short signal.
        const size_t fitting = std::max<size_t>(1, size > run.size() ? run.size() - 1 : size);
        return convolve_held(convolve_held(run, box_window(fitting)), parzen_window(fitting));
      });
      break;
    }
    case EdaCleaner::kNone:
      break;
  }
  return out;
}

}  // namespace limbic::signals
