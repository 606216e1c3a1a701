#include "limbic/data/check.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>

#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/core/progress.h"
#include "limbic/core/suggest.h"

namespace limbic::data {
namespace {

constexpr int kFullScale = 32767;
constexpr double kMaxClippedShare = 0.01;
constexpr double kSilentRms = 3.3;  ///< of int16: -80 dB of full scale
constexpr double kMaxDurationError_s = 0.25;

const char* severity_name(Severity severity) {
  if (severity == Severity::kError) return "error";
  return severity == Severity::kWarning ? "warning" : "note";
}

std::string split_name(const Sample& sample) {
  return sample.split.empty() ? "all" : sample.split;
}

/// What can be seen in the values of one stream.
struct StreamLook {
  int64_t num_nan = 0;
  int64_t num_infinite = 0;
  bool is_constant = true;
  double clipped_share = 0;
  double rms = 0;
};

template <class T>
StreamLook look_at(const T* values, int64_t count) {
  StreamLook look;
  int64_t num_clipped = 0;
  double square = 0;
  for (int64_t i = 0; i < count; ++i) {
    const auto value = static_cast<double>(values[i]);
    if (!std::isfinite(value)) {
      ++(std::isnan(value) ? look.num_nan : look.num_infinite);
      continue;
    }
    look.is_constant = look.is_constant && values[i] == values[0];
    num_clipped += std::abs(value) >= kFullScale ? 1 : 0;
    square += value * value;
  }
  if (count > 0) {
    look.clipped_share = static_cast<double>(num_clipped) / static_cast<double>(count);
    look.rms = std::sqrt(square / static_cast<double>(count));
  }
  return look;
}

class Checker {
 public:
  explicit Checker(CheckReport& report) : report_(report) {}

  void add(Severity severity, const std::string& code, const std::string& where, const std::string& message) {
    report_.problems.push_back({severity, code, where, message});
  }

  void read_streams(const Store& store) {
    core::Progress progress("check", store.size());
    for (int64_t i = 0; i < store.size(); ++i) {
      for (const auto& [name, ref] : store.samples()[i].streams) {
        try {
          read_stream(store, i, name, ref);
        } catch (const Error& e) {
          add(Severity::kError, "unreadable", store.samples()[i].id, name + ": " + e.what());
        }
      }
      progress.step({{"problems", std::to_string(report_.problems.size())}});
    }
    progress.finish();
  }

  void compare_samples(const Store& store) {
    report_copies(store);
    std::map<std::string, std::set<std::string>> splits_of_subject;
    std::map<std::string, std::set<std::string>> splits_of_clip;
    for (const auto& sample : store.samples()) {
      if (sample.split.empty()) continue;
      if (!sample.subject.empty()) splits_of_subject[sample.subject].insert(sample.split);
      if (!sample.clip.empty()) splits_of_clip[sample.clip].insert(sample.split);
    }
    report_leaks(splits_of_subject, "subject");
    report_leaks(splits_of_clip, "clip");

    const auto& summary = report_.summary;
    for (const auto& [task, splits] : summary.class_counts) {
      const auto& classes = store.label_space(task).classes;
      for (size_t c = 0; c < classes.size(); ++c) {
        std::vector<std::string> without;
        for (const auto& [split, counts] : splits) {
          if (counts[c] == 0) without.push_back(split);
        }
        if (without.empty()) continue;
        const bool is_nowhere = without.size() == splits.size();
        add(Severity::kWarning, "empty_class", task,
            fmt::format("class '{}' has no sample{}", classes[c],
                        is_nowhere ? "" : " in " + core::join(without)));
      }
    }
    for (const auto& [name, modality] : store.info().modalities) {
      const auto at = summary.samples_per_stream.find(name);
      const int64_t have = at == summary.samples_per_stream.end() ? 0 : at->second;
      if (have == summary.num_samples) continue;
      add(have == 0 ? Severity::kWarning : Severity::kNote, "missing_stream", name,
          fmt::format("{} of {} samples lack it", summary.num_samples - have, summary.num_samples));
    }
  }

  void find_orphans(const std::string& path, const Store& store) {
    std::set<std::string> used;
    for (const auto& sample : store.samples()) {
      for (const auto& [name, ref] : sample.streams) used.insert(ref.shard);
    }
    std::error_code ec;
    std::set<std::string> orphans;
    for (const auto& entry : std::filesystem::directory_iterator(path + "/shards", ec)) {
      const std::string file = entry.path().filename().string();
      if (used.count(file) == 0) orphans.insert(file);
    }
    for (const auto& file : orphans)
      add(Severity::kWarning, "orphan_shard", "shards/" + file, "no sample refers to it");
  }

