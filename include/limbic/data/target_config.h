#pragma once
#include <string>
#include <vector>

#include "limbic/affect/label_space.h"
#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"

namespace limbic::data {

class Store;

/// A task made of what a store has, without another import: of the labels of one of its tasks, of its numbers
/// by name, or of a stream over time. Exactly one of `label`, `values` and `stream` says which.
struct TargetConfig {
  affect::TaskKind kind = affect::TaskKind::kContinuous;
  std::string label;                ///< task of the store
  std::vector<std::string> values;  ///< Sample::values
  std::string stream;               ///< raw stream with named columns: "annotation"
  std::vector<std::string> columns;
  double rate_hz = 0.0;
  std::vector<std::string> classes;
  std::vector<double> cuts;
  double threshold = 0.5;
  std::vector<double> range;

  template <class Visitor>
  void visit(Visitor& v) {
    v("kind", kind, "single_label, multi_label, ordinal or continuous");
    v("label", label, "task of the store whose labels are meant: single_label, ordinal");
    v("values", values, "numbers of the samples, by name");
    v("stream", stream, "raw stream of numbers over time: continuous");
    v("columns", columns, "columns of the stream");
    v("rate_hz", rate_hz, "stream: values a second to predict; 0 = the mean over the sample",
      config::at_least(0));
    v("classes", classes,
      "names of the outputs, in order; empty = as in the store. With label only these are classes");
    v("cuts", cuts,
      "single_label, ordinal of one value: ascending; a value is of the class behind the last cut that it "
      "reaches");
    v("threshold", threshold, "multi_label: a label holds where its value is at least this");
    v("range", range, "continuous: [least, largest] value; empty = not bounded");
  }
  void validate(config::Checks& checks) const;
};

/// The task that `target` makes of a store's data.
/// @throws Error(kConfig) when the store lacks what it names
affect::LabelSpace target_space(const std::string& task, const TargetConfig& target, const Store& store);

}  // namespace limbic::data
