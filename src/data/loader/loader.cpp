#include "limbic/data/loader.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <new>
#include <set>
#include <thread>
#include <type_traits>

#include "limbic/core/error.h"
#include "limbic/core/log.h"
#include "limbic/data/quarantine.h"
#include "limbic/data/sampler.h"
#include "loader/batch_buffers.h"
#include "loader/collate.h"
#include "loader/feature_source.h"
#include "loader/targets.h"

namespace limbic::data {
namespace {

double seconds_from(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

// Note [Loader threads]
// An epoch is a list of entries, cut into batches. Workers take batch numbers in order, but never more than
// prefetch_batches beyond what the consumer has taken (who makes the next one itself when nobody has begun
// it); each puts its batch, or the exception that ended it,
// into that batch's slot. The consumer takes the slots in order, so the only thing that threads decide is
// when a batch is ready. `generation` counts epochs: work of an epoch that was dropped is thrown away when it
// arrives. Everything that is shared lies under one mutex, but for the input, which is constant, and the
// feature cache, which has its own.
struct Loader::Impl {
  struct BadRow {
    size_t entry = 0;  ///< place in the epoch
    size_t modality = 0;
    std::string reason;
  };
  struct Slot {
    affect::Batch batch;
    LoaderProfile profile;
    std::vector<BadRow> bad;  ///< by entry
    std::exception_ptr error;
  };

  Impl(LoaderInput loader_input, LoaderConfig loader_config)
      : input(checked(std::move(loader_input))),
        config(std::move(loader_config)),
        source(input, config),
        buffers(static_cast<size_t>(config.prefetch_batches + 2) * 2 * input.features.size()),
        targets(*input.store, input.indices, input.tasks, input.targets, input.supervision),
        sampler(input.store->samples(), sampler_input(), config),
        first_plan(sampler.plan(0)),
        limit(input.store->path(), "samples of the part", static_cast<int64_t>(input.indices.size())) {
    num_batches = first_plan.num_batches();
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

  static LoaderInput checked(LoaderInput loader_input) {
    require(loader_input.store != nullptr, ErrorCode::kInternal, "Loader: no store");
    require(!loader_input.indices.empty(), ErrorCode::kData,
            "Loader: no samples; the part of the split is empty");
    require(loader_input.is_training || loader_input.supervision.empty(), ErrorCode::kInternal,
            "Loader: levels of supervision are of training samples");
    return loader_input;
  }

  SamplerInput sampler_input() const {
    SamplerInput in;
    in.indices = input.indices;
    in.is_training = input.is_training;
    in.seed = input.seed;
    for (const int64_t i : input.indices) in.lengths.push_back(source.length_of(i));
    if (input.is_training && config.labelled_per_batch > 0) {
      for (const int64_t i : input.indices) in.is_labelled.push_back(is_labelled(i));
    }
    if (input.is_training && config.sampler == Sampler::kBalanced && !input.tasks.empty()) {
      require(input.tasks.front().has_classes(), ErrorCode::kConfig,
              "loader.sampler: balanced draws want classes, but the first task '" + input.tasks.front().task +
                  "' has none");
      for (const int64_t i : input.indices) in.labels.push_back(targets.class_of(0, i));
    }
    return in;
  }

  /// In all tasks whose labels are rationed; in the first one when none is.
  bool is_labelled(int64_t sample_idx) const {
    bool is_rationed = false;
    for (size_t t = 0; t < input.tasks.size(); ++t) {
      if (!targets.is_supervised(t)) continue;
      is_rationed = true;
      if (!targets.is_labelled(t, sample_idx)) return false;
    }
    return is_rationed || input.tasks.empty() || targets.is_labelled(0, sample_idx);
  }

  Slot make_batch(int64_t batch_idx) {
    const auto b = static_cast<size_t>(batch_idx);
    const size_t first = plan.batch_begin[b];
    const size_t last = plan.batch_begin[b + 1];
    Slot slot;
    slot.batch.ids.reserve(last - first);
    for (size_t i = first; i < last; ++i)
      slot.batch.ids.emplace_back(input.store->samples().id(plan.entries[i].sample_idx));
    for (size_t m = 0; m < source.modalities().size(); ++m) {
      for (size_t i = first; i < last; ++i) source.read_ahead(plan.entries[i].sample_idx, m);
    }
    slot.batch.streams = make_streams(first, last, /*view=*/0, slot);
    for (size_t view = 1; view <= num_views; ++view)
      slot.batch.views.push_back(make_streams(first, last, view, slot));
    std::stable_sort(slot.bad.begin(), slot.bad.end(),
                     [](const BadRow& a, const BadRow& c) { return a.entry < c.entry; });
    make_targets(first, last, slot);
    if (config.sampler == Sampler::kDialogue) slot.batch.dialogues = dialogue_rows(first, last);
    slot.profile.num_samples = static_cast<int64_t>(last - first);
    slot.profile.num_batches = 1;
    return slot;
  }

  /// The streams of a batch, or of one of its further views.
  affect::Streams make_streams(size_t first, size_t last, size_t view, Slot& slot) {
    affect::Streams streams;
    std::vector<SampleRow> rows(last - first);
    for (size_t m = 0; m < source.modalities().size(); ++m) {
      const LoaderModality& modality = source.modalities()[m];
      for (size_t i = first; i < last; ++i) {
        const EpochEntry& entry = plan.entries[i];
        with_id(entry.sample_idx, [&] {
          try {
            rows[i - first] =
                source.prepare(entry.sample_idx, {entry.occurrence, epoch_of_work, view}, m, slot.profile);
          } catch (const Error& e) {
            if (!config.skip_bad || e.code() != ErrorCode::kData) throw;
            rows[i - first] = {};
            if (view == 0) slot.bad.push_back({i, m, e.what()});
          }
        });
      }
      const auto start = std::chrono::steady_clock::now();
      auto& made = streams[modality.name] = collate(modality, rows, buffers, slot.profile);
      if (targets.has_framewise()) add_clock(first, rows, made);
      slot.profile.collate_s += seconds_from(start);
    }
    return streams;
  }

  /// The sampler has put the turns of a dialogue side by side and in order.
  affect::DialogueRows dialogue_rows(size_t first, size_t last) const {
    const auto& samples = input.store->samples();
    const auto size = static_cast<int64_t>(last - first);
    affect::DialogueRows rows;
    rows.dialogue_B = at::empty({size}, at::TensorOptions(at::kLong));
    rows.turn_B = at::arange(size, at::TensorOptions(at::kLong));
    rows.speaker_B = at::empty({size}, at::TensorOptions(at::kLong));
    auto* dialogue = rows.dialogue_B.data_ptr<int64_t>();
    auto* speaker = rows.speaker_B.data_ptr<int64_t>();
    for (size_t i = first; i < last; ++i) {
      const int64_t row = plan.entries[i].sample_idx;
      const int32_t who = samples.code(SampleField::kSubject, row);
      // A corpus that is drawn more than once may have a dialogue next to itself.
      const bool follows = i > first && samples.code(SampleField::kDialogue, row) != 0 &&
                           plan.entries[i].occurrence == plan.entries[i - 1].occurrence &&
                           are_of_one_dialogue(plan.entries[i - 1].sample_idx, row);
      dialogue[i - first] = i == first ? 0 : dialogue[i - first - 1] + (follows ? 0 : 1);
      speaker[i - first] = who == 0 ? -1 : who;
    }
    return rows;
  }

  bool are_of_one_dialogue(int64_t a, int64_t b) const {
    const auto& samples = input.store->samples();
    return samples.code(SampleField::kDialogue, a) == samples.code(SampleField::kDialogue, b) &&
           samples.code(SampleField::kCorpus, a) == samples.code(SampleField::kCorpus, b);
  }

  void make_targets(size_t first, size_t last, Slot& slot) const {
    std::vector<int64_t> samples_B;
    for (size_t i = first; i < last; ++i) samples_B.push_back(plan.entries[i].sample_idx);
    // A sample that has nothing left teaches nothing and is not scored.
    std::vector<bool> is_lost_B(last - first, false);
    for (const auto& bad : slot.bad) {
      const size_t b = bad.entry - first;
      is_lost_B[b] = std::none_of(
          slot.batch.streams.begin(), slot.batch.streams.end(),
          [b](const auto& stream) { return stream.second.present_B.template data_ptr<bool>()[b]; });
    }
    for (size_t t = 0; t < input.tasks.size(); ++t)
      slot.batch.targets[input.tasks[t].task] = targets.rows(t, samples_B, is_lost_B);
  }

  /// Where the frames of a modality lie within their samples.
  void add_clock(size_t first, const std::vector<SampleRow>& rows, affect::ModalityBatch& made) const {
    const auto size = static_cast<int64_t>(rows.size());
    made.start_s_B = at::zeros({size}, at::TensorOptions(at::kDouble));
    made.rate_hz_B = at::zeros({size}, at::TensorOptions(at::kDouble));
    for (size_t b = 0; b < rows.size(); ++b) {
      const affect::Stream& stream = rows[b].stream();
      if (!stream.values.defined()) continue;
      const auto t0 = input.store->samples().t0(plan.entries[first + b].sample_idx);
      made.start_s_B.data_ptr<double>()[b] = (stream.t0 - t0).seconds();
      made.rate_hz_B.data_ptr<double>()[b] = stream.rate_hz;
    }
  }

  /// Errors of one sample carry its id.
  template <class Action>
  std::invoke_result_t<Action> with_id(int64_t sample_idx, Action&& action) const {
    const auto where = [&] { return "sample '" + std::string(input.store->samples().id(sample_idx)) + "'"; };
    try {
      return action();
    } catch (const Error& e) {
      throw e.in(where());
    } catch (const std::bad_alloc&) {
      throw Error(ErrorCode::kResource,
                  where() + ": out of memory; use a smaller batch_size, cache_mib or max_frames");
    } catch (const std::exception& e) {
      throw Error(ErrorCode::kInternal, where() + ": " + e.what());
    }
  }

  affect::Stream features_of(int64_t sample_idx, size_t m) {
    LoaderProfile unused;
    return with_id(sample_idx, [&]() -> affect::Stream {
      try {
        return source.features(sample_idx, m, unused).stream();
      } catch (const Error& e) {
        if (!config.skip_bad || e.code() != ErrorCode::kData) throw;
        return {};
      }
    });
  }

  /// What a batch tells beside its tensors. Here, by the consumer, the order is that of the batches.
  void account(int64_t batch_idx, const Slot& slot) {
    profile += slot.profile;
    if (!config.skip_bad) return;
    const SampleTable& samples = input.store->samples();
    const auto b = static_cast<size_t>(batch_idx);
    auto bad = slot.bad.begin();
    for (size_t i = plan.batch_begin[b]; i < plan.batch_begin[b + 1]; ++i) {
      if (bad == slot.bad.end() || bad->entry != i) {
        limit.good();
        continue;
      }
      const int64_t sample_idx = plan.entries[i].sample_idx;
      const std::string id(samples.id(sample_idx));
      const bool is_new = bad_samples.insert(sample_idx).second;
      const std::string reason = bad->reason;
      for (; bad != slot.bad.end() && bad->entry == i; ++bad) {
        if (!bad_streams.insert({sample_idx, bad->modality}).second) continue;
        const std::string& modality = source.modalities()[bad->modality].name;
        log::warn("stream_skipped", {{"sample", id}, {"modality", modality}, {"reason", bad->reason}});
        if (input.on_bad) input.on_bad({sample_idx, id, modality, bad->reason});
      }
      limit.bad("sample '" + id + "'", reason, is_new);
    }
  }

  bool has_work() const {
    return next_to_make < epoch_batches && next_to_make < next_to_take + config.prefetch_batches;
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
        slot = make_batch(batch_idx);
      } catch (...) {
        slot.error = std::current_exception();
      }
      lock.lock();
      --num_busy;
      if (my_generation == generation) slots[batch_idx] = std::move(slot);
      batch_ready.notify_all();
    }
  }

  void set_views(const std::vector<AugmentConfig>& views) {
    end_epoch();
    std::unique_lock<std::mutex> lock(mutex);
    batch_ready.wait(lock, [&] { return num_busy == 0; });
    source.set_views(views);
    num_views = views.size();
  }

  void begin_epoch(int64_t epoch, int64_t first_batch) {
    require(epoch >= 0 && first_batch >= 0, ErrorCode::kInternal, "Loader: negative epoch or batch");
    EpochPlan new_plan = epoch == 0 ? first_plan : sampler.plan(epoch);
    std::unique_lock<std::mutex> lock(mutex);
    next_to_make = INT64_MAX;  // no new work of the old epoch
    ++generation;
    slots.clear();
    batch_ready.wait(lock, [&] { return num_busy == 0; });  // workers read `plan` without the lock
    plan = std::move(new_plan);
    epoch_batches = plan.num_batches();
    epoch_of_work = epoch;
    next_to_take = std::min(first_batch, epoch_batches);
    next_to_make = next_to_take;
    lock.unlock();
    work_to_do.notify_all();
  }

  std::optional<affect::Batch> next() {
    const auto start = std::chrono::steady_clock::now();
    auto batch = take();
    waited_s += seconds_from(start);
    return batch;
  }

  std::optional<affect::Batch> take() {
    if (next_to_take >= epoch_batches) return std::nullopt;
    const int64_t batch_idx = next_to_take;
    try {
      Slot slot = workers.empty() ? make_batch(batch_idx) : wait_for(batch_idx);
      if (slot.error != nullptr) std::rethrow_exception(slot.error);
      account(batch_idx, slot);
      if (workers.empty()) ++next_to_take;
      return std::move(slot.batch);
    } catch (...) {
      end_epoch();
      throw;
    }
  }

  Slot wait_for(int64_t batch_idx) {
    std::unique_lock<std::mutex> lock(mutex);
    if (next_to_make <= batch_idx) {
      // No worker has come to it yet: making it here takes less time than waking one.
      next_to_make = batch_idx + 1;
      ++next_to_take;
      lock.unlock();
      work_to_do.notify_all();
      return make_batch(batch_idx);
    }
    batch_ready.wait(lock, [&] { return slots.count(batch_idx) != 0; });
    Slot slot = std::move(slots[batch_idx]);
    slots.erase(batch_idx);
    ++next_to_take;
    lock.unlock();
    work_to_do.notify_all();
    return slot;
  }

  void end_epoch() {
    const std::lock_guard<std::mutex> lock(mutex);
    next_to_take = epoch_batches;
    next_to_make = INT64_MAX;
    slots.clear();
    ++generation;
  }

  const LoaderInput input;
  const LoaderConfig config;
  FeatureSource source;
  BatchBuffers buffers;
  const TargetTable targets;
  const EpochSampler sampler;
  const EpochPlan first_plan;
  int64_t num_batches = 0;  ///< of the first epoch
  size_t num_views = 0;     ///< beside the batch itself

  // The consumer's own:
  double waited_s = 0;
  LoaderProfile profile;
  QuarantineLimit limit;
  std::set<int64_t> bad_samples;
  std::set<std::pair<int64_t, size_t>> bad_streams;  ///< sample, modality

  EpochPlan plan;             ///< constant while workers are busy
  int64_t epoch_of_work = 0;  ///< same
  int64_t epoch_batches = 0;  ///< same

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

void Loader::set_views(const std::vector<AugmentConfig>& views) {
  impl_->set_views(views);
}

void Loader::begin_epoch(int64_t epoch, int64_t first_batch) {
  impl_->begin_epoch(epoch, first_batch);
}

std::optional<affect::Batch> Loader::next() {
  return impl_->next();
}

affect::Stream Loader::features_of(int64_t sample_idx, const std::string& modality) const {
  const auto& modalities = impl_->source.modalities();
  for (size_t m = 0; m < modalities.size(); ++m) {
    if (modalities[m].name == modality) return impl_->features_of(sample_idx, m);
  }
  throw Error(ErrorCode::kInternal, "Loader: no modality '" + modality + "'");
}

int64_t Loader::num_batches() const {
  return impl_->num_batches;
}
int64_t Loader::epoch_batches() const {
  return impl_->epoch_batches;
}
int64_t Loader::num_samples() const {
  return static_cast<int64_t>(impl_->input.indices.size());
}
double Loader::wait_s() const {
  return impl_->waited_s;
}
LoaderProfile Loader::profile() const {
  return impl_->profile;
}
int64_t Loader::num_bad_samples() const {
  return impl_->limit.num_bad();
}
int64_t Loader::cache_bytes() const {
  return impl_->source.cache_bytes();
}
const LoaderInput& Loader::input() const {
  return impl_->input;
}
const LoaderConfig& Loader::config() const {
  return impl_->config;
}

}  // namespace limbic::data
