#include <algorithm>
#include <limits>
#include <numeric>
#include <unordered_map>

#include "limbic/core/error.h"
#include "store/columns.h"

namespace limbic::data {

template <class T>
using Growing = std::vector<T>;

namespace {

/// The first eight bytes as a number that orders as they do.
uint64_t text_prefix(std::string_view text) {
  uint64_t prefix = 0;
  text.copy(reinterpret_cast<char*>(&prefix), sizeof prefix);  // unlike memcpy, also of no text at all
  return __builtin_bswap64(prefix);
}

template <class From, class To>
void settle(std::map<std::string, From>& from, std::map<std::string, To>& to) {
  for (auto& [name, column] : from) to.emplace(name, To(std::move(column)));
}

}  // namespace

struct SampleTableBuilder::Impl {
  /// Texts in blocks that never move.
  class TextPool {
   public:
    std::string_view keep(std::string_view text) {
      if (text.size() > room_) {
        const size_t size = std::max(kBlockBytes, text.size());
        blocks_.push_back(std::make_unique<char[]>(size));
        next_ = blocks_.back().get();
        room_ = size;
      }
      text.copy(next_, text.size());
      const std::string_view kept(next_, text.size());
      next_ += text.size();
      room_ -= text.size();
      return kept;
    }

   private:
    static constexpr size_t kBlockBytes = size_t{1} << 20;
    std::vector<std::unique_ptr<char[]>> blocks_;
    char* next_ = nullptr;
    size_t room_ = 0;
  };

  using Rows = ColumnsOf<Growing>;

  Rows rows;
  TextPool pool;
  std::vector<std::string_view> texts{std::string_view()};  ///< by code, as they came
  std::vector<bool> is_id{false};                           ///< by code: a sample has this id
  std::unordered_map<std::string_view, int32_t> codes;

  int32_t code_of(std::string_view text) {
    if (text.empty()) return 0;
    const auto at = codes.find(text);
    if (at != codes.end()) return at->second;
    require(texts.size() < std::numeric_limits<int32_t>::max(), ErrorCode::kResource,
            "more than 2^31 different texts in one store");
    const auto code = static_cast<int32_t>(texts.size());
    texts.push_back(pool.keep(text));
    is_id.push_back(false);
    codes.emplace(texts.back(), code);
    return code;
  }

  /// The column `key`, filled with `fill` up to row `i`.
  template <class Map, class Value>
  auto& column(Map& map, const std::string& key, size_t i, Value fill) {
    auto& column = named(map, key);
    column.resize(i, fill);
    return column;
  }

  template <class Map>
  static auto& named(Map& map, const std::string& key) {
    const auto [at, is_new] = map.try_emplace(key);
    require(!is_new || map.size() <= SampleTable::kMaxKeys, ErrorCode::kData,
            "more than " + std::to_string(SampleTable::kMaxKeys) +
                " different names of labels, values, attributes or streams, such as '" + key + "'");
    return at->second;
  }

  void add_stream(const std::string& name, const StreamRef& ref, const std::string& id, size_t i) {
    auto& stream = named(rows.streams, name);
    resize(stream, i);
    stream.shard.push_back(code_of(ref.shard));
    const bool is_usual = ref.tensor.size() == id.size() + 1 + name.size() &&
                          ref.tensor.compare(0, id.size(), id) == 0 && ref.tensor[id.size()] == '/' &&
                          ref.tensor.compare(id.size() + 1, name.size(), name) == 0;
    stream.tensor.push_back(is_usual ? kUsualName : code_of(ref.tensor));
    stream.valid.push_back(ref.valid.empty()                    ? kAbsent
                           : ref.valid == ref.tensor + "/valid" ? kUsualName
                                                                : code_of(ref.valid));
    stream.rate_hz.push_back(ref.rate_hz);
    stream.t0.push_back(ref.t0.ticks);
    stream.num_frames.push_back(ref.num_frames);
    stream.crc32.push_back(ref.crc32);
  }

  static void resize(Rows::Stream& stream, size_t size) {
    stream.shard.resize(size, kAbsent);
    stream.tensor.resize(size, kAbsent);
    stream.valid.resize(size, kAbsent);
    stream.rate_hz.resize(size);
    stream.t0.resize(size);
    stream.num_frames.resize(size);
    stream.crc32.resize(size);
  }

  /// Codes that are in the order of their texts: old code -> new one.
  std::vector<int32_t> sorted_codes() const {
    std::vector<std::pair<uint64_t, int32_t>> order(texts.size());
    for (size_t code = 0; code < texts.size(); ++code)
      order[code] = {text_prefix(texts[code]), static_cast<int32_t>(code)};
    const auto is_before = [&](const auto& a, const auto& b) {
      return a.first != b.first ? a.first < b.first
                                : texts[static_cast<size_t>(a.second)] < texts[static_cast<size_t>(b.second)];
    };
    if (!std::is_sorted(order.begin(), order.end(), is_before))
      std::sort(order.begin(), order.end(), is_before);
    std::vector<int32_t> place(texts.size());
    for (size_t at = 0; at < order.size(); ++at)
      place[static_cast<size_t>(order[at].second)] = static_cast<int32_t>(at);
    return place;
  }

