#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "limbic/eval/report.h"

namespace limbic::eval {

/// One line of a plot. NaN leaves a gap.
struct Curve {
  std::string name;
  std::vector<double> values;
};

/// Curves over the same x, in one frame.
struct Plot {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<double> x;  ///< ascending
  std::vector<Curve> curves;
};

/// What a page shows; parts that are empty are left out.
struct ReportInput {
  std::string title;
  std::string subtitle;  ///< what was evaluated on what
  std::vector<std::pair<std::string, std::string>> facts;
  std::vector<TaskReport> tasks;
  std::vector<Plot> plots;
  std::optional<double> marked_x;  ///< a vertical line in every plot, such as the best epoch
  std::string mark_name;           ///< what the line means
};

/// One HTML page that needs nothing but itself: no script, no font, no picture from elsewhere. Facts, metrics
/// with intervals, scores per class, confusion matrices and curves; readable on a phone and on paper. Every
/// text of the input is escaped.
std::string html_report(const ReportInput& input);

/// The curves of a run's results.csv over its epochs: losses, one plot of metrics per task, the learning
/// rate.
/// @throws Error(kData) `path:line: ...`
std::vector<Plot> training_plots(const std::string& results_csv);

}  // namespace limbic::eval
