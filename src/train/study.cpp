#include "limbic/train/study.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "limbic/config/config.h"
#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "limbic/eval/seed_statistics.h"
#include "limbic/formats/csv.h"
#include "limbic/formats/jsonl.h"

namespace limbic::train {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> names_of(const StudyConfig& study) {
  std::vector<std::string> names;
  for (const auto& variant : study.variants) names.push_back(variant.name);
  return names;
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
  return text;
}

/// By metric, what one run says; NaN where the run has no such number.
std::map<std::string, double> read_run(const StudyConfig& study, const StudyRun& run) {
  const auto path = run.folder + "/eval/test/metrics.json";
  const auto file = formats::read_json(path);
  const auto& tasks = file.at("tasks");
  const auto found_task = study.task.empty() ? tasks.begin() : tasks.find(study.task);
  std::vector<std::string> known;
  for (const auto& [name, task] : tasks.items()) known.push_back(name);
  require(found_task != tasks.end(), ErrorCode::kConfig,
          path + ": there is no task '" + study.task + "', only " + core::join(known) +
              core::did_you_mean(study.task, known));
  const auto& metrics = found_task->at("metrics");
  std::map<std::string, double> values;
  for (const auto& name : study.metrics) {
    const auto found = metrics.find(name);
    if (found == metrics.end()) {
      std::vector<std::string> names;
      for (const auto& [metric, value] : metrics.items()) names.push_back(metric);
      throw Error(ErrorCode::kConfig, path + ": there is no metric '" + name + "', only " +
                                          core::join(names) + core::did_you_mean(name, names));
    }
    const auto& value = found->at("value");
    values[name] = value.is_null() ? NAN : value.get<double>();
  }
  return values;
}

/// variant -> metric -> seed -> value
using Results = std::map<std::string, std::map<std::string, std::map<int64_t, double>>>;

std::vector<double> values_of(const std::map<int64_t, double>& by_seed) {
  std::vector<double> values;
  for (const auto& [seed, value] : by_seed) {
    if (std::isfinite(value)) values.push_back(value);
  }
  return values;
}

std::string interval_text(const eval::SeedStatistics& s, int sign_width = 0) {
  if (s.count == 0) return "-";
  const std::string mean = sign_width > 0 ? fmt::format("{:+.4f}", s.mean) : fmt::format("{:.4f}", s.mean);
  if (s.count == 1) return mean;
  return fmt::format("{} [{:.4f}, {:.4f}]", mean, s.low, s.high);
}

/// Seed by seed, so that what a seed does to both cancels.
std::vector<double> differences(const std::map<int64_t, double>& of, const std::map<int64_t, double>& from) {
  std::vector<double> values;
  for (const auto& [seed, value] : of) {
    const auto other = from.find(seed);
    if (other != from.end() && std::isfinite(value) && std::isfinite(other->second))
      values.push_back(value - other->second);
  }
  return values;
}

/// Which share of the way from the baseline to the ceiling a variant goes: of the means.
std::string gap_text(const Results& results, const StudyConfig& study, const std::string& variant) {
  const auto& metric = study.metrics.front();
  const auto mean = [&](const std::string& name) {
    const auto values = values_of(results.at(name).at(metric));
    return values.empty() ? NAN : eval::seed_statistics(values).mean;
  };
  const auto baseline = study.baseline.empty() ? study.variants.front().name : study.baseline;
  if (results.count(baseline) == 0 || results.count(study.ceiling) == 0) return "-";
  const double gap = mean(study.ceiling) - mean(baseline);
  return std::abs(gap) > 1e-12 ? fmt::format("{:.0f} %", 100.0 * (mean(variant) - mean(baseline)) / gap)
                               : "-";
}

std::string table_of(const StudyConfig& study, const Results& results) {
  const auto baseline = study.baseline.empty() ? study.variants.front().name : study.baseline;
  const auto& decides = study.metrics.front();
  std::string text = "| variant | runs |";
  std::string rule = "|---|---|";
  for (const auto& metric : study.metrics) {
    text += " " + metric + " |";
    rule += "---|";
  }
  text += fmt::format(" {} above {} | outside its interval |", decides, baseline);
  rule += "---|---|";
  if (!study.ceiling.empty()) {
    text += fmt::format(" share of the gap to {} |", study.ceiling);
    rule += "---|";
  }
  text += "\n" + rule + "\n";
  for (const auto& variant : study.variants) {
    const auto found = results.find(variant.name);
    if (found == results.end()) continue;
    const auto& own = found->second.at(decides);
    text += fmt::format("| {} | {} |", variant.name, own.size());
    for (const auto& metric : study.metrics) {
      const auto values = values_of(found->second.at(metric));
      text += " " + (values.empty() ? "-" : interval_text(eval::seed_statistics(values))) + " |";
    }
    const auto base = results.find(baseline);
    if (variant.name == baseline || base == results.end()) {
      text += " | |";
    } else {
      const auto paired = differences(own, base->second.at(decides));
      const auto a = values_of(own);
      const auto b = values_of(base->second.at(decides));
      std::string apart = "-";
      if (a.size() > 1 && b.size() > 1) {
        const auto sa = eval::seed_statistics(a);
        const auto sb = eval::seed_statistics(b);
        apart = sa.low > sb.high || sa.high < sb.low ? "yes" : "no";
      }
      text += fmt::format(" {} | {} |",
                          paired.empty() ? "-" : interval_text(eval::seed_statistics(paired), 1), apart);
    }
    if (!study.ceiling.empty()) text += " " + gap_text(results, study, variant.name) + " |";
    text += "\n";
  }
  return text;
}

}  // namespace

