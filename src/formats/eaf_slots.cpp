#include "eaf_slots.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "byte_source.h"
#include "eaf_times.h"
#include "limbic/core/error.h"

namespace limbic::formats::detail {
namespace {

constexpr int64_t kMaxSlotMs = INT64_C(0xFFFFFFFF);  ///< TIME_VALUE is an unsignedInt

/// xsd:ID: a name without a colon. Bytes past ASCII are taken for letters.
bool is_xml_id(const std::string& id) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
  };
  const auto is_inner = [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.';
  };
  return !id.empty() && is_letter(id[0]) && std::all_of(id.begin(), id.end(), is_inner);
}

}  // namespace

EafSlotPlan::EafSlotPlan(const std::string& path, const EafFile& file) : path_(path), file_(file) {
  check_tiers();
  name_annotations();
  find_children();
  for (size_t t = 0; t < file_.tiers.size(); ++t) {
    const EafConstraint constraint = constraint_of(t);
    if (constraint != EafConstraint::kNone && constraint != EafConstraint::kIncludedIn) continue;
    for (size_t i = 0; i < file_.tiers[t].annotations.size(); ++i) {
      if (constraint == EafConstraint::kIncludedIn) check_inside({t, i});
      place({t, i});
    }
    check_overlap(t);
  }
  order_slots();
}

void EafSlotPlan::fail(size_t t, const std::string& what) const {
  throw Error(ErrorCode::kData, fmt::format("{}: tier {}: {}", path_, shown(file_.tiers[t].id), what));
}

EafConstraint EafSlotPlan::constraint_of(size_t t) const {
  const EafType* type = file_.type_of(file_.tiers[t]);
  return type == nullptr ? EafConstraint::kNone : type->constraint;
}

void EafSlotPlan::check_tiers() {
  const auto is_symbolic = [&](size_t t) {
    const EafConstraint constraint = constraint_of(t);
    return constraint == EafConstraint::kSymbolicSubdivision ||
           constraint == EafConstraint::kSymbolicAssociation;
  };
  for (size_t t = 0; t < file_.tiers.size(); ++t) {
    const EafTier& tier = file_.tiers[t];
    if (tier.id.empty()) fail(t, "a tier needs a name");
    if (!tiers_.emplace(tier.id, t).second) fail(t, "a second tier of this name");
    if (!tier.type.empty() && file_.type_of(tier) == nullptr)
      fail(t, fmt::format("no linguistic type {}", shown(tier.type)));
  }
  subdivisions_.resize(file_.tiers.size());
  for (size_t t = 0; t < file_.tiers.size(); ++t) {
    const EafTier& tier = file_.tiers[t];
    if (tier.parent.empty() != (constraint_of(t) == EafConstraint::kNone))
      fail(t, tier.parent.empty() ? "its linguistic type has a constraint, so it needs a parent"
                                  : "it has a parent, so its linguistic type needs a constraint");
    if (tier.parent.empty()) continue;
    const auto parent = tiers_.find(tier.parent);
    if (parent == tiers_.end()) fail(t, fmt::format("no parent tier {}", shown(tier.parent)));
    if (!is_symbolic(t) && is_symbolic(parent->second))
      fail(t, "its annotations have times, but those of its parent have none");
    if (constraint_of(t) == EafConstraint::kTimeSubdivision) subdivisions_[parent->second].push_back(t);
  }
  eaf_tiers_from_parents(
      file_, [&](const std::string& what) { throw Error(ErrorCode::kData, path_ + ": " + what); });
}

void EafSlotPlan::take_id(const std::string& id, const char* what) {
  if (!is_xml_id(id)) {
    throw Error(ErrorCode::kData,
                fmt::format("{}: {} id {}; expected a letter, then letters, digits, '-', '_' or '.'", path_,
                            what, shown(id)));
  }
  if (!reserve(id))
    throw Error(ErrorCode::kData,
                fmt::format("{}: a second element with id {} ({})", path_, shown(id), what));
}

