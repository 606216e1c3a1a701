#include "limbic/data/sample_table.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <limits>
#include <unordered_map>

#include "limbic/core/error.h"

namespace limbic::data {
namespace {

/// Codes of columns whose text may be absent.
constexpr int32_t kAbsent = -1;
/// A stream's tensor (or mask) that is named as StoreWriter names it needs no text of its own.
constexpr int32_t kUsualName = -2;

constexpr std::array<std::string Sample::*, kNumSampleFields> kFieldMembers{
    &Sample::id,   &Sample::corpus, &Sample::subject,     &Sample::session,      &Sample::dialogue,
    &Sample::clip, &Sample::split,  &Sample::source_path, &Sample::source_sha256};

std::string usual_tensor(std::string_view id, const std::string& stream) {
  return std::string(id) + "/" + stream;
}

template <class Map>
std::vector<std::string> keys_of(const Map& map) {
  std::vector<std::string> keys;
  for (const auto& entry : map) keys.push_back(entry.first);
  return keys;
}

}  // namespace

struct SampleTable::Columns {
  struct StreamColumns {
    std::vector<int32_t> shard, tensor, valid;  ///< codes; shard kAbsent: the sample lacks the stream
    std::vector<double> rate_hz;
    std::vector<int64_t> t0, num_frames;
    std::vector<uint32_t> crc32;
  };

  std::deque<std::string> texts{std::string()};  ///< by code
  std::array<std::vector<int32_t>, kNumSampleFields> fields;
  std::vector<int64_t> turn, t0, duration;
  std::map<std::string, std::vector<int32_t>> labels, attributes;
  std::map<std::string, std::vector<double>> values;
  std::map<std::string, StreamColumns> streams;
  std::vector<int32_t> by_id;  ///< rows in the order of their ids

  int64_t size() const { return static_cast<int64_t>(turn.size()); }
  const std::string& text(int32_t code) const { return texts[static_cast<size_t>(code)]; }
  const std::string& field(SampleField f, size_t i) const { return text(fields[static_cast<size_t>(f)][i]); }

