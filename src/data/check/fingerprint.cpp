#include <ATen/core/Tensor.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "check/near_duplicates.h"
#include "check/picture.h"
#include "check/text_shape.h"
#include "limbic/core/hash.h"
#include "limbic/features/feature_extractor.h"

namespace limbic::data {
namespace {

constexpr int64_t kPicturesPerClip = 4;
constexpr double kLeastContrast = 4.0;  ///< standard deviation of 255; below, the hash is of noise
constexpr int64_t kNumBands = 25;
constexpr int64_t kStepFrames = 8;    ///< how far apart in time the compared frames are
constexpr float kQuiet = 5.7564627f;  ///< below the loudest frame by so much (25 dB) words are noise
constexpr size_t kLeastWords = 4;
constexpr int64_t kLeastValues = 4;
constexpr const char* kMel = "mel";

features::FeatureConfig mel_config() {
  features::LogMelFeature mel;
  // At 16 kHz: long windows, so that a clip cut some ms elsewhere gives nearly the same frames.
  mel.mel.window_samples = 4096;
  mel.mel.hop_samples = 256;
  mel.mel.fft_samples = 4096;
  mel.mel.num_mels = kNumBands;
  mel.mel.low_hz = 300;
  mel.mel.high_hz = 3400;
  mel.mel.preemphasis = 0;
  return {{kMel, mel}};
}

/// Signs of the horizontal steps of a 9 x 8 picture; 0 when there is nothing to see.
uint64_t difference_hash(const affect::Stream& stream, int64_t frame) {
  const auto grey = grey_picture(stream.values, frame, 9, 8);
  if (contrast_of(grey) < kLeastContrast) return 0;
  uint64_t hash = 0;
  for (size_t y = 0; y < 8; ++y)
    for (size_t x = 0; x < 8; ++x) hash = hash << 1 | (grey[y * 9 + x] < grey[y * 9 + x + 1] ? 1 : 0);
  return hash;
}

void add_pictures(const affect::Stream& stream, Fingerprint& print) {
  const at::Tensor valid = stream.valid_T.contiguous();
  std::vector<int64_t> real;
  for (int64_t t = 0; t < valid.numel(); ++t)
    if (valid.data_ptr<bool>()[t]) real.push_back(t);
  const auto count = static_cast<int64_t>(real.size());
  for (int64_t i = 0; i < std::min(count, kPicturesPerClip); ++i) {
    const int64_t frame =
        real[static_cast<size_t>(count <= kPicturesPerClip ? i : i * (count - 1) / (kPicturesPerClip - 1))];
    const uint64_t hash = difference_hash(stream, frame);
    if (hash == 0) continue;
    print.pictures.push_back(hash);
    print.frames.push_back(frame);
  }
}

void add_sound(const features::FeatureExtractor& extractor, const affect::Stream& stream,
               Fingerprint& print) {
  // The words of two clips are compared frame by frame, so only one rate is looked at: that of all stores.
  if (stream.rate_hz != 16000) return;
  const at::Tensor mel = extractor.extract(kMel, stream).values.contiguous();
  const auto* energy = mel.data_ptr<float>();
  const int64_t num_frames = mel.size(0);
  std::vector<float> loudest(static_cast<size_t>(num_frames));
  float most = -std::numeric_limits<float>::infinity();
  for (int64_t t = 0; t < num_frames; ++t) {
    const auto* frame = energy + t * kNumBands;
    loudest[static_cast<size_t>(t)] = *std::max_element(frame, frame + kNumBands);
    most = std::max(most, loudest[static_cast<size_t>(t)]);
  }
  for (int64_t t = kStepFrames; t < num_frames; ++t) {
    uint32_t word = 0;
    const auto step = [&](int64_t at, int64_t m) {
      return energy[at * kNumBands + m] - energy[at * kNumBands + m + 1];
    };
    for (int64_t m = 0; m < kNumBands - 1; ++m)
      word = word << 1 | (step(t, m) > step(t - kStepFrames, m) ? 1 : 0);
    const bool is_loud = loudest[static_cast<size_t>(t)] > most - kQuiet &&
                         loudest[static_cast<size_t>(t - kStepFrames)] > most - kQuiet;
    print.sound.push_back(is_loud ? word : kQuietWord);
  }
}

void add_text(const affect::Stream& stream, Fingerprint& print) {
  const at::Tensor values = stream.values.contiguous();
  const auto text = normalised_text({static_cast<const char*>(values.data_ptr()), values.nbytes()});
  if (static_cast<size_t>(std::count(text.begin(), text.end(), ' ')) + 1 < kLeastWords) return;
  print.grids.push_back(hash_of_bytes(text.data(), text.size()));
  print.minhashes = minhashes_of(text);
}

void add_series(const affect::Stream& stream, Fingerprint& print) {
  const at::Tensor values = stream.values.contiguous();
  const int64_t num_columns = values.size(1);
  if (values.numel() < kLeastValues) return;
  const auto* data = values.data_ptr<float>();
  std::vector<float> largest(static_cast<size_t>(num_columns), 0.0f);
  for (int64_t i = 0; i < values.numel(); ++i) {
    auto& most = largest[static_cast<size_t>(i % num_columns)];
    if (std::isfinite(data[i])) most = std::max(most, std::abs(data[i]));
  }
  for (const double shift : {0.0, 0.5}) {
    std::vector<int32_t> steps;
    steps.reserve(static_cast<size_t>(values.numel()));
    for (int64_t i = 0; i < values.numel(); ++i) {
      const double most = largest[static_cast<size_t>(i % num_columns)];
      steps.push_back(!std::isfinite(data[i]) ? std::numeric_limits<int32_t>::min()
                      : most == 0             ? 0
                                  : static_cast<int32_t>(std::lround(1000 * data[i] / most + shift)));
    }
    // The scale belongs to the content: three digits of it.
    for (const float most : largest) {
      int exponent = 0;
      const double mantissa = std::frexp(static_cast<double>(most), &exponent);
      steps.push_back(static_cast<int32_t>(std::lround(1000 * mantissa + shift)));
      steps.push_back(exponent);
    }
    print.grids.push_back(hash_of_bytes(steps.data(), steps.size() * sizeof(int32_t)));
  }
}

}  // namespace

Fingerprinter::Fingerprinter() : mel_(std::make_unique<const features::FeatureExtractor>(mel_config())) {}
Fingerprinter::~Fingerprinter() = default;

Fingerprint Fingerprinter::make(const affect::Stream& stream, const RawModality& modality) const {
  Fingerprint print;
  if (modality.kind == "images") add_pictures(stream, print);
  if (modality.kind == "wave") add_sound(*mel_, stream, print);
  if (modality.kind == "text") add_text(stream, print);
  if (modality.kind == "series") add_series(stream, print);
  return print;
}

}  // namespace limbic::data
