#include "augment/wave.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "import/pipeline.h"
#include "limbic/core/error.h"
#include "limbic/media/audio.h"

namespace limbic::data {
namespace {

constexpr double kMaxFolderHours = 2.0;  ///< of sound in memory: 460 MB at 16 kHz

float peak_of(const std::vector<float>& x) {
  float peak = 0;
  for (const float v : x) peak = std::max(peak, std::abs(v));
  return peak;
}

std::vector<float> samples_of(const affect::Stream& wave) {
  const at::Tensor values = wave.values.contiguous();
  const auto size = static_cast<size_t>(values.numel());
  std::vector<float> x(size);
  if (values.scalar_type() == at::kShort) {
    const auto* from = values.data_ptr<int16_t>();
    for (size_t i = 0; i < size; ++i) x[i] = static_cast<float>(from[i]) / 32768.0f;
  } else {
    std::copy_n(values.data_ptr<float>(), size, x.begin());
  }
  return x;
}

std::vector<std::vector<float>> read_folder(const std::string& folder, const std::string& where,
                                            double rate_hz) {
  std::vector<std::vector<float>> sounds;
  if (folder.empty()) return sounds;
  media::AudioOptions options;
  options.sample_rate = static_cast<int>(rate_hz);
  double hours = 0;
  for (const auto& file : list_files(folder)) {
    if (file_kind(file) != FileKind::kAudio) continue;
    try {
      auto sound = media::read_audio(folder + "/" + file, options);
      hours += static_cast<double>(sound.samples.size()) / rate_hz / 3600;
      if (!sound.samples.empty()) sounds.push_back(std::move(sound.samples));
    } catch (const Error& e) {
      throw e.in(where);
    }
    require(hours <= kMaxFolderHours, ErrorCode::kResource,
            fmt::format("{}: {} holds more than {} h of sound, which are kept in memory; use fewer files",
                        where, folder, kMaxFolderHours));
  }
  require(!sounds.empty(), ErrorCode::kData,
          where + ": " + folder + ": no sound files; expected wav, flac, mp3, ogg or m4a");
  return sounds;
}

/// Impulse responses begin with their loudest sample, which counts as the direct sound: a clip is neither
/// late nor louder.
void align_room(std::vector<float>& room) {
  const float peak = peak_of(room);
  if (peak <= 0) return;
  const auto at = std::find_if(room.begin(), room.end(), [&](float v) { return std::abs(v) == peak; });
  room.erase(room.begin(), at);
  const float direct = room.front();
  for (auto& v : room) v /= direct;
}

at::Tensor bools_at_speed(const at::Tensor& valid_S, int64_t num_out, double speed) {
  at::Tensor out = at::empty({num_out}, at::kBool);
  const at::Tensor from = valid_S.contiguous();
  const auto size = from.numel();
  for (int64_t n = 0; n < num_out; ++n) {
    const auto place = static_cast<int64_t>(std::lround(static_cast<double>(n) * speed));
    out.data_ptr<bool>()[n] = from.data_ptr<bool>()[std::min(place, size - 1)];
  }
  return out;
}

template <class T>
void move_by(T* x, int64_t size, int64_t shift, T fill) {
  shift = std::clamp(shift, -size, size);
  if (shift > 0) {
    std::move_backward(x, x + size - shift, x + size);
    std::fill(x, x + shift, fill);
  } else if (shift < 0) {
    std::move(x - shift, x + size, x);
    std::fill(x + size + shift, x + size, fill);
  }
}

}  // namespace

void WaveAugment::validate(config::Checks& checks) const {
  checks.expect(rt60_min_s <= rt60_max_s, "rt60_min_s", "must not be above rt60_max_s");
  checks.expect(snr_min_db <= snr_max_db, "snr_min_db", "must not be above snr_max_db");
  checks.expect(band_min_hz <= band_max_hz, "band_min_hz", "must not be above band_max_hz");
  checks.expect(clip_min <= clip_max, "clip_min", "must not be above clip_max");
}

WaveChanger::WaveChanger(const WaveAugment& config, const std::string& where, double rate_hz,
                         RawSource others)
    : config_(config), rate_hz_(rate_hz), others_(std::move(others)) {
  config::ThrowingChecks checks(where);
  config.validate(checks);
  noises_ = read_folder(config.noise_folder, where + ".noise_folder", rate_hz);
  rooms_ = read_folder(config.rir_folder, where + ".rir_folder", rate_hz);
  for (auto& room : rooms_) align_room(room);
}

/// A stretch of a sound of the folder or of another sample, over and over when it is too short.
void WaveChanger::add_background(Sound& x, double snr_db, core::Rng& rng) const {
  Sound other;
  if (!noises_.empty()) {
    other = noises_[static_cast<size_t>(rng.below(static_cast<int64_t>(noises_.size())))];
  } else if (others_.candidates != nullptr && !others_.candidates->empty()) {
    const auto& candidates = *others_.candidates;
    const auto wave =
        others_.read(candidates[static_cast<size_t>(rng.below(static_cast<int64_t>(candidates.size())))]);
    if (wave.values.defined()) other = samples_of(wave);
  }
  if (other.empty()) return;
  Sound added(x.size());
  const auto size = static_cast<int64_t>(other.size());
  int64_t at = rng.below(std::max<int64_t>(
      1, size > static_cast<int64_t>(x.size()) ? size - static_cast<int64_t>(x.size()) + 1 : size));
  for (auto& v : added) {
    v = other[static_cast<size_t>(at)];
    if (++at == size) at = 0;
  }
  add_at_snr(x, added, snr_db);
}

affect::Stream WaveChanger::change(const affect::Stream& wave, core::Rng& rng) const {
  const WaveAugment& c = config_;
  // Every draw is made whatever the config, and what needs many has a generator of its own: switching one
  // change off leaves the others as they were.
  const double speed = 1 + rng.uniform(-1, 1) * c.speed;
  const double shift_s = rng.uniform(-1, 1) * c.shift_s;
  const bool has_room = rng.chance(c.reverb);
  const double rt60_s = rng.uniform(c.rt60_min_s, c.rt60_max_s);
  const bool has_noise = rng.chance(c.noise);
  const double noise_snr_db = rng.uniform(c.snr_min_db, c.snr_max_db);
  const bool has_background = rng.chance(c.background);
  const double background_snr_db = rng.uniform(c.snr_min_db, c.snr_max_db);
  const bool is_limited = rng.chance(c.band_limit);
  const double cutoff_hz = std::exp(rng.uniform(std::log(c.band_min_hz), std::log(c.band_max_hz)));
  const bool is_telephone = rng.chance(c.telephone);
  const bool is_clipped = rng.chance(c.clip);
  const double clip_level = rng.uniform(c.clip_min, c.clip_max);
  const double gain_db = rng.uniform(-1, 1) * c.gain_db;
  core::Rng room_rng(rng.next());
  core::Rng noise_rng(rng.next());
  core::Rng background_rng(rng.next());

  const bool is_wave = wave.values.defined() &&
                       (wave.values.dim() == 1 || (wave.values.dim() == 2 && wave.values.size(1) == 1)) &&
                       (wave.values.scalar_type() == at::kShort || wave.values.scalar_type() == at::kFloat);
  require(is_wave, ErrorCode::kConfig,
          "augment." + wave.modality + ": `wave` wants a waveform (S,) int16 or float32");
  Sound x = samples_of(wave);
  affect::Stream out = wave;
  if (x.empty()) return out;
  if (speed != 1) {
    x = at_speed(x, speed);
    if (wave.valid_T.defined())
      out.valid_T = bools_at_speed(wave.valid_T, static_cast<int64_t>(x.size()), speed);
  }
  const auto size = static_cast<int64_t>(x.size());
  if (const auto shift = static_cast<int64_t>(std::lround(shift_s * rate_hz_)); shift != 0) {
    move_by(x.data(), size, shift, 0.0f);
    if (out.valid_T.defined()) {
      // The silence that comes in is as real as any other.
      out.valid_T = out.valid_T.clone(at::MemoryFormat::Contiguous);
      move_by(out.valid_T.data_ptr<bool>(), size, shift, true);
    }
  }
  if (has_room) {
    const auto num_rooms = static_cast<int64_t>(rooms_.size());
    x = convolve(x, num_rooms > 0 ? rooms_[static_cast<size_t>(room_rng.below(num_rooms))]
                                  : synthetic_room(rt60_s, c.direct_db, rate_hz_, room_rng));
  }
  if (has_noise) add_at_snr(x, noise_of(c.noise_colour, x.size(), noise_rng), noise_snr_db);
  if (has_background) add_background(x, background_snr_db, background_rng);
  if (is_limited && cutoff_hz < rate_hz_ / 2) x = band_passed(x, 0, cutoff_hz, rate_hz_);
  if (is_telephone) {
    x = band_passed(x, 300, 3400, rate_hz_);
    for (auto& v : x) v = mu_law_8bit(v);
  }
  if (is_clipped) {
    const float level = static_cast<float>(clip_level) * peak_of(x);
    for (auto& v : x) v = std::clamp(v, -level, level);
  }
  const auto gain = static_cast<float>(std::pow(10.0, gain_db / 20));
  out.values = at::empty({size}, at::kFloat);
  std::transform(x.begin(), x.end(), out.values.data_ptr<float>(), [gain](float v) { return v * gain; });
  return out;
}

}  // namespace limbic::data
