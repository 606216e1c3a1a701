#include "limbic/signals/eda/eda_analysis.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "limbic/core/error.h"
#include "limbic/signals/dsp/filter.h"

namespace limbic::signals {
namespace {

const EdaConfig& checked_eda(const EdaConfig& config) {
  config::ThrowingChecks checks("eda");
  config.validate(checks);
  return config;
}

/// Makes missing what is missing in `like`.
void blank(std::vector<double>& values, const std::vector<double>& like) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(like[i])) values[i] = kMissing;
  }
}

}  // namespace

void EdaConfig::validate(config::Checks& checks) const {
  checks.expect(bridge_s >= 0 && std::isfinite(bridge_s), "bridge_s",
                "must not be negative, got " + std::to_string(bridge_s));
}

EdaAnalysis::EdaAnalysis(const EdaConfig& config, const TimeSeries& eda, const Acceleration* acceleration)
    : config_(checked_eda(config)), raw_(eda), quality_(eda_quality(eda, config.quality, acceleration)) {
  config::ThrowingChecks feature_checks("eda.features");
  config.features.validate(feature_checks);
  // Held values are no measurement, but no shock to a filter either: they only vanish from what comes out.
  const auto is_held = [&](size_t i) { return quality_.flaws[i] == static_cast<uint8_t>(EdaFlaw::kFlat); };
  std::vector<double> usable = eda.values;
  std::vector<double> shown = eda.values;
  for (size_t i = 0; i < usable.size(); ++i) {
    const bool is_bad = config.exclude_bad && !quality_.good[i];
    if (!std::isfinite(usable[i]) || is_bad) shown[i] = kMissing;
    if (!std::isfinite(usable[i]) || (is_bad && !is_held(i))) usable[i] = kMissing;
  }
  // Short gaps are bridged between two present neighbours, so that filters do not start anew at each.
  const auto bridge = static_cast<int64_t>(config.bridge_s * eda.rate_hz);
  std::vector<double> bridged = bridge > 0 ? fill_gaps(usable, bridge) : usable;
  EdaCleaned clean = clean_eda(bridged, eda.rate_hz, config.cleaner);
  if (!clean.note.empty()) notes_.push_back(clean.note);
  EdaComponents components = decompose_eda(clean.values, eda.rate_hz, config.decompose);

  // The absolute rule measures the noise itself, so it gets what no low-pass has seen.
  const bool is_absolute = config.scr.rule == ScrRule::kAbsolute;
  scr_ = find_scr(is_absolute ? bridged : components.phasic, eda.rate_hz, config.scr);
  // A response that stands on bridged samples at its onset or peak is made up.
  const auto is_made_up = [&](const Scr& r) {
    return std::isnan(usable[static_cast<size_t>(r.onset)]) ||
           std::isnan(usable[static_cast<size_t>(r.peak)]);
  };
  scr_.responses.erase(std::remove_if(scr_.responses.begin(), scr_.responses.end(), is_made_up),
                       scr_.responses.end());

  blank(clean.values, shown);
  blank(components.tonic, shown);
  blank(components.phasic, shown);
  signals_.conductance = {eda.rate_hz, eda.t0_s, std::move(clean.values)};
  signals_.tonic = {eda.rate_hz, eda.t0_s, std::move(components.tonic)};
  signals_.phasic = {eda.rate_hz, eda.t0_s, std::move(components.phasic)};
  signals_.good = quality_.good;
  for (const Scr& r : scr_.responses) {
    signals_.responses.push_back({eda.time_of(r.onset), eda.time_of(r.peak), r.amplitude, r.height, r.rise_s,
                                  r.recovery_s, r.recovery63_s, r.overlapped});
  }
}

std::vector<Column> EdaAnalysis::frame_columns() {
  std::vector<Column> columns = {
      {"eda_raw", "microsiemens", "as it came"},
      {"eda_clean", "microsiemens", "low-passed"},
      {"eda_tonic", "microsiemens", "tonic part"},
      {"eda_phasic", "microsiemens", "phasic part"},
      {"scr_onset", "1", "1 where a response begins"},
      {"scr_peak", "1", "1 where a response is highest"},
      {"scr_height", "microsiemens", "conductance (relative rules: phasic part) at the peak"},
      {"scr_amplitude", "microsiemens", "rise from onset to peak"},
      {"scr_rise_time", "s", "onset to peak"},
      {"scr_recovery", "1", "1 where a response has lost half its amplitude"},
      {"scr_recovery_time", "s", "peak to recovery, at the recovery"},
      {"eda_good", "1", "1 where no flaw counts"},
  };
  for (const auto& [flaw, name] : enum_names(EdaFlaw{})) {
    columns.push_back({"eda_" + std::string(name), "1", "flaw of the sample"});
  }
  return columns;
}

