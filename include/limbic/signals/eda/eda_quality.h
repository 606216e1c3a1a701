#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/signals/table.h"
#include "limbic/signals/time_series.h"

namespace limbic::signals {

/// What is wrong with a sample of skin conductance; a sample can have several.
enum class EdaFlaw : uint8_t {
  kAbsent = 1,        ///< NaN or infinite
  kDisconnected = 2,  ///< no skin between the electrodes: conductance near 0
  kOutOfRange = 4,    ///< negative or above what skin conducts
  kFlat = 8,          ///< the very same value for too long
  kClipped = 16,      ///< held at the rail
  kJump = 32,         ///< changes faster than sweat glands and skin can
  kMotion = 64,       ///< the sensor's accelerometer moves
};
constexpr auto enum_names(EdaFlaw) {
  return std::array{std::pair{EdaFlaw::kAbsent, "missing"},
                    std::pair{EdaFlaw::kDisconnected, "disconnected"},
                    std::pair{EdaFlaw::kOutOfRange, "out_of_range"},
                    std::pair{EdaFlaw::kFlat, "flat"},
                    std::pair{EdaFlaw::kClipped, "clipped"},
                    std::pair{EdaFlaw::kJump, "jump"},
                    std::pair{EdaFlaw::kMotion, "motion"}};
}
constexpr size_t kNumEdaFlaws = 7;

/// Rules in physical units, in the spirit of Kleckner et al. (2018), with limits low enough for dry wrist
/// electrodes, whose level is often 0.1 to 0.5 microsiemens.
struct EdaQualityConfig {
  double disconnected_microsiemens = 0.02;
  double max_microsiemens = 60.0;
  double flat_s = 5.0;
  double flat_range_microsiemens = 0.0;
  double rail_microsiemens = 0.0;
  double clipped_s = 1.0;
  double max_slope_per_s = 10.0;
  double max_rise_share_per_s = 6.0;
  double max_fall_share_per_s = 1.0;
  double min_jump_microsiemens = 0.03;
  double slope_window_s = 0.5;
  double pad_s = 0.5;
  double motion_g = 0.15;
  bool motion_is_bad = false;

  template <class Visitor>
  void visit(Visitor& v) {
    v("disconnected_microsiemens", disconnected_microsiemens,
      "at or below: disconnected (below 0: out of range)");
    v("max_microsiemens", max_microsiemens, "above: out of range");
    v("flat_s", flat_s, "the same value for at least so long is flat");
    v("flat_range_microsiemens", flat_range_microsiemens, "what counts as the same value: 0 = exactly");
    v("rail_microsiemens", rail_microsiemens,
      "values from here on are the converter's upper end; 0 = the recording's maximum if it is held");
    v("clipped_s", clipped_s, "at the rail for at least so long (and three samples) is clipped");
    v("max_slope_per_s", max_slope_per_s, "microsiemens a second, up or down");
    v("max_rise_share_per_s", max_rise_share_per_s, "of the level a second");
    v("max_fall_share_per_s", max_fall_share_per_s,
      "of the level a second: skin dries slowly (1 = to a third in a second)");
    v("min_jump_microsiemens", min_jump_microsiemens, "smaller changes within slope_window_s are no jumps");
    v("slope_window_s", slope_window_s, "slopes are taken over so long (at least one sample)");
    v("pad_s", pad_s, "seconds before and after a jump or a disconnection that are flagged with it");
    v("motion_g", motion_g, "deviation of the acceleration's magnitude within a second, g");
    v("motion_is_bad", motion_is_bad, "motion alone makes a sample bad; else it is only marked");
  }
  void validate(config::Checks& checks) const;
};

/// Acceleration in g, three axes of one rate, length and clock (the EDA's).
struct Acceleration {
  TimeSeries x, y, z;
};

struct EdaQuality {
  std::vector<uint8_t> flaws;                     ///< N, bits of EdaFlaw
  std::vector<bool> good;                         ///< N, no flaw that counts
  double good_share = 0;                          ///< of all samples; NaN without samples
  std::array<double, kNumEdaFlaws> flaw_share{};  ///< in the order of enum_names
  /// Stretches of one flaw each, label = its name, value: mean conductance. By onset.
  EventTable stretches;

  bool has(size_t sample, EdaFlaw flaw) const { return (flaws[sample] & static_cast<uint8_t>(flaw)) != 0; }
};

/// @param eda           microsiemens, NaN = missing
/// @param acceleration  null without an accelerometer
/// @throws Error(kConfig), Error(kData) for series without a rate or axes that do not fit together
EdaQuality eda_quality(const TimeSeries& eda, const EdaQualityConfig& config = {},
                       const Acceleration* acceleration = nullptr);

}  // namespace limbic::signals