 private:
  struct Copy {
    int64_t sample_idx = 0;
    std::string stream;
  };

  void read_stream(const Store& store, int64_t sample_idx, const std::string& name, const StreamRef& ref) {
    const auto& sample = store.samples()[sample_idx];
    const affect::Stream stream = store.read_stream(sample_idx, name);
    const auto num_bytes = stream.values.nbytes();
    ++report_.num_streams_read;
    report_.num_bytes_read += static_cast<int64_t>(num_bytes);
    const uint32_t crc = store.checksum(sample_idx, name);
    if (crc != ref.crc32) {
      add(Severity::kError, "crc", sample.id,
          fmt::format(
              "{}: crc {:08x} in shards/{}; expected {:08x}: the data changed on disk, import it again", name,
              crc, ref.shard, ref.crc32));
      return;
    }
    const int64_t count = stream.values.numel();
    if (count == 0) {
      add(Severity::kWarning, "empty_stream", sample.id, name + ": no frames");
      return;
    }
    const auto& modality = store.info().modalities.at(name);
    const auto& kind = modality.kind;
    StreamLook look;
    if (kind == "wave") look = look_at(stream.values.data_ptr<int16_t>(), count);
    if (kind == "images") look = look_at(stream.values.data_ptr<uint8_t>(), count);
    if (kind == "series") look = look_at(stream.values.data_ptr<float>(), count);
    const int64_t num_bad = look.num_infinite + (modality.may_be_missing ? 0 : look.num_nan);
    if (num_bad > 0) {
      add(Severity::kError, "nonfinite", sample.id,
          fmt::format("{}: {} values are NaN or Inf", name, num_bad));
    }
    const bool has_real_frames = stream.valid_T.any().item<bool>();
    if (!has_real_frames) {
      add(Severity::kWarning, "no_real_frame", sample.id, name + ": not one frame is real");
    } else if (kind == "wave" && look.rms < kSilentRms) {
      add(Severity::kWarning, "silent", sample.id, fmt::format("{}: rms {:.2f} of 32768", name, look.rms));
    } else if (look.is_constant && count > 1) {
      add(Severity::kWarning, "constant", sample.id, name + ": every value is the same");
    }
    if (kind == "wave" && look.clipped_share > kMaxClippedShare) {
      add(Severity::kWarning, "clipped", sample.id,
          fmt::format("{}: {:.1f} % of the samples are at full scale", name, 100 * look.clipped_share));
    }
    if (ref.rate_hz > 0 && sample.duration.ticks > 0) {
      const double end_s = (ref.t0 - sample.t0).seconds() + static_cast<double>(ref.num_frames) / ref.rate_hz;
      const double tolerance_s = kMaxDurationError_s + 1 / ref.rate_hz;
      if (std::abs(end_s - sample.duration.seconds()) > tolerance_s) {
        add(Severity::kWarning, "duration", sample.id,
            fmt::format("{}: ends after {:.3f} s, the sample after {:.3f} s", name, end_s,
                        sample.duration.seconds()));
      }
    }
    // Blank streams are all alike; calling them copies says nothing new.
    if (look.is_constant) return;
    const std::string_view bytes(static_cast<const char*>(stream.values.data_ptr()), num_bytes);
    copies_[fmt::format("{}:{}", name, core::sha256_hex(bytes))].push_back({sample_idx, name});
  }

  void report_copies(const Store& store) {
    std::vector<const std::vector<Copy>*> groups;
    for (const auto& [hash, copies] : copies_) {
      if (copies.size() > 1) groups.push_back(&copies);
    }
    std::sort(groups.begin(), groups.end(),
              [](const auto* a, const auto* b) { return a->front().sample_idx < b->front().sample_idx; });
    for (const auto* group : groups) {
      std::set<std::string> splits;
      std::set<std::string> subjects;
      std::set<std::map<std::string, std::string>> labels;
      std::vector<std::string> ids;
      for (const auto& copy : *group) {
        const auto& sample = store.samples()[copy.sample_idx];
        splits.insert(split_name(sample));
        subjects.insert(sample.subject);
        labels.insert(sample.labels);
        ids.push_back(sample.id);
      }
      std::string code = "duplicate";
      std::string facts;
      if (splits.size() > 1) {
        code = "duplicate_across_splits";
        facts += "; in splits " + core::join({splits.begin(), splits.end()});
      }
      if (subjects.size() > 1) {
        if (splits.size() == 1) code = "duplicate_across_subjects";
        facts += fmt::format("; {} subjects", subjects.size());
      }
      if (labels.size() > 1) facts += fmt::format("; {} different labels", labels.size());
      add(Severity::kWarning, code, ids.front(),
          fmt::format("{}: the same content in {}{}", group->front().stream, core::join(ids), facts));
    }
  }

