#include "sources.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "limbic/signals/table.h"
#include "limbic/weak/recordings.h"

namespace limbic::weak {
namespace {

/// Reads the sources of one task.
class SourceReader {
 public:
  SourceReader(const WeakLabelInput& input, ReadSources& out)
      : in_(input), out_(out), person_N_(people_of(input)) {}

  void read(const std::string& name, const EdaSource& source) {
    EdaReading reading{name, &source, {}, {}, {}, levels_of(source.levels)};
    std::map<int64_t, size_t> position_of;
    for (size_t i = 0; i < in_.indices.size(); ++i) position_of[in_.indices[i]] = i;
    const auto& samples = in_.store->samples();
    for (const auto& recording :
         assemble_recordings(*in_.store, in_.indices, source.stream, source.column, source.max_gap_s)) {
      for (const int64_t row : recording.samples) {
        const double start_s = samples.t0(row).seconds();
        // A sample without a length is as long as its stream.
        double length_s = samples.duration(row).seconds();
        if (length_s <= 0) {
          const auto stream = samples.stream(source.stream, row);
          length_s = static_cast<double>(stream.num_frames) / stream.rate_hz;
        }
        const size_t position = position_of.at(row);
        reading.windows.push_back({reading.tracks.size(), person_N_[position], start_s, start_s + length_s});
        reading.position.push_back(position);
      }
      reading.tracks.emplace_back(recording.series, source.arousal);
    }
    out_.eda.push_back(std::move(reading));
  }

  void read(const std::string& name, const LabelSource& source) {
    const std::string& own = in_.target && !in_.target->label.empty() ? in_.target->label : in_.task.task;
    require(source.label.empty() || source.label != own, ErrorCode::kConfig,
            "label '" + source.label + "' is the truth that the budget withholds");
    const auto& samples = in_.store->samples();
    const auto known = source.label.empty() ? samples.attribute_names() : samples.tasks();
    const std::string& wanted = source.label.empty() ? source.attribute : source.label;
    require_name(source.label.empty() ? "attribute" : "label", wanted, known);
    std::map<std::string, int32_t, std::less<>> class_of;
    for (size_t c = 0; source.classes.empty() && c < in_.task.classes.size(); ++c)
      class_of[in_.task.classes[c]] = static_cast<int32_t>(c);
    for (const auto& [said, meant] : source.classes) class_of[said] = class_named(meant);
    Voter voter{name, {}};
    std::set<std::string> foreign;
    for (const int64_t row : in_.indices) {
      const auto said = source.label.empty() ? samples.attribute(wanted, row) : samples.label(wanted, row);
      const auto at = class_of.find(said);
      if (at == class_of.end() && !said.empty()) foreign.emplace(said);
      voter.vote_N.push_back(at == class_of.end() ? -1 : at->second);
    }
    require(
        foreign.empty(), ErrorCode::kConfig,
        fmt::format("'{}' says {}, which is no class of task '{}' ({}); give `classes` a line for it, \"\" "
                    "to abstain",
                    wanted, core::join({foreign.begin(), foreign.end()}), in_.task.task,
                    core::join(in_.task.classes)));
    out_.voters.push_back(std::move(voter));
  }

  void read(const std::string& name, const ValueSource& source) {
    if (in_.target) {
      const auto& own = in_.target->values;
      require(std::find(own.begin(), own.end(), source.value) == own.end(), ErrorCode::kConfig,
              "value '" + source.value + "' is the truth that the budget withholds");
    }
    require_name("value", source.value, in_.store->samples().value_names());
    std::vector<double> number_N;
    for (const int64_t row : in_.indices) number_N.push_back(in_.store->samples().value(source.value, row));
    add(name, std::move(number_N), source.reading);
  }

  void read(const std::string& name, const ColumnSource& source) {
    const int64_t place = column_place(*in_.store, source.stream, source.column);
    std::vector<double> number_N;
    for (const int64_t row : in_.indices) number_N.push_back(mean_of(row, source.stream, place));
    add(name, std::move(number_N), source.reading);
  }

 private:
  static void require_name(const char* what, const std::string& name, const std::vector<std::string>& known) {
    require(std::find(known.begin(), known.end(), name) != known.end(), ErrorCode::kConfig,
            fmt::format("the store has no {} '{}', only {}{}", what, name,
                        known.empty() ? "none" : core::join(known), core::did_you_mean(name, known)));
  }

