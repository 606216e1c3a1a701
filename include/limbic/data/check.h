#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "limbic/data/problem.h"
#include "limbic/data/store.h"

namespace limbic::data {

/// What a store holds, in numbers. Empty split names are shown as "all".
struct StoreSummary {
  std::string name;
  std::string content_hash;
  int64_t num_samples = 0;
  int64_t num_subjects = 0;
  int64_t num_clips = 0;
  double hours = 0.0;
  std::map<std::string, int64_t> samples_per_split;
  std::map<std::string, int64_t> samples_per_stream;  ///< stream -> samples that have it
  /// task -> split -> samples per class, in the order of the label space; the last entry counts unknown
  /// labels.
  std::map<std::string, std::map<std::string, std::vector<int64_t>>> class_counts;
};

struct CheckOptions {
  bool near_duplicates = true;  ///< look for copies that differ in some bytes
  int64_t num_threads = 0;      ///< 0 = every core
};

struct CheckReport {
  StoreSummary summary;
  int64_t num_streams_read = 0;
  int64_t num_bytes_read = 0;
  int64_t num_errors = 0;
  int64_t num_warnings = 0;
  std::vector<Problem> problems;           ///< errors first
  std::vector<std::string> known_defects;  ///< that dataset.yaml tells of
  bool ok() const { return num_errors == 0; }
};

/// Reads the whole store again: checksums, shapes, the index, labels and declared ranges, dead or clipped
/// streams, copies and near-copies, leaks between official splits, classes and streams that are missing in
/// one. The report does not depend on the number of threads. Never throws for what it is there to find;
/// @throws Error(kData) only when `path` is no directory.
CheckReport check_store(const std::string& path, const CheckOptions& options = {});
StoreSummary summarize(const Store& store);

/// For people. A list longer than `max_problems` is cut and says so.
std::string render_text(const CheckReport& report, int64_t max_problems = 50);
std::string render_text(const StoreSummary& summary, const Store& store);
/// For scripts: one JSON object, every problem.
std::string render_json(const CheckReport& report);
std::string render_json(const StoreSummary& summary, const Store& store);
/// Everything about one sample.
std::string describe_sample(const Store& store, const std::string& id);

}  // namespace limbic::data
