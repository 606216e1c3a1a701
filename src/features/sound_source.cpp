#include "sound_source.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "limbic/core/error.h"
#include "limbic/core/interrupt.h"
#include "limbic/media/audio.h"

namespace limbic::features {
namespace {

media::AudioOptions sound_options(int64_t rate_hz) {
  media::AudioOptions options;
  options.sample_rate = static_cast<int>(rate_hz);
  return options;
}

}  // namespace

SoundSource::SoundSource(std::string path, int64_t rate_hz) : path_(std::move(path)) {
  media::AudioReader reader(path_, sound_options(rate_hz));
  media::AudioBuffer chunk;
  while (reader.next(chunk)) {
    if (num_samples_ == 0) {
      rate_hz_ = chunk.sample_rate;
      t0_s_ = chunk.t0.seconds();
    }
    num_samples_ += static_cast<int64_t>(chunk.samples.size());
  }
  require(num_samples_ > 0, ErrorCode::kData, path_ + ": its sound has no samples");
}

signals::Interval SoundSource::extent() const {
  return {t0_s_, time_of(num_samples_)};
}

void SoundSource::for_each_piece(const std::function<void(const float*, int64_t)>& take) const {
  media::AudioReader reader(path_, sound_options(rate_hz_));
  media::AudioBuffer chunk;
  while (reader.next(chunk)) {
    core::throw_if_stopped();
    take(chunk.samples.data(), static_cast<int64_t>(chunk.samples.size()));
  }
}

void SoundSource::for_each_window(
    const std::vector<signals::Interval>& windows,
    const std::function<void(const signals::Interval&, const float*, int64_t)>& take) const {
  // Half a millionth of a sample, as signals::slice: a border that is a sample's time belongs to that sample.
  constexpr double kSlack = 5e-7;
  const auto index_of = [&](double time_s) {
    const double place = std::ceil((time_s - t0_s_) * static_cast<double>(rate_hz_) - kSlack);
    return static_cast<int64_t>(std::clamp(place, 0.0, static_cast<double>(num_samples_)));
  };
  std::vector<float> buffer;  // samples [first, first + size) of the sound
  int64_t first = 0;
  size_t next = 0;
  const auto forget_before = [&](int64_t sample) {
    const int64_t num_old = std::clamp(sample - first, int64_t{0}, static_cast<int64_t>(buffer.size()));
    buffer.erase(buffer.begin(), buffer.begin() + num_old);
    first += num_old;
  };
  const auto serve = [&](bool is_end) {
    for (; next < windows.size(); ++next) {
      const int64_t begin = index_of(windows[next].start_s);
      const int64_t end = std::max(begin, index_of(windows[next].end_s));
      forget_before(begin);
      if (end > first + static_cast<int64_t>(buffer.size()) && !is_end) return;
      take(windows[next], buffer.data() + (begin - first), end - begin);
    }
  };
  for_each_piece([&](const float* samples, int64_t count) {
    if (next == windows.size()) return;
    buffer.insert(buffer.end(), samples, samples + count);
    serve(false);
  });
  serve(true);
}

}  // namespace limbic::features
