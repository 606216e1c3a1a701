#pragma once
#include <cstdint>

#include "limbic/config/bounds.h"
#include "limbic/nn/pooling.h"

namespace limbic::nn {

/// A row an event: its kind as a number, the others measurements of it. The kind gets a learned vector, the
/// measurements are scaled by the training set; a measurement that the event does not have (NaN: a blink has
/// no amplitude) counts as the mean, and a flag says so. Made for signals::EyeAnalysis::events(), whose kinds
/// are GazeClass.
struct EventSequenceConfig {
  static constexpr const char* kType = "event_sequence";
  static constexpr const char* kDoc =
      "rows of events (fixations, saccades, blinks): a learned vector for the kind, scaled measurements";
  int64_t kind_column = 0;
  int64_t kinds = 7;  ///< kNumGazeClasses
  int64_t kind_width = 16;
  double clip = 5.0;
  bool missing_flags = true;
  int64_t hidden = 64;
  double dropout = 0.1;
  FramePooling pooling = FramePooling::kMeanStd;
  int64_t attention_hidden = 32;

  template <class Visitor>
  void visit(Visitor& v) {
    v("kind_column", kind_column, "column that says what kind of event it is", config::at_least(0));
    v("kinds", kinds, "kinds are 0 to kinds - 1; gaze has 7", config::at_least(1));
    v("kind_width", kind_width, "numbers that stand for a kind", config::at_least(1));
    v("clip", clip, "scaled values are kept within this many deviations; 0 = no limit", config::at_least(0));
    v("missing_flags", missing_flags, "append to each event which measurements it lacks");
    v("hidden", hidden, "width of the layer + ReLU that makes an event's token", config::at_least(1));
    v("dropout", dropout, "dropout after that layer, in [0, 1)", config::half_open(0, 1));
    v("pooling", pooling, "over events: mean, mean_std, attention or attention_std");
    v("attention_hidden", attention_hidden, "hidden units of the attention pool", config::at_least(1));
  }
};

}  // namespace limbic::nn
