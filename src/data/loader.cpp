#include "limbic/data/loader.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <mutex>
#include <new>
#include <thread>
#include <unordered_map>

#include "limbic/core/error.h"
#include "limbic/core/log.h"
#include "limbic/core/rng.h"
#include "limbic/core/suggest.h"
#include "limbic/features/feature_extractor.h"

namespace limbic::data {
namespace {

constexpr uint64_t kOrderKey = 0x4F52444552ULL;
constexpr int64_t kUnknownLabel = -1;

/// FNV-1a: one key per sample id, the same on every machine.
uint64_t id_key(const std::string& id) {
  uint64_t hash = 0xCBF29CE484222325ULL;
  for (const char c : id) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  return hash;
}

/// The raw stream that a feature reads: the store's stream of the modality's own name, else the feature's
/// usual one.
std::string raw_stream_for(const std::string& modality, const features::ModalityFeature& feature,
                           const DatasetInfo& info) {
  if (info.modalities.count(modality) != 0) return modality;
  if (features::takes_waveform(feature)) return stream_name::kAudioWave;
  if (std::holds_alternative<features::FaceCropFeature>(feature)) return stream_name::kFace;
  return modality;
}

}  // namespace

void LoaderConfig::validate(config::Checks& checks) const {
  checks.expect(batch_size >= 1 && batch_size <= 65536, "batch_size",
                fmt::format("must be in [1, 65536], got {}", batch_size));
  checks.expect(num_workers >= 0 && num_workers <= 256, "num_workers",
                fmt::format("must be in [0, 256], got {}", num_workers));
  checks.expect(prefetch_batches >= 1 && prefetch_batches <= 1024, "prefetch_batches",
                fmt::format("must be in [1, 1024], got {}", prefetch_batches));
  for (const auto& [modality, frames] : max_frames) {
    checks.expect(frames >= 1, "max_frames", fmt::format("{} must be positive, got {}", modality, frames));
  }
  checks.expect(cache_mib >= 0, "cache_mib", fmt::format("must not be negative, got {}", cache_mib));
}

// Note [Loader threads]
// An epoch is a list of entries, cut into batches. Workers take batch numbers in order, but never more than
// prefetch_batches beyond what the consumer has taken; each puts its batch, or the exception that ended it,
// into that batch's slot. The consumer takes the slots in order, so the only thing that threads decide is
// when a batch is ready. `generation` counts epochs: work of an epoch that was dropped is thrown away when it
// arrives. Everything that is shared lies under one mutex, but for the input, which is constant, and the
// feature cache, which has its own.
struct Loader::Impl {
  /// Computed features in memory, up to a budget. Values do not depend on who computes them, so neither do
  /// batches.
  class FeatureCache {
   public:
    explicit FeatureCache(int64_t max_bytes) : max_bytes_(max_bytes) {}

    bool find(int64_t key, affect::Stream& out) const {
      const std::lock_guard<std::mutex> lock(mutex_);
      const auto at = streams_.find(key);
      if (at == streams_.end()) return false;
      out = at->second;
      return true;
    }
    void insert(int64_t key, const affect::Stream& stream) {
      const auto num_bytes = static_cast<int64_t>(stream.values.nbytes() + stream.valid_T.nbytes());
      const std::lock_guard<std::mutex> lock(mutex_);
      if (num_bytes_ + num_bytes > max_bytes_) return;
      if (streams_.emplace(key, stream).second) num_bytes_ += num_bytes;
    }
    int64_t num_bytes() const {
      const std::lock_guard<std::mutex> lock(mutex_);
      return num_bytes_;
    }

   private:
    mutable std::mutex mutex_;
    std::unordered_map<int64_t, affect::Stream> streams_;
    int64_t max_bytes_;
    int64_t num_bytes_ = 0;
  };

  /// One modality of a loader: where its raw stream lies, what a frame looks like.
  struct LoaderModality {
    std::string name;
    std::string raw;  ///< name of the raw stream in the store
    features::FrameShape frame_shape;
    bool is_image = false;
    int64_t max_frames = 0;
    const AugmentVariant* augment = nullptr;
  };

  /// One place in an epoch: a sample and the number of times it came before (balanced draws repeat samples).
  struct Entry {
    int64_t sample_idx = 0;
    uint64_t occurrence = 0;
  };
  struct Slot {
    std::optional<affect::Batch> batch;
    std::exception_ptr error;
  };

