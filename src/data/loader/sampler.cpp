#include "limbic/data/sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <unordered_map>

#include "limbic/core/error.h"
#include "limbic/core/rng.h"
#include "limbic/core/suggest.h"

namespace limbic::data {
namespace {

constexpr uint64_t kOrderKey = 0x4F52444552ULL;
constexpr uint64_t kCorpusKey = 0x434F52505553ULL;
constexpr uint64_t kBatchOrderKey = 0x4241544348ULL;
constexpr uint64_t kLabelledKey = 0x4C4142454CULL;

/// `count` items from place `begin` on of an endless row of random orders of `items`: where an epoch begins
/// follows from its number.
std::vector<int32_t> take_from_rounds(const std::vector<int32_t>& items, int64_t begin, int64_t count,
                                      uint64_t seed, uint64_t key) {
  const auto size = static_cast<int64_t>(items.size());
  std::vector<int32_t> taken;
  std::vector<int32_t> round;
  int64_t round_idx = -1;
  for (int64_t at = begin; at < begin + count; ++at) {
    if (at / size != round_idx) {
      round_idx = at / size;
      round = items;
      core::Rng(seed, static_cast<uint64_t>(round_idx), key).shuffle(round);
    }
    taken.push_back(round[static_cast<size_t>(at % size)]);
  }
  return taken;
}

/// `total` shared out by `share`, which sums to 1; what rounding leaves goes to the largest remainders.
std::vector<int64_t> largest_remainder(const std::vector<double>& share, int64_t total) {
  std::vector<int64_t> parts(share.size());
  std::vector<size_t> by_remainder(share.size());
  std::iota(by_remainder.begin(), by_remainder.end(), size_t{0});
  std::vector<double> remainder(share.size());
  int64_t left = total;
  for (size_t c = 0; c < share.size(); ++c) {
    const double exact = share[c] * static_cast<double>(total);
    parts[c] = static_cast<int64_t>(exact);
    remainder[c] = exact - static_cast<double>(parts[c]);
    left -= parts[c];
  }
  std::stable_sort(by_remainder.begin(), by_remainder.end(),
                   [&](size_t a, size_t b) { return remainder[a] > remainder[b]; });
  for (size_t i = 0; left > 0; i = (i + 1) % share.size()) {
    if (share[by_remainder[i]] == 0) continue;
    ++parts[by_remainder[i]];
    --left;
  }
  return parts;
}

}  // namespace

EpochSampler::EpochSampler(const SampleTable& samples, SamplerInput input, const LoaderConfig& config)
    : input_(std::move(input)), config_(config) {
  require(input_.indices.size() < static_cast<size_t>(INT32_MAX), ErrorCode::kData,
          "loader: more than 2^31 samples in one part");
  if (input_.lengths.empty()) input_.lengths.assign(input_.indices.size(), 1);
  require(input_.lengths.size() == input_.indices.size() &&
              (input_.labels.empty() || input_.labels.size() == input_.indices.size()) &&
              (input_.is_labelled.empty() || input_.is_labelled.size() == input_.indices.size()),
          ErrorCode::kInternal, "EpochSampler: lists of different sizes");
  make_units(samples);
  if (!input_.is_training) return;
  if (config_.mixing.is_on()) make_corpora(samples);
  if (config_.sampler == Sampler::kBalanced) make_classes();
  if (config_.labelled_per_batch > 0) make_labelled();
}

void EpochSampler::make_units(const SampleTable& samples) {
  const size_t count = input_.indices.size();
  positions_.resize(count);
  std::iota(positions_.begin(), positions_.end(), 0);
  if (config_.sampler != Sampler::kDialogue) {
    unit_begin_.resize(count + 1);
    std::iota(unit_begin_.begin(), unit_begin_.end(), 0);
  } else {
    // Dialogues in the order in which they are first seen; a sample without one stands alone.
    std::map<std::pair<int32_t, int32_t>, int32_t> known;
    std::vector<int32_t> dialogue_of(count);
    int32_t num_dialogues = 0;
    for (size_t i = 0; i < count; ++i) {
      const int64_t row = input_.indices[i];
      const int32_t dialogue = samples.code(SampleField::kDialogue, row);
      dialogue_of[i] = num_dialogues;
      if (dialogue == 0) {
        ++num_dialogues;
        continue;
      }
      const auto [at, is_new] =
          known.try_emplace({samples.code(SampleField::kCorpus, row), dialogue}, num_dialogues);
      dialogue_of[i] = at->second;
      if (is_new) ++num_dialogues;
    }
    const auto key = [&](int32_t i) {
      const int64_t row = input_.indices[static_cast<size_t>(i)];
      return std::make_tuple(dialogue_of[static_cast<size_t>(i)], samples.turn(row), samples.t0(row).ticks);
    };
    std::stable_sort(positions_.begin(), positions_.end(),
                     [&](int32_t a, int32_t b) { return key(a) < key(b); });
    for (size_t i = 0; i < count; ++i) {
      const auto at = [&](size_t k) { return dialogue_of[static_cast<size_t>(positions_[k])]; };
      if (i == 0 || at(i) != at(i - 1)) unit_begin_.push_back(static_cast<int32_t>(i));
    }
    unit_begin_.push_back(static_cast<int32_t>(count));
  }
  unit_length_.assign(unit_begin_.size() - 1, 0);
  for (size_t u = 0; u < unit_length_.size(); ++u) {
    for (int32_t k = unit_begin_[u]; k < unit_begin_[u + 1]; ++k) {
      const auto position = static_cast<size_t>(positions_[static_cast<size_t>(k)]);
      unit_length_[u] = std::max(unit_length_[u], input_.lengths[position]);
    }
  }
}

void EpochSampler::make_corpora(const SampleTable& samples) {
  std::map<std::string, std::vector<int32_t>> units_of_corpus;
  for (size_t u = 0; u < unit_length_.size(); ++u) {
    const auto first = static_cast<size_t>(positions_[static_cast<size_t>(unit_begin_[u])]);
    units_of_corpus[std::string(samples.corpus(input_.indices[first]))].push_back(static_cast<int32_t>(u));
  }
  const auto& weights = config_.mixing.weights;
  std::vector<std::string> known;
  for (const auto& entry : units_of_corpus) known.push_back(entry.first);
  for (const auto& entry : weights) {
    if (units_of_corpus.count(entry.first) != 0) continue;
    throw Error(ErrorCode::kConfig,
                fmt::format("loader.mixing.weights.{}: no such corpus in the training part; it has {}{}",
                            entry.first, core::join(known), core::did_you_mean(entry.first, known)));
  }
  std::vector<double> share;
  for (auto& [corpus, units] : units_of_corpus) {
    if (weights.empty()) {
      share.push_back(std::pow(static_cast<double>(units.size()), 1.0 / config_.mixing.temperature));
    } else {
      const auto at = weights.find(corpus);
      require(at != weights.end(), ErrorCode::kConfig,
              fmt::format("loader.mixing.weights: the training part has the corpus '{}', too; give it a "
                          "weight, 0 to leave it out",
                          corpus));
      share.push_back(at->second);
    }
    corpus_units_.push_back(std::move(units));
  }
  const double sum = std::accumulate(share.begin(), share.end(), 0.0);
  require(sum > 0, ErrorCode::kConfig, "loader.mixing.weights: every corpus of the training part has 0");
  for (auto& s : share) s /= sum;
  corpus_draws_ = largest_remainder(share, static_cast<int64_t>(unit_length_.size()));
}

void EpochSampler::make_classes() {
  require(!input_.labels.empty(), ErrorCode::kConfig, "loader.sampler: balanced needs a task");
  for (size_t i = 0; i < input_.labels.size(); ++i) {
    const int32_t label = input_.labels[i];
    if (label < 0) continue;
    if (class_positions_.size() <= static_cast<size_t>(label))
      class_positions_.resize(static_cast<size_t>(label) + 1);
    class_positions_[static_cast<size_t>(label)].push_back(static_cast<int32_t>(i));
  }
  class_positions_.erase(std::remove_if(class_positions_.begin(), class_positions_.end(),
                                        [](const auto& c) { return c.empty(); }),
                         class_positions_.end());
  require(!class_positions_.empty(), ErrorCode::kData,
          "loader.sampler: balanced, but no sample has a label of the first task");
}

void EpochSampler::make_labelled() {
  require(!input_.is_labelled.empty(), ErrorCode::kInternal, "EpochSampler: nobody says what is labelled");
  for (size_t i = 0; i < input_.is_labelled.size(); ++i)
    by_label_[input_.is_labelled[i] ? 1 : 0].push_back(static_cast<int32_t>(i));
  require(!by_label_[1].empty(), ErrorCode::kData,
          "loader.labelled_per_batch: no training sample has a label");
}

/// Batches one after the other: the labelled part of each, then the rest. Samples without a label come once,
/// in random order; the others in random rounds that go on from epoch to epoch.
std::vector<int32_t> EpochSampler::draw_labelled(int64_t epoch) const {
  const auto& labelled = by_label_[1];
  auto others = by_label_[0];
  core::Rng(input_.seed, static_cast<uint64_t>(epoch), kOrderKey).shuffle(others);
  const int64_t size = config_.batch_size;
  const bool is_all = config_.labelled_per_batch >= 1 || others.empty();
  const int64_t per_batch =
      is_all ? size
             : std::clamp<int64_t>(std::llround(config_.labelled_per_batch * static_cast<double>(size)), 1,
                                   size - 1);
  const int64_t num_others = is_all ? 0 : static_cast<int64_t>(others.size());
  const int64_t num_batches = is_all ? (static_cast<int64_t>(labelled.size()) + size - 1) / size
                                     : (num_others + size - per_batch - 1) / (size - per_batch);
  const int64_t num_draws = num_batches * per_batch;
  const auto drawn = take_from_rounds(labelled, epoch * num_draws, num_draws, input_.seed, kLabelledKey);
  std::vector<int32_t> units;
  auto other = others.begin();
  for (int64_t b = 0; b < num_batches; ++b) {
    units.insert(units.end(), drawn.begin() + b * per_batch, drawn.begin() + (b + 1) * per_batch);
    for (int64_t k = per_batch; k < size && !is_all && other != others.end(); ++k) units.push_back(*other++);
  }
  return units;
}

/// The units of an epoch in the order of the draws.
std::vector<int32_t> EpochSampler::draw_units(int64_t epoch) const {
  std::vector<int32_t> units;
  core::Rng rng(input_.seed, static_cast<uint64_t>(epoch), kOrderKey);
  if (input_.is_training && config_.mixing.is_on()) {
    // Corpus c goes through random orders of its units, one after the other; an epoch takes the next
    // corpus_draws_ of them. So where an epoch begins follows from its number.
    units.reserve(unit_length_.size());
    for (size_t c = 0; c < corpus_units_.size(); ++c) {
      const auto taken = take_from_rounds(corpus_units_[c], epoch * corpus_draws_[c], corpus_draws_[c],
                                          input_.seed, kCorpusKey + c);
      units.insert(units.end(), taken.begin(), taken.end());
    }
    rng.shuffle(units);
    return units;
  }
  units.resize(unit_length_.size());
  std::iota(units.begin(), units.end(), 0);
  if (input_.is_training && config_.sampler != Sampler::kSequential) rng.shuffle(units);
  return units;
}

/// Rounds of all classes in random order; each class goes through its samples before it repeats one.
std::vector<int32_t> EpochSampler::draw_balanced(int64_t epoch) const {
  core::Rng rng(input_.seed, static_cast<uint64_t>(epoch), kOrderKey);
  std::vector<int32_t> drawn;
  auto pools = class_positions_;
  std::vector<size_t> used(pools.size(), 0);
  for (auto& pool : pools) rng.shuffle(pool);
  std::vector<size_t> round(pools.size());
  std::iota(round.begin(), round.end(), size_t{0});
  while (drawn.size() < input_.indices.size()) {
    rng.shuffle(round);
    for (const size_t c : round) {
      if (drawn.size() == input_.indices.size()) break;
      if (used[c] == pools[c].size()) {
        rng.shuffle(pools[c]);
        used[c] = 0;
      }
      drawn.push_back(pools[c][used[c]++]);
    }
  }
  return drawn;
}

/// Units into batches, in order; a unit is never split. @return the first unit of every batch, and the end
std::vector<size_t> EpochSampler::cut(const std::vector<int32_t>& units, size_t begin, size_t end) const {
  std::vector<size_t> starts;
  int64_t rows = 0;
  int64_t longest = 0;
  for (size_t i = begin; i < end; ++i) {
    const auto u = static_cast<size_t>(units[i]);
    const int64_t more = unit_begin_[u + 1] - unit_begin_[u];
    const int64_t length = std::max<int64_t>(longest, unit_length_[u]);
    const bool fits = rows + more <= config_.batch_size &&
                      (config_.batch_frames == 0 || (rows + more) * length <= config_.batch_frames);
    if (rows == 0 || !fits) {
      starts.push_back(i);
      rows = 0;
      longest = 0;
    }
    rows += more;
    longest = std::max<int64_t>(longest, unit_length_[u]);
  }
  return starts;
}

EpochPlan EpochSampler::plan(int64_t epoch) const {
  const bool is_balanced = input_.is_training && config_.sampler == Sampler::kBalanced;
  const bool is_composed = input_.is_training && config_.labelled_per_batch > 0;
  std::vector<int32_t> units = is_balanced   ? draw_balanced(epoch)
                               : is_composed ? draw_labelled(epoch)
                                             : draw_units(epoch);
  const auto batch_size = static_cast<size_t>(config_.batch_size);
  if (input_.is_training && config_.drop_last && config_.batch_frames == 0 &&
      config_.sampler != Sampler::kDialogue && units.size() >= batch_size) {
    units.resize(units.size() - units.size() % batch_size);
  }

  std::vector<std::pair<size_t, size_t>> batches;  // of units, [begin, end)
  const auto add_batches = [&](size_t begin, size_t end) {
    auto starts = cut(units, begin, end);
    starts.push_back(end);
    for (size_t b = 0; b + 1 < starts.size(); ++b) batches.emplace_back(starts[b], starts[b + 1]);
  };
  if (!input_.is_training || config_.bucket_batches == 0) {
    add_batches(0, units.size());
  } else {
    const size_t window = batch_size * static_cast<size_t>(config_.bucket_batches);
    for (size_t begin = 0; begin < units.size(); begin += window) {
      const size_t end = std::min(units.size(), begin + window);
      std::stable_sort(units.begin() + static_cast<int64_t>(begin), units.begin() + static_cast<int64_t>(end),
                       [&](int32_t a, int32_t b) {
                         return unit_length_[static_cast<size_t>(a)] < unit_length_[static_cast<size_t>(b)];
                       });
      add_batches(begin, end);
    }
    core::Rng(input_.seed, static_cast<uint64_t>(epoch), kBatchOrderKey).shuffle(batches);
  }

  EpochPlan plan;
  plan.entries.reserve(units.size());
  std::unordered_map<int64_t, uint64_t> times;
  const bool may_repeat = input_.is_training && (is_balanced || is_composed || config_.mixing.is_on());
  for (const auto& [begin, end] : batches) {
    int64_t longest = 0;
    const size_t first = plan.entries.size();
    for (size_t i = begin; i < end; ++i) {
      const auto u = static_cast<size_t>(units[i]);
      for (int32_t k = unit_begin_[u]; k < unit_begin_[u + 1]; ++k) {
        const auto position = static_cast<size_t>(positions_[static_cast<size_t>(k)]);
        const int64_t row = input_.indices[position];
        plan.entries.push_back({row, may_repeat ? times[row]++ : 0});
        plan.num_frames += input_.lengths[position];
      }
      longest = std::max<int64_t>(longest, unit_length_[u]);
    }
    plan.num_padded_frames += longest * static_cast<int64_t>(plan.entries.size() - first);
    plan.batch_begin.push_back(plan.entries.size());
  }
  return plan;
}

}  // namespace limbic::data
