#include "limbic/stream/sinks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "limbic/formats/csv.h"
#include "limbic/formats/jsonl.h"

namespace limbic::stream {
namespace {

using nlohmann::json;

/// The decision that a frame's first row is about: the most prominent person's, else the whole recording's.
const Decision* decision_of(const Analysis& analysis, const FrameRecord& frame) {
  const int64_t at = frame.people.empty() ? frame.decision : frame.people.front().decision;
  return at < 0 ? nullptr : &analysis.decisions[static_cast<size_t>(at)];
}

double rounded(double value, double digits) {
  return std::round(value * digits) / digits;
}

/// One task's numbers by the names of its outputs.
json by_output(const affect::LabelSpace& task, const std::vector<float>& numbers) {
  json named = json::object();
  for (size_t c = 0; c < task.classes.size(); ++c)
    named[task.classes[c]] = rounded(static_cast<double>(numbers[c]), 1e4);
  return named;
}

/// How spread a distribution is, nats: 0 = sure.
double entropy(const std::vector<float>& probability) {
  double sum = 0;
  for (const float p : probability)
    sum -= p > 0 ? static_cast<double>(p) * std::log(static_cast<double>(p)) : 0.0;
  return sum;
}

json scores_json(const Analysis& analysis, const Decision& decision, const model::BundleInfo& model) {
  json scores = json::object();
  const auto winners = winning_classes(analysis, model, decision.probability);
  for (const auto& task : model.tasks) {
    auto& of_task = scores[task.task];
    if (is_continuous(task)) {
      of_task["value"] = by_output(task, decision.value.at(task.task));
      const auto deviation = decision.deviation.find(task.task);
      if (deviation != decision.deviation.end()) of_task["deviation"] = by_output(task, deviation->second);
      continue;
    }
    const auto& probability = decision.probability.at(task.task);
    of_task["probability"] = by_output(task, probability);
    if (task.has_classes()) {
      of_task["label"] = task.classes[winners.at(task.task)];
      of_task["entropy"] = rounded(entropy(probability), 1e4);
      continue;
    }
    of_task["labels"] = json::array();
    for (size_t c = 0; c < task.classes.size(); ++c) {
      if (probability[c] >= 0.5f) of_task["labels"].push_back(task.classes[c]);
    }
  }
  return scores;
}

json box_json(const vision::Box& box) {
  return json::array(
      {rounded(box.x, 10), rounded(box.y, 10), rounded(box.width, 10), rounded(box.height, 10)});
}

/// Mean probabilities and values of one person's decisions.
json mean_scores(const Analysis& analysis, const model::BundleInfo& model, int64_t person) {
  json means = json::object();
  std::map<std::string, std::vector<float>> mean_probability;
  for (const auto& task : model.tasks) {
    const auto part = is_continuous(task) ? &Decision::value : &Decision::probability;
    std::vector<double> sum(task.classes.size(), 0.0);
    int64_t count = 0;
    for (const auto& decision : analysis.decisions) {
      if (decision.person != person) continue;
      const auto& numbers = (decision.*part).at(task.task);
      for (size_t c = 0; c < sum.size(); ++c) sum[c] += static_cast<double>(numbers[c]);
      ++count;
    }
    if (count == 0) return means;  // decisions have every task
    for (double& value : sum) value /= static_cast<double>(count);
    const std::vector<float> mean(sum.begin(), sum.end());
    means[task.task] = {{is_continuous(task) ? "mean_value" : "mean_probability", by_output(task, mean)},
                        {"num_decisions", count}};
    if (task.has_classes()) mean_probability[task.task] = mean;
  }
  for (const auto& [task, winner] : winning_classes(analysis, model, mean_probability)) {
    for (const auto& space : model.tasks) {
      if (space.task == task) means[task]["label"] = space.classes[winner];
    }
  }
  return means;
}

}  // namespace

void write_frames_csv(const std::string& path, const Analysis& analysis, const model::BundleInfo& model) {
  std::vector<std::string> columns{"frame",  "timestamp", "face_id",    "success",     "face_score",
                                   "face_x", "face_y",    "face_width", "face_height", "num_faces"};
  for (const auto& task : model.tasks) {
    if (task.has_classes()) columns.push_back(task.task);
    for (const auto& name : task.classes) columns.push_back(task.task + "_" + name);
  }
  formats::CsvWriter csv(path, columns);
  for (const auto& frame : analysis.frames) {
    csv.add(frame.index).add(fmt::format("{:.6f}", frame.pts.seconds()));
    if (frame.people.empty()) {
      csv.add_empty().add(0);
      for (int cell = 0; cell < 5; ++cell) csv.add_empty();
    } else {
      const auto& person = frame.people.front();
      csv.add(person.person).add(1).add(fmt::format("{:.3f}", person.face_score));
      for (const float value : {person.box.x, person.box.y, person.box.width, person.box.height}) {
        csv.add(fmt::format("{:.1f}", value));
      }
    }
    csv.add(frame.people.size());
    const Decision* decision = decision_of(analysis, frame);
    std::map<std::string, size_t> winners;
    if (decision != nullptr) winners = winning_classes(analysis, model, decision->probability);
    for (const auto& task : model.tasks) {
      if (task.has_classes()) csv.add(decision == nullptr ? "" : task.classes[winners.at(task.task)]);
      const auto part = is_continuous(task) ? &Decision::value : &Decision::probability;
      for (size_t c = 0; c < task.classes.size(); ++c) {
        csv.add(decision == nullptr ? "" : fmt::format("{:.4f}", (decision->*part).at(task.task)[c]));
      }
    }
    csv.end_row();
  }
  csv.finish();
}

void write_frames_jsonl(const std::string& path, const Analysis& analysis, const model::BundleInfo& model) {
  formats::JsonlWriter file(path);
  for (const auto& frame : analysis.frames) {
    json line = {
        {"frame", frame.index}, {"timestamp", rounded(frame.pts.seconds(), 1e6)}, {"people", json::array()}};
    for (const auto& person : frame.people) {
      json entry = {{"id", person.person},
                    {"box", box_json(person.box)},
                    {"face_score", rounded(static_cast<double>(person.face_score), 1e3)}};
      if (person.decision >= 0) {
        entry["scores"] =
            scores_json(analysis, analysis.decisions[static_cast<size_t>(person.decision)], model);
      }
      line["people"].push_back(std::move(entry));
    }
    if (frame.decision >= 0) {
      line["scores"] = scores_json(analysis, analysis.decisions[static_cast<size_t>(frame.decision)], model);
    }
    file.write(line);
  }
  file.finish();
}

json summary_json(const std::string& input, const Analysis& analysis, const model::BundleInfo& model) {
  const auto& info = analysis.info;
  json summary = {{"schema", 1},
                  {"input", std::filesystem::path(input).filename().string()},
                  {"model", {{"name", model.name}, {"weights_sha256", model.weights_sha256}}},
                  {"container", info.container},
                  {"duration_s", rounded(info.duration.seconds(), 1e6)},
                  {"truncated", analysis.is_truncated()},
                  {"consistent_labels", analysis.constraints != nullptr},
                  {"num_frames", analysis.frames.size()},
                  {"num_decisions", analysis.decisions.size()},
                  {"num_invalid_decisions", analysis.num_invalid_decisions}};
  int64_t num_with_face = 0;
  for (const auto& frame : analysis.frames) num_with_face += frame.people.empty() ? 0 : 1;
  summary["num_frames_with_face"] = num_with_face;
  if (info.video) {
    const auto& stats = analysis.video_stats;
    summary["video"] = {{"codec", info.video->codec},
                        {"width", info.video->display_width},
                        {"height", info.video->display_height},
                        {"average_fps", rounded(info.video->average_fps, 1e4)},
                        {"rotation_deg", info.video->rotation_deg},
                        {"damaged_packets", stats.damaged_packets},
                        {"damaged_frames", stats.damaged_frames},
                        {"missing_pts", stats.missing_pts},
                        {"non_monotonic_pts", stats.non_monotonic_pts},
                        {"timestamp_jumps", stats.timestamp_jumps},
                        {"format_changes", stats.format_changes},
                        {"truncated", stats.truncated}};
    if (!analysis.frames.empty()) {
      summary["video"]["first_timestamp_s"] = rounded(analysis.frames.front().pts.seconds(), 1e6);
      summary["video"]["last_timestamp_s"] = rounded(analysis.frames.back().pts.seconds(), 1e6);
    }
  }
  if (info.audio) {
    const auto& stats = analysis.audio_stats;
    summary["audio"] = {{"codec", info.audio->codec},
                        {"sample_rate_hz", info.audio->sample_rate},
                        {"channels", info.audio->num_channels},
                        {"is_used", analysis.has_audio},
                        {"damaged_packets", stats.damaged_packets},
                        {"gaps", stats.num_gaps},
                        {"non_finite_samples", stats.non_finite_samples},
                        {"truncated", stats.truncated}};
  }
  summary["people"] = json::array();
  for (const auto& person : analysis.people) {
    summary["people"].push_back({{"id", person.person},
                                 {"first_s", rounded(person.first.seconds(), 1e3)},
                                 {"last_s", rounded(person.last.seconds(), 1e3)},
                                 {"num_frames", person.num_frames},
                                 {"scores", mean_scores(analysis, model, person.person)}});
  }
  if (json nobody = mean_scores(analysis, model, kNobody); !nobody.empty())
    summary["recording"] = std::move(nobody);
  return summary;
}

}  // namespace limbic::stream
