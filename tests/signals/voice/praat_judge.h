#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "support/paths.h"

namespace limbic::signals {

/// What Praat says about a recording: numbers by name, and frames (time, value) by name; NaN = undefined.
struct PraatOpinion {
  std::map<std::string, double> numbers;
  std::map<std::string, std::vector<std::pair<double, double>>> frames;
};

inline const char* praat_script() {
  return R"(form voice
  sentence file x
  sentence out x
  real floor 75
  real ceiling 600
endform
Read from file: file$
sound = selected ("Sound")
procedure pitch: .name$
  .n = Get number of frames
  .mean = Get mean: 0, 0, "hertz"
  appendFileLine: out$, .name$, "_mean ", .mean
  for .i to .n
    .t = Get time from frame number: .i
    .f = Get value in frame: .i, "hertz"
    appendFileLine: out$, .name$, " ", .t, " ", .f
  endfor
endproc
procedure values: .name$
  .n = Get number of frames
  for .i to .n
    .t = Get time from frame number: .i
    .f = Get value in frame: .i
    appendFileLine: out$, .name$, " ", .t, " ", .f
  endfor
endproc
To Pitch (ac): 0, floor, 15, "no", 0.03, 0.45, 0.01, 0.35, 0.14, ceiling
@pitch: "ac"
selectObject: sound
To Pitch (cc): 0, floor, 15, "no", 0.03, 0.45, 0.01, 0.35, 0.14, ceiling
@pitch: "cc"
selectObject: sound
points = To PointProcess (periodic, cc): floor, ceiling
.n = Get number of points
for .i to .n
  .t = Get time from index: .i
  appendFileLine: out$, "pulse ", .t, " 0"
endfor
.v = Get jitter (local): 0, 0, 0.0001, 0.02, 1.3
appendFileLine: out$, "jitter_local_praat ", .v
.v = Get jitter (local, absolute): 0, 0, 0.0001, 0.02, 1.3
appendFileLine: out$, "jitter_local_abs_s_praat ", .v
.v = Get jitter (rap): 0, 0, 0.0001, 0.02, 1.3
appendFileLine: out$, "jitter_rap_praat ", .v
.v = Get jitter (ppq5): 0, 0, 0.0001, 0.02, 1.3
appendFileLine: out$, "jitter_ppq5_praat ", .v
.v = Get jitter (ddp): 0, 0, 0.0001, 0.02, 1.3
appendFileLine: out$, "jitter_ddp_praat ", .v
selectObject: sound, points
.v = Get shimmer (local): 0, 0, 0.0001, 0.02, 1.3, 1.6
appendFileLine: out$, "shimmer_local_praat ", .v
.v = Get shimmer (local_dB): 0, 0, 0.0001, 0.02, 1.3, 1.6
appendFileLine: out$, "shimmer_local_db_praat ", .v
.v = Get shimmer (apq3): 0, 0, 0.0001, 0.02, 1.3, 1.6
appendFileLine: out$, "shimmer_apq3_praat ", .v
.v = Get shimmer (apq5): 0, 0, 0.0001, 0.02, 1.3, 1.6
appendFileLine: out$, "shimmer_apq5_praat ", .v
.v = Get shimmer (apq11): 0, 0, 0.0001, 0.02, 1.3, 1.6
appendFileLine: out$, "shimmer_apq11_praat ", .v
.v = Get shimmer (dda): 0, 0, 0.0001, 0.02, 1.3, 1.6
appendFileLine: out$, "shimmer_dda_praat ", .v
selectObject: sound
To Harmonicity (ac): 0.01, floor, 0.1, 4.5
.v = Get mean: 0, 0
appendFileLine: out$, "hnr_db_praat_ac ", .v
@values: "hnr_ac"
selectObject: sound
To Harmonicity (cc): 0.01, floor, 0.1, 1
.v = Get mean: 0, 0
appendFileLine: out$, "hnr_db_praat_cc ", .v
@values: "hnr_cc"
selectObject: sound
To Intensity: floor, 0, "yes"
@values: "intensity"
selectObject: sound
To Formant (burg): 0, 5, 5500, 0.025, 50
for .k to 3
  .v = Get mean: .k, 0, 0, "hertz"
  appendFileLine: out$, "f", .k, "_mean_hz_burg ", .v
endfor
.n = Get number of frames
for .i to .n
  .t = Get time from frame number: .i
  .f = Get value at time: 1, .t, "hertz", "linear"
  appendFileLine: out$, "f1 ", .t, " ", .f
  .f = Get value at time: 3, .t, "hertz", "linear"
  appendFileLine: out$, "f3 ", .t, " ", .f
  .f = Get bandwidth at time: 1, .t, "hertz", "linear"
  appendFileLine: out$, "bandwidth1 ", .t, " ", .f
endfor
)";
}

