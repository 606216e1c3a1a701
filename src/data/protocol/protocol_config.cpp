#include "limbic/data/protocol_config.h"

#include <fmt/format.h>

#include "protocol/groups.h"

namespace limbic::data {
namespace {

void check_folds(config::Checks& checks, int64_t k, int64_t fold, int64_t least) {
  checks.expect(k >= least, "k", fmt::format("must be at least {}, got {}", least, k));
  checks.expect(fold >= 0 && fold < k, "fold", fmt::format("must be in [0, k), got {}", fold));
}

}  // namespace

void GroupsProtocol::validate(config::Checks& checks) const {
  checks.expect(!train.empty(), "train", "must name at least one group");
}

void NamedValidation::validate(config::Checks& checks) const {
  checks.expect(!splits.empty(), "splits", "must name at least one official split");
}

void CarvedValidation::validate(config::Checks& checks) const {
  checks.expect(fraction > 0 && fraction < 1, "fraction", fmt::format("must be in (0, 1), got {}", fraction));
}

void InnerKFoldValidation::validate(config::Checks& checks) const {
  check_folds(checks, k, fold, 2);
}

void OfficialProtocol::validate(config::Checks& checks) const {
  checks.expect(!train.empty(), "train", "must name at least one official split");
}

void GroupKFoldProtocol::validate(config::Checks& checks) const {
  check_folds(checks, k, fold, std::holds_alternative<NextValidation>(val) ? 3 : 2);
}

void TimeBlocksProtocol::validate(config::Checks& checks) const {
  check_folds(checks, k, fold, std::holds_alternative<NextValidation>(val) ? 3 : 2);
  checks.expect(per == GroupBy::kClip || per == GroupBy::kSession || per == GroupBy::kSubject, "per",
                fmt::format("must be clip, session or subject, got {}", detail::name_of(per)));
}

void FractionProtocol::validate(config::Checks& checks) const {
  checks.expect(val >= 0 && val < 1, "val", fmt::format("must be in [0, 1), got {}", val));
  checks.expect(test >= 0 && test < 1, "test", fmt::format("must be in [0, 1), got {}", test));
  checks.expect(val + test < 1, "", fmt::format("val + test must be below 1, got {}", val + test));
}

}  // namespace limbic::data
