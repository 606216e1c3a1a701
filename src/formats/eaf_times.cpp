#include "eaf_times.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>

#include "byte_source.h"

namespace limbic::formats::detail {
namespace {

/// Times of a millisecond, as the format counts, that differ by less are the same.
constexpr double kEafSlackS = 0.0005;

/// Note [Times that nobody set]
/// A slot without TIME_VALUE lies somewhere between its neighbours *on its tier*: words of a sentence that
/// were typed but not aligned share the sentence's time evenly. Its neighbours in TIME_ORDER belong to other
/// tiers and say nothing: ELAN writes the open slots of a sentence in one run, right after its start.
class SlotSpreader {
 public:
  SlotSpreader(EafTimes& times) : times_(times), slots_s_(times.slots_s) {}

  /// Gives times to the open slots of a tier. @returns how many stay open
  void spread(const std::vector<EafPlace>& places) {
    std::vector<int64_t> chain;
    for (const EafPlace& place : places) {
      if (place.start_slot < 0) continue;
      chain.push_back(place.start_slot);
      chain.push_back(place.end_slot);
    }
    std::sort(chain.begin(), chain.end());
    chain.erase(std::unique(chain.begin(), chain.end()), chain.end());
    spread_over(chain);
  }

  /// What no tier could place, between what TIME_ORDER has around it; at its ends, with the nearest.
  bool spread_rest() {
    std::vector<int64_t> all(slots_s_.size());
    std::iota(all.begin(), all.end(), 0);
    spread_over(all);
    size_t first = 0;
    while (first < slots_s_.size() && std::isnan(slots_s_[first])) ++first;
    if (first == slots_s_.size()) return slots_s_.empty();
    std::fill(slots_s_.begin(), slots_s_.begin() + static_cast<ptrdiff_t>(first), slots_s_[first]);
    for (size_t i = first + 1; i < slots_s_.size(); ++i) {
      if (std::isnan(slots_s_[i])) slots_s_[i] = slots_s_[i - 1];
    }
    return true;
  }

 private:
  void spread_over(const std::vector<int64_t>& chain) {
    const auto at = [&](size_t i) -> double& { return slots_s_[static_cast<size_t>(chain[i])]; };
    size_t left = chain.size();
    for (size_t i = 0; i < chain.size(); ++i) {
      if (std::isnan(at(i))) continue;
      if (left != chain.size() && i - left > 1) {
        const double step_s = (at(i) - at(left)) / static_cast<double>(i - left);
        for (size_t k = left + 1; k < i; ++k) at(k) = at(left) + step_s * static_cast<double>(k - left);
      }
      left = i;
    }
  }

