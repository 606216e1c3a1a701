#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "check/split_name.h"
#include "limbic/core/progress.h"
#include "limbic/data/check.h"

namespace limbic::data {
namespace {

const char* severity_name(Severity severity) {
  if (severity == Severity::kError) return "error";
  return severity == Severity::kWarning ? "warning" : "note";
}

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

std::string split_name(const Sample& sample) {
  return sample.split.empty() ? "all" : sample.split;
}

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
  for (const auto& defect : report.known_defects) text += "known defect: " + defect + "\n";
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
  node["known_defects"] = report.known_defects;
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
  put("dialogue", sample.dialogue);
  if (sample.turn != kNoTurn) put("turn", std::to_string(sample.turn));
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
