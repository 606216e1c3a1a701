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

/// The same results with the epoch chosen in another way.
struct Selection {
  std::string name;     ///< "oracle"
  std::string meaning;  ///< a sentence for readers
  std::vector<TaskReport> tasks;
};

/// What a page shows; parts that are empty are left out.
struct ReportInput {
  std::string title;
  std::string subtitle;  ///< what was evaluated on what
  std::vector<std::pair<std::string, std::string>> facts;
  std::vector<TaskReport> tasks;
  std::vector<Plot> plots;
  std::optional<double> marked_x;       ///< a vertical line in every plot, such as the best epoch
  std::string mark_name;                ///< what the line means
  std::vector<std::string> warnings{};  ///< what must be known before any number is read; comes first
  std::vector<Selection> selections{};  ///< shown side by side, never mixed
};

/// The two ways with what they mean. Both reports are of the same samples.
std::vector<Selection> clean_and_oracle(std::vector<TaskReport> clean, std::vector<TaskReport> oracle);
/// The same for terminals: a metric a line.
std::string selections_text(const std::vector<TaskReport>& clean, const std::vector<TaskReport>& oracle);

/// One HTML page that needs nothing but itself: no script, no font, no picture from elsewhere. Warnings,
/// facts, metrics with intervals, scores per class, confusion matrices and curves; readable on a phone and on
/// paper. Every text of the input is escaped.
std::string html_report(const ReportInput& input);

/// The curves of a run's results.csv over its epochs: losses, one plot of metrics per task, the learning
/// rate.
/// @throws Error(kData) `path:line: ...`
std::vector<Plot> training_plots(const std::string& results_csv);

}  // namespace limbic::eval