  Impl(LoaderInput loader_input, LoaderConfig loader_config)
      : input(std::move(loader_input)),
        config(std::move(loader_config)),
        extractor(input.features),
        cache(config.cache_mib * (int64_t{1} << 20)) {
    require(input.store != nullptr, ErrorCode::kInternal, "Loader: no store");
    require(!input.indices.empty(), ErrorCode::kData, "Loader: no samples; the part of the split is empty");
    check_names();
    for (const auto& [name, feature] : input.features) {
      LoaderModality modality;
      modality.name = name;
      modality.raw = raw_stream_for(name, feature, input.store->info());
      modality.is_image = std::holds_alternative<features::FaceCropFeature>(feature);
      modality.frame_shape = extractor.frame_shape(name);
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
      if (const auto at = input.augment.find(name); at != input.augment.end()) modality.augment = &at->second;
      modalities.push_back(std::move(modality));
    }
    read_labels();
    num_batches = count_batches();
    for (int64_t i = 0; i < config.num_workers; ++i) workers.emplace_back([this] { work(); });
  }

  ~Impl() {
    {
      const std::lock_guard<std::mutex> lock(mutex);
      is_stopping = true;
    }
    work_to_do.notify_all();
    for (auto& worker : workers) worker.join();
  }

  /// A name in max_frames or augment that is no modality would be a wish that is silently ignored.
  void check_names() const {
    std::vector<std::string> known;
    for (const auto& entry : input.features) known.push_back(entry.first);
    const auto check = [&](const std::string& name, const char* where) {
      if (input.features.count(name) != 0) return;
      throw Error(ErrorCode::kConfig, fmt::format("{}.{}: no such modality; features has {}{}", where, name,
                                                  core::join(known), core::did_you_mean(name, known)));
    };
    for (const auto& entry : config.max_frames) check(entry.first, "loader.max_frames");
    for (const auto& entry : input.augment) check(entry.first, "augment");
  }

  void read_labels() {
    for (const auto& task : input.tasks) {
      auto& labels = labels_of_task[task.task];
      std::map<std::string, int64_t> index;
      for (size_t c = 0; c < task.classes.size(); ++c) index[task.classes[c]] = static_cast<int64_t>(c);
      int64_t num_foreign = 0;
      labels.resize(static_cast<size_t>(input.store->size()), kUnknownLabel);
      for (const int64_t i : input.indices) {
        const std::string_view label = input.store->samples().label(task.task, i);
        if (label.empty()) continue;
        const auto at = index.find(std::string(label));
        if (at == index.end()) {
          ++num_foreign;
        } else {
          labels[static_cast<size_t>(i)] = at->second;
        }
      }
      if (num_foreign > 0) {
        log::warn("labels_unknown_to_task", {{"task", task.task}, {"samples", num_foreign}, {"used", "no"}});
      }
    }
    if (input.is_training && config.sampler == Sampler::kBalanced) {
      require(!input.tasks.empty(), ErrorCode::kConfig, "loader.sampler: balanced needs a task");
      const auto& labels = labels_of_task[input.tasks.front().task];
      classes.resize(input.tasks.front().classes.size());
      for (const int64_t i : input.indices) {
        const int64_t label = labels[static_cast<size_t>(i)];
        if (label != kUnknownLabel) classes[static_cast<size_t>(label)].push_back(i);
      }
      classes.erase(std::remove_if(classes.begin(), classes.end(), [](const auto& c) { return c.empty(); }),
                    classes.end());
      require(
          !classes.empty(), ErrorCode::kData,
          "loader.sampler: balanced, but no sample has a label of task '" + input.tasks.front().task + "'");
    }
  }

  int64_t count_batches() const {
    const auto count = static_cast<int64_t>(input.indices.size());
    const bool drop = input.is_training && config.drop_last && count >= config.batch_size;
    return drop ? count / config.batch_size : (count + config.batch_size - 1) / config.batch_size;
  }

  std::vector<Entry> epoch_order(int64_t for_epoch) const {
    std::vector<Entry> entries;
    entries.reserve(input.indices.size());
    if (!input.is_training || config.sampler == Sampler::kSequential) {
      for (const int64_t i : input.indices) entries.push_back({i, 0});
      return entries;
    }
    core::Rng rng(input.seed, static_cast<uint64_t>(for_epoch), kOrderKey);
    if (config.sampler == Sampler::kShuffle) {
      auto indices = input.indices;
      rng.shuffle(indices);
      for (const int64_t i : indices) entries.push_back({i, 0});
      return entries;
    }
    // Rounds of all classes in random entries; each class goes through its samples before it repeats one.
    auto pools = classes;
    std::vector<size_t> used(pools.size(), 0);
    std::unordered_map<int64_t, uint64_t> times;
    for (auto& pool : pools) rng.shuffle(pool);
    std::vector<size_t> round(pools.size());
    for (size_t c = 0; c < round.size(); ++c) round[c] = c;
    while (entries.size() < input.indices.size()) {
      rng.shuffle(round);
      for (const size_t c : round) {
        if (entries.size() == input.indices.size()) break;
        if (used[c] == pools[c].size()) {
          rng.shuffle(pools[c]);
          used[c] = 0;
        }
        const int64_t i = pools[c][used[c]++];
        entries.push_back({i, times[i]++});
      }
    }
    return entries;
  }

