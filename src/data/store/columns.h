#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "limbic/data/sample_table.h"

namespace limbic::data {

/// Codes of columns whose text may be absent.
inline constexpr int32_t kAbsent = -1;
/// A stream's tensor (or mask) that is named as StoreWriter names it needs no text of its own.
inline constexpr int32_t kUsualName = -2;

/// Numbers that never change, of a vector or of a mapped file. Copies share them.
template <class T>
class Column {
 public:
  Column() = default;
  explicit Column(std::vector<T> values) : size_(values.size()) {
    const auto own = std::make_shared<const std::vector<T>>(std::move(values));
    data_ = own->data();
    owner_ = own;
  }
  /// @param owner  keeps `data` alive
  Column(const T* data, size_t size, std::shared_ptr<const void> owner)
      : data_(data), size_(size), owner_(std::move(owner)) {}

  const T& operator[](size_t i) const { return data_[i]; }
  const T* data() const { return data_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  size_t size() const { return size_; }

 private:
  const T* data_ = nullptr;
  size_t size_ = 0;
  std::shared_ptr<const void> owner_;
};

/// What is known of every sample; texts are codes of one dictionary.
template <template <class> class Array>
struct ColumnsOf {
  struct Stream {
    Array<int32_t> shard, tensor, valid;  ///< codes; shard kAbsent: the sample lacks the stream
    Array<double> rate_hz;
    Array<int64_t> t0, num_frames;
    Array<uint32_t> crc32;
  };

  std::array<Array<int32_t>, kNumSampleFields> fields;
  Array<int64_t> turn, t0, duration;
  std::map<std::string, Array<int32_t>> labels, attributes;
  std::map<std::string, Array<double>> values;  ///< NaN: unknown
  std::map<std::string, Stream> streams;

  size_t size() const { return turn.size(); }
};

/// The dictionary is in the order of its texts (as unsigned bytes), the empty one first, each once: so codes
/// compare as their texts do, and a table has one form only.
struct SampleTable::Columns : ColumnsOf<Column> {
  Column<char> text_bytes;
  Column<int64_t> text_begins;  ///< where text `code` begins; the last entry is the end of all
  Column<int32_t> by_id;        ///< rows in the order of their ids

  size_t num_texts() const { return text_begins.size() - 1; }
  std::string_view text(int32_t code) const {
    const auto at = static_cast<size_t>(code);
    const auto begin = static_cast<size_t>(text_begins[at]);
    return {text_bytes.data() + begin, static_cast<size_t>(text_begins[at + 1]) - begin};
  }
  std::string_view field(SampleField f, size_t i) const { return text(fields[static_cast<size_t>(f)][i]); }
  StreamRef stream(const std::string& name, const Stream& columns, size_t i) const;
};

/// The insides of a table, for the store's index file.
struct TableAccess {
  static const SampleTable::Columns& columns(const SampleTable& table) { return *table.columns_; }
  static SampleTable table(std::shared_ptr<const SampleTable::Columns> columns) {
    return SampleTable(std::move(columns));
  }
  using Columns = SampleTable::Columns;
};

inline std::string usual_tensor(std::string_view id, const std::string& stream) {
  return std::string(id) + "/" + stream;
}

/// Where every text of a sample stands.
inline constexpr std::array<std::string Sample::*, kNumSampleFields> kFieldMembers{
    &Sample::id,   &Sample::corpus, &Sample::subject,     &Sample::session,      &Sample::dialogue,
    &Sample::clip, &Sample::split,  &Sample::source_path, &Sample::source_sha256};

}  // namespace limbic::data
