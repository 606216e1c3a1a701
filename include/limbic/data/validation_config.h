#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "limbic/config/checks.h"

namespace limbic::data {

/// What must not lie in two parts of a split. Subjects, sessions, dialogues and clips are those of one
/// corpus: "7" of two corpora are two people.
enum class GroupBy { kSubject, kSession, kDialogue, kClip, kCorpus, kSample };
constexpr auto enum_names(GroupBy) {
  return std::array<std::pair<GroupBy, const char*>, 6>{{{GroupBy::kSubject, "subject"},
                                                         {GroupBy::kSession, "session"},
                                                         {GroupBy::kDialogue, "dialogue"},
                                                         {GroupBy::kClip, "clip"},
                                                         {GroupBy::kCorpus, "corpus"},
                                                         {GroupBy::kSample, "sample"}}};
}

/// Validation samples by the name of an official split.
struct NamedValidation {
  static constexpr const char* kType = "split";
  std::vector<std::string> splits;

  template <class Visitor>
  void visit(Visitor& v) {
    v("splits", splits, "official splits that validate");
  }
  void validate(config::Checks& checks) const;
};

/// Validation samples carved out of the training part, whole groups at a time.
struct CarvedValidation {
  static constexpr const char* kType = "carve";
  double fraction = 0.1;
  uint64_t seed = 0;
  std::string stratify_by = "emotion";
  GroupBy by = GroupBy::kSubject;

  template <class Visitor>
  void visit(Visitor& v) {
    v("fraction", fraction, "share of the training samples, in (0, 1)");
    v("seed", seed, "seed of the draw");
    v("stratify_by", stratify_by, "task whose classes keep their shares; empty = none");
    v("by", by, "groups that stay whole; a sample whose group is unknown is its own group");
  }
  void validate(config::Checks& checks) const;
};

/// The next fold (or group, or block of time) validates; after the last comes the first.
struct NextValidation {
  static constexpr const char* kType = "next";
  template <class Visitor>
  void visit(Visitor&) {}
};

/// Nobody validates.
struct NoValidation {
  static constexpr const char* kType = "none";
  template <class Visitor>
  void visit(Visitor&) {}
};

/// Nested cross-validation: what the outer fold does not test is split again, and fold `fold` of those `k`
/// validates. `limbic train --cross-validate` trains all of them and tests an outer fold with the mean of the
/// probabilities of its k models.
struct InnerKFoldValidation {
  static constexpr const char* kType = "inner_kfold";
  int64_t k = 4;
  int64_t fold = 0;
  GroupBy by = GroupBy::kSubject;
  uint64_t seed = 0;

  template <class Visitor>
  void visit(Visitor& v) {
    v("k", k, "number of inner folds, at least 2");
    v("fold", fold, "the inner fold that validates, from 0");
    v("by", by, "groups that stay whole");
    v("seed", seed, "seed of the assignment of groups to inner folds");
  }
  void validate(config::Checks& checks) const;
};

}  // namespace limbic::data
