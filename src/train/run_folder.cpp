#include "limbic/train/run_folder.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "limbic/core/atomic_file.h"
#include "limbic/core/build_info.h"
#include "limbic/core/error.h"
#include "limbic/formats/csv.h"
#include "limbic/formats/jsonl.h"

namespace limbic::train {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr uint64_t kMaxEventBytes = UINT64_C(1) << 30;

/// Temps of processes that were killed while they wrote into the run: its lock is ours, so none is of use.
void sweep_killed_writers(const std::string& run) {
  std::vector<std::string> directories{run};
  std::error_code ec;
  for (const auto& entry : fs::recursive_directory_iterator(run, ec)) {
    if (entry.is_directory(ec) && !entry.is_symlink(ec)) directories.push_back(entry.path().string());
  }
  for (const auto& directory : directories) core::sweep_stale_temps(directory);
}

}  // namespace

RunFolder::RunFolder(std::string path) : path_(std::move(path)) {
  const std::string lock_path = path_ + "/lock";
  lock_fd_ = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  require(lock_fd_ >= 0, ErrorCode::kStorage, lock_path + ": cannot open: " + std::strerror(errno));
  if (flock(lock_fd_, LOCK_EX | LOCK_NB) != 0) {
    char owner[32] = {};
    const ssize_t n = read(lock_fd_, owner, sizeof(owner) - 1);
    close(lock_fd_);
    lock_fd_ = -1;
    throw Error(ErrorCode::kStorage,
                fmt::format("{}: locked by process {}; two trainings cannot share a run folder", path_,
                            n > 0 ? owner : "?"));
  }
  const std::string pid = std::to_string(getpid());
  if (ftruncate(lock_fd_, 0) != 0 || pwrite(lock_fd_, pid.data(), pid.size(), 0) < 0) {
    // The lock is the flock; the pid in the file is only for the message.
  }
  sweep_killed_writers(path_);
}

RunFolder::RunFolder(RunFolder&& other) noexcept : path_(std::move(other.path_)), lock_fd_(other.lock_fd_) {
  other.lock_fd_ = -1;
}

RunFolder::~RunFolder() {
  if (lock_fd_ >= 0) close(lock_fd_);
}

RunFolder RunFolder::create(const std::string& out_dir, const std::string& name, uint64_t seed) {
  std::error_code ec;
  if (!out_dir.empty()) {
    require(!fs::exists(out_dir + "/config.yaml"), ErrorCode::kStorage,
            out_dir + ": holds a run already; a run is never overwritten; use --resume " + out_dir +
                " or another --out");
    fs::create_directories(out_dir, ec);
    require(!ec, ErrorCode::kStorage, out_dir + ": cannot make the directory: " + ec.message());
    return RunFolder(out_dir);
  }
  const std::string parent = "runs/" + name;
  fs::create_directories(parent, ec);
  require(!ec, ErrorCode::kStorage, parent + ": cannot make the directory: " + ec.message());
  const std::time_t now = std::time(nullptr);
  const std::string stem = fmt::format("{:%Y-%m-%d_%H-%M-%S}_s{}", fmt::localtime(now), seed);
  std::string leaf = stem;
  for (int suffix = 2; !fs::create_directory(parent + "/" + leaf, ec); ++suffix) {
    require(!ec, ErrorCode::kStorage, parent + "/" + leaf + ": cannot make the directory: " + ec.message());
    leaf = fmt::format("{}_{}", stem, suffix);
  }
  core::replace_symlink(leaf, parent + "/latest");
  return RunFolder(parent + "/" + leaf);
}

RunFolder RunFolder::open(const std::string& directory) {
  require(fs::exists(directory + "/config.yaml"), ErrorCode::kModel,
          directory + ": not a run folder: config.yaml is missing");
  return RunFolder(directory);
}

void RunFolder::log_event(const json& event) {
  formats::JsonlAppender(path_ + "/metrics.jsonl").write(event);
}

void RunFolder::write_results(const std::vector<json>& rows) const {
  std::vector<std::string> columns;
  for (const auto& row : rows) {
    for (const auto& [key, value] : row.items()) {
      if (std::find(columns.begin(), columns.end(), key) == columns.end()) columns.push_back(key);
    }
  }
  formats::CsvWriter csv(path_ + "/results.csv", columns);
  for (const auto& row : rows) {
    for (const auto& column : columns) {
      // JSON has no NaN: dump() would say null, which is no number to who reads the table.
      const bool is_present = row.contains(column) && !row[column].is_null() &&
                              !(row[column].is_number_float() && std::isnan(row[column].get<double>()));
      csv.add(!is_present               ? ""
              : row[column].is_string() ? row[column].get<std::string>()
                                        : row[column].dump());
    }
    csv.end_row();
  }
  csv.finish();
}

void RunFolder::rewind_events(int64_t epoch) {
  const std::string path = path_ + "/metrics.jsonl";
  if (!fs::exists(path)) return;
  std::string kept;
  const std::string all = core::read_file(path, kMaxEventBytes);
  for (size_t begin = 0; begin < all.size();) {
    const size_t end = all.find('\n', begin);
    if (end == std::string::npos) break;  // a line that the kill cut short
    const std::string line = all.substr(begin, end - begin);
    begin = end + 1;
    const json event = json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (event.is_discarded() || (event.contains("epoch") && event["epoch"].get<int64_t>() > epoch)) continue;
    kept += line + "\n";
  }
  if (kept != all) core::write_file(path, kept);
}

json make_manifest(const std::vector<std::string>& command_line, uint64_t seed, int num_threads) {
  json environment = json::object();
  for (const auto& [name, value] : core::environment()) environment[name] = value;
  return json{{"schema", 1},  {"environment", environment}, {"command_line", command_line},
              {"seed", seed}, {"num_threads", num_threads}, {"started", utc_now()}};
}

void finish_manifest(const RunFolder& run, const json& outcome) {
  json manifest = formats::read_json(run / "manifest.json");
  manifest["finished"] = utc_now();
  manifest["outcome"] = outcome;
  formats::write_json(run / "manifest.json", manifest);
}

std::string utc_now() {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
}

}  // namespace limbic::train