void StudyVariant::validate(config::Checks& checks) const {
  checks.expect(!name.empty() && name.find_first_of("/\\ ") == std::string::npos, "name",
                "must be a folder name without blanks, got '" + name + "'");
  for (const auto& entry : set)
    checks.expect(entry.find('=') != std::string::npos, "set", "'" + entry + "' is not key=value");
}

void StudyConfig::validate(config::Checks& checks) const {
  checks.expect(!recipe.empty(), "recipe", "must name a recipe");
  checks.expect(!seeds.empty(), "seeds", "must name at least one");
  checks.expect(std::set<int64_t>(seeds.begin(), seeds.end()).size() == seeds.size(), "seeds",
                "names one twice");
  checks.expect(!variants.empty(), "variants", "must name at least one");
  checks.expect(!metrics.empty(), "metrics", "must name at least one");
  const auto names = names_of(*this);
  checks.expect(std::set<std::string>(names.begin(), names.end()).size() == names.size(), "variants",
                "two have the same name");
  for (const auto& [key, wanted] : {std::pair{"baseline", baseline}, std::pair{"ceiling", ceiling}}) {
    checks.expect(wanted.empty() || std::find(names.begin(), names.end(), wanted) != names.end(), key,
                  "there is no variant '" + wanted + "'" + core::did_you_mean(wanted, names));
  }
}

std::vector<std::string> StudyRun::arguments() const {
  std::vector<std::string> all{"train", recipe, "--out", folder};
  if (cross_validate) all.emplace_back("--cross-validate");
  for (const auto& entry : overrides) {
    all.emplace_back("--set");
    all.push_back(entry);
  }
  return all;
}

bool StudyRun::is_done() const {
  return fs::exists(folder + "/eval/test/metrics.json");
}

StudyConfig load_study(const std::string& path) {
  return config::load_file<StudyConfig>(path);
}

std::vector<StudyRun> study_runs(const StudyConfig& study, const std::string& path, const std::string& out) {
  const auto beside = fs::path(path).parent_path();
  std::vector<StudyRun> runs;
  for (const auto& variant : study.variants) {
    for (const int64_t seed : study.seeds) {
      StudyRun run;
      run.variant = variant.name;
      run.seed = seed;
      run.recipe =
          (beside / (variant.recipe.empty() ? study.recipe : variant.recipe)).lexically_normal().string();
      run.cross_validate = variant.cross_validate;
      run.folder = fmt::format("{}/{}/seed_{}", out, variant.name, seed);
      run.overrides.push_back(fmt::format("seed={}", seed));
      for (const auto* entries : {&study.set, &variant.set}) {
        for (const auto& entry : *entries)
          run.overrides.push_back(replaced(replaced(entry, "{seed}", std::to_string(seed)), "{runs}", out));
      }
      runs.push_back(std::move(run));
    }
  }
  return runs;
}

std::string report_study(const StudyConfig& study, const std::vector<StudyRun>& runs,
                         const std::string& out) {
  Results results;
  std::vector<std::string> columns{"variant", "seed"};
  columns.insert(columns.end(), study.metrics.begin(), study.metrics.end());
  std::vector<std::string> missing;
  formats::CsvWriter csv(out + "/results.csv", columns);
  for (const auto& run : runs) {
    if (!run.is_done()) {
      missing.push_back(run.folder);
      continue;
    }
    csv.add(run.variant).add(run.seed);
    for (const auto& [metric, value] : read_run(study, run)) results[run.variant][metric][run.seed] = value;
    for (const auto& metric : study.metrics) {
      const double value = results[run.variant][metric][run.seed];
      std::isfinite(value) ? csv.add(value) : csv.add_empty();
    }
    csv.end_row();
  }
  require(!results.empty(), ErrorCode::kData, out + ": no run of the study is done");
  csv.finish();
  std::string text = fmt::format(
      "# {}\n\nTest part; mean over seeds with its 95 % interval (Student's t); differences seed by "
      "seed.\n\n{}",
      study.name, table_of(study, results));
  if (!missing.empty()) text += fmt::format("\nNot done: {}\n", core::join(missing));
  core::write_file(out + "/report.md", text);
  return text;
}

}  // namespace limbic::train