  void report_leaks(const std::map<std::string, std::set<std::string>>& splits_of, const char* level) {
    for (const auto& [name, splits] : splits_of) {
      if (splits.size() < 2) continue;
      add(Severity::kError, std::string(level) + "_in_two_splits", name,
          fmt::format("{} is in the official splits {}; results on them would measure memory", level,
                      core::join({splits.begin(), splits.end()})));
    }
  }

  CheckReport& report_;
  std::unordered_map<std::string, std::vector<Copy>> copies_;
};

nlohmann::ordered_json summary_json(const StoreSummary& summary, const Store* store) {
  nlohmann::ordered_json node;
  node["name"] = summary.name;
  node["content_hash"] = summary.content_hash;
  node["samples"] = summary.num_samples;
  node["subjects"] = summary.num_subjects;
  node["clips"] = summary.num_clips;
  node["hours"] = summary.hours;
  node["splits"] = summary.samples_per_split;
  node["streams"] = summary.samples_per_stream;
  node["class_counts"] = summary.class_counts;
  if (store != nullptr) {
    for (const auto& space : store->info().label_spaces) node["classes"][space.task] = space.classes;
    node["licence"] = store->info().licence;
    node["known_defects"] = store->info().known_defects;
  }
  return node;
}

std::string summary_head(const StoreSummary& summary) {
  std::string text = fmt::format("{}: {} samples, {} subjects, {} clips, {:.2f} h\n", summary.name,
                                 summary.num_samples, summary.num_subjects, summary.num_clips, summary.hours);
  for (const auto& [stream, count] : summary.samples_per_stream) {
    text += fmt::format(
        "  stream {:<12} {:>8} samples ({:.1f} %)\n", stream, count,
        100.0 * static_cast<double>(count) / static_cast<double>(std::max<int64_t>(1, summary.num_samples)));
  }
  return text;
}

}  // namespace

StoreSummary summarize(const Store& store) {
  StoreSummary summary;
  summary.name = store.info().name;
  summary.content_hash = store.content_hash();
  summary.num_samples = store.size();
  std::set<std::string> subjects;
  std::set<std::string> clips;
  for (const auto& sample : store.samples()) {
    if (!sample.subject.empty()) subjects.insert(sample.subject);
    if (!sample.clip.empty()) clips.insert(sample.clip);
    summary.hours += sample.duration.seconds() / 3600;
    ++summary.samples_per_split[split_name(sample)];
    for (const auto& [name, ref] : sample.streams) ++summary.samples_per_stream[name];
    for (const auto& space : store.info().label_spaces) {
      auto& counts = summary.class_counts[space.task][split_name(sample)];
      counts.resize(space.classes.size() + 1, 0);
      const auto label = sample.labels.find(space.task);
      const size_t at = label == sample.labels.end() ? space.classes.size()
                                                     : static_cast<size_t>(space.index_of(label->second));
      ++counts[at];
    }
  }
  summary.num_subjects = static_cast<int64_t>(subjects.size());
  summary.num_clips = static_cast<int64_t>(clips.size());
  return summary;
}

CheckReport check_store(const std::string& path) {
  if (!std::filesystem::is_directory(path)) throw Error(ErrorCode::kData, path + ": no such store");
  CheckReport report;
  Checker checker(report);
  const auto store = Store::open_lenient(path, report.problems);
  if (store != nullptr) {
    report.summary = summarize(*store);
    checker.read_streams(*store);
    checker.compare_samples(*store);
    checker.find_orphans(path, *store);
  }
  std::stable_sort(report.problems.begin(), report.problems.end(),
                   [](const auto& a, const auto& b) { return a.severity > b.severity; });
  for (const auto& problem : report.problems) {
    if (problem.severity == Severity::kError) ++report.num_errors;
    if (problem.severity == Severity::kWarning) ++report.num_warnings;
  }
  return report;
}

std::string render_text(const CheckReport& report, int64_t max_problems) {
  std::string text = summary_head(report.summary);
  text +=
      fmt::format("read {} streams, {}\n", report.num_streams_read, core::bytes_text(report.num_bytes_read));
  std::map<std::string, int64_t> per_code;
  for (const auto& problem : report.problems) ++per_code[problem.code];
  int64_t shown = 0;
  for (const auto& problem : report.problems) {
    if (shown++ == max_problems) break;
    text += fmt::format("{}[{}] {}: {}\n", severity_name(problem.severity), problem.code, problem.where,
                        problem.message);
  }
  const auto total = static_cast<int64_t>(report.problems.size());
  if (total > max_problems) text += fmt::format("... and {} more (--json lists all)\n", total - max_problems);
  for (const auto& [code, count] : per_code) text += fmt::format("  {:<28} {:>6}\n", code, count);
  text += fmt::format("{}: {} errors, {} warnings\n", report.ok() ? "ok" : "not ok", report.num_errors,
                      report.num_warnings);
  return text;
}

std::string render_text(const StoreSummary& summary, const Store& store) {
  std::string text = summary_head(summary);
  for (const auto& [task, splits] : summary.class_counts) {
    const auto& classes = store.label_space(task).classes;
    size_t width = std::string("unknown").size();
    for (const auto& name : classes) width = std::max(width, name.size());
    std::string head = fmt::format("\n{:<{}}", task, width);
    for (const auto& [split, counts] : splits) head += fmt::format("  {:>12}", split);
    text += head + "\n";
    for (size_t c = 0; c <= classes.size(); ++c) {
      std::string line = fmt::format("{:<{}}", c < classes.size() ? classes[c] : "unknown", width);
      int64_t sum = 0;
      for (const auto& [split, counts] : splits) {
        line += fmt::format("  {:>12}", counts[c]);
        sum += counts[c];
      }
      if (c < classes.size() || sum > 0) text += line + "\n";
    }
  }
  if (!store.info().licence.empty()) text += "\nlicence: " + store.info().licence + "\n";
  if (!store.info().citation.empty()) text += "cite: " + store.info().citation + "\n";
  for (const auto& defect : store.info().known_defects) text += "known defect: " + defect + "\n";
  text += "content " + summary.content_hash + "\n";
  return text;
}

std::string render_json(const CheckReport& report) {
  nlohmann::ordered_json node = summary_json(report.summary, nullptr);
  node["ok"] = report.ok();
  node["errors"] = report.num_errors;
  node["warnings"] = report.num_warnings;
  node["streams_read"] = report.num_streams_read;
  node["bytes_read"] = report.num_bytes_read;
  node["problems"] = nlohmann::ordered_json::array();
  for (const auto& problem : report.problems) {
    nlohmann::ordered_json entry;
    entry["severity"] = severity_name(problem.severity);
    entry["code"] = problem.code;
    entry["where"] = problem.where;
    entry["message"] = problem.message;
    node["problems"].push_back(std::move(entry));
  }
  return node.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string render_json(const StoreSummary& summary, const Store& store) {
  return summary_json(summary, &store).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string describe_sample(const Store& store, const std::string& id) {
  const auto& sample = store.samples()[store.index_of(id)];
  std::string text = sample.id + "\n";
  const auto put = [&text](const std::string& key, const std::string& value) {
    if (!value.empty()) text += fmt::format("  {:<12} {}\n", key, value);
  };
  put("corpus", sample.corpus);
  put("subject", sample.subject);
  put("session", sample.session);
  put("clip", sample.clip);
  put("split", sample.split);
  put("time", fmt::format("{:.3f} s + {:.3f} s", sample.t0.seconds(), sample.duration.seconds()));
  for (const auto& [task, label] : sample.labels) put(task, label);
  for (const auto& [name, value] : sample.values) put(name, fmt::format("{}", value));
  for (const auto& [name, value] : sample.attributes) put(name, value);
  for (const auto& [name, ref] : sample.streams) {
    const affect::Stream stream = store.read_stream(store.index_of(id), name);
    put(name,
        fmt::format("[{}] at {} Hz from {:.3f} s, {:.1f} % real, crc {:08x}, shards/{}",
                    fmt::join(stream.values.sizes(), ", "), ref.rate_hz, ref.t0.seconds(),
                    ref.num_frames > 0 ? 100 * stream.valid_T.to(at::kFloat).mean().item<double>() : 0.0,
                    ref.crc32, ref.shard));
  }
  put("source", sample.source_path);
  put("sha256", sample.source_sha256);
  return text;
}

}  // namespace limbic::data
