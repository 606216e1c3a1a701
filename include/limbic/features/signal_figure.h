#pragma once
#include <map>
#include <string>
#include <vector>

#include "limbic/features/signal_analysis.h"

namespace limbic::features {

/// The picture of an analysis: its frames over time in a panel for each of the kind's PlotPanels, with what
/// happened as shaded stretches and lines. Holds the drawn columns only.
class SignalFigure {
 public:
  explicit SignalFigure(const SignalKind& kind);

  /// Rows of SignalAnalysis::frames(), in order.
  void add(const signals::Table& frames);
  /// .svg or .png, atomically. @throws Error(kConfig) another extension, Error(kStorage)
  void write(const std::string& path, const std::string& title, const signals::EventTable& events) const;

 private:
  SignalKind kind_;
  std::vector<double> time_s_;
  std::map<std::string, std::vector<double>> values_;  ///< by column
  std::map<std::string, std::string> units_;
};

}  // namespace limbic::features
