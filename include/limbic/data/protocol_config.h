#pragma once
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/data/leak.h"
#include "limbic/data/validation_config.h"

namespace limbic::data {

/// Parts by name. Entries are names ("actor_07", or 7 where names end in numbers) or ranges ("1-16"); among
/// several corpora "ravdess/1-16" means those of one, "1-16" those of each.
struct GroupsProtocol {
  static constexpr const char* kType = "groups";
  static constexpr const char* kDoc = "named groups in each part";
  GroupBy by = GroupBy::kSubject;
  std::vector<std::string> train;
  std::vector<std::string> val;
  std::vector<std::string> test;
  LeakPolicy leaks{};

  template <class Visitor>
  void visit(Visitor& v) {
    v("by", by, "what the names below name");
    v("train", train, "names or ranges such as 1-16");
    v("val", val, "names or ranges; may be empty");
    v("test", test, "names or ranges; may be empty");
    leaks.visit(v);
  }
  void validate(config::Checks& checks) const;
};

using ValidationConfig = std::variant<CarvedValidation, NamedValidation>;

/// The split that the corpus comes with.
struct OfficialProtocol {
  static constexpr const char* kType = "official";
  static constexpr const char* kDoc = "the parts that the corpus names";
  std::vector<std::string> train{"train"};
  ValidationConfig val;
  std::vector<std::string> test{"test"};
  LeakPolicy leaks{};

  template <class Visitor>
  void visit(Visitor& v) {
    v("train", train, "official splits to train on");
    v("val", val, "where validation samples come from");
    v("test", test, "official splits to test on");
    leaks.visit(v);
  }
  void validate(config::Checks& checks) const;
};

using FoldValidation = std::variant<NextValidation, InnerKFoldValidation, CarvedValidation, NoValidation>;

/// Cross-validation: fold `fold` of `k` tests.
struct GroupKFoldProtocol {
  static constexpr const char* kType = "group_kfold";
  static constexpr const char* kDoc = "k folds of whole groups (people, sessions, dialogues...)";
  int64_t k = 5;
  int64_t fold = 0;
  GroupBy by = GroupBy::kSubject;
  FoldValidation val = NextValidation{};
  uint64_t seed = 0;
  LeakPolicy leaks{};

  template <class Visitor>
  void visit(Visitor& v) {
    v("k", k, "number of folds, at least 2 (3 when the next one validates)");
    v("fold", fold, "the fold that tests, from 0");
    v("by", by, "groups that stay whole");
    v("val", val, "where validation samples come from");
    v("seed", seed, "seed of the assignment of groups to folds");
    leaks.visit(v);
  }
  void validate(config::Checks& checks) const;
};

/// One subject, session, dialogue or corpus tests, the others train. Samples without one are left out.
struct LeaveOneOutProtocol {
  static constexpr const char* kType = "leave_one_out";
  static constexpr const char* kDoc = "every group is the test part once";
  GroupBy by = GroupBy::kSubject;
  int64_t fold = 0;
  std::string leave{};
  FoldValidation val = CarvedValidation{};
  LeakPolicy leaks{};

  template <class Visitor>
  void visit(Visitor& v) {
    v("by", by, "what is left out");
    v("fold", fold, "the group that tests, from 0 in the order of names", config::at_least(0));
    v("leave", leave, "its name instead of its number; empty = by number");
    v("val", val, "where validation samples come from");
    leaks.visit(v);
  }
};

using BlockValidation = std::variant<NextValidation, NoValidation>;

/// Every recording is cut into `k` contiguous blocks of time, of as many windows each; block `fold` of each
/// tests. Shuffled windows would measure memory of their neighbours. People are in all parts by design: the
/// result says how a model does that knows its people.
struct TimeBlocksProtocol {
  static constexpr const char* kType = "time_blocks";
  static constexpr const char* kDoc = "blocks of time within each recording, with gaps between parts";
  int64_t k = 5;
  int64_t fold = 0;
  GroupBy per = GroupBy::kClip;
  double gap_s = 0.0;
  BlockValidation val = NextValidation{};
  LeakPolicy leaks{};

  template <class Visitor>
  void visit(Visitor& v) {
    v("k", k, "number of blocks, at least 2 (3 when the next one validates)");
    v("fold", fold, "the block that tests, from 0");
    v("per", per, "what is cut: clip, or the recordings of a session or subject one after the other");
    v("gap_s", gap_s,
      "training windows nearer than this to a tested or validating one of the recording, and validating ones "
      "as near "
      "to a tested one, are left out; those that overlap always are",
      config::at_least(0.0));
    v("val", val, "next: the next block validates; none");
    leaks.visit(v);
  }
  void validate(config::Checks& checks) const;
};

/// Random parts of given sizes, whole groups at a time; a sample whose group is unknown is its own group.
struct FractionProtocol {
  static constexpr const char* kType = "fraction";
  static constexpr const char* kDoc = "a share of the groups, drawn by seed";
  double val = 0.15;
  double test = 0.15;
  GroupBy by = GroupBy::kSubject;
  std::string stratify_by = "emotion";
  uint64_t seed = 0;
  LeakPolicy leaks{};

  template <class Visitor>
  void visit(Visitor& v) {
    v("val", val, "share of the samples that validate");
    v("test", test, "share of the samples that test");
    v("by", by, "groups that stay whole");
    v("stratify_by", stratify_by, "task whose classes keep their shares; empty = none");
    v("seed", seed, "seed of the draw");
    leaks.visit(v);
  }
  void validate(config::Checks& checks) const;
};

using ProtocolConfig = std::variant<GroupsProtocol, OfficialProtocol, GroupKFoldProtocol, FractionProtocol,
                                    LeaveOneOutProtocol, TimeBlocksProtocol>;

}  // namespace limbic::data
