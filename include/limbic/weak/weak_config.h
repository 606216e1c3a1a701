#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"
#include "limbic/weak/eda_arousal.h"
#include "limbic/weak/label_model.h"

namespace limbic::weak {

/// What a number says: a vote, by cuts, or a score whose distribution given the class is learned.
struct NumberReading {
  std::vector<double> cuts;
  std::vector<std::string> classes;
  WithinSubject normalise = WithinSubject::kNone;
  std::map<std::string, double> levels;

  template <class Visitor>
  void visit(Visitor& v) {
    v("cuts", cuts,
      "ascending; with them the number votes, for the class behind the last cut that it reaches");
    v("classes", classes,
      "cuts: classes from below the first cut to above the last, \"\" abstains; empty = the task's own");
    v("normalise", normalise, "within each subject before anything else: robust, z, rank or none");
    v("levels", levels,
      "without cuts: class -> its expected place, deviations from the mean; empty = two or ordered classes "
      "evenly from -1 to 1, else unknown");
  }
  void validate(config::Checks& checks) const;
};

/// Arousal from skin conductance, see eda_arousal.h: the windows of a recording are put together in time, so
/// that what comes a lag after a window is seen, and responses are those of the whole recording.
struct EdaSource {
  static constexpr const char* kType = "eda";
  static constexpr const char* kDoc = "arousal from raw skin conductance, some seconds late";
  std::string stream = "eda";
  std::string column;
  double max_gap_s = 30.0;
  std::map<std::string, double> levels;
  EdaArousalConfig arousal;

  template <class Visitor>
  void visit(Visitor& v) {
    v("stream", stream, "raw stream of the store, microsiemens");
    v("column", column, "of the stream, where it has several");
    v("max_gap_s", max_gap_s, "windows further apart are taken for recordings of their own",
      config::at_least(0.0));
    v("levels", levels, "class -> its expected place, as for type value");
    arousal.visit(v);
  }
  void validate(config::Checks& checks) const { arousal.validate(checks); }
};

/// Votes of somebody or something: labels of another task of the store, or an attribute (a rater's name).
struct LabelSource {
  static constexpr const char* kType = "label";
  static constexpr const char* kDoc = "another label of the sample: an annotator, a self-report";
  std::string label;
  std::string attribute;
  std::map<std::string, std::string> classes;

  template <class Visitor>
  void visit(Visitor& v) {
    v("label", label, "task of the store whose labels vote");
    v("attribute", attribute, "or attribute of the samples whose texts do");
    v("classes", classes,
      "what it says -> class of the task, \"\" abstains; empty = classes of the same name");
  }
  void validate(config::Checks& checks) const;
};

/// A number of the sample: a self-report, a rating.
struct ValueSource {
  static constexpr const char* kType = "value";
  static constexpr const char* kDoc = "a number of the sample: a self-report, a rating";
  std::string value;
  NumberReading reading;

  template <class Visitor>
  void visit(Visitor& v) {
    v("value", value, "name of the number (Sample::values)");
    reading.visit(v);
  }
  void validate(config::Checks& checks) const {
    checks.expect(!value.empty(), "value", "must name a number of the samples");
    reading.validate(checks);
  }
};

/// A column of a series: its mean over the sample. With cuts and classes it is a rule of thumb: "heart rate 1
/// deviation above the person's own: stress".
struct ColumnSource {
  static constexpr const char* kType = "column";
  static constexpr const char* kDoc = "mean of a column of a stream: features of windows, heuristics";
  std::string stream;
  std::string column;
  NumberReading reading;

  template <class Visitor>
  void visit(Visitor& v) {
    v("stream", stream, "series of the store");
    v("column", column, "its column; empty = the only one");
    reading.visit(v);
  }
  void validate(config::Checks& checks) const {
    checks.expect(!stream.empty(), "stream", "must name a series of the store");
    reading.validate(checks);
  }
};

using Source = std::variant<EdaSource, LabelSource, ValueSource, ColumnSource>;

/// What a weak label weighs in the loss.
enum class WeakWeight {
  kCertainty,  ///< (C p - 1) / (C - 1) of its most probable class: 0 for a guess, 1 for certainty
  kOne,
};
constexpr auto enum_names(WeakWeight) {
  return std::array{std::pair{WeakWeight::kCertainty, "certainty"}, std::pair{WeakWeight::kOne, "one"}};
}

/// Labels of training samples that nobody labelled, from sources that are often right.
struct WeakLabelConfig {
  std::map<std::string, Source> sources;
  std::map<std::string, std::vector<std::string>> groups;
  LabelModelConfig model;
  double min_confidence = 0.0;
  bool hard = false;
  WeakWeight weight = WeakWeight::kCertainty;

  template <class Visitor>
  void visit(Visitor& v) {
    v("sources", sources, "name -> where weak labels come from");
    v("groups", groups,
      "name -> sources that vote and err together (annotators who see the same mask): a label model of their "
      "own makes one vote of them");
    v("model", model, "how the sources are joined");
    v("min_confidence", min_confidence,
      "samples whose most probable class is less probable stay without a label", config::in_range(0.0, 1.0));
    v("hard", hard, "the most probable class alone; false: the probabilities");
    v("weight", weight, "of a weak label in the loss: certainty or one");
  }
  void validate(config::Checks& checks) const;
};

}  // namespace limbic::weak
