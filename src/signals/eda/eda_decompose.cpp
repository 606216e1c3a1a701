#include "limbic/signals/eda/eda_decompose.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "limbic/core/error.h"
#include "limbic/signals/dsp/filter.h"

namespace limbic::signals {

void EdaDecomposeConfig::validate(config::Checks& checks) const {
  checks.expect(cutoff_hz > 0 && cutoff_hz < 1, "cutoff_hz",
                "must be in (0, 1), got " + std::to_string(cutoff_hz));
  checks.expect(order >= 1 && order <= 12, "order", "must be in [1, 12], got " + std::to_string(order));
  checks.expect(median_s > 0 && median_s <= 600, "median_s",
                "must be in (0, 600], got " + std::to_string(median_s));
}

EdaComponents decompose_eda(const std::vector<double>& x, double rate_hz, const EdaDecomposeConfig& config) {
  config::ThrowingChecks checks("eda_decompose");
  config.validate(checks);
  require(std::isfinite(rate_hz) && rate_hz > 0, ErrorCode::kConfig,
          "decompose_eda: rate " + std::to_string(rate_hz) + " Hz; expected a positive number");
  EdaComponents out;
  out.objective = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> finite = x;
  for (double& v : finite) {
    if (!std::isfinite(v)) v = std::numeric_limits<double>::quiet_NaN();
  }
  switch (config.method) {
    case EdaDecomposer::kHighPass:
      out.phasic =
          filter_runs(butterworth(config.order, Band::kHighPass, config.cutoff_hz, 0.0, rate_hz), finite);
      out.tonic =
          filter_runs(butterworth(config.order, Band::kLowPass, 0.0, config.cutoff_hz, rate_hz), finite);
      break;
    case EdaDecomposer::kMedian: {
      const auto window = std::max<int64_t>(1, std::llround(config.median_s * rate_hz));
      out.tonic = median_filter(finite, window + (window + 1) % 2);
      out.phasic.resize(x.size());
      for (size_t i = 0; i < x.size(); ++i) out.phasic[i] = finite[i] - out.tonic[i];
      break;
    }
    case EdaDecomposer::kCvxEda: {
      CvxEdaResult result = cvx_eda(finite, rate_hz, config.cvxeda);
      out.tonic = std::move(result.tonic);
      out.phasic = std::move(result.phasic);
      out.driver = std::move(result.driver);
      out.objective = result.objective;
      for (size_t i = 0; i < x.size(); ++i) {
        if (std::isnan(finite[i])) out.tonic[i] = out.phasic[i] = out.driver[i] = finite[i];
      }
      break;
    }
  }
  return out;
}

}  // namespace limbic::signals
