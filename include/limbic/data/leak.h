#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "limbic/config/bounds.h"

namespace limbic::data {

/// What two parts of a split may share although they must not. Which ones are looked for: Note [Leaks] in
/// leaks.h.
enum class LeakKind {
  kSample,
  kSubject,
  kPerson,
  kSession,
  kDialogue,
  kTurn,
  kRecording,
  kOverlap,
  kContext,
  kSource,
  kContent,
  kAugmented,
  kOfficial,
};
constexpr auto enum_names(LeakKind) {
  return std::array<std::pair<LeakKind, const char*>, 13>{{{LeakKind::kSample, "sample"},
                                                           {LeakKind::kSubject, "subject"},
                                                           {LeakKind::kPerson, "person"},
                                                           {LeakKind::kSession, "session"},
                                                           {LeakKind::kDialogue, "dialogue"},
                                                           {LeakKind::kTurn, "turn"},
                                                           {LeakKind::kRecording, "recording"},
                                                           {LeakKind::kOverlap, "overlap"},
                                                           {LeakKind::kContext, "context"},
                                                           {LeakKind::kSource, "source"},
                                                           {LeakKind::kContent, "content"},
                                                           {LeakKind::kAugmented, "augmented"},
                                                           {LeakKind::kOfficial, "official"}}};
}
const char* leak_name(LeakKind kind);

/// One thing that two parts share.
struct Leak {
  LeakKind kind = LeakKind::kSample;
  std::string what;  ///< "subject actor_07"
  std::string part_a;
  std::string part_b;
  std::vector<std::string> examples;  ///< ids: a sample of part_a, one of part_b
};
/// "subject actor_07 is in train (a07_01) and test (a07_09)"
std::string text_of(const Leak& leak);

/// All leaks of a split: every one is counted, the first of each kind are listed.
struct LeakReport {
  std::vector<Leak> leaks;
  std::map<LeakKind, int64_t> counts;  ///< kinds that there are

  bool empty() const { return counts.empty(); }
  int64_t total() const;
  /// By name, for files that know nothing of kinds.
  std::map<std::string, int64_t> counts_by_name() const;
};

/// What every protocol takes beside its own fields.
struct LeakPolicy {
  std::vector<LeakKind> allow_leaks;
  std::vector<LeakKind> drop_leaks;
  double context_s = 0.0;
  std::map<std::string, std::string> same_person;

  /// Called from the visit() of a protocol: these are fields of `split:` itself.
  template <class Visitor>
  void visit(Visitor& v) {
    v("allow_leaks", allow_leaks, "kinds of leaks that are let through; every result of the run says so");
    v("drop_leaks", drop_leaks,
      "kinds of leaks that are cured: the training (or validation) samples that leak are left out");
    v("context_s", context_s,
      "seconds around a window that its features see: windows of two parts must be further apart",
      config::at_least(0.0));
    v("same_person", same_person, "corpus/subject -> person, for people with several names");
  }
};

}  // namespace limbic::data