  StreamRef stream(const std::string& name, const StreamColumns& columns, size_t i) const {
    StreamRef ref;
    ref.shard = text(columns.shard[i]);
    ref.tensor = columns.tensor[i] == kUsualName ? usual_tensor(field(SampleField::kId, i), name)
                                                 : text(columns.tensor[i]);
    if (columns.valid[i] != kAbsent)
      ref.valid = columns.valid[i] == kUsualName ? ref.tensor + "/valid" : text(columns.valid[i]);
    ref.rate_hz = columns.rate_hz[i];
    ref.t0.ticks = columns.t0[i];
    ref.num_frames = columns.num_frames[i];
    ref.crc32 = columns.crc32[i];
    return ref;
  }
};

SampleTable::SampleTable() : columns_(std::make_shared<Columns>()) {}
SampleTable::SampleTable(std::shared_ptr<const Columns> columns) : columns_(std::move(columns)) {}
SampleTable::SampleTable(const std::vector<Sample>& samples) {
  SampleTableBuilder builder;
  for (const auto& sample : samples) builder.add(sample);
  *this = builder.finish();
}

int64_t SampleTable::size() const {
  return columns_->size();
}

Sample SampleTable::operator[](int64_t row) const {
  const Columns& c = *columns_;
  require(row >= 0 && row < c.size(), ErrorCode::kInternal, "SampleTable: no such row");
  const auto i = static_cast<size_t>(row);
  Sample sample;
  for (size_t f = 0; f < kFieldMembers.size(); ++f) sample.*kFieldMembers[f] = c.text(c.fields[f][i]);
  sample.turn = c.turn[i];
  sample.t0.ticks = c.t0[i];
  sample.duration.ticks = c.duration[i];
  for (const auto& [task, codes] : c.labels)
    if (codes[i] != kAbsent) sample.labels[task] = c.text(codes[i]);
  for (const auto& [key, codes] : c.attributes)
    if (codes[i] != kAbsent) sample.attributes[key] = c.text(codes[i]);
  for (const auto& [name, numbers] : c.values)
    if (!std::isnan(numbers[i])) sample.values[name] = numbers[i];
  for (const auto& [name, columns] : c.streams)
    if (columns.shard[i] != kAbsent) sample.streams[name] = c.stream(name, columns, i);
  return sample;
}

std::string_view SampleTable::text(SampleField field, int64_t i) const {
  return columns_->field(field, static_cast<size_t>(i));
}

int32_t SampleTable::code(SampleField field, int64_t i) const {
  return columns_->fields[static_cast<size_t>(field)][static_cast<size_t>(i)];
}

int64_t SampleTable::turn(int64_t i) const {
  return columns_->turn[static_cast<size_t>(i)];
}

core::Timestamp SampleTable::t0(int64_t i) const {
  return {columns_->t0[static_cast<size_t>(i)]};
}

core::Timestamp SampleTable::duration(int64_t i) const {
  return {columns_->duration[static_cast<size_t>(i)]};
}

std::string_view SampleTable::label(const std::string& task, int64_t i) const {
  const auto at = columns_->labels.find(task);
  if (at == columns_->labels.end()) return {};
  const int32_t code = at->second[static_cast<size_t>(i)];
  return code == kAbsent ? std::string_view() : std::string_view(columns_->text(code));
}

std::string_view SampleTable::attribute(const std::string& name, int64_t i) const {
  const auto at = columns_->attributes.find(name);
  if (at == columns_->attributes.end()) return {};
  const int32_t code = at->second[static_cast<size_t>(i)];
  return code == kAbsent ? std::string_view() : std::string_view(columns_->text(code));
}

double SampleTable::value(const std::string& name, int64_t i) const {
  const auto at = columns_->values.find(name);
  return at == columns_->values.end() ? std::numeric_limits<double>::quiet_NaN()
                                      : at->second[static_cast<size_t>(i)];
}

bool SampleTable::has_stream(const std::string& name, int64_t i) const {
  const auto at = columns_->streams.find(name);
  return at != columns_->streams.end() && at->second.shard[static_cast<size_t>(i)] != kAbsent;
}

std::optional<SampleTable::StreamContent> SampleTable::stream_content(const std::string& name,
                                                                      int64_t i) const {
  const auto at = columns_->streams.find(name);
  const auto row = static_cast<size_t>(i);
  if (at == columns_->streams.end() || at->second.shard[row] == kAbsent) return std::nullopt;
  return StreamContent{at->second.crc32[row], at->second.num_frames[row]};
}

StreamRef SampleTable::stream(const std::string& name, int64_t i) const {
  require(has_stream(name, i), ErrorCode::kData,
          "sample '" + std::string(id(i)) + "' has no stream '" + name + "'");
  return columns_->stream(name, columns_->streams.at(name), static_cast<size_t>(i));
}

int64_t SampleTable::find(std::string_view wanted) const {
  const auto& order = columns_->by_id;
  const auto at = std::lower_bound(order.begin(), order.end(), wanted,
                                   [&](int32_t row, std::string_view text) { return id(row) < text; });
  return at == order.end() || id(*at) != wanted ? -1 : *at;
}

std::vector<std::string> SampleTable::tasks() const {
  return keys_of(columns_->labels);
}
std::vector<std::string> SampleTable::value_names() const {
  return keys_of(columns_->values);
}
std::vector<std::string> SampleTable::attribute_names() const {
  return keys_of(columns_->attributes);
}
std::vector<std::string> SampleTable::stream_names() const {
  return keys_of(columns_->streams);
}

struct SampleTableBuilder::Impl {
  std::shared_ptr<SampleTable::Columns> columns = std::make_shared<SampleTable::Columns>();
  std::unordered_map<std::string_view, int32_t> codes;

  int32_t code_of(const std::string& text) {
    if (text.empty()) return 0;
    const auto at = codes.find(text);
    if (at != codes.end()) return at->second;
    const auto code = static_cast<int32_t>(columns->texts.size());
    columns->texts.push_back(text);
    codes.emplace(columns->texts.back(), code);
    return code;
  }