  affect::Stream features_of(int64_t sample_idx, size_t modality_idx) {
    const LoaderModality& modality = modalities[modality_idx];
    if (!input.store->samples().has_stream(modality.raw, sample_idx)) return {};
    const int64_t key =
        sample_idx * static_cast<int64_t>(modalities.size()) + static_cast<int64_t>(modality_idx);
    affect::Stream stream;
    if (cache.find(key, stream)) return stream;
    const affect::Stream raw = input.store->read_stream(sample_idx, modality.raw);
    stream = extractor.extract(modality.name, raw, subject_scale_of(sample_idx, modality));
    stream.modality = modality.name;
    check_shape(modality, stream);
    // What still lies in the mapped file needs no second copy.
    if (!stream.values.is_alias_of(raw.values)) cache.insert(key, stream);
    return stream;
  }

  /// Whose statistics a sample is scaled by: a sample without a subject is its own.
  std::string scaled_as(int64_t sample_idx) const {
    const auto& samples = input.store->samples();
    return std::string(samples.subject(sample_idx).empty() ? samples.id(sample_idx)
                                                           : samples.subject(sample_idx));
  }

  /// Statistics over everything the store has of the sample's subject, whichever part it lies in: labels are
  /// not looked at. Computed once, when it is first needed.
  const features::SubjectScale* subject_scale_of(int64_t sample_idx, const LoaderModality& modality) {
    if (!extractor.wants_subject_scale(modality.name)) return nullptr;
    const std::lock_guard<std::mutex> lock(subject_mutex);
    if (samples_of_subject.empty()) {
      for (int64_t i = 0; i < input.store->size(); ++i) {
        samples_of_subject[scaled_as(i)].push_back(i);
      }
    }
    const std::string subject = scaled_as(sample_idx);
    const auto [at, is_new] = subject_scales.try_emplace({modality.name, subject});
    if (is_new) {
      std::vector<affect::Stream> streams;
      for (const int64_t i : samples_of_subject.at(subject)) {
        if (input.store->samples().has_stream(modality.raw, i)) {
          streams.push_back(input.store->read_stream(i, modality.raw));
        }
      }
      at->second = features::subject_scale(streams);
    }
    return &at->second;
  }

  static void check_shape(const LoaderModality& modality, const affect::Stream& stream) {
    const auto shape = stream.values.sizes();
    if (shape.size() != modality.frame_shape.size() + 1 ||
        !std::equal(modality.frame_shape.begin(), modality.frame_shape.end(), shape.begin() + 1)) {
      throw Error(ErrorCode::kData, fmt::format("{}: frames of shape [{}]; expected [{}]", modality.name,
                                                fmt::join(shape.begin() + 1, shape.end(), ", "),
                                                fmt::join(modality.frame_shape, ", ")));
    }
  }

  affect::Stream prepare(const Entry& entry, size_t modality_idx) {
    const LoaderModality& modality = modalities[modality_idx];
    const affect::Stream stream = features_of(entry.sample_idx, modality_idx);
    if (!stream.values.defined() || stream.values.size(0) == 0) return {};
    if (input.is_training) {
      const std::string id(input.store->samples().id(entry.sample_idx));
      core::Rng rng(input.seed ^ id_key(modality.name), static_cast<uint64_t>(epoch_of_work),
                    id_key(id) + entry.occurrence * 0x9E3779B97F4A7C15ULL);
      if (modality.augment != nullptr) return augment(stream, *modality.augment, rng, modality.max_frames);
      return random_crop(stream, modality.max_frames, rng);
    }
    const int64_t num_frames = stream.values.size(0);
    if (config.eval_crop == EvalCrop::kFull || modality.max_frames == 0 ||
        num_frames <= modality.max_frames) {
      return stream;
    }
    return slice_frames(stream, (num_frames - modality.max_frames) / 2, modality.max_frames);
  }

