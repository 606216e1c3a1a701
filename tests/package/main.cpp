#include <limbic/core/build_info.h>
#include <limbic/media/audio.h>
#include <limbic/signals/audio/log_mel.h>

#include <cmath>
#include <cstdio>

int main() {
  limbic::media::AudioBuffer tone{{}, 16000, std::vector<float>(16000)};
  for (size_t i = 0; i < tone.samples.size(); ++i)
    tone.samples[i] = 0.5f * std::sin(0.1f * static_cast<float>(i));
  const limbic::signals::LogMel log_mel({});
  std::vector<float> frames_TF;
  log_mel.compute(tone.samples.data(), 16000, frames_TF);
  std::printf("limbic %s: %lld frames\n", limbic::core::version().c_str(),
              static_cast<long long>(log_mel.num_frames(16000)));
  return frames_TF.empty() ? 1 : 0;
}
