#include "limbic/data/supervision.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "limbic/affect/batch.h"
#include "limbic/core/error.h"
#include "limbic/core/rng.h"
#include "loader/targets.h"

namespace limbic::data {
namespace {

constexpr uint64_t kBudgetKey = 0x425544474554ULL;
constexpr uint64_t kNoiseKey = 0x4E4F495345ULL;

/// `total` labels shared out over classes by their size: largest remainder, at least one each where `total`
/// allows it, never more than there are.
std::vector<int64_t> class_quotas(const std::vector<int64_t>& sizes, int64_t total) {
  const int64_t sum = std::accumulate(sizes.begin(), sizes.end(), int64_t{0});
  const auto num_classes = std::count_if(sizes.begin(), sizes.end(), [](int64_t s) { return s > 0; });
  std::vector<int64_t> quotas(sizes.size(), 0);
  if (sum == 0) return quotas;
  std::vector<std::pair<double, size_t>> remainders;
  int64_t left = total;
  for (size_t c = 0; c < sizes.size(); ++c) {
    const double exact =
        static_cast<double>(total) * static_cast<double>(sizes[c]) / static_cast<double>(sum);
    quotas[c] = static_cast<int64_t>(exact);
    if (quotas[c] == 0 && sizes[c] > 0 && total >= num_classes) quotas[c] = 1;
    left -= quotas[c];
    remainders.emplace_back(static_cast<double>(quotas[c]) - exact, c);
  }
  std::stable_sort(remainders.begin(), remainders.end());
  for (size_t i = 0; left > 0; i = (i + 1) % remainders.size()) {
    const size_t c = remainders[i].second;
    if (quotas[c] >= sizes[c]) continue;
    ++quotas[c];
    --left;
  }
  // Classes that got their one label beyond their share take it from the largest.
  for (; left < 0; ++left) --*std::max_element(quotas.begin(), quotas.end());
  return quotas;
}

/// Positions of `rows` that keep their label.
std::vector<bool> kept_samples(const std::vector<int32_t>& stratum_of, int64_t total, uint64_t seed) {
  const int32_t num_strata =
      stratum_of.empty() ? 0 : *std::max_element(stratum_of.begin(), stratum_of.end()) + 1;
  std::vector<std::vector<size_t>> members(static_cast<size_t>(num_strata));
  for (size_t i = 0; i < stratum_of.size(); ++i) members[static_cast<size_t>(stratum_of[i])].push_back(i);
  std::vector<int64_t> sizes;
  for (const auto& of_stratum : members) sizes.push_back(static_cast<int64_t>(of_stratum.size()));
  const auto quotas = class_quotas(sizes, total);
  std::vector<bool> is_kept(stratum_of.size(), false);
  for (size_t c = 0; c < members.size(); ++c) {
    core::Rng(seed, kBudgetKey, c).shuffle(members[c]);
    for (int64_t k = 0; k < quotas[c]; ++k) is_kept[members[c][static_cast<size_t>(k)]] = true;
  }
  return is_kept;
}

std::vector<bool> kept_subjects(const SampleTable& samples, const std::vector<int64_t>& rows, int64_t total,
                                uint64_t seed) {
  std::map<std::pair<std::string, std::string>, std::vector<size_t>> by_subject;
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto subject = std::string(samples.subject(rows[i]));
    require(!subject.empty(), ErrorCode::kData,
            fmt::format("sample '{}' names no subject; a budget by subject needs one, or use by: sample",
                        samples.id(rows[i])));
    by_subject[{std::string(samples.corpus(rows[i])), subject}].push_back(i);
  }
  std::vector<const std::vector<size_t>*> order;
  for (const auto& entry : by_subject) order.push_back(&entry.second);
  core::Rng(seed, kBudgetKey).shuffle(order);
  std::vector<bool> is_kept(rows.size(), false);
  for (const auto* members : order) {
    if (total <= 0) break;
    for (const size_t i : *members) is_kept[i] = true;
    total -= static_cast<int64_t>(members->size());
  }
  return is_kept;
}

/// Flip probability and replacement (-1 = any other) by class.
struct Flips {
  std::vector<double> rate;
  std::vector<int32_t> to;
};

Flips flips_of(const LabelNoiseConfig& noise, const affect::LabelSpace& task) {
  const auto place_of = [&](const std::string& name) {
    try {
      return static_cast<size_t>(task.index_of(name));
    } catch (const Error& error) {
      throw Error(ErrorCode::kConfig, "data.supervision." + task.task + ".noise: " + error.what());
    }
  };
  Flips flips{std::vector<double>(task.classes.size(), noise.rate),
              std::vector<int32_t>(task.classes.size(), -1)};
  for (const auto& [name, rate] : noise.rates) flips.rate[place_of(name)] = rate;
  for (const auto& [name, other] : noise.to) flips.to[place_of(name)] = static_cast<int32_t>(place_of(other));
  return flips;
}

int32_t flipped(const Flips& flips, int32_t truth, core::Rng& rng) {
  const auto c = static_cast<size_t>(truth);
  const bool is_wrong = rng.chance(flips.rate[c]);
  // Drawn in any case, so that a rate does not move the draws of a later class.
  const auto other = static_cast<int32_t>(rng.below(static_cast<int64_t>(flips.rate.size()) - 1));
  if (!is_wrong) return truth;
  if (flips.to[c] >= 0) return flips.to[c];
  return other >= truth ? other + 1 : other;
}

}  // namespace