  EafTimes& times_;
  std::vector<double>& slots_s_;
};

/// The order of annotations under one parent, as PREVIOUS_ANNOTATION links them; that of the file where the
/// links are broken.
std::vector<size_t> linked_order(const EafTier& tier, const std::vector<EafPlace>& places,
                                 const std::vector<size_t>& children) {
  std::unordered_map<std::string, size_t> after;
  size_t first = places.size();
  for (const size_t child : children) {
    if (places[child].previous.empty())
      first = first == places.size() ? child : first;
    else
      after.emplace(places[child].previous, child);
  }
  std::vector<size_t> order;
  for (size_t at = first; at < places.size() && order.size() < children.size();) {
    order.push_back(at);
    const auto next = after.find(tier.annotations[at].id);
    at = next == after.end() ? places.size() : next->second;
  }
  return order.size() == children.size() ? order : children;
}

struct TimeSpan {
  double start_s = 0;
  double end_s = 0;
  bool is_aligned = true;
};

}  // namespace

std::vector<size_t> eaf_tiers_from_parents(const EafFile& file,
                                           const std::function<void(const std::string&)>& fail) {
  std::unordered_map<std::string, size_t> by_id;
  for (size_t i = 0; i < file.tiers.size(); ++i) by_id.emplace(file.tiers[i].id, i);
  std::vector<std::vector<size_t>> children(file.tiers.size());
  std::vector<size_t> order;
  for (size_t i = 0; i < file.tiers.size(); ++i) {
    const auto parent = by_id.find(file.tiers[i].parent);
    if (file.tiers[i].parent.empty() || parent == by_id.end())
      order.push_back(i);
    else
      children[parent->second].push_back(i);
  }
  for (size_t i = 0; i < order.size(); ++i) {
    const size_t tier = order[i];
    order.insert(order.end(), children[tier].begin(), children[tier].end());
  }
  if (order.size() < file.tiers.size()) {
    std::vector<bool> is_in(file.tiers.size());
    for (const size_t i : order) is_in[i] = true;
    for (size_t i = 0; i < file.tiers.size(); ++i) {
      if (!is_in[i]) fail(fmt::format("tier {}: its parents form a circle", shown(file.tiers[i].id)));
    }
  }
  return order;
}

void resolve_eaf_times(EafFile& file, EafTimes times, const EafFail& fail) {
  const auto order = eaf_tiers_from_parents(file, [&](const std::string& what) { fail(0, what); });
  const std::vector<double> given_s = times.slots_s;
  SlotSpreader spreader(times);
  // Parents first: a sentence without an end lends its estimate to its words.
  for (const size_t t : order) spreader.spread(times.places[t]);
  if (!spreader.spread_rest()) fail(0, "no time slot has a time");
  int64_t num_estimated = 0;
  for (const double time_s : given_s) num_estimated += std::isnan(time_s) ? 1 : 0;
  if (num_estimated > 0)
    file.notes.push_back(
        fmt::format("{} of {} time slots have no time; theirs is estimated", num_estimated, given_s.size()));

  std::unordered_map<std::string, TimeSpan> spans;
  std::unordered_map<std::string, size_t> tier_index;
  for (size_t t = 0; t < file.tiers.size(); ++t) tier_index.emplace(file.tiers[t].id, t);
  for (const size_t t : order) {
    EafTier& tier = file.tiers[t];
    const auto& places = times.places[t];
    const EafType* type = file.type_of(tier);
    std::unordered_map<std::string, std::vector<size_t>> by_parent;
    for (size_t i = 0; i < places.size(); ++i) {
      EafAnnotation& annotation = tier.annotations[i];
      const EafPlace& place = places[i];
      if (place.start_slot < 0) {
        by_parent[annotation.parent].push_back(i);
        continue;
      }
      const auto start = static_cast<size_t>(place.start_slot);
      const auto end = static_cast<size_t>(place.end_slot);
      annotation.start_s = times.slots_s[start];
      annotation.end_s = times.slots_s[end];
      annotation.is_start_aligned = !std::isnan(given_s[start]);
      annotation.is_end_aligned = !std::isnan(given_s[end]);
      if (annotation.end_s < annotation.start_s)
        fail(place.offset, fmt::format("annotation {} ends at {} s, before its start at {} s",
                                       shown(annotation.id), annotation.end_s, annotation.start_s));
    }
    const bool is_shared = type != nullptr && type->constraint == EafConstraint::kSymbolicSubdivision;
    for (const auto& [parent, children] : by_parent) {
      const TimeSpan span = spans.at(parent);
      const auto linked = is_shared ? linked_order(tier, places, children) : children;
      const auto count = static_cast<double>(linked.size());
      for (size_t k = 0; k < linked.size(); ++k) {
        EafAnnotation& annotation = tier.annotations[linked[k]];
        const double length_s = span.end_s - span.start_s;
        annotation.start_s =
            is_shared ? span.start_s + length_s * static_cast<double>(k) / count : span.start_s;
        annotation.end_s = is_shared && k + 1 < linked.size()
                               ? span.start_s + length_s * static_cast<double>(k + 1) / count
                               : span.end_s;
        annotation.is_start_aligned = span.is_aligned && (!is_shared || k == 0);
        annotation.is_end_aligned = span.is_aligned && (!is_shared || k + 1 == linked.size());
      }
    }
    std::stable_sort(tier.annotations.begin(), tier.annotations.end(),
                     [](const EafAnnotation& a, const EafAnnotation& b) {
                       return a.start_s != b.start_s ? a.start_s < b.start_s : a.end_s < b.end_s;
                     });
    int64_t num_overlaps = 0;
    for (size_t i = 1; i < tier.annotations.size(); ++i)
      num_overlaps += tier.annotations[i].start_s < tier.annotations[i - 1].end_s - kEafSlackS ? 1 : 0;
    if (num_overlaps > 0 && (type == nullptr || type->is_alignable()))
      file.notes.push_back(fmt::format("tier {}: {} annotations begin before the one before them has ended",
                                       shown(tier.id), num_overlaps));

    // Alignable annotations name no parent: it is the one whose time they lie in.
    if (!tier.parent.empty()) {
      const auto& above = file.tiers[tier_index.at(tier.parent)].annotations;
      int64_t num_orphans = 0;
      size_t at = 0;
      for (EafAnnotation& annotation : tier.annotations) {
        if (!annotation.parent.empty()) continue;
        while (at + 1 < above.size() && above[at + 1].start_s <= annotation.start_s + kEafSlackS) ++at;
        if (at < above.size() && above[at].start_s <= annotation.start_s + kEafSlackS &&
            annotation.end_s <= above[at].end_s + kEafSlackS)
          annotation.parent = above[at].id;
        else
          ++num_orphans;
      }
      if (num_orphans > 0)
        file.notes.push_back(fmt::format("tier {}: {} annotations lie in none of the parent tier",
                                         shown(tier.id), num_orphans));
    }
    for (const EafAnnotation& annotation : tier.annotations)
      spans[annotation.id] = {annotation.start_s, annotation.end_s,
                              annotation.is_start_aligned && annotation.is_end_aligned};
  }
}

}  // namespace limbic::formats::detail
