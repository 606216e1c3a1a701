#include "loader/feature_source.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <chrono>

#include "limbic/core/error.h"
#include "limbic/core/rng.h"
#include "limbic/core/suggest.h"

namespace limbic::data {
namespace {

constexpr uint64_t kRawStageKey = 0x524157ULL;

/// Adds the seconds of its life to a sum.
class StageTimer {
 public:
  explicit StageTimer(double& seconds) : seconds_(seconds), start_(std::chrono::steady_clock::now()) {}
  ~StageTimer() {
    seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  StageTimer(const StageTimer&) = delete;
  StageTimer& operator=(const StageTimer&) = delete;

 private:
  double& seconds_;
  std::chrono::steady_clock::time_point start_;
};

/// Frames that a feature makes of a raw stream, at most (trimming makes fewer).
int64_t frames_made(const features::ModalityFeature& feature, int64_t raw_frames) {
  if (const auto* mel = std::get_if<features::LogMelFeature>(&feature))
    return raw_frames / std::max<int64_t>(1, mel->mel.hop_samples) + 1;
  if (const auto* wave = std::get_if<features::WaveformFeature>(&feature))
    return raw_frames / std::max<int64_t>(1, wave->frame_samples);
  return std::holds_alternative<features::VoiceFunctionalsFeature>(feature) ? 1 : raw_frames;
}

/// A name in max_frames or augment that is no modality would be a wish that is silently ignored.
void check_name(const LoaderInput& input, const std::string& name, const std::string& where) {
  if (input.features.count(name) != 0) return;
  std::vector<std::string> known;
  for (const auto& entry : input.features) known.push_back(entry.first);
  throw Error(ErrorCode::kConfig, fmt::format("{}: no such modality; features has {}{}", where,
                                              core::join(known), core::did_you_mean(name, known)));
}

void check_names(const LoaderInput& input, const LoaderConfig& config) {
  for (const auto& entry : config.max_frames)
    check_name(input, entry.first, "loader.max_frames." + entry.first);
  for (const auto& entry : input.augment) check_name(input, entry.first, "augment." + entry.first);
  if (!config.length_by.empty()) check_name(input, config.length_by, "loader.length_by: " + config.length_by);
}

void check_frame_shape(const LoaderModality& modality, const affect::Stream& stream) {
  const auto shape = stream.values.sizes();
  if (shape.size() != modality.frame_shape.size() + 1 ||
      !std::equal(modality.frame_shape.begin(), modality.frame_shape.end(), shape.begin() + 1)) {
    throw Error(ErrorCode::kData, fmt::format("{}: frames of shape [{}]; expected [{}]", modality.name,
                                              fmt::join(shape.begin() + 1, shape.end(), ", "),
                                              fmt::join(modality.frame_shape, ", ")));
  }
}

}  // namespace

std::string raw_stream_for(const std::string& modality, const features::ModalityFeature& feature,
                           const DatasetInfo& info) {
  if (info.modalities.count(modality) != 0) return modality;
  if (features::takes_waveform(feature)) return stream_name::kAudioWave;
  if (std::holds_alternative<features::FaceCropFeature>(feature)) return stream_name::kFace;
  if (features::takes_text(feature)) return stream_name::kText;
  return modality;
}

uint64_t name_key(std::string_view name) {
  uint64_t hash = 0xCBF29CE484222325ULL;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  return hash;
}

FeatureSource::FeatureSource(const LoaderInput& input, const LoaderConfig& config)
    : input_(input), config_(config), extractor_(input.features) {
  check_names(input, config);
  const SampleTable& samples = input.store->samples();
  for (const auto& [name, feature] : input.features) {
    LoaderModality modality;
    modality.name = name;
    modality.key = name_key(name);
    modality.raw = raw_stream_for(name, feature, input.store->info());
    modality.is_image = std::holds_alternative<features::FaceCropFeature>(feature);
    modality.frame_shape = extractor_.frame_shape(name);
    const auto raw = input.store->info().modalities.find(modality.raw);
    if (modality.frame_shape.empty() && raw != input.store->info().modalities.end()) {
      modality.frame_shape = raw->second.frame_shape;
    }
    if (modality.frame_shape.empty()) {
      throw Error(ErrorCode::kData, input.store->path() + ": no stream '" + modality.raw +
                                        "' for modality '" + name + "'; its width is unknown");
    }
    if (const auto at = config.max_frames.find(name); at != config.max_frames.end())
      modality.max_frames = at->second;
    if (input.is_training) modality.augment = {make_augmenter(input.augment, name, "augment.")};
    modality.num_frames.assign(static_cast<size_t>(input.store->size()), -1);
    for (const int64_t i : input.indices) {
      if (!samples.has_stream(modality.raw, i)) continue;
      const int64_t frames = frames_made(feature, samples.stream(modality.raw, i).num_frames);
      modality.num_frames[static_cast<size_t>(i)] =
          static_cast<int32_t>(std::min<int64_t>(frames, INT32_MAX));
    }
    if (name == config.length_by) length_modality_ = static_cast<int64_t>(modalities_.size());
    modalities_.push_back(std::move(modality));
  }
}

std::shared_ptr<const Augmenter> FeatureSource::make_augmenter(const AugmentConfig& config,
                                                               const std::string& modality,
                                                               const std::string& where) const {
  const auto found = config.find(modality);
  if (found == config.end()) return nullptr;
  const auto& feature = input_.features.at(modality);
  RawSource others;
  others.candidates = &input_.indices;
  others.read = [this, raw = raw_stream_for(modality, feature, input_.store->info())](int64_t row) {
    return input_.store->samples().has_stream(raw, row) ? input_.store->read_stream(row, raw)
                                                        : affect::Stream{};
  };
  return std::make_shared<const Augmenter>(found->second, where + modality,
                                           features::waveform_rate_hz(feature), others);
}

void FeatureSource::set_views(const std::vector<AugmentConfig>& views) {
  for (auto& modality : modalities_) modality.augment.resize(1);
  for (size_t v = 0; v < views.size(); ++v) {
    const auto where = "views." + std::to_string(v) + ".";
    for (const auto& entry : views[v]) check_name(input_, entry.first, where + entry.first);
    for (auto& modality : modalities_)
      modality.augment.push_back(make_augmenter(views[v], modality.name, where));
  }
}

int32_t FeatureSource::length_of(int64_t sample_idx) const {
  int64_t longest = 1;
  for (size_t m = 0; m < modalities_.size(); ++m) {
    if (length_modality_ >= 0 && length_modality_ != static_cast<int64_t>(m)) continue;
    int64_t frames = modalities_[m].num_frames[static_cast<size_t>(sample_idx)];
    const bool is_cut = input_.is_training || config_.eval_crop == EvalCrop::kCentre;
    if (is_cut && modalities_[m].max_frames > 0) frames = std::min(frames, modalities_[m].max_frames);
    longest = std::max(longest, frames);
  }
  return static_cast<int32_t>(longest);
}

affect::Stream FeatureSource::read(int64_t sample_idx, const LoaderModality& modality) const {
  if (config_.verify) {
    const uint32_t expected = input_.store->samples().stream(modality.raw, sample_idx).crc32;
    const uint32_t found = input_.store->checksum(sample_idx, modality.raw);
    require(found == expected, ErrorCode::kData,
            fmt::format("{}: the bytes of '{}' have checksum {:08x}; the manifest says {:08x}: the shard is "
                        "damaged, import the corpus again",
                        input_.store->path(), modality.raw, found, expected));
  }
  return input_.store->read_stream(sample_idx, modality.raw);
}

affect::Stream FeatureSource::extract(int64_t sample_idx, const LoaderModality& modality,
                                      const affect::Stream& raw) {
  affect::Stream stream = extractor_.extract(modality.name, raw, subject_scale_of(sample_idx, modality));
  stream.modality = modality.name;
  check_frame_shape(modality, stream);
  stream.values = stream.values.contiguous();
  stream.valid_T = stream.valid_T.contiguous();
  return stream;
}

SampleRow FeatureSource::features(int64_t sample_idx, size_t m, LoaderProfile& profile) {
  const LoaderModality& modality = modalities_[m];
  SampleRow row;
  const bool is_known = has(sample_idx, m);
  // features_of() may be asked for a sample of another part.
  if (!is_known && !input_.store->samples().has_stream(modality.raw, sample_idx)) return row;
  const int64_t key = key_of(sample_idx, m);
  {
    const std::lock_guard<std::mutex> lock(cache_mutex_);
    const auto at = cache_.find(key);
    if (at != cache_.end()) {
      row.cached = &at->second;
      ++profile.num_cached;
      return row;
    }
  }
  affect::Stream raw;
  {
    const StageTimer timer(profile.read_s);
    raw = read(sample_idx, modality);
    ++profile.num_read;
  }
  const StageTimer timer(profile.features_s);
  ++profile.num_computed;
  row.own = extract(sample_idx, modality, raw);
  // What still lies in the mapped file needs no second copy, and what training changes before it computes
  // features is not asked for again.
  if (row.own.values.is_alias_of(raw.values)) return row;
  const bool is_asked_once =
      !modality.augment.empty() &&
      std::all_of(modality.augment.begin(), modality.augment.end(),
                  [](const auto& augment) { return augment != nullptr && augment->changes_raw(); });
  if (is_asked_once) return row;
  const auto num_bytes = static_cast<int64_t>(row.own.values.nbytes() + row.own.valid_T.nbytes());
  const std::lock_guard<std::mutex> lock(cache_mutex_);
  if (cache_bytes_ + num_bytes > config_.cache_mib * (int64_t{1} << 20)) return row;
  const auto [at, is_new] = cache_.emplace(key, row.own);
  if (is_new) cache_bytes_ += num_bytes;
  row.cached = &at->second;
  return row;
}

SampleRow FeatureSource::prepare(int64_t sample_idx, const Draw& draw, size_t m, LoaderProfile& profile) {
  const LoaderModality& modality = modalities_[m];
  if (!has(sample_idx, m)) return {};
  const Augmenter* augment =
      draw.view < modality.augment.size() ? modality.augment[draw.view].get() : nullptr;
  // One generator a sample, epoch, repetition and view: whoever prepares it draws the same.
  const auto rng_of = [&](uint64_t stage) {
    return core::Rng(
        input_.seed ^ modality.key ^ stage ^ (draw.view * 0xD1B54A32D192ED03ULL),
        static_cast<uint64_t>(draw.epoch),
        name_key(input_.store->samples().id(sample_idx)) + draw.occurrence * 0x9E3779B97F4A7C15ULL);
  };
  SampleRow row;
  if (augment != nullptr && augment->changes_raw()) {
    // The features of a changed raw stream are of this epoch alone: no cache.
    affect::Stream raw;
    {
      const StageTimer timer(profile.read_s);
      raw = read(sample_idx, modality);
      ++profile.num_read;
    }
    {
      const StageTimer timer(profile.augment_s);
      core::Rng rng = rng_of(kRawStageKey);
      raw.modality = modality.name;
      raw = augment->before_features(raw, rng);
      ++profile.num_augmented;
    }
    const StageTimer timer(profile.features_s);
    row.own = extract(sample_idx, modality, raw);
    ++profile.num_computed;
  } else {
    row = features(sample_idx, m, profile);
  }
  const affect::Stream& stream = row.stream();
  const int64_t num_frames = stream.values.size(0);
  if (num_frames == 0) return {};
  if (input_.is_training) {
    const StageTimer timer(profile.augment_s);
    if (augment != nullptr) {
      core::Rng rng = rng_of(0);
      row.own = augment->after_features(stream, rng, modality.max_frames);
      row.cached = nullptr;
      if (!augment->changes_raw()) ++profile.num_augmented;
    } else if (modality.max_frames > 0 && num_frames > modality.max_frames) {
      core::Rng rng = rng_of(0);
      row.own = random_crop(stream, modality.max_frames, rng);
      row.cached = nullptr;
    }
    return row;
  }
  if (config_.eval_crop == EvalCrop::kCentre && modality.max_frames > 0 && num_frames > modality.max_frames) {
    row.own = slice_frames(stream, (num_frames - modality.max_frames) / 2, modality.max_frames);
    row.cached = nullptr;
  }
  return row;
}

void FeatureSource::read_ahead(int64_t sample_idx, size_t m) const {
  constexpr size_t kPageBytes = 4096;
  constexpr size_t kLeastBytes = 4 * kPageBytes;
  if (!has(sample_idx, m)) return;
  {
    const std::lock_guard<std::mutex> lock(cache_mutex_);
    if (cache_.count(key_of(sample_idx, m)) != 0) return;
  }
  at::Tensor values;
  try {
    values = input_.store->read(sample_idx, modalities_[m].raw);
  } catch (const Error&) {
    return;  // whoever uses it will say so
  }
  if (values.nbytes() < kLeastBytes) return;
  const auto begin = reinterpret_cast<uintptr_t>(values.data_ptr()) / kPageBytes * kPageBytes;
  const auto end = reinterpret_cast<uintptr_t>(values.data_ptr()) + values.nbytes();
  madvise(reinterpret_cast<void*>(begin), end - begin, MADV_WILLNEED);  // a hint: its failure is none
}

int64_t FeatureSource::cache_bytes() const {
  const std::lock_guard<std::mutex> lock(cache_mutex_);
  return cache_bytes_;
}

/// Whose statistics a sample is scaled by: a sample without a subject is its own.
std::string FeatureSource::scaled_as(int64_t sample_idx) const {
  const auto& samples = input_.store->samples();
  return std::string(samples.subject(sample_idx).empty() ? samples.id(sample_idx)
                                                         : samples.subject(sample_idx));
}

/// Statistics over everything the store has of the sample's subject, whichever part it lies in: labels are
/// not looked at. Computed once, when it is first needed.
const features::SubjectScale* FeatureSource::subject_scale_of(int64_t sample_idx,
                                                              const LoaderModality& modality) {
  if (!extractor_.wants_subject_scale(modality.name)) return nullptr;
  const std::lock_guard<std::mutex> lock(subject_mutex_);
  if (samples_of_subject_.empty()) {
    for (int64_t i = 0; i < input_.store->size(); ++i) samples_of_subject_[scaled_as(i)].push_back(i);
  }
  const std::string subject = scaled_as(sample_idx);
  const std::pair<std::string, std::string> key{modality.name, subject};
  auto at = subject_scales_.find(key);
  if (at == subject_scales_.end()) {
    std::vector<affect::Stream> streams;
    for (const int64_t i : samples_of_subject_.at(subject)) {
      if (input_.store->samples().has_stream(modality.raw, i)) {
        streams.push_back(input_.store->read_stream(i, modality.raw));
      }
    }
    at = subject_scales_.emplace(key, features::subject_scale(streams)).first;
  }
  return &at->second;
}

}  // namespace limbic::data
