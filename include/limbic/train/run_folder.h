#pragma once
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace limbic::train {

/// The folder of one training run, as scripts know it: config.yaml, manifest.json, train.log, metrics.jsonl,
/// results.csv, features/ (learned from training texts), tb/, ckpt/, eval/<split>/, bundle/, report.html.
/// Held by one process at a time (flock).
class RunFolder {
 public:
  /// Makes a new folder: `out_dir` itself, which must not hold a run yet, or when empty
  /// runs/<name>/<YYYY-MM-DD_HH-MM-SS>_s<seed>, with a suffix when that exists. `runs/<name>/latest` then
  /// links to it.
  /// @throws Error(kStorage)
  static RunFolder create(const std::string& out_dir, const std::string& name, uint64_t seed);
  /// Opens an existing run for more training. @throws Error(kModel) no run, Error(kStorage) held by another
  /// process
  static RunFolder open(const std::string& directory);
  ~RunFolder();
  RunFolder(RunFolder&&) noexcept;
  RunFolder& operator=(RunFolder&&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

  /// Appends one line to metrics.jsonl.
  void log_event(const nlohmann::json& event);
  /// Rewrites results.csv, atomically: one row an epoch, the union of keys in first-seen order.
  void write_results(const std::vector<nlohmann::json>& rows) const;
  /// Forgets events past `epoch` that a killed process wrote after its last checkpoint.
  void rewind_events(int64_t epoch);

 private:
  explicit RunFolder(std::string path);
  std::string path_;
  int lock_fd_ = -1;
};

/// manifest.json: what a result depends on (versions, machine, seeds, threads, data hashes, command line).
nlohmann::json make_manifest(const std::vector<std::string>& command_line, uint64_t seed, int num_threads);
/// Adds how training ended to RUN/manifest.json.
void finish_manifest(const RunFolder& run, const nlohmann::json& outcome);
/// UTC, "2026-11-21T19:52:03Z"
std::string utc_now();

}  // namespace limbic::train
