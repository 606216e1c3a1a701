#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"

namespace limbic::train {

/// One way to do it: the recipe with some keys changed.
struct StudyVariant {
  std::string name;
  std::string recipe;            ///< empty = the study's
  std::vector<std::string> set;  ///< "a.b=value"
  bool cross_validate = false;

  template <class Visitor>
  void visit(Visitor& v) {
    v("name", name, "names the row of the table and the folder");
    v("recipe", recipe, "another recipe than the study's, relative to the study's file");
    v("set", set,
      "overrides of the recipe, key=value; {seed} is the seed, {runs}/NAME/seed_{seed} the run of an earlier "
      "variant");
    v("cross_validate", cross_validate, "all folds of the recipe's split, their test parts pooled");
  }
  void validate(config::Checks& checks) const;
};

/// Variants of one recipe, each trained with several seeds, and what is compared in the end.
struct StudyConfig {
  std::string name = "study";
  std::string recipe;
  std::vector<int64_t> seeds{1, 2, 3, 4, 5};
  std::vector<std::string> set;
  std::vector<StudyVariant> variants;
  std::string task;
  std::vector<std::string> metrics{"uar", "accuracy"};
  std::string baseline;
  std::string ceiling;

  template <class Visitor>
  void visit(Visitor& v) {
    v("name", name, "title of the report");
    v("recipe", recipe, "what is trained, relative to this file");
    v("seeds", seeds, "one run of every variant each");
    v("set", set, "overrides of every variant, before its own");
    v("variants", variants, "in the order of training");
    v("task", task, "task that is compared; empty = the recipe's first");
    v("metrics", metrics, "of the test part; the first one decides");
    v("baseline", baseline, "variant that the others are compared with, seed by seed; empty = the first");
    v("ceiling", ceiling,
      "variant whose distance from the baseline is the gap that others close; empty = none");
  }
  void validate(config::Checks& checks) const;
};

/// A run of a study: `limbic train RECIPE --set ... --out FOLDER`.
struct StudyRun {
  std::string variant;
  int64_t seed = 0;
  std::string recipe;
  std::vector<std::string> overrides;
  bool cross_validate = false;
  std::string folder;

  /// Arguments behind the program's name.
  std::vector<std::string> arguments() const;
  bool is_done() const;  ///< has its test results
};

/// @param path  of the study's file; @param out  folder of the study
/// @throws Error(kConfig)
StudyConfig load_study(const std::string& path);
std::vector<StudyRun> study_runs(const StudyConfig& study, const std::string& path, const std::string& out);

/// Reads what the finished runs say and writes OUT/results.csv (a row a run) and OUT/report.md; runs that are
/// not done are named. @return the report
/// @throws Error(kData) when no run is done, Error(kConfig) for a metric that the task lacks
std::string report_study(const StudyConfig& study, const std::vector<StudyRun>& runs, const std::string& out);

}  // namespace limbic::train