void BudgetConfig::validate(config::Checks& checks) const {
  checks.expect(share >= 1 || count == 0, "count", "give share or count, not both");
}

bool LabelNoiseConfig::is_on() const {
  return rate > 0 ||
         std::any_of(rates.begin(), rates.end(), [](const auto& entry) { return entry.second > 0; });
}

int64_t TaskSupervision::count(int8_t level) const {
  return std::count(levels.begin(), levels.end(), level);
}

std::vector<int32_t> known_classes(const Store& store, const std::vector<int64_t>& indices,
                                   const affect::LabelSpace& task, const TargetConfig* target) {
  require(task.has_classes(), ErrorCode::kConfig, "task '" + task.task + "' has no classes");
  std::map<std::string, TargetConfig> targets;
  if (target != nullptr) targets[task.task] = *target;
  const TargetTable table(store, indices, {task}, targets, {}, /*is_first_reading=*/false);
  std::vector<int32_t> classes;
  for (const int64_t row : indices) classes.push_back(table.class_of(0, row));
  return classes;
}

TaskSupervision supervise(const Store& store, const std::vector<int64_t>& indices,
                          const affect::LabelSpace& task, const TargetConfig* target,
                          const BudgetConfig& budget, const LabelNoiseConfig& noise, uint64_t seed) {
  require(!noise.is_on() || (task.has_classes() && task.num_classes() > 1), ErrorCode::kConfig,
          "data.supervision." + task.task + ".noise: flips classes, but the task has none to flip");
  std::map<std::string, TargetConfig> targets;
  if (target != nullptr) targets[task.task] = *target;
  const TargetTable table(store, indices, {task}, targets, {}, /*is_first_reading=*/false);

  std::vector<int64_t> rows;
  std::vector<int32_t> stratum_of;
  for (const int64_t row : indices) {
    if (!table.is_known(0, row)) continue;
    rows.push_back(row);
    stratum_of.push_back(task.has_classes() ? table.class_of(0, row) : 0);
  }
  const auto num_known = static_cast<int64_t>(rows.size());
  int64_t total = budget.count > 0 ? std::min(budget.count, num_known)
                                   : std::llround(budget.share * static_cast<double>(num_known));
  if (total == 0 && budget.share > 0 && num_known > 0) total = 1;
  const auto is_kept = budget.by == BudgetBy::kSample ? kept_samples(stratum_of, total, seed)
                                                      : kept_subjects(store.samples(), rows, total, seed);

  TaskSupervision result;
  const auto num_rows = static_cast<size_t>(store.size());
  result.levels.assign(num_rows, affect::kNoSupervision);
  if (task.has_classes()) {
    result.classes.assign(num_rows, TargetTable::kUnknown);
    result.withheld.assign(num_rows, TargetTable::kUnknown);
  }
  const Flips flips = noise.is_on() ? flips_of(noise, task) : Flips{};
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto row = static_cast<size_t>(rows[i]);
    if (is_kept[i]) result.levels[row] = affect::kFullSupervision;
    if (!task.has_classes()) continue;
    const int32_t truth = table.class_of(0, rows[i]);
    if (!is_kept[i] || noise.is_on()) result.withheld[row] = truth;
    if (!is_kept[i]) continue;
    core::Rng rng(seed, kNoiseKey, row);
    result.classes[row] = noise.is_on() ? flipped(flips, truth, rng) : truth;
  }
  return result;
}

}  // namespace limbic::data
