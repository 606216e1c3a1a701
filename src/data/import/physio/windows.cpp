#include "import/physio/windows.h"

#include <fmt/format.h>

#include <algorithm>

namespace limbic::data {

std::vector<std::pair<double, double>> windows_of_length(double length_s, const ImportOptions& options) {
  constexpr double kMissingShare = 0.1;
  std::vector<std::pair<double, double>> windows;
  for (int64_t i = 0;; ++i) {
    const double start_s = static_cast<double>(i) * options.step_s;
    const double end_s = std::min(length_s, start_s + options.window_s);
    if (end_s - start_s < (1 - kMissingShare) * options.window_s - 1e-9) break;
    windows.emplace_back(start_s, end_s);
  }
  if (windows.empty() && length_s > 0) windows.emplace_back(0.0, length_s);
  return windows;
}

std::vector<RawSample> cut_into_windows(const RawSample& whole, const ImportOptions& options) {
  std::vector<RawSample> samples;
  for (const auto& [start_s, end_s] : windows_of_length(whole.sample.duration.seconds(), options)) {
    const auto start = whole.sample.t0 + core::Timestamp::from_seconds(start_s);
    const auto end = whole.sample.t0 + core::Timestamp::from_seconds(end_s);
    RawSample part;
    part.sample = whole.sample;
    part.sample.id = fmt::format("{}_{:04}", whole.sample.id, samples.size());
    part.sample.t0 = start;
    part.sample.duration = end - start;
    for (const auto& [name, stream] : whole.streams) {
      RawStream cut = cut_stream(stream, start, end);
      if (cut.values.size(0) > 0) part.streams[name] = std::move(cut);
    }
    samples.push_back(std::move(part));
  }
  return samples;
}

void note_windows(const ImportOptions& options, DatasetInfo& info) {
  info.options["window_s"] = fmt::format("{}", options.window_s);
  info.options["step_s"] = fmt::format("{}", options.step_s);
}

}  // namespace limbic::data
