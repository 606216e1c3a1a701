#include "limbic/data/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <filesystem>
#include <map>
#include <set>
#include <thread>

#include "check/near_duplicates.h"
#include "check/split_name.h"
#include "check/stream_look.h"
#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "limbic/core/progress.h"
#include "limbic/core/suggest.h"
#include "limbic/core/threads.h"

namespace limbic::data {
namespace {

constexpr int64_t kSamplesPerRound = 512;
constexpr double kMostImbalance = 20.0;  ///< largest class over the smallest; beyond it is worth a note

/// What is looked for in a store once it is open.
class Checker {
 public:
  Checker(const Store& store, const CheckOptions& options, CheckReport& report)
      : store_(store), options_(options), report_(report) {}

  void run() {
    read_streams();
    for (const auto& [stream, prints] : prints_) {
      report_copies(stream, prints);
      if (options_.near_duplicates) report_near_copies(stream, prints);
    }
    report_leaks();
    report_classes();
    report_missing_streams();
    report_values();
    report_quarantine();
    find_orphans();
  }

 private:
  void add(Severity severity, const std::string& code, const std::string& where, const std::string& message) {
    report_.problems.push_back({severity, code, where, message});
  }

  /// All samples by several threads; what they saw is taken in the samples' order.
  void read_streams() {
    const Fingerprinter fingerprinter;
    const Fingerprinter* used = options_.near_duplicates ? &fingerprinter : nullptr;
    const int64_t num_threads = options_.num_threads > 0 ? options_.num_threads : core::num_cores();
    core::Progress progress("check", store_.size());
    for (int64_t begin = 0; begin < store_.size(); begin += kSamplesPerRound) {
      const int64_t end = std::min(store_.size(), begin + kSamplesPerRound);
      std::vector<SampleLook> looks(static_cast<size_t>(end - begin));
      std::vector<std::exception_ptr> failures(static_cast<size_t>(num_threads));
      std::atomic<int64_t> next{begin};
      const auto work = [&](int64_t thread_idx) {
        try {
          for (int64_t i = next++; i < end; i = next++)
            looks[static_cast<size_t>(i - begin)] = look_at_sample(store_, i, used);
        } catch (const std::exception&) {
          failures[static_cast<size_t>(thread_idx)] = std::current_exception();
        }
      };
      std::vector<std::thread> threads;
      for (int64_t t = 1; t < num_threads; ++t) threads.emplace_back(work, t);
      work(0);
      for (auto& thread : threads) thread.join();
      for (const auto& failure : failures)
        if (failure != nullptr) std::rethrow_exception(failure);
      for (auto& look : looks) take(look);
      progress.step({{"problems", std::to_string(report_.problems.size())}}, end - begin);
    }
    progress.finish();
  }

  void take(SampleLook& look) {
    report_.problems.insert(report_.problems.end(), look.problems.begin(), look.problems.end());
    report_.num_streams_read += look.num_streams;
    report_.num_bytes_read += look.num_bytes;
    for (auto& [stream, print] : look.prints) prints_[stream].push_back(std::move(print));
  }

  /// Samples of one content, with what differs between them.
  struct Group {
    std::set<std::string> splits, subjects;
    std::set<std::map<std::string, std::string>> labels;
    std::vector<std::string> ids;

    std::string facts() const {
      std::string text;
      if (splits.size() > 1) text += "; in splits " + core::join({splits.begin(), splits.end()});
      if (subjects.size() > 1) text += fmt::format("; {} subjects", subjects.size());
      if (labels.size() > 1) text += fmt::format("; {} different labels", labels.size());
      return text;
    }
    std::string code(const std::string& base) const {
      if (splits.size() > 1) return base + "_across_splits";
      return subjects.size() > 1 ? base + "_across_subjects" : base;
    }
  };