void EafSlotPlan::name_annotations() {
  for (const EafLanguage& language : file_.languages) take_id(language.id, "language");
  for (const char* id :
       {"Time_Subdivision", "Symbolic_Subdivision", "Symbolic_Association", "Included_In", "und"})
    reserve(id);
  for (const EafTier& tier : file_.tiers) {
    for (const EafAnnotation& one : tier.annotations) {
      if (!one.id.empty()) take_id(one.id, "annotation");
    }
  }
  int64_t next = 0;
  names_.resize(file_.tiers.size());
  for (size_t t = 0; t < file_.tiers.size(); ++t) {
    for (size_t i = 0; i < file_.tiers[t].annotations.size(); ++i) {
      std::string id = file_.tiers[t].annotations[i].id;
      while (id.empty()) {
        id = fmt::format("a{}", ++next);
        if (!reserve(id)) id.clear();
      }
      by_name_[id] = {t, i};
      names_[t].push_back(std::move(id));
    }
  }
}

int64_t EafSlotPlan::last_number() const {
  int64_t last = 0;
  for (const auto& [id, at] : by_name_) {
    const bool is_number = id.size() > 1 && id.size() < 18 && id[0] == 'a' &&
                           id.find_first_not_of("0123456789", 1) == std::string::npos;
    if (is_number) last = std::max<int64_t>(last, std::stoll(id.substr(1)));
  }
  return last;
}

void EafSlotPlan::find_children() {
  children_.resize(file_.tiers.size());
  slots_of_.resize(file_.tiers.size());
  for (size_t t = 0; t < file_.tiers.size(); ++t) {
    const EafTier& tier = file_.tiers[t];
    slots_of_[t].assign(tier.annotations.size(), {kNone, kNone});
    for (size_t i = 0; i < tier.annotations.size() && !tier.parent.empty(); ++i) {
      const auto parent = by_name_.find(tier.annotations[i].parent);
      if (parent == by_name_.end() || file_.tiers[parent->second.tier].id != tier.parent)
        fail(t, fmt::format("annotation {} belongs to {}, which is none of tier {}", shown(names_[t][i]),
                            shown(tier.annotations[i].parent), shown(tier.parent)));
      auto& siblings = children_[t][parent->first];
      siblings.push_back(i);
      if (siblings.size() > 1 && constraint_of(t) == EafConstraint::kSymbolicAssociation)
        fail(t, fmt::format("two annotations of {}; a symbolic association has one", shown(parent->first)));
    }
  }
}

int64_t EafSlotPlan::to_ms(size_t t, double time_s) const {
  const double ms = std::nearbyint(time_s * 1000.0);
  if (!(ms >= 0 && ms <= static_cast<double>(kMaxSlotMs)))
    fail(t, fmt::format("time {} s; expected 0 to {} s", time_s, kMaxSlotMs / 1000));
  return static_cast<int64_t>(ms);
}

size_t EafSlotPlan::add_slot(int64_t ms, bool is_aligned) {
  slots_.push_back({ms, is_aligned});
  return slots_.size() - 1;
}

void EafSlotPlan::place(At at) {
  const EafAnnotation& one = annotation(at);
  const size_t start = add_slot(to_ms(at.tier, one.start_s), one.is_start_aligned);
  subdivide(at, start);
  finish(at, start, add_slot(to_ms(at.tier, one.end_s), one.is_end_aligned));
}

