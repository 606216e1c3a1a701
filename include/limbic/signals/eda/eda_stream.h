#pragma once
#include <cstdint>
#include <vector>

#include "limbic/signals/eda/eda_analysis.h"

namespace limbic::signals {

struct EdaStreamConfig {
  EdaConfig analysis;
  double block_s = 5.0;
  double past_s = 60.0;
  double ahead_s = 30.0;

  template <class Visitor>
  void visit(Visitor& v) {
    v("analysis", analysis, "as for a recording");
    v("block_s", block_s, "results come in blocks of this length");
    v("past_s", past_s, "what lies so long before a block still counts for it");
    v("ahead_s", ahead_s, "and so long after it: the look-ahead");
  }
  void validate(config::Checks& checks) const;
};

/// What became final. Rows and responses follow each other over the blocks without overlap.
struct EdaBlock {
  Table frames;       ///< EdaAnalysis::frame_columns()
  EventTable events;  ///< responses whose peak lies in the block
};

/// EdaAnalysis of a signal that is still coming. Block b is the analysis of the samples from past_s before it
/// to ahead_s after it, so a result comes at most delay_s() after its sample, and is the same however the
/// samples were cut into pieces: analyse_in_blocks() of the whole recording gives it bit for bit. Against
/// EdaAnalysis of the whole recording it differs by what filters and thresholds see beyond that horizon.
/// Memory does not grow. One thread.
class EdaStream {
 public:
  /// @param t0_s  time of the first sample
  EdaStream(const EdaStreamConfig& config, double rate_hz, double t0_s = 0);

  /// Appends what became final to `out`.
  void push(const double* samples, int64_t n, EdaBlock& out);
  /// The end of the signal: appends the rest.
  void finish(EdaBlock& out);
  /// block_s + ahead_s, rounded to samples.
  double delay_s() const;
  /// With the columns set and no rows.
  static EdaBlock empty_block();

 private:
  void emit(int64_t first, int64_t last, int64_t seen, EdaBlock& out);

  EdaStreamConfig config_;
  double rate_hz_;
  double t0_s_;
  int64_t block_;
  int64_t past_;
  int64_t ahead_;
  std::vector<double> kept_;  // the newest samples
  int64_t kept_from_ = 0;     // index of the first of them
  int64_t next_ = 0;          // first sample that is not yet out
  double last_peak_s_;        // of the last response given out
};

/// The offline twin of EdaStream.
EdaBlock analyse_in_blocks(const EdaStreamConfig& config, const TimeSeries& eda);

}  // namespace limbic::signals