  affect::ModalityBatch collate(const LoaderModality& modality,
                                const std::vector<affect::Stream>& streams) const {
    const auto batch = static_cast<int64_t>(streams.size());
    int64_t longest = 1;
    for (const auto& stream : streams) {
      if (stream.values.defined()) longest = std::max(longest, stream.values.size(0));
    }
    std::vector<int64_t> shape{batch, longest};
    shape.insert(shape.end(), modality.frame_shape.begin(), modality.frame_shape.end());
    affect::ModalityBatch out;
    out.x = at::empty(shape, at::TensorOptions(modality.is_image ? at::kByte : at::kFloat));
    out.mask_BT = at::empty({batch, longest}, at::TensorOptions(at::kBool));
    out.present_B = at::empty({batch}, at::TensorOptions(at::kBool));
    auto* x = static_cast<char*>(out.x.data_ptr());
    auto* mask = out.mask_BT.data_ptr<bool>();
    auto* present = out.present_B.data_ptr<bool>();
    const size_t row_bytes = out.x.nbytes() / static_cast<size_t>(batch);
    for (size_t b = 0; b < streams.size(); ++b) {
      char* row = x + b * row_bytes;
      bool* row_mask = mask + b * static_cast<size_t>(longest);
      size_t used_bytes = 0;
      size_t used_frames = 0;
      if (streams[b].values.defined()) {
        const at::Tensor values = streams[b].values.contiguous();
        const at::Tensor valid_T = streams[b].valid_T.contiguous();
        if (values.scalar_type() != out.x.scalar_type()) {
          throw Error(ErrorCode::kInternal, modality.name + ": a feature of another type than its modality");
        }
        used_bytes = values.nbytes();
        used_frames = static_cast<size_t>(values.size(0));
        std::memcpy(row, values.data_ptr(), used_bytes);
        std::memcpy(row_mask, valid_T.data_ptr<bool>(), used_frames);
      }
      std::memset(row + used_bytes, 0, row_bytes - used_bytes);
      std::fill(row_mask + used_frames, row_mask + longest, false);
      // A stream without one real frame says nothing: it counts as absent.
      present[b] = std::any_of(row_mask, row_mask + used_frames, [](bool real) { return real; });
    }
    return out;
  }

  affect::Batch make_batch(int64_t batch_idx) {
    const auto first = static_cast<size_t>(batch_idx * config.batch_size);
    const size_t last = std::min(order.size(), first + static_cast<size_t>(config.batch_size));
    affect::Batch batch;
    for (size_t i = first; i < last; ++i) {
      batch.ids.emplace_back(input.store->samples().id(order[i].sample_idx));
    }
    for (size_t m = 0; m < modalities.size(); ++m) {
      std::vector<affect::Stream> streams;
      streams.reserve(last - first);
      for (size_t i = first; i < last; ++i)
        streams.push_back(with_id(order[i], [&] { return prepare(order[i], m); }));
      batch.streams[modalities[m].name] = collate(modalities[m], streams);
    }
    const auto size = static_cast<int64_t>(last - first);
    for (const auto& [task, labels] : labels_of_task) {
      affect::Targets targets;
      targets.y_B = at::empty({size}, at::TensorOptions(at::kLong));
      targets.mask_B = at::empty({size}, at::TensorOptions(at::kBool));
      auto* y = targets.y_B.data_ptr<int64_t>();
      auto* known = targets.mask_B.data_ptr<bool>();
      for (size_t i = first; i < last; ++i) {
        const int64_t label = labels[static_cast<size_t>(order[i].sample_idx)];
        known[i - first] = label != kUnknownLabel;
        y[i - first] = std::max<int64_t>(label, 0);
      }
      batch.targets[task] = std::move(targets);
    }
    return batch;
  }

  /// Errors of one sample carry its id.
  template <class Action>
  affect::Stream with_id(const Entry& entry, Action&& action) const {
    const std::string where = "sample '" + std::string(input.store->samples().id(entry.sample_idx)) + "'";
    try {
      return action();
    } catch (const Error& e) {
      throw e.in(where);
    } catch (const std::bad_alloc&) {
      throw Error(ErrorCode::kResource,
                  where + ": out of memory; use a smaller batch_size, cache_mib or max_frames");
    } catch (const std::exception& e) {
      throw Error(ErrorCode::kInternal, where + ": " + e.what());
    }
  }

  bool has_work() const {
    return next_to_make < num_batches && next_to_make < next_to_take + config.prefetch_batches;
  }

  void work() {
    std::unique_lock<std::mutex> lock(mutex);
    while (true) {
      work_to_do.wait(lock, [&] { return is_stopping || has_work(); });
      if (is_stopping) return;
      const int64_t batch_idx = next_to_make++;
      const uint64_t my_generation = generation;
      ++num_busy;
      lock.unlock();
      Slot slot;
      try {
        slot.batch = make_batch(batch_idx);
      } catch (...) {
        slot.error = std::current_exception();
      }
      lock.lock();
      --num_busy;
      if (my_generation == generation) slots[batch_idx] = std::move(slot);
      batch_ready.notify_all();
    }
  }

