#include "limbic/data/sample_table.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "limbic/core/error.h"
#include "store/columns.h"

namespace limbic::data {
namespace {

template <class Map>
std::vector<std::string> keys_of(const Map& map) {
  std::vector<std::string> keys;
  for (const auto& entry : map) keys.push_back(entry.first);
  return keys;
}

}  // namespace

StreamRef SampleTable::Columns::stream(const std::string& name, const Stream& columns, size_t i) const {
  StreamRef ref;
  ref.shard = text(columns.shard[i]);
  ref.tensor = columns.tensor[i] == kUsualName ? usual_tensor(field(SampleField::kId, i), name)
                                               : std::string(text(columns.tensor[i]));
  if (columns.valid[i] != kAbsent)
    ref.valid = columns.valid[i] == kUsualName ? ref.tensor + "/valid" : std::string(text(columns.valid[i]));
  ref.rate_hz = columns.rate_hz[i];
  ref.t0.ticks = columns.t0[i];
  ref.num_frames = columns.num_frames[i];
  ref.crc32 = columns.crc32[i];
  return ref;
}

SampleTable::SampleTable() : SampleTable(std::vector<Sample>()) {}
SampleTable::SampleTable(std::shared_ptr<const Columns> columns) : columns_(std::move(columns)) {}
SampleTable::SampleTable(const std::vector<Sample>& samples) {
  SampleTableBuilder builder;
  for (const auto& sample : samples) {
    require(builder.add(sample), ErrorCode::kData, "sample '" + sample.id + "': id used twice");
  }
  *this = builder.finish();
}

int64_t SampleTable::size() const {
  return static_cast<int64_t>(columns_->size());
}

Sample SampleTable::operator[](int64_t row) const {
  const Columns& c = *columns_;
  require(row >= 0 && row < size(), ErrorCode::kInternal, "SampleTable: no such row");
  const auto i = static_cast<size_t>(row);
  Sample sample;
  for (size_t f = 0; f < kFieldMembers.size(); ++f) sample.*kFieldMembers[f] = c.text(c.fields[f][i]);
  sample.turn = c.turn[i];
  sample.t0.ticks = c.t0[i];
  sample.duration.ticks = c.duration[i];
  for (const auto& [task, codes] : c.labels)
    if (codes[i] != kAbsent) sample.labels[task] = std::string(c.text(codes[i]));
  for (const auto& [key, codes] : c.attributes)
    if (codes[i] != kAbsent) sample.attributes[key] = std::string(c.text(codes[i]));
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
  return code == kAbsent ? std::string_view() : columns_->text(code);
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
  const Column<int32_t>& order = columns_->by_id;
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

}  // namespace limbic::data