/// 32-bit float WAV: Praat reads what limbic sees.
inline void write_wav(const std::string& path, const std::vector<float>& samples, int64_t rate_hz) {
  const auto bytes = static_cast<uint32_t>(samples.size() * sizeof(float));
  const auto rate = static_cast<uint32_t>(rate_hz);
  std::string header = "RIFF....WAVEfmt ....................data....";
  const auto put = [&header](size_t at, uint32_t value, size_t size) {
    for (size_t i = 0; i < size; ++i) header[at + i] = static_cast<char>((value >> (8 * i)) & 0xFFu);
  };
  put(4, 36 + bytes, 4);
  put(16, 16, 4);
  put(20, 3, 2);  // float
  put(22, 1, 2);
  put(24, rate, 4);
  put(28, rate * 4, 4);
  put(32, 4, 2);
  put(34, 32, 2);
  put(40, bytes, 4);
  std::ofstream out(path, std::ios::binary);
  out.write(header.data(), static_cast<std::streamsize>(header.size()));
  out.write(reinterpret_cast<const char*>(samples.data()), bytes);
}

inline bool has_praat() {
  return std::system("command -v praat > /dev/null 2>&1") == 0;
}

/// Praat's own measures; nothing when it refuses the recording (its reason is printed).
inline std::optional<PraatOpinion> praat_says(const std::vector<float>& samples, int64_t rate_hz,
                                              double floor_hz = 75, double ceiling_hz = 600) {
  const test::TempDir dir;
  write_wav(dir / "x.wav", samples, rate_hz);
  std::ofstream(dir / "judge.praat") << praat_script();
  const std::string command = "praat --run " + (dir / "judge.praat") + " " + (dir / "x.wav") + " " +
                              (dir / "out") + " " + std::to_string(floor_hz) + " " +
                              std::to_string(ceiling_hz);
  if (std::system(command.c_str()) != 0) return std::nullopt;
  PraatOpinion opinion;
  std::ifstream out(dir / "out");
  std::string line;
  const auto number = [](const std::string& text) {
    return text.rfind("--", 0) == 0 ? std::numeric_limits<double>::quiet_NaN() : std::stod(text);
  };
  while (std::getline(out, line)) {
    std::istringstream words(line);
    std::string name;
    std::string first;
    std::string second;
    words >> name >> first >> second;
    if (second.empty()) {
      opinion.numbers[name] = number(first);
    } else {
      opinion.frames[name].emplace_back(number(first), number(second));
    }
  }
  return opinion;
}

/// A file as mono float at a rate, by the program ffmpeg; empty when it fails.
/// @param filter  of ffmpeg's -af, "anull" for none
inline std::vector<float> decoded(const std::string& path, int64_t rate_hz,
                                  const std::string& filter = "anull") {
  const test::TempDir dir;
  const std::string command = "ffmpeg -v error -i '" + path + "' -ac 1 -ar " + std::to_string(rate_hz) +
                              " -af " + filter + " -f f32le '" + (dir / "x") + "' </dev/null";
  if (std::system(command.c_str()) != 0) return {};
  std::vector<float> samples(std::filesystem::file_size(dir / "x") / sizeof(float));
  std::ifstream(dir / "x", std::ios::binary)
      .read(reinterpret_cast<char*>(samples.data()),
            static_cast<std::streamsize>(samples.size() * sizeof(float)));
  return samples;
}

}  // namespace limbic::signals