  /// Class of the task; "" = -1.
  int32_t class_named(const std::string& name) const {
    if (name.empty()) return -1;
    require_class(name);
    return static_cast<int32_t>(in_.task.index_of(name));
  }
  void require_class(const std::string& name) const {
    const auto& known = in_.task.classes;
    require(std::find(known.begin(), known.end(), name) != known.end(), ErrorCode::kConfig,
            "task '" + in_.task.task + "' has no class '" + name + "', only " + core::join(known) +
                core::did_you_mean(name, known));
  }

  std::vector<double> levels_of(const std::map<std::string, double>& levels) const {
    const auto num = in_.task.classes.size();
    std::vector<double> levels_C;
    if (levels.empty()) {
      if (num > 2 && in_.task.traits.kind != affect::TaskKind::kOrdinal) return levels_C;
      for (size_t c = 0; c < num; ++c)
        levels_C.push_back(2 * static_cast<double>(c) / static_cast<double>(num - 1) - 1);
      return levels_C;
    }
    for (const auto& entry : levels) require_class(entry.first);
    for (const auto& name : in_.task.classes) {
      const auto at = levels.find(name);
      require(at != levels.end(), ErrorCode::kConfig, "levels: class '" + name + "' has none");
      levels_C.push_back(at->second);
    }
    return levels_C;
  }

  double mean_of(int64_t row, const std::string& stream, int64_t column) const {
    if (!in_.store->samples().has_stream(stream, row)) return signals::kMissing;
    const auto read = in_.store->read_stream(row, stream);
    const auto values = read.values.to(at::kDouble).contiguous();
    const auto valid_T = read.valid_T.contiguous();
    double sum = 0;
    int64_t count = 0;
    for (int64_t t = 0; t < values.size(0); ++t) {
      const double value = values.data_ptr<double>()[t * values.size(1) + column];
      if (!valid_T.data_ptr<bool>()[t] || !std::isfinite(value)) continue;
      sum += value;
      ++count;
    }
    return count > 0 ? sum / static_cast<double>(count) : signals::kMissing;
  }

  void add(const std::string& name, std::vector<double> number_N, const NumberReading& reading) {
    number_N = normalise_within(number_N, person_N_, reading.normalise);
    if (reading.cuts.empty()) {
      out_.scorers.push_back({name, std::move(number_N), {}, levels_of(reading.levels)});
      return;
    }
    const auto& classes = reading.classes.empty() ? in_.task.classes : reading.classes;
    require(classes.size() == reading.cuts.size() + 1, ErrorCode::kConfig,
            fmt::format("{} cuts make {} classes, but there are {}", reading.cuts.size(),
                        reading.cuts.size() + 1, classes.size()));
    Voter voter{name, {}};
    for (const double number : number_N) {
      const auto place = std::upper_bound(reading.cuts.begin(), reading.cuts.end(), number);
      voter.vote_N.push_back(std::isfinite(number)
                                 ? class_named(classes[static_cast<size_t>(place - reading.cuts.begin())])
                                 : -1);
    }
    out_.voters.push_back(std::move(voter));
  }

  const WeakLabelInput& in_;
  ReadSources& out_;
  std::vector<int32_t> person_N_;
};

}  // namespace

Scorer EdaReading::at(double lag_s, size_t num_samples) const {
  const auto scores = eda_scores(tracks, windows, config->arousal, lag_s);
  Scorer scorer{name, std::vector<double>(num_samples, signals::kMissing),
                std::vector<double>(num_samples, 0.0), levels_C};
  for (size_t i = 0; i < windows.size(); ++i) {
    scorer.score_N[position[i]] = scores.score_N[i];
    scorer.trust_N[position[i]] = scores.quality_N[i];
  }
  return scorer;
}

std::vector<int32_t> people_of(const WeakLabelInput& input) {
  using data::SampleField;
  const auto& samples = input.store->samples();
  std::map<std::tuple<int32_t, int32_t, int32_t>, int32_t> known;
  std::vector<int32_t> person_N;
  for (const int64_t row : input.indices) {
    const int32_t subject = samples.code(SampleField::kSubject, row);
    const int32_t clip = subject != 0 ? 0 : samples.code(SampleField::kClip, row);
    const auto next = static_cast<int32_t>(known.size());
    person_N.push_back(
        known.try_emplace({samples.code(SampleField::kCorpus, row), subject, clip}, next).first->second);
  }
  return person_N;
}

ReadSources read_sources(const WeakLabelInput& input, const WeakLabelConfig& config) {
  ReadSources out;
  SourceReader reader(input, out);
  for (const auto& [name, source] : config.sources) {
    try {
      std::visit([&, &source_name = name](const auto& one) { reader.read(source_name, one); }, source);
    } catch (const Error& error) {
      throw error.in("data.supervision." + input.task.task + ".weak.sources." + name);
    }
  }
  return out;
}

}  // namespace limbic::weak
