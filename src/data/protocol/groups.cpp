#include "protocol/groups.h"

#include <algorithm>
#include <unordered_map>

#include "limbic/core/suggest.h"

namespace limbic::data::detail {
namespace {

constexpr size_t kMaxListedNames = 20;

SampleField field_of(GroupBy by) {
  switch (by) {
    case GroupBy::kSubject:
      return SampleField::kSubject;
    case GroupBy::kSession:
      return SampleField::kSession;
    case GroupBy::kDialogue:
      return SampleField::kDialogue;
    case GroupBy::kClip:
      return SampleField::kClip;
    case GroupBy::kCorpus:
      return SampleField::kCorpus;
    case GroupBy::kSample:
      break;
  }
  return SampleField::kId;
}

}  // namespace

const char* name_of(GroupBy by) {
  for (const auto& [value, name] : enum_names(by)) {
    if (value == by) return name;
  }
  return "?";
}

std::string listed(const std::vector<std::string>& names) {
  if (names.size() <= kMaxListedNames) return core::join(names);
  const std::vector<std::string> head(names.begin(), names.begin() + kMaxListedNames);
  return core::join(head) + " and " + std::to_string(names.size() - kMaxListedNames) + " more";
}

Grouping::Grouping(const SampleTable& samples, GroupBy by)
    : Grouping(samples, field_of(by), by != GroupBy::kCorpus && by != GroupBy::kSample) {}

Grouping::Grouping(const SampleTable& samples, SampleField field, bool within_corpus)
    : samples_(&samples), field_(field), group_of_(static_cast<size_t>(samples.size()), -1) {
  const int64_t size = samples.size();
  int32_t max_code = 0;
  for (int64_t i = 0; i < size; ++i) {
    max_code = std::max(max_code, samples.code(field, i));
    if (within_corpus && samples.code(SampleField::kCorpus, i) != samples.code(SampleField::kCorpus, 0))
      has_corpora_ = true;
  }
  std::vector<int32_t> group_of_code(has_corpora_ ? 0 : static_cast<size_t>(max_code) + 1, -1);
  std::unordered_map<uint64_t, int32_t> group_of_pair;
  for (int64_t i = 0; i < size; ++i) {
    const int32_t code = samples.code(field, i);
    if (code == 0) continue;
    int32_t* group = nullptr;
    if (has_corpora_) {
      const auto corpus = static_cast<uint64_t>(samples.code(SampleField::kCorpus, i));
      group = &group_of_pair.emplace(corpus << 32 | static_cast<uint64_t>(code), -1).first->second;
    } else {
      group = &group_of_code[static_cast<size_t>(code)];
    }
    if (*group < 0) {
      *group = this->size();
      first_row_.push_back(i);
    }
    group_of_[static_cast<size_t>(i)] = *group;
  }
}

std::string_view Grouping::bare_name(int32_t group) const {
  return samples_->text(field_, first_row_[static_cast<size_t>(group)]);
}

std::string_view Grouping::corpus(int32_t group) const {
  return samples_->corpus(first_row_[static_cast<size_t>(group)]);
}

std::string Grouping::name_of_row(int64_t i) const {
  const std::string bare(samples_->text(field_, i));
  return has_corpora_ ? std::string(samples_->corpus(i)) + "/" + bare : bare;
}

std::string Grouping::name(int32_t group) const {
  return name_of_row(first_row_[static_cast<size_t>(group)]);
}

std::vector<int32_t> Grouping::sorted() const {
  std::vector<int32_t> order(first_row_.size());
  for (size_t g = 0; g < order.size(); ++g) order[g] = static_cast<int32_t>(g);
  std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    if (has_corpora_ && corpus(a) != corpus(b)) return corpus(a) < corpus(b);
    return bare_name(a) < bare_name(b);
  });
  return order;
}

}  // namespace limbic::data::detail
