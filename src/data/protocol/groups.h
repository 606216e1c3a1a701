#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "limbic/data/protocol_config.h"
#include "limbic/data/sample_table.h"

namespace limbic::data::detail {

enum Part : int8_t { kUnused = -1, kTrain = 0, kVal = 1, kTest = 2 };
inline constexpr std::array<const char*, 3> kPartNames{"train", "val", "test"};
/// The part of every sample of a table.
using Parts = std::vector<int8_t>;

const char* name_of(GroupBy by);
/// "a, b, c and 7 more"
std::string listed(const std::vector<std::string>& names);

/// Numbers what the samples of a table share, from 0 in the order of first appearance. No string is touched.
class Grouping {
 public:
  Grouping(const SampleTable& samples, GroupBy by);
  /// By any column; `within_corpus`: equal texts of two corpora are two groups.
  Grouping(const SampleTable& samples, SampleField field, bool within_corpus);

  /// -1 where the sample's group is unknown.
  int32_t of(int64_t i) const { return group_of_[static_cast<size_t>(i)]; }
  int32_t size() const { return static_cast<int32_t>(first_row_.size()); }
  /// Its own name, and the corpus in front of it where there are several.
  std::string_view bare_name(int32_t group) const;
  std::string_view corpus(int32_t group) const;
  std::string name(int32_t group) const;
  std::string name_of_row(int64_t i) const;
  bool has_corpora() const { return has_corpora_; }
  /// Groups in the order of their names.
  std::vector<int32_t> sorted() const;

 private:
  const SampleTable* samples_;
  SampleField field_;
  bool has_corpora_ = false;  ///< names need their corpus
  std::vector<int32_t> group_of_;
  std::vector<int64_t> first_row_;
};

/// Samples that stay together.
struct GroupOfSamples {
  std::vector<int64_t> members;
};
/// Groups among `candidates` in an order that depends on the seed alone; a sample whose group is unknown is
/// its own.
std::vector<GroupOfSamples> shuffled_groups(const SampleTable& samples,
                                            const std::vector<int64_t>& candidates, GroupBy by,
                                            uint64_t seed);
/// The fold of every one of `groups`: largest first into the smallest fold keeps folds of nearly one size.
std::vector<int64_t> fold_of_groups(std::vector<GroupOfSamples>& groups, int64_t k);
/// Moves about `config.fraction` of the candidates to `part`, whole groups at a time.
void carve(const SampleTable& samples, const std::vector<int64_t>& candidates, const CarvedValidation& config,
           Part part, Parts& parts);
std::vector<int64_t> members_of(const Parts& parts, Part part);

// One a protocol: they say who is in which part, and add to `lead` what a description should begin with.
void assign(const SampleTable& samples, const GroupsProtocol& config, Parts& parts, std::string& lead);
void assign(const SampleTable& samples, const OfficialProtocol& config, Parts& parts, std::string& lead);
void assign(const SampleTable& samples, const GroupKFoldProtocol& config, Parts& parts, std::string& lead);
void assign(const SampleTable& samples, const FractionProtocol& config, Parts& parts, std::string& lead);
void assign(const SampleTable& samples, const LeaveOneOutProtocol& config, Parts& parts, std::string& lead);
void assign(const SampleTable& samples, const TimeBlocksProtocol& config, Parts& parts, std::string& lead);

/// Leaves out training samples of a recording that overlap or lie nearer than `gap_s` to a validating or
/// tested one, and validating ones as near to a tested one. @return how many
int64_t purge_near(const SampleTable& samples, double gap_s, Parts& parts);
/// Rows in the order of (recording, start), longer ones first; those of no recording are not in it.
std::vector<int64_t> rows_by_recording(const SampleTable& samples, const Grouping& recordings);

}  // namespace limbic::data::detail