const std::vector<std::pair<std::string, std::string>>& EdaAnalysis::neurokit_names() {
  static const std::vector<std::pair<std::string, std::string>> names = {
      {"eda_raw", "EDA_Raw"},
      {"eda_clean", "EDA_Clean"},
      {"eda_tonic", "EDA_Tonic"},
      {"eda_phasic", "EDA_Phasic"},
      {"scr_onset", "SCR_Onsets"},
      {"scr_peak", "SCR_Peaks"},
      {"scr_height", "SCR_Height"},
      {"scr_amplitude", "SCR_Amplitude"},
      {"scr_rise_time", "SCR_RiseTime"},
      {"scr_recovery", "SCR_Recovery"},
      {"scr_recovery_time", "SCR_RecoveryTime"},
  };
  return names;
}

Table EdaAnalysis::frames() const {
  Table table;
  table.columns = frame_columns();
  const size_t width = table.columns.size();
  const size_t size = raw_.values.size();
  table.start_s.resize(size);
  table.values_RC.assign(size * width, kMissing);
  constexpr size_t kFirstFlaw = 12;
  for (size_t i = 0; i < size; ++i) {
    table.start_s[i] = raw_.time_of(static_cast<int64_t>(i));
    double* row = table.values_RC.data() + i * width;
    row[0] = std::isfinite(raw_.values[i]) ? raw_.values[i] : kMissing;
    row[1] = signals_.conductance.values[i];
    row[2] = signals_.tonic.values[i];
    row[3] = signals_.phasic.values[i];
    row[4] = row[5] = row[9] = 0;
    row[11] = quality_.good[i] ? 1 : 0;
    size_t column = kFirstFlaw;
    for (const auto& named : enum_names(EdaFlaw{})) row[column++] = quality_.has(i, named.first) ? 1 : 0;
  }
  table.end_s = table.start_s;
  for (const Scr& r : scr_.responses) {
    const auto row = [&](int64_t i) { return table.values_RC.data() + static_cast<size_t>(i) * width; };
    row(r.onset)[4] = 1;
    double* peak = row(r.peak);
    peak[5] = 1;
    peak[6] = r.height;
    peak[7] = r.amplitude;
    peak[8] = r.rise_s;
    if (r.recovery < 0) continue;
    row(r.recovery)[9] = 1;
    row(r.recovery)[10] = r.recovery_s;
  }
  return table;
}

Table EdaAnalysis::intervals(const std::vector<Interval>& windows) const {
  if (windows.empty()) return eda_intervals(signals_, {{raw_.t0_s, raw_.end_s()}}, config_.features);
  return eda_intervals(signals_, windows, config_.features);
}

Table EdaAnalysis::event_related(const std::vector<double>& stimuli_s) const {
  return eda_event_related(signals_, stimuli_s, config_.features);
}

std::vector<Column> EdaAnalysis::event_columns() {
  return {
      {"amplitude", "microsiemens", "rise from onset to peak"},
      {"height", "microsiemens", "signal at the peak"},
      {"peak_time", "s", "time of the peak"},
      {"rise_time", "s", "onset to peak"},
      {"recovery_time", "s", "peak to loss of the recovery share"},
      {"recovery63_time", "s", "peak to loss of 63 %"},
      {"overlapped", "1", "1 when it begins on the flank of another"},
  };
}

EventTable EdaAnalysis::events() const {
  EventTable table;
  table.columns = event_columns();
  for (const TimedScr& r : signals_.responses) {
    const double end_s = std::isnan(r.recovery_s) ? r.peak_s : r.peak_s + r.recovery_s;
    table.events.push_back({r.onset_s,
                            end_s - r.onset_s,
                            "scr",
                            {r.amplitude, r.height, r.peak_s, r.rise_s, r.recovery_s, r.recovery63_s,
                             r.overlapped ? 1.0 : 0.0}});
  }
  return table;
}

}  // namespace limbic::signals
