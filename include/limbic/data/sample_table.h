#pragma once
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limbic/data/sample.h"

namespace limbic::data {

/// What every sample has one text of.
enum class SampleField {
  kId,
  kCorpus,
  kSubject,
  kSession,
  kDialogue,
  kClip,
  kSplit,
  kSourcePath,
  kSourceSha256,
};
inline constexpr int kNumSampleFields = 9;

/// All samples of a store, column by column: a million utterances take some 100 MB instead of several GB, and
/// splits are drawn without touching a string. Immutable; copies share the columns. Thread-safe.
class SampleTable {
 public:
  SampleTable();
  /// @throws Error(kData) on an id used twice, more than kMaxKeys tasks, values, attributes or streams by
  /// name
  SampleTable(const std::vector<Sample>& samples);  // NOLINT: a list of samples is a table
  static constexpr size_t kMaxKeys = 4096;

  int64_t size() const;
  bool empty() const { return size() == 0; }
  /// The whole sample, put together. Single columns (below) are cheaper.
  Sample operator[](int64_t i) const;
  Sample at(int64_t i) const { return (*this)[i]; }

  std::string_view text(SampleField field, int64_t i) const;
  /// Codes of all fields and labels are of one dictionary and compare as their texts do; 0 is the empty text.
  int32_t code(SampleField field, int64_t i) const;
  std::string_view id(int64_t i) const { return text(SampleField::kId, i); }
  std::string_view corpus(int64_t i) const { return text(SampleField::kCorpus, i); }
  std::string_view subject(int64_t i) const { return text(SampleField::kSubject, i); }
  std::string_view session(int64_t i) const { return text(SampleField::kSession, i); }
  std::string_view dialogue(int64_t i) const { return text(SampleField::kDialogue, i); }
  std::string_view clip(int64_t i) const { return text(SampleField::kClip, i); }
  std::string_view split(int64_t i) const { return text(SampleField::kSplit, i); }
  int64_t turn(int64_t i) const;
  core::Timestamp t0(int64_t i) const;
  core::Timestamp duration(int64_t i) const;
  /// Class of a task; empty where unknown.
  std::string_view label(const std::string& task, int64_t i) const;
  /// Continuous annotation; NaN where unknown.
  double value(const std::string& name, int64_t i) const;
  /// Empty where unknown.
  std::string_view attribute(const std::string& name, int64_t i) const;
  bool has_stream(const std::string& name, int64_t i) const;
  /// @throws Error(kData) when the sample lacks it
  StreamRef stream(const std::string& name, int64_t i) const;
  /// Checksum and number of frames of a stream; nothing when the sample lacks it.
  struct StreamContent {
    uint32_t crc32 = 0;
    int64_t num_frames = 0;
  };
  std::optional<StreamContent> stream_content(const std::string& name, int64_t i) const;
  /// Row of the sample with this id, -1 when there is none.
  int64_t find(std::string_view id) const;
  /// Names of the columns there are, sorted.
  std::vector<std::string> tasks() const;
  std::vector<std::string> value_names() const;
  std::vector<std::string> attribute_names() const;
  std::vector<std::string> stream_names() const;

  /// Goes over whole samples.
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Sample;
    using difference_type = int64_t;
    using pointer = const Sample*;
    using reference = Sample;
    Iterator(const SampleTable* table, int64_t i) : table_(table), i_(i) {}
    Sample operator*() const { return (*table_)[i_]; }
    Iterator& operator++() { return ++i_, *this; }
    bool operator==(const Iterator& other) const { return i_ == other.i_; }
    bool operator!=(const Iterator& other) const { return i_ != other.i_; }

   private:
    const SampleTable* table_;
    int64_t i_;
  };
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, size()}; }

 private:
  friend class SampleTableBuilder;
  friend struct TableAccess;
  struct Columns;
  explicit SampleTable(std::shared_ptr<const Columns> columns);
  std::shared_ptr<const Columns> columns_;
};

/// Makes a table one sample at a time.
class SampleTableBuilder {
 public:
  SampleTableBuilder();
  ~SampleTableBuilder();
  /// False when the id was used before; the sample is then left out.
  /// @throws Error(kData) on too many names (SampleTable::kMaxKeys)
  bool add(const Sample& sample);
  int64_t size() const;
  SampleTable finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace limbic::data