  void fill_up(size_t size) {
    for (auto* columns : {&rows.labels, &rows.attributes})
      for (auto& [key, codes_of_key] : *columns) codes_of_key.resize(size, kAbsent);
    for (auto& [name, numbers] : rows.values) numbers.resize(size, std::numeric_limits<double>::quiet_NaN());
    for (auto& [name, stream] : rows.streams) resize(stream, size);
  }

  /// Texts and codes into their final order.
  void settle_texts(SampleTable::Columns& columns) {
    const std::vector<int32_t> place = sorted_codes();
    const auto renumber = [&place](std::vector<int32_t>& column) {
      for (int32_t& code : column)
        if (code >= 0) code = place[static_cast<size_t>(code)];
    };
    for (auto& field : rows.fields) renumber(field);
    for (auto* named_columns : {&rows.labels, &rows.attributes})
      for (auto& [key, column] : *named_columns) renumber(column);
    for (auto& [name, stream] : rows.streams)
      for (auto* column : {&stream.shard, &stream.tensor, &stream.valid}) renumber(*column);

    std::vector<std::string_view> sorted(texts.size());
    size_t num_bytes = 0;
    for (size_t code = 0; code < texts.size(); ++code) {
      sorted[static_cast<size_t>(place[code])] = texts[code];
      num_bytes += texts[code].size();
    }
    std::vector<char> bytes;
    bytes.reserve(num_bytes);
    std::vector<int64_t> begins{0};
    begins.reserve(texts.size() + 1);
    for (const auto text : sorted) {
      bytes.insert(bytes.end(), text.begin(), text.end());
      begins.push_back(static_cast<int64_t>(bytes.size()));
    }
    columns.text_bytes = Column<char>(std::move(bytes));
    columns.text_begins = Column<int64_t>(std::move(begins));
  }
};

SampleTableBuilder::SampleTableBuilder() : impl_(std::make_unique<Impl>()) {}
SampleTableBuilder::~SampleTableBuilder() = default;

int64_t SampleTableBuilder::size() const {
  return static_cast<int64_t>(impl_->rows.size());
}

bool SampleTableBuilder::add(const Sample& sample) {
  auto& rows = impl_->rows;
  const size_t i = rows.size();
  const auto id = static_cast<size_t>(impl_->code_of(sample.id));
  if (impl_->is_id[id]) return false;
  impl_->is_id[id] = true;
  for (const auto& [task, label] : sample.labels)
    impl_->column(rows.labels, task, i, kAbsent).push_back(impl_->code_of(label));
  for (const auto& [key, text] : sample.attributes)
    impl_->column(rows.attributes, key, i, kAbsent).push_back(impl_->code_of(text));
  for (const auto& [name, number] : sample.values)
    impl_->column(rows.values, name, i, std::numeric_limits<double>::quiet_NaN()).push_back(number);
  for (const auto& [name, ref] : sample.streams) impl_->add_stream(name, ref, sample.id, i);
  for (size_t f = 0; f < kFieldMembers.size(); ++f)
    rows.fields[f].push_back(impl_->code_of(sample.*kFieldMembers[f]));
  rows.turn.push_back(sample.turn);
  rows.t0.push_back(sample.t0.ticks);
  rows.duration.push_back(sample.duration.ticks);
  return true;
}

SampleTable SampleTableBuilder::finish() {
  auto& rows = impl_->rows;
  const size_t size = rows.size();
  impl_->fill_up(size);
  auto columns = std::make_shared<SampleTable::Columns>();
  impl_->settle_texts(*columns);
  const auto& ids = rows.fields[static_cast<size_t>(SampleField::kId)];
  std::vector<int32_t> by_id(size);
  std::iota(by_id.begin(), by_id.end(), 0);
  std::sort(by_id.begin(), by_id.end(),
            [&](int32_t a, int32_t b) { return ids[static_cast<size_t>(a)] < ids[static_cast<size_t>(b)]; });
  columns->by_id = Column<int32_t>(std::move(by_id));
  for (size_t f = 0; f < kFieldMembers.size(); ++f)
    columns->fields[f] = Column<int32_t>(std::move(rows.fields[f]));
  columns->turn = Column<int64_t>(std::move(rows.turn));
  columns->t0 = Column<int64_t>(std::move(rows.t0));
  columns->duration = Column<int64_t>(std::move(rows.duration));
  settle(rows.labels, columns->labels);
  settle(rows.attributes, columns->attributes);
  settle(rows.values, columns->values);
  for (auto& [name, stream] : rows.streams) {
    auto& to = columns->streams[name];
    to.shard = Column<int32_t>(std::move(stream.shard));
    to.tensor = Column<int32_t>(std::move(stream.tensor));
    to.valid = Column<int32_t>(std::move(stream.valid));
    to.rate_hz = Column<double>(std::move(stream.rate_hz));
    to.t0 = Column<int64_t>(std::move(stream.t0));
    to.num_frames = Column<int64_t>(std::move(stream.num_frames));
    to.crc32 = Column<uint32_t>(std::move(stream.crc32));
  }
  impl_ = std::make_unique<Impl>();
  return SampleTable(std::move(columns));
}

}  // namespace limbic::data
