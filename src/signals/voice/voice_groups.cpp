#include "voice_groups.h"

#include <algorithm>
#include <cstdio>
#include "dsp/constants.h"

namespace limbic::signals {
namespace {

constexpr size_t kMinVoicedFrames = 6;  ///< fewer say nothing about F0
constexpr double kNeutralF0Log2 = 7.0;  ///< mean log2 F0 of a clip without voice, 128 Hz
constexpr double kFilledF0Log2 = 7.5;   ///< in place of a missing F0 where a series must have no gaps
constexpr double kLeastSpread = 1e-3;   ///< added to deviations that divide
constexpr size_t kContourSteps = 32;
constexpr double kFramesPerSecond = 100.0;
constexpr std::array<const char*, 5> kPercentNames{"_p5", "_p25", "_p50", "_p75", "_p95"};

Series five_percentiles(const Series& values) {
  return percentiles_of(values, {5, 25, 50, 75, 95});
}

Series centred(Series values) {
  const double mean = mean_of(values);
  for (double& v : values) v -= mean;
  return values;
}

void put_moments(const std::string& name, const Series& values, FunctionalSink& sink) {
  sink.put(mean_of(values), name, "_mean");
  sink.put(deviation_of(values), name, "_std");
}

/// ln sum exp over columns [first, last) of every frame.
Series log_sum_of(const std::vector<Series>& columns, size_t first, size_t last, size_t num_frames) {
  Series out;
  for (size_t t = 0; t < num_frames; ++t) {
    double top = columns[first][t];
    for (size_t m = first; m < last; ++m) top = std::max(top, columns[m][t]);
    double sum = 0;
    for (size_t m = first; m < last; ++m) sum += std::exp(columns[m][t] - top);
    out.push_back(top + std::log(sum));
  }
  return out;
}

/// Frames of step `i` of kContourSteps over the clip, at least one.
Part contour_step(size_t num_frames, size_t i) {
  const size_t first = i * num_frames / kContourSteps;
  return {first, std::max((i + 1) * num_frames / kContourSteps, first + 1)};
}

void put_mfcc(const VoiceColumns& clip, const RealFft&, FunctionalSink& sink) {
  for (size_t k = 1; k < kNumCepstra; ++k) sink.put(mean_of(clip.cepstra[k]), "mfcc", k, "_mean");
  for (size_t k = 1; k < kNumCepstra; ++k) sink.put(deviation_of(clip.cepstra[k]), "mfcc", k, "_std");
  std::vector<Series> changes;
  for (const Series& c : clip.cepstra) changes.push_back(differences(c, 2));
  for (size_t k = 0; k < kNumCepstra; ++k) sink.put(mean_of(changes[k]), "mfcc", k, "_delta_mean");
  for (size_t k = 0; k < kNumCepstra; ++k) sink.put(deviation_of(changes[k]), "mfcc", k, "_delta_std");
}

void put_mfcc_tails(const VoiceColumns& clip, const RealFft&, FunctionalSink& sink) {
  for (size_t k = 0; k < kNumCepstra; ++k) {
    double cubes = 0;
    for (const double v : centred(clip.cepstra[k])) cubes += v * v * v;
    const double spread = deviation_of(clip.cepstra[k]);
    sink.put(cubes / static_cast<double>(clip.num_frames) / (spread * spread * spread + kLeastSpread), "mfcc",
             k, "_skewness");
  }
  std::vector<Series> tails;
  for (size_t k = 1; k < kNumCepstra; ++k) tails.push_back(percentiles_of(clip.cepstra[k], {10, 90}));
  for (size_t k = 1; k < kNumCepstra; ++k) sink.put(tails[k - 1][0], "mfcc", k, "_p10");
  for (size_t k = 1; k < kNumCepstra; ++k) sink.put(tails[k - 1][1], "mfcc", k, "_p90");
}

void put_mel_mean(const VoiceColumns& clip, const RealFft&, FunctionalSink& sink) {
  for (size_t m = 0; m < clip.mel.size(); ++m) sink.put(mean_of(clip.mel[m]), "mel", m, "_mean");
}

void put_mel_std(const VoiceColumns& clip, const RealFft&, FunctionalSink& sink) {
  for (size_t m = 0; m < clip.mel.size(); ++m) sink.put(deviation_of(clip.mel[m]), "mel", m, "_std");
}

void put_level(const VoiceColumns& clip, const RealFft&, FunctionalSink& sink) {
  sink.put(maximum_of(clip.energy), "energy_max");
  sink.put(mean_of(clip.energy), "energy_mean");
  const Series p = five_percentiles(clip.energy);
  for (size_t i = 0; i < p.size(); ++i) sink.put(p[i], "energy", kPercentNames[i]);
}

void put_energy(const VoiceColumns& clip, const RealFft&, FunctionalSink& sink) {
  sink.put(deviation_of(clip.energy), "energy_std");
  sink.put(std::log(static_cast<double>(clip.num_frames)), "duration_log");
  const double mean = mean_of(clip.energy);
  const Series p = five_percentiles(clip.energy);
  for (size_t i = 0; i < p.size(); ++i) sink.put(p[i] - mean, "energy", kPercentNames[i], "_relative");
  put_moments("energy_change", magnitudes(differences(clip.energy, 1)), sink);
}

Series voiced_f0(const VoiceColumns& clip) {
  return clip.num_voiced >= kMinVoicedFrames ? masked(clip.f0, clip.voiced)
                                             : Series(kMinVoicedFrames, kNeutralF0Log2);
}

void put_f0(const VoiceColumns& clip, const RealFft&, FunctionalSink& sink) {
  const Series f0 = voiced_f0(clip);
  sink.put(mean_of(f0), "f0_log2_mean");
  const Series p = five_percentiles(f0);
  for (size_t i = 0; i < p.size(); ++i) sink.put(p[i], "f0_log2", kPercentNames[i]);
}

void put_f0_relative(const VoiceColumns& clip, const RealFft&, FunctionalSink& sink) {
  const Series f0 = voiced_f0(clip);
  const double mean = mean_of(f0);
  const size_t num_frames = clip.num_frames;
  Series place;  // of each voiced frame, -0.5 at the beginning of the clip, 0.5 at its end
  std::array<Series, 4> quarters;
  Series steps;
  if (clip.num_voiced >= kMinVoicedFrames) {
    for (size_t t = 0; t < num_frames; ++t) {
      if (!clip.voiced[t]) continue;
      place.push_back(static_cast<double>(t) / static_cast<double>(num_frames) - 0.5);
      quarters[4 * t / num_frames].push_back(clip.f0[t]);
    }
  }
  constexpr size_t kMinFramesForSteps = 9;
  if (clip.num_voiced >= kMinFramesForSteps) {
    for (size_t t = 1; t < num_frames; ++t) {
      if (clip.voiced[t] && clip.voiced[t - 1]) steps.push_back(clip.f0[t] - clip.f0[t - 1]);
    }
  }
  if (steps.size() < 2) steps.clear();
  sink.put(deviation_of(f0), "f0_log2_std");
  const Series p = five_percentiles(f0);
  for (size_t i = 0; i < p.size(); ++i) sink.put(p[i] - mean, "f0_log2", kPercentNames[i], "_relative");
  const Parabola parabola = fit_parabola(place, f0);
  sink.put(parabola.curvature, "f0_log2_curvature");
  sink.put(parabola.slope, "f0_log2_slope");
  sink.put(mean_of(magnitudes(steps)), "f0_log2_step_magnitude");
  sink.put(deviation_of(steps), "f0_log2_step_std");
  sink.put(mean_of(steps), "f0_log2_step_mean");
  const Series tails = percentiles_of(steps, {5, 95});
  sink.put(tails[0], "f0_log2_step_p5");
  sink.put(tails[1], "f0_log2_step_p95");
  for (size_t i = 0; i < quarters.size(); ++i)
    sink.put(quarters[i].empty() ? 0.0 : mean_of(quarters[i]) - mean, "f0_log2_quarter", i, "_relative");
}

void put_voicing(const VoiceColumns& clip, const RealFft&, FunctionalSink& sink) {
  const auto num_frames = static_cast<double>(clip.num_frames);
  Series runs;
  double run = 0;
  for (size_t t = 0; t <= clip.num_frames; ++t) {
    if (t < clip.num_frames && clip.voiced[t]) {
      run += 1;
    } else if (run > 0) {
      runs.push_back(run);
      run = 0;
    }
  }
  if (runs.empty()) runs.push_back(1);
  const Series voiced_strength = masked(clip.strength, clip.voiced);
  sink.put(static_cast<double>(clip.num_voiced) / num_frames, "voiced_fraction");
  sink.put(std::log(mean_of(runs)), "voiced_run_mean_log");
  sink.put(std::log(maximum_of(runs)), "voiced_run_max_log");
  sink.put(static_cast<double>(runs.size()) / num_frames * kFramesPerSecond, "voiced_runs_per_s");
  sink.put(mean_of(voiced_strength), "strength_voiced_mean");
  put_moments("strength", clip.strength, sink);
  put_moments("zero_crossing", clip.crossing, sink);
  sink.put(deviation_of(voiced_strength), "strength_voiced_std");
}

void put_voiced_spectrum(const VoiceColumns& clip, const RealFft&, FunctionalSink& sink) {
  const bool has_voice = clip.num_voiced >= kMinVoicedFrames;
  for (size_t k = 1; k < kNumCepstra; ++k) {
    const double mean = has_voice ? mean_of(masked(clip.cepstra[k], clip.voiced)) : mean_of(clip.cepstra[k]);
    sink.put(mean, "voiced_spectrum", k);
  }
}

void put_tilt(const VoiceColumns& clip, const RealFft&, FunctionalSink& sink) {
  const size_t split = 3 * clip.mel.size() / 10;
  Series tilt = log_sum_of(clip.mel, 0, split, clip.num_frames);
  const Series high = log_sum_of(clip.mel, split, clip.mel.size(), clip.num_frames);
  for (size_t t = 0; t < tilt.size(); ++t) tilt[t] -= high[t];
  put_moments("tilt", tilt, sink);
  const Series p = five_percentiles(tilt);
  for (size_t i = 0; i < p.size(); ++i) sink.put(p[i], "tilt", kPercentNames[i]);
  put_moments("tilt_voiced", masked(tilt, clip.voiced), sink);
}

void put_modulation(const VoiceColumns& clip, const RealFft& fft, FunctionalSink& sink) {
  constexpr size_t kNumBands = 5;
  constexpr size_t kNumEnvelopes = kNumBands + 1;
  constexpr std::array<size_t, 8> kEdges{1, 5, 10, 16, 26, 41, 62, 103};  // bins of 100 / 512 Hz
  std::array<Series, kNumEnvelopes> envelopes;
  for (size_t band = 0; band < kNumBands; ++band) {
    const Part mels = part_of(clip.mel.size(), kNumBands, band);
    Series sum(clip.num_frames, 0.0);
    for (size_t m = mels.first; m < mels.last; ++m) {
      for (size_t t = 0; t < sum.size(); ++t) sum[t] += clip.mel[m][t];
    }
    for (double& v : sum) v /= static_cast<double>(mels.last - mels.first);
    envelopes[band] = centred(std::move(sum));
  }
  envelopes[kNumBands] = centred(clip.energy);
  // Power of blocks of kModulationFrames, summed: a clip of 5 s or less is one block.
  const auto block = static_cast<size_t>(fft.length());
  std::array<Series, kNumEnvelopes> power;
  power.fill(Series(static_cast<size_t>(fft.num_bins()), 0.0));
  std::vector<Lanes> signal(block);
  std::vector<Lanes> scratch(block);
  std::vector<Lanes> bins(static_cast<size_t>(fft.num_bins()));
  for (size_t first = 0; first < clip.num_frames; first += block) {
    const size_t used = std::min(block, clip.num_frames - first);
    for (size_t e0 = 0; e0 < kNumEnvelopes; e0 += kLanes) {
      const size_t num_lanes = std::min(kLanes, kNumEnvelopes - e0);
      std::fill(signal.begin(), signal.end(), Lanes{});
      for (size_t lane = 0; lane < num_lanes; ++lane) {
        for (size_t t = 0; t < used; ++t) {
          set_lane(signal[t], static_cast<int64_t>(lane), envelopes[e0 + lane][first + t]);
        }
      }
      fft.power_spectrum(signal.data(), scratch.data(), bins.data());
      for (size_t lane = 0; lane < num_lanes; ++lane) {
        for (size_t k = 0; k < bins.size(); ++k) {
          power[e0 + lane][k] += lane_of(bins[k], static_cast<int64_t>(lane));
        }
      }
    }
  }
  for (size_t i = 0; i + 1 < kEdges.size(); ++i) {
    std::array<char, 32> range{};
    const double bin_hz = kFramesPerSecond / static_cast<double>(block);
    std::snprintf(range.data(), range.size(), "%.1f-%.1fhz", bin_hz * static_cast<double>(kEdges[i]),
                  bin_hz * static_cast<double>(kEdges[i + 1]));
    const std::string prefix = std::string("modulation_") + range.data();
    for (size_t e = 0; e < kNumEnvelopes; ++e) {
      const double mean = mean_of(slice_of(power[e], kEdges[i], kEdges[i + 1]));
      const double value = std::log(mean / static_cast<double>(clip.num_frames) + 1e-3);
      if (e < kNumBands) {
        sink.put(value, prefix, "_band", e);
      } else {
        sink.put(value, prefix, "_energy");
      }
    }
  }
}

void put_energy_shape(const VoiceColumns& clip, const RealFft&, FunctionalSink& sink) {
  constexpr size_t kFifths = 5;
  const double mean = mean_of(clip.energy);
  std::vector<Series> parts;
  for (size_t i = 0; i < kFifths; ++i) {
    const Part part = part_of(clip.num_frames, kFifths, i);
    parts.push_back(slice_of(clip.energy, part.first, part.last));
  }
  for (size_t i = 0; i < kFifths; ++i)
    sink.put(parts[i].empty() ? 0.0 : mean_of(parts[i]) - mean, "energy_fifth", i, "_relative");
  for (size_t i = 0; i < kFifths; ++i) sink.put(deviation_of(parts[i]), "energy_fifth", i, "_std");
}

void put_quarters(const VoiceColumns& clip, size_t first_cepstrum, size_t last_cepstrum,
                  FunctionalSink& sink) {
  for (size_t i = 0; i < 4; ++i) {
    const Part part = part_of(clip.num_frames, 4, i);
    for (size_t k = first_cepstrum; k < last_cepstrum; ++k) {
      const Series values = slice_of(clip.cepstra[k], part.first, part.last);
      const double value = values.empty() ? 0.0 : mean_of(values) - mean_of(clip.cepstra[k]);
      sink.put(value, "mfcc", k, "_quarter", i, "_relative");
    }
  }
}
void put_mfcc_shape(const VoiceColumns& clip, const RealFft&, FunctionalSink& sink) {
  put_quarters(clip, 0, 6, sink);
}
void put_mfcc_shape_high(const VoiceColumns& clip, const RealFft&, FunctionalSink& sink) {
  put_quarters(clip, 6, 13, sink);
}

void put_mfcc_spread(const VoiceColumns& clip, const RealFft&, FunctionalSink& sink) {
  for (size_t i = 0; i < 4; ++i) {
    const Part part = part_of(clip.num_frames, 4, i);
    for (size_t k = 0; k < 8; ++k)
      sink.put(deviation_of(slice_of(clip.cepstra[k], part.first, part.last)), "mfcc", k, "_quarter", i,
               "_std");
  }
}

void put_mfcc_voiced(const VoiceColumns& clip, const RealFft&, FunctionalSink& sink) {
  for (size_t k = 1; k < 13; ++k)
    sink.put(mean_of(masked(clip.cepstra[k], clip.core)), "mfcc", k, "_voiced_mean");
  for (size_t k = 0; k < 13; ++k)
    sink.put(deviation_of(masked(clip.cepstra[k], clip.core)), "mfcc", k, "_voiced_std");
}

void put_segments(const VoiceColumns& clip, const RealFft&, FunctionalSink& sink) {
  constexpr size_t kSixths = 6;
  const std::vector<bool> all(clip.num_frames, true);
  const auto put = [&](const char* name, const Series& values, const std::vector<bool>& mask) {
    const double mean = mean_of(masked(values, mask));
    for (size_t i = 0; i < kSixths; ++i) {
      const Series part =
          masked(values, mask, i * clip.num_frames / kSixths, (i + 1) * clip.num_frames / kSixths);
      sink.put(part.size() > 1 ? mean_of(part) - mean : 0.0, name, "_sixth", i, "_relative");
    }
  };
  put("f0_log2", clip.f0_filled, clip.voiced);
  put("voiced", Series(clip.core.begin(), clip.core.end()), all);
  put("strength", clip.strength, all);
  put("zero_crossing", clip.crossing, all);
}

void put_mfcc_trend(const VoiceColumns& clip, const RealFft&, FunctionalSink& sink) {
  struct Trend {
    const char* name;
    size_t num_cepstra;
    double (*weight)(double);  ///< of time in [-1, 1]: Legendre polynomials up to a factor
  };
  constexpr std::array<Trend, 3> kTrends{{{"_linear", 13, [](double t) { return t; }},
                                          {"_quadratic", 13, [](double t) { return t * t - 1.0 / 3.0; }},
                                          {"_cubic", 8, [](double t) { return t * t * t - 0.6 * t; }}}};
  for (const Trend& trend : kTrends) {
    Series weights;
    for (size_t t = 0; t < clip.num_frames; ++t) {
      const double place = clip.num_frames == 1 ? -1.0
                                                : -1.0 + 2.0 * static_cast<double>(t) /
                                                             static_cast<double>(clip.num_frames - 1);
      weights.push_back(trend.weight(place));
    }
    for (size_t k = 0; k < trend.num_cepstra; ++k) {
      Series products = centred(clip.cepstra[k]);
      for (size_t t = 0; t < products.size(); ++t) products[t] *= weights[t];
      sink.put(mean_of(products), "mfcc", k, trend.name);
    }
  }
}

void put_correlation(const VoiceColumns& clip, const RealFft&, FunctionalSink& sink) {
  std::vector<Series> columns;
  std::vector<std::string> names;
  const auto add = [&](std::string name, const Series& values) {
    columns.push_back(centred(masked(values, clip.core)));
    names.push_back(std::move(name));
  };
  for (size_t k = 0; k < 8; ++k) add("mfcc" + std::to_string(k), clip.cepstra[k]);
  add("f0_log2", clip.f0_filled);
  add("strength", clip.strength);
  add("zero_crossing", clip.crossing);
  std::vector<double> spread;
  for (const Series& column : columns) spread.push_back(deviation_of(column) + kLeastSpread);
  for (size_t i = 0; i < columns.size(); ++i) {
    for (size_t j = i + 1; j < columns.size(); ++j) {
      double sum = 0;
      for (size_t t = 0; t < columns[i].size(); ++t) sum += columns[i][t] * columns[j][t];
      sink.put(sum / static_cast<double>(columns[i].size()) / (spread[i] * spread[j]), "correlation_",
               names[i], "_", names[j]);
    }
  }
}

/// `energy` under a Hann window of 15 frames; nothing lies beyond the ends.
Series smoothed(const Series& energy) {
  constexpr size_t kWidth = 15;
  constexpr size_t kRadius = kWidth / 2;
  std::array<double, kWidth> window{};
  double total = 0;
  for (size_t i = 0; i < kWidth; ++i) {
    window[i] = 0.5 - 0.5 * std::cos(2.0 * kPi * static_cast<double>(i) / static_cast<double>(kWidth - 1));
    total += window[i];
  }
  Series out(energy.size(), 0.0);
  for (size_t t = 0; t < energy.size(); ++t) {
    for (size_t i = 0; i < kWidth; ++i) {
      if (t + i >= kRadius && t + i - kRadius < energy.size())
        out[t] += window[i] / total * energy[t + i - kRadius];
    }
  }
  return out;
}

void put_perturbation(const VoiceColumns& clip, const RealFft&, FunctionalSink& sink) {
  const auto put_bends = [&](const char* name, const Series& values) {
    const Series bends = magnitudes(second_differences(values));
    Series kept;
    for (size_t t = 0; t < bends.size(); ++t) {
      if (clip.core[t] && clip.core[t + 1] && clip.core[t + 2]) kept.push_back(bends[t]);
    }
    const bool is_enough = kept.size() > 2;
    constexpr double kLeast = 1e-3;
    sink.put(is_enough ? std::log(mean_of(kept) + kLeast) : 0.0, name, "_mean_log");
    sink.put(is_enough ? std::log(percentiles_of(kept, {75})[0] + kLeast) : 0.0, name, "_p75_log");
  };
  put_bends("f0_perturbation", clip.f0);
  put_bends("energy_perturbation", clip.energy);

  constexpr double kPeakRange = 6.0;
  const auto num_frames = static_cast<double>(clip.num_frames);
  const Series smooth = smoothed(clip.energy);
  const auto top = std::max_element(smooth.begin(), smooth.end());
  Series heights;
  Series places;
  for (size_t t = 1; t + 1 < smooth.size(); ++t) {
    if (smooth[t] > smooth[t - 1] && smooth[t] >= smooth[t + 1] && smooth[t] > *top - kPeakRange) {
      heights.push_back(smooth[t]);
      places.push_back(static_cast<double>(t - 1) / num_frames);
    }
  }
  sink.put(static_cast<double>(heights.size()) / num_frames * kFramesPerSecond, "energy_peaks_per_s");
  sink.put(heights.size() > 1 ? deviation_of(heights) : 0.0, "energy_peak_std");
  sink.put(places.empty() ? 0.5 : places.front(), "energy_first_peak_place");
  sink.put(places.empty() ? 0.5 : places.back(), "energy_last_peak_place");
  sink.put(static_cast<double>(top - smooth.begin()) / num_frames, "energy_top_place");
}

void put_flux(const VoiceColumns& clip, const RealFft&, FunctionalSink& sink) {
  Series flux(clip.num_frames - 1, 0.0);
  for (const Series& mel : clip.mel) {
    for (size_t t = 0; t < flux.size(); ++t) flux[t] += (mel[t + 1] - mel[t]) * (mel[t + 1] - mel[t]);
  }
  for (double& v : flux) v = std::sqrt(v / static_cast<double>(clip.mel.size()));
  put_moments("flux", flux, sink);
  const Series p = five_percentiles(flux);
  for (size_t i = 0; i < p.size(); ++i) sink.put(p[i], "flux", kPercentNames[i]);
}

void put_mfcc_contour(const VoiceColumns& clip, const RealFft&, FunctionalSink& sink) {
  constexpr size_t kNumUsed = 8;
  std::vector<Series> contours;
  for (size_t k = 0; k < kNumUsed; ++k) {
    Series contour;
    for (size_t i = 0; i < kContourSteps; ++i) {
      const Part step = contour_step(clip.num_frames, i);
      contour.push_back(mean_of(slice_of(clip.cepstra[k], step.first, step.last)));
    }
    contours.push_back(std::move(contour));
  }
  for (size_t wave = 1; wave <= 12; ++wave) {
    for (size_t k = 0; k < kNumUsed; ++k)
      sink.put(cosine_coefficient(contours[k], wave), "mfcc", k, "_contour", wave);
  }
}

void put_f0_contour(const VoiceColumns& clip, const RealFft&, FunctionalSink& sink) {
  Series contour(kContourSteps, kFilledF0Log2);
  std::vector<size_t> known;
  for (size_t i = 0; i < kContourSteps; ++i) {
    const Part step = contour_step(clip.num_frames, i);
    const Series values = masked(clip.f0_filled, clip.core, step.first, step.last);
    if (values.empty()) continue;
    contour[i] = mean_of(values);
    known.push_back(i);
  }
  // Straight lines across gaps, level beyond the first and the last known step.
  for (size_t i = 0; i < kContourSteps && !known.empty(); ++i) {
    const auto after = std::lower_bound(known.begin(), known.end(), i);
    if (after == known.end()) {
      contour[i] = contour[known.back()];
    } else if (after == known.begin()) {
      contour[i] = contour[known.front()];
    } else if (*after != i) {
      const size_t left = *(after - 1);
      const double fraction = static_cast<double>(i - left) / static_cast<double>(*after - left);
      contour[i] = contour[left] + fraction * (contour[*after] - contour[left]);
    }
  }
  for (size_t wave = 1; wave <= 8; ++wave)
    sink.put(cosine_coefficient(contour, wave), "f0_log2_contour", wave);
}

}  // namespace

VoiceColumns::VoiceColumns(const VoiceTrack& track, size_t num_mels, const std::vector<Series>& cosines)
    : num_frames(static_cast<size_t>(track.num_frames)),
      mel(num_mels, Series(num_frames)),
      cepstra(kNumCepstra, Series(num_frames)),
      f0(track.f0_log2),
      strength(track.strength),
      energy(track.log_energy),
      crossing(track.zero_crossing) {
  Series row(num_mels);
  for (size_t t = 0; t < num_frames; ++t) {
    for (size_t m = 0; m < num_mels; ++m) {
      row[m] = static_cast<double>(track.log_mel_TF[t * num_mels + m]);
      mel[m][t] = row[m];
    }
    for (size_t k = 0; k < kNumCepstra; ++k) {
      double sum = 0;
      for (size_t m = 0; m < num_mels; ++m) sum += cosines[k][m] * row[m];
      cepstra[k][t] = sum;
    }
  }
  for (const double value : f0) {
    voiced.push_back(value > 0);
    f0_filled.push_back(value > 0 ? value : kFilledF0Log2);
    num_voiced += value > 0 ? 1 : 0;
  }
  core = voiced;
  if (num_voiced < kMinVoicedFrames) {
    const double median = percentiles_of(energy, {50})[0];
    bool is_any = false;
    for (size_t t = 0; t < num_frames; ++t) {
      core[t] = energy[t] > median;
      is_any = is_any || core[t];
    }
    if (!is_any) core.assign(num_frames, true);
  }
}

const std::array<FunctionalGroup, kNumFunctionalGroups>& functional_groups() {
  static constexpr std::array<FunctionalGroup, kNumFunctionalGroups> kGroups{{
      {"mfcc", put_mfcc},
      {"mfcc_tails", put_mfcc_tails},
      {"mel_mean", put_mel_mean},
      {"mel_std", put_mel_std},
      {"level", put_level},
      {"energy", put_energy},
      {"f0", put_f0},
      {"f0_relative", put_f0_relative},
      {"voicing", put_voicing},
      {"voiced_spectrum", put_voiced_spectrum},
      {"tilt", put_tilt},
      {"modulation", put_modulation},
      {"energy_shape", put_energy_shape},
      {"mfcc_shape", put_mfcc_shape},
      {"mfcc_shape_high", put_mfcc_shape_high},
      {"mfcc_spread", put_mfcc_spread},
      {"mfcc_voiced", put_mfcc_voiced},
      {"segments", put_segments},
      {"mfcc_trend", put_mfcc_trend},
      {"correlation", put_correlation},
      {"perturbation", put_perturbation},
      {"flux", put_flux},
      {"mfcc_contour", put_mfcc_contour},
      {"f0_contour", put_f0_contour},
  }};
  return kGroups;
}

}  // namespace limbic::signals