  /// The column `key`, filled with `fill` up to row `i`.
  template <class Map, class Value>
  auto& column(Map& map, const std::string& key, size_t i, Value fill) {
    const auto [at, is_new] = map.try_emplace(key);
    if (is_new) {
      require(map.size() <= SampleTable::kMaxKeys, ErrorCode::kData,
              "more than " + std::to_string(SampleTable::kMaxKeys) +
                  " different names of labels, values, attributes or streams, such as '" + key + "'");
    }
    at->second.resize(i, fill);
    return at->second;
  }

  void add_stream(const std::string& name, const StreamRef& ref, const std::string& id, size_t i) {
    const auto [at, is_new] = columns->streams.try_emplace(name);
    if (is_new) {
      require(columns->streams.size() <= SampleTable::kMaxKeys, ErrorCode::kData,
              "more than " + std::to_string(SampleTable::kMaxKeys) + " streams, such as '" + name + "'");
    }
    auto& stream = at->second;
    resize(stream, i);
    stream.shard.push_back(code_of(ref.shard));
    const std::string usual = usual_tensor(id, name);
    stream.tensor.push_back(ref.tensor == usual ? kUsualName : code_of(ref.tensor));
    stream.valid.push_back(ref.valid.empty()                    ? kAbsent
                           : ref.valid == ref.tensor + "/valid" ? kUsualName
                                                                : code_of(ref.valid));
    stream.rate_hz.push_back(ref.rate_hz);
    stream.t0.push_back(ref.t0.ticks);
    stream.num_frames.push_back(ref.num_frames);
    stream.crc32.push_back(ref.crc32);
  }

  static void resize(SampleTable::Columns::StreamColumns& stream, size_t size) {
    stream.shard.resize(size, kAbsent);
    stream.tensor.resize(size, kAbsent);
    stream.valid.resize(size, kAbsent);
    stream.rate_hz.resize(size);
    stream.t0.resize(size);
    stream.num_frames.resize(size);
    stream.crc32.resize(size);
  }
};

SampleTableBuilder::SampleTableBuilder() : impl_(std::make_unique<Impl>()) {}
SampleTableBuilder::~SampleTableBuilder() = default;

int64_t SampleTableBuilder::size() const {
  return impl_->columns->size();
}

void SampleTableBuilder::add(const Sample& sample) {
  auto& c = *impl_->columns;
  const auto i = static_cast<size_t>(c.size());
  for (const auto& [task, label] : sample.labels)
    impl_->column(c.labels, task, i, kAbsent).push_back(impl_->code_of(label));
  for (const auto& [key, text] : sample.attributes)
    impl_->column(c.attributes, key, i, kAbsent).push_back(impl_->code_of(text));
  for (const auto& [name, number] : sample.values)
    impl_->column(c.values, name, i, std::numeric_limits<double>::quiet_NaN()).push_back(number);
  for (const auto& [name, ref] : sample.streams) impl_->add_stream(name, ref, sample.id, i);
  for (size_t f = 0; f < kFieldMembers.size(); ++f)
    c.fields[f].push_back(impl_->code_of(sample.*kFieldMembers[f]));
  c.turn.push_back(sample.turn);
  c.t0.push_back(sample.t0.ticks);
  c.duration.push_back(sample.duration.ticks);
}

SampleTable SampleTableBuilder::finish() {
  auto& c = *impl_->columns;
  const auto size = static_cast<size_t>(c.size());
  for (auto* columns : {&c.labels, &c.attributes})
    for (auto& [key, codes] : *columns) codes.resize(size, kAbsent);
  for (auto& [name, numbers] : c.values) numbers.resize(size, std::numeric_limits<double>::quiet_NaN());
  for (auto& [name, stream] : c.streams) Impl::resize(stream, size);
  c.by_id.resize(size);
  for (size_t i = 0; i < size; ++i) c.by_id[i] = static_cast<int32_t>(i);
  std::sort(c.by_id.begin(), c.by_id.end(), [&](int32_t a, int32_t b) {
    return c.field(SampleField::kId, static_cast<size_t>(a)) <
           c.field(SampleField::kId, static_cast<size_t>(b));
  });
  SampleTable table(std::move(impl_->columns));
  impl_ = std::make_unique<Impl>();
  return table;
}

}  // namespace limbic::data
