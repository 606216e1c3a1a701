#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"
#include "limbic/vision/face_crop.h"
#include "limbic/vision/face_detector.h"
#include "limbic/vision/face_tracker.h"

namespace limbic::stream {

/// Keeps the classes of several tasks from contradicting each other: happy and negative.
struct OutputConsistency {
  std::string ontology = "builtin";
  std::string corpus;

  template <class Visitor>
  void visit(Visitor& v) {
    v("ontology", ontology, "builtin, or a file: see `limbic ontology check`");
    v("corpus", corpus, "corpus of the ontology whose spellings the classes have; empty = plain words");
  }
};

/// How a recording is looked at. The model's inputs themselves come from its bundle.
struct InferenceConfig {
  double analysis_rate_hz = 10.0;  ///< faces are looked for this often; frames between are interpolated
  double hop_s = 0.5;              ///< between decisions of models that look at a window of time
  double smoothing_s = 0.5;        ///< probabilities are averaged over so much time around a decision
  int64_t batch_size = 32;
  vision::FaceDetectorConfig detector;
  vision::FaceTrackerConfig tracker;
  std::optional<OutputConsistency> consistency;  ///< empty = each task for itself

  template <class Visitor>
  void visit(Visitor& v) {
    v("analysis_rate_hz", analysis_rate_hz,
      "faces are looked for so often a second; frames between are interpolated", config::in_range(0.1, 1000));
    v("hop_s", hop_s, "seconds between decisions of models that look at a window of time",
      config::above(0.0));
    v("smoothing_s", smoothing_s,
      "probabilities are averaged over so many seconds around a decision; 0 = not", config::at_least(0.0));
    v("batch_size", batch_size, "decisions that the model makes at once", config::at_least(1));
    v("detector", detector, "how faces are found");
    v("tracker", tracker, "how faces become persons");
    v("consistency", consistency,
      "labels of several tasks must not contradict each other: {} = on, null = off");
  }
};

}  // namespace limbic::stream