  Group group_of(const std::vector<int64_t>& rows) const {
    Group group;
    for (const int64_t row : rows) {
      const Sample sample = store_.samples()[row];
      group.splits.insert(split_name(sample));
      group.subjects.insert(sample.subject);
      group.labels.insert(sample.labels);
      group.ids.push_back(sample.id);
    }
    return group;
  }

  void report_copies(const std::string& stream, const std::vector<Fingerprint>& prints) {
    std::map<std::string, std::vector<int64_t>> rows_of;
    for (const auto& print : prints) rows_of[print.content].push_back(print.sample_idx);
    std::vector<const std::vector<int64_t>*> groups;
    for (const auto& [content, rows] : rows_of)
      if (rows.size() > 1) groups.push_back(&rows);
    std::sort(groups.begin(), groups.end(), [](const auto* a, const auto* b) { return *a < *b; });
    const bool is_text = store_.info().modalities.at(stream).kind == "text";
    for (const auto* rows : groups) {
      const Group group = group_of(*rows);
      // People say the same words; that is worth knowing, no defect.
      add(is_text ? Severity::kNote : Severity::kWarning, group.code("duplicate"), group.ids.front(),
          fmt::format("{}: the same content in {}{}", stream, core::join(group.ids), group.facts()));
    }
  }

  void report_near_copies(const std::string& stream, const std::vector<Fingerprint>& prints) {
    const bool is_text = store_.info().modalities.at(stream).kind == "text";
    for (const auto& [a, b] : near_duplicates(store_, stream, prints)) {
      const Group group = group_of({a, b});
      const bool is_leak = group.splits.size() > 1 && !is_text;
      add(is_leak ? Severity::kWarning : Severity::kNote, group.code("near_duplicate"), group.ids.front(),
          fmt::format("{}: nearly the same content in {}{}", stream, core::join(group.ids), group.facts()));
    }
  }

  void report_leaks() {
    for (const auto& [field, level] :
         {std::pair{SampleField::kSubject, "subject"}, std::pair{SampleField::kDialogue, "dialogue"},
          std::pair{SampleField::kClip, "clip"}}) {
      const auto& samples = store_.samples();
      std::map<std::string, std::set<std::string>> splits_of;
      for (int64_t i = 0; i < samples.size(); ++i)
        if (!samples.split(i).empty() && !samples.text(field, i).empty())
          splits_of[std::string(samples.text(field, i))].emplace(samples.split(i));
      for (const auto& [name, splits] : splits_of) {
        if (splits.size() < 2) continue;
        // The corpus is as its authors made it; a run that relies on its splits has to say so.
        add(Severity::kWarning, std::string(level) + "_in_two_splits", name,
            fmt::format(
                "{} is in the official splits {}; training on them wants `split.allow_leaks`, since results "
                "measure memory in part",
                level, core::join({splits.begin(), splits.end()})));
      }
    }
  }

  void report_classes() {
    for (const auto& [task, splits] : report_.summary.class_counts) {
      const auto& classes = store_.label_space(task).classes;
      int64_t least = INT64_MAX;
      int64_t most = 0;
      for (size_t c = 0; c < classes.size(); ++c) {
        std::vector<std::string> without;
        int64_t sum = 0;
        for (const auto& [split, counts] : splits) {
          sum += counts[c];
          if (counts[c] == 0) without.push_back(split);
        }
        if (sum > 0) least = std::min(least, sum);
        most = std::max(most, sum);
        if (without.empty()) continue;
        const bool is_nowhere = without.size() == splits.size();
        add(Severity::kWarning, "empty_class", task,
            fmt::format("class '{}' has no sample{}", classes[c],
                        is_nowhere ? "" : " in " + core::join(without)));
      }
      if (most > 0 && static_cast<double>(most) > kMostImbalance * static_cast<double>(least)) {
        add(Severity::kNote, "imbalance", task,
            fmt::format("the largest class has {} samples, the smallest {}: look at UAR, not at accuracy",
                        most, least));
      }
    }
  }

