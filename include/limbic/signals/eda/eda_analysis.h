#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "limbic/signals/eda/eda_clean.h"
#include "limbic/signals/eda/eda_decompose.h"
#include "limbic/signals/eda/eda_features.h"
#include "limbic/signals/eda/eda_quality.h"
#include "limbic/signals/eda/scr.h"

namespace limbic::signals {

struct EdaConfig {
  EdaQualityConfig quality;
  bool exclude_bad = true;
  double bridge_s = 3.0;
  EdaCleaner cleaner = EdaCleaner::kNeurokit;
  EdaDecomposeConfig decompose;
  ScrConfig scr;
  EdaFeatureConfig features;

  template <class Visitor>
  void visit(Visitor& v) {
    v("quality", quality, "rules for bad samples");
    v("exclude_bad", exclude_bad, "treat bad samples as missing");
    v("bridge_s", bridge_s, "gaps up to here are bridged for the filters and stay missing in what comes out");
    v("cleaner", cleaner, "neurokit, biosppy or none");
    v("decompose", decompose, "tonic and phasic part");
    v("scr", scr, "what is a response");
    v("features", features, "windows and events");
  }
  void validate(config::Checks& checks) const;
};

/// Skin conductance of one recording at 4 Hz to 1 kHz (1.5 Hz is the least for cvxeda): quality, cleaning,
/// parts, responses, features. Time and memory are linear in its length; for recordings that do not fit, or
/// do not end, see eda_stream.h.
class EdaAnalysis {
 public:
  /// @param eda           microsiemens, NaN = missing
  /// @param acceleration  null without an accelerometer; only the quality flags use it
  /// @throws Error(kConfig) config or rate out of range; Error(kData) a series without rate or start
  EdaAnalysis(const EdaConfig& config, const TimeSeries& eda, const Acceleration* acceleration = nullptr);

  /// One row a sample: the columns of NeuroKit2's eda_process in our names (see neurokit_names), then the
  /// flaws. Markers are 0 or 1; values of a response stand at its peak and are missing elsewhere.
  Table frames() const;
  /// One row a window; none given = the whole recording.
  Table intervals(const std::vector<Interval>& windows = {}) const;
  Table event_related(const std::vector<double>& stimuli_s) const;
  /// Responses (label "scr", from onset to recovery or peak).
  EventTable events() const;

  const EdaQuality& quality() const { return quality_; }
  const EdaSignals& signals() const { return signals_; }
  /// Of the responses: rule, threshold, noise.
  const ScrResult& scr() const { return scr_; }
  /// What could not be done as asked; empty strings are left out.
  const std::vector<std::string>& notes() const { return notes_; }

  static std::vector<Column> frame_columns();
  static std::vector<Column> event_columns();
  /// Our frame columns and NeuroKit2's names for them.
  static const std::vector<std::pair<std::string, std::string>>& neurokit_names();

 private:
  EdaConfig config_;
  TimeSeries raw_;
  EdaQuality quality_;
  EdaSignals signals_;
  ScrResult scr_;
  std::vector<std::string> notes_;
};

}  // namespace limbic::signals