  void begin_epoch(int64_t epoch, int64_t first_batch) {
    require(epoch >= 0 && first_batch >= 0, ErrorCode::kInternal, "Loader: negative epoch or batch");
    auto new_order = epoch_order(epoch);
    std::unique_lock<std::mutex> lock(mutex);
    next_to_make = num_batches;  // no new work of the old epoch
    ++generation;
    slots.clear();
    batch_ready.wait(lock, [&] { return num_busy == 0; });  // workers read `order` without the lock
    order = std::move(new_order);
    epoch_of_work = epoch;
    next_to_take = std::min(first_batch, num_batches);
    next_to_make = next_to_take;
    lock.unlock();
    work_to_do.notify_all();
  }

  std::optional<affect::Batch> next() {
    const auto start = std::chrono::steady_clock::now();
    auto batch = take();
    waited_s += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return batch;
  }

  std::optional<affect::Batch> take() {
    if (workers.empty()) {
      if (next_to_take >= num_batches) return std::nullopt;
      const int64_t batch_idx = next_to_take++;
      try {
        return make_batch(batch_idx);
      } catch (...) {
        next_to_take = num_batches;
        throw;
      }
    }
    std::unique_lock<std::mutex> lock(mutex);
    if (next_to_take >= num_batches) return std::nullopt;
    batch_ready.wait(lock, [&] { return slots.count(next_to_take) != 0; });
    Slot slot = std::move(slots[next_to_take]);
    slots.erase(next_to_take++);
    if (slot.error != nullptr) {
      next_to_take = num_batches;
      next_to_make = num_batches;
      slots.clear();
      ++generation;
    }
    lock.unlock();
    work_to_do.notify_all();
    if (slot.error != nullptr) std::rethrow_exception(slot.error);
    return std::move(slot.batch);
  }

  const LoaderInput input;
  const LoaderConfig config;
  const features::FeatureExtractor extractor;
  FeatureCache cache;
  std::vector<LoaderModality> modalities;
  std::map<std::string, std::vector<int64_t>> labels_of_task;  ///< by sample index
  std::vector<std::vector<int64_t>> classes;                   ///< for balanced draws: samples of every class
  int64_t num_batches = 0;
  double waited_s = 0;

  std::mutex subject_mutex;                                                  ///< of the next two
  std::unordered_map<std::string, std::vector<int64_t>> samples_of_subject;  ///< of the whole store
  std::map<std::pair<std::string, std::string>, features::SubjectScale>
      subject_scales;  ///< modality, subject

  std::vector<Entry> order;   ///< constant while workers are busy
  int64_t epoch_of_work = 0;  ///< same

  std::mutex mutex;
  std::condition_variable work_to_do;
  std::condition_variable batch_ready;
  std::map<int64_t, Slot> slots;
  int64_t next_to_make = INT64_MAX;  ///< no work before the first epoch
  int64_t next_to_take = INT64_MAX;
  int64_t num_busy = 0;
  uint64_t generation = 0;
  bool is_stopping = false;
  std::vector<std::thread> workers;  ///< last: they use everything above
};

Loader::Loader(LoaderInput input, LoaderConfig config)
    : impl_(std::make_unique<Impl>(std::move(input), std::move(config))) {}
Loader::~Loader() = default;

void Loader::begin_epoch(int64_t epoch, int64_t first_batch) {
  impl_->begin_epoch(epoch, first_batch);
}

std::optional<affect::Batch> Loader::next() {
  return impl_->next();
}

affect::Stream Loader::features_of(int64_t sample_idx, const std::string& modality) const {
  for (size_t m = 0; m < impl_->modalities.size(); ++m) {
    if (impl_->modalities[m].name == modality) {
      return impl_->with_id({sample_idx, 0}, [&] { return impl_->features_of(sample_idx, m); });
    }
  }
  throw Error(ErrorCode::kInternal, "Loader: no modality '" + modality + "'");
}

int64_t Loader::num_batches() const {
  return impl_->num_batches;
}
int64_t Loader::num_samples() const {
  return static_cast<int64_t>(impl_->input.indices.size());
}
double Loader::wait_s() const {
  return impl_->waited_s;
}
int64_t Loader::cache_bytes() const {
  return impl_->cache.num_bytes();
}
const LoaderInput& Loader::input() const {
  return impl_->input;
}
const LoaderConfig& Loader::config() const {
  return impl_->config;
}

}  // namespace limbic::data