  void report_missing_streams() {
    const auto& samples = store_.samples();
    for (const auto& [name, modality] : store_.info().modalities) {
      std::map<std::string, std::pair<int64_t, int64_t>> per_split;  // lacking, all
      int64_t num_lacking = 0;
      for (int64_t i = 0; i < samples.size(); ++i) {
        auto& [lacking, all] = per_split[samples.split(i).empty() ? "all" : std::string(samples.split(i))];
        ++all;
        if (samples.has_stream(name, i)) continue;
        ++lacking;
        ++num_lacking;
      }
      if (num_lacking == 0) continue;
      std::string where;
      for (const auto& [split, counts] : per_split)
        where += fmt::format("{}{} {} of {}", where.empty() ? "" : ", ", split, counts.first, counts.second);
      add(num_lacking == samples.size() ? Severity::kWarning : Severity::kNote, "missing_stream", name,
          fmt::format("{} of {} samples lack it{}", num_lacking, samples.size(),
                      per_split.size() > 1 ? " (" + where + ")" : ""));
    }
  }

  void report_values() {
    const auto& samples = store_.samples();
    for (const auto& [name, range] : store_.info().values) {
      int64_t num_outside = 0;
      int64_t first = 0;
      for (int64_t i = 0; i < samples.size(); ++i) {
        const double value = samples.value(name, i);
        if (!(value < range.min || value > range.max)) continue;  // NaN: unknown
        if (num_outside++ == 0) first = i;
      }
      if (num_outside == 0) continue;
      add(Severity::kError, "value_range", std::string(samples.id(first)),
          fmt::format("{} is {}; declared: {} to {} ({} samples are outside)", name,
                      samples.value(name, first), range.min, range.max, num_outside));
    }
  }

  void report_quarantine() {
    const std::string path = store_.path() + "/quarantine.jsonl";
    if (!std::filesystem::is_regular_file(path)) return;
    const std::string text = core::read_file(path);
    add(Severity::kWarning, "quarantined", "quarantine.jsonl",
        fmt::format("{} files were left out at import because they are bad; the list has the reasons",
                    std::count(text.begin(), text.end(), '\n')));
  }

  void find_orphans() {
    std::set<std::string> used;
    const auto& samples = store_.samples();
    for (const auto& name : samples.stream_names())
      for (int64_t i = 0; i < samples.size(); ++i)
        if (samples.has_stream(name, i)) used.insert(samples.stream(name, i).shard);
    std::error_code ec;
    std::set<std::string> orphans;
    for (const auto& entry : std::filesystem::directory_iterator(store_.path() + "/shards", ec)) {
      const std::string file = entry.path().filename().string();
      if (used.count(file) == 0) orphans.insert(file);
    }
    for (const auto& file : orphans)
      add(Severity::kWarning, "orphan_shard", "shards/" + file, "no sample refers to it");
  }

  const Store& store_;
  const CheckOptions& options_;
  CheckReport& report_;
  std::map<std::string, std::vector<Fingerprint>> prints_;  ///< by stream
};

}  // namespace

CheckReport check_store(const std::string& path, const CheckOptions& options) {
  if (!std::filesystem::is_directory(path)) throw Error(ErrorCode::kData, path + ": no such store");
  CheckReport report;
  const auto store = Store::open_lenient(path, report.problems);
  if (store != nullptr) {
    report.summary = summarize(*store);
    report.known_defects = store->info().known_defects;
    Checker(*store, options, report).run();
  }
  std::stable_sort(report.problems.begin(), report.problems.end(),
                   [](const auto& a, const auto& b) { return a.severity > b.severity; });
  for (const auto& problem : report.problems) {
    if (problem.severity == Severity::kError) ++report.num_errors;
    if (problem.severity == Severity::kWarning) ++report.num_warnings;
  }
  return report;
}

}  // namespace limbic::data