/// The slots within an annotation, which its words share: each ends where the next begins.
void EafSlotPlan::subdivide(At whole, size_t start_slot) {
  for (const size_t t : subdivisions_[whole.tier]) {
    const auto found = children_[t].find(names_[whole.tier][whole.index]);
    if (found == children_[t].end()) continue;
    size_t left = start_slot;
    int64_t at_ms = to_ms(t, annotation(whole).start_s);
    for (const size_t i : found->second) {
      const EafAnnotation& word = annotation({t, i});
      if (to_ms(t, word.start_s) != at_ms)
        fail(t, fmt::format("annotation {} begins at {} s; a time subdivision has no gaps, so expected {} s",
                            shown(names_[t][i]), word.start_s, static_cast<double>(at_ms) / 1000));
      subdivide({t, i}, left);
      at_ms = to_ms(t, word.end_s);
      if (i == found->second.back()) {
        last_words_[whole].push_back({{t, i}, left});
        break;
      }
      const size_t right = add_slot(at_ms, word.is_end_aligned);
      finish({t, i}, left, right);
      left = right;
    }
    if (at_ms != to_ms(t, annotation(whole).end_s))
      fail(t,
           fmt::format("annotation {} ends at {} s, its parent at {} s; a time subdivision fills its parent",
                       shown(names_[t][found->second.back()]), static_cast<double>(at_ms) / 1000,
                       annotation(whole).end_s));
  }
}

/// An annotation's end is known, and with it that of its last words.
void EafSlotPlan::finish(At at, size_t start_slot, size_t end_slot) {
  const Slot& start = slots_[start_slot];
  const Slot& end = slots_[end_slot];
  if (end.ms < start.ms || (end.ms == start.ms && start.is_aligned && end.is_aligned))
    fail(at.tier,
         fmt::format("annotation {} from {} s to {} s has no length in milliseconds",
                     shown(names_[at.tier][at.index]), annotation(at).start_s, annotation(at).end_s));
  slots_of_[at.tier][at.index] = {start_slot, end_slot};
  const auto last = last_words_.find(at);
  if (last == last_words_.end()) return;
  for (const LastWord& word : last->second) finish(word.at, word.start_slot, end_slot);
}

void EafSlotPlan::check_inside(At at) const {
  const EafAnnotation& one = annotation(at);
  const EafAnnotation& parent = annotation(by_name_.at(one.parent));
  const size_t t = at.tier;
  if (to_ms(t, one.start_s) < to_ms(t, parent.start_s) || to_ms(t, one.end_s) > to_ms(t, parent.end_s))
    fail(t, fmt::format("annotation {} from {} s to {} s leaves its parent's time, {} s to {} s",
                        shown(names_[t][at.index]), one.start_s, one.end_s, parent.start_s, parent.end_s));
}

void EafSlotPlan::check_overlap(size_t t) const {
  const auto start_ms = [&](size_t i) { return slots_[slots_of_[t][i].first].ms; };
  std::vector<size_t> by_time(file_.tiers[t].annotations.size());
  std::iota(by_time.begin(), by_time.end(), 0);
  std::stable_sort(by_time.begin(), by_time.end(),
                   [&](size_t a, size_t b) { return start_ms(a) < start_ms(b); });
  for (size_t k = 1; k < by_time.size(); ++k) {
    if (start_ms(by_time[k]) >= slots_[slots_of_[t][by_time[k - 1]].second].ms) continue;
    fail(t, fmt::format(
                "annotation {} at {} s begins before {} has ended; annotations of a tier must not overlap: "
                "use one tier for each person or class",
                shown(names_[t][by_time[k]]), annotation({t, by_time[k]}).start_s,
                shown(names_[t][by_time[k - 1]])));
  }
}

/// By time; equal times in the order in which they were made, which keeps a sentence's slots in its own.
void EafSlotPlan::order_slots() {
  order_.resize(slots_.size());
  std::iota(order_.begin(), order_.end(), 0);
  std::stable_sort(order_.begin(), order_.end(),
                   [&](size_t a, size_t b) { return slots_[a].ms < slots_[b].ms; });
  number_.resize(slots_.size());
  for (size_t k = 0; k < slots_.size(); ++k) number_[order_[k]] = k + 1;
  const auto collides = [&](const std::string& id) { return id.rfind(prefix_, 0) == 0; };
  while (std::any_of(ids_.begin(), ids_.end(), collides)) prefix_ += '_';
}

}  // namespace limbic::formats::detail
