#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/data/sample_table.h"

namespace limbic::data {

/// What must not lie in two parts of a split.
enum class GroupBy { kSubject, kSession, kClip, kSample };
constexpr auto enum_names(GroupBy) {
  return std::array<std::pair<GroupBy, const char*>, 4>{{{GroupBy::kSubject, "subject"},
                                                         {GroupBy::kSession, "session"},
                                                         {GroupBy::kClip, "clip"},
                                                         {GroupBy::kSample, "sample"}}};
}

/// Parts by name. Entries are names ("actor_07", or 7 where names end in numbers) or ranges ("1-16").
struct GroupsProtocol {
  static constexpr const char* kType = "groups";
  GroupBy by = GroupBy::kSubject;
  std::vector<std::string> train;
  std::vector<std::string> val;
  std::vector<std::string> test;

  template <class Visitor>
  void visit(Visitor& v) {
    v("by", by, "what the names below name");
    v("train", train, "names or ranges such as 1-16");
    v("val", val, "names or ranges; may be empty");
    v("test", test, "names or ranges; may be empty");
  }
  void validate(config::Checks& checks) const;
};

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
using ValidationConfig = std::variant<CarvedValidation, NamedValidation>;

/// The split that the corpus comes with.
struct OfficialProtocol {
  static constexpr const char* kType = "official";
  std::vector<std::string> train{"train"};
  ValidationConfig val;
  std::vector<std::string> test{"test"};

  template <class Visitor>
  void visit(Visitor& v) {
    v("train", train, "official splits to train on");
    v("val", val, "where validation samples come from");
    v("test", test, "official splits to test on");
  }
  void validate(config::Checks& checks) const;
};

/// Cross-validation: fold `fold` of `k` tests, the next one validates, the others train.
struct GroupKFoldProtocol {
  static constexpr const char* kType = "group_kfold";
  int64_t k = 5;
  int64_t fold = 0;
  GroupBy by = GroupBy::kSubject;
  bool validate_on_next = true;
  uint64_t seed = 0;

  template <class Visitor>
  void visit(Visitor& v) {
    v("k", k, "number of folds, at least 2 (3 with a validation fold)");
    v("fold", fold, "the fold that tests, from 0");
    v("by", by, "groups that stay whole");
    v("validate_on_next", validate_on_next, "fold + 1 validates; else validation is empty");
    v("seed", seed, "seed of the assignment of groups to folds");
  }
  void validate(config::Checks& checks) const;
};

/// Random parts of given sizes, whole groups at a time; a sample whose group is unknown is its own group.
struct FractionProtocol {
  static constexpr const char* kType = "fraction";
  double val = 0.15;
  double test = 0.15;
  GroupBy by = GroupBy::kSubject;
  std::string stratify_by = "emotion";
  uint64_t seed = 0;

  template <class Visitor>
  void visit(Visitor& v) {
    v("val", val, "share of the samples that validate");
    v("test", test, "share of the samples that test");
    v("by", by, "groups that stay whole");
    v("stratify_by", stratify_by, "task whose classes keep their shares; empty = none");
    v("seed", seed, "seed of the draw");
  }
  void validate(config::Checks& checks) const;
};

using ProtocolConfig = std::variant<GroupsProtocol, OfficialProtocol, GroupKFoldProtocol, FractionProtocol>;

/// Sample indices of every part, ascending, disjoint.
struct Split {
  std::vector<int64_t> train;
  std::vector<int64_t> val;
  std::vector<int64_t> test;
  std::string description;  ///< one line for logs and reports
  std::string hash;         ///< SHA-256 over the ids of the parts

  /// "train", "val" or "test". @throws Error(kConfig)
  const std::vector<int64_t>& part(const std::string& name) const;
};

/// @throws Error(kData) listing groups that would lie in two parts, names that match nothing, empty parts
Split make_split(const SampleTable& samples, const ProtocolConfig& protocol);

}  // namespace limbic::data
