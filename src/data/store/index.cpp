#include "store/index.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/core/mapped_file.h"
#include "limbic/core/utf8.h"
#include "limbic/formats/jsonl.h"
#include "limbic/formats/safetensors.h"
#include "store/columns.h"

namespace limbic::data {
namespace {

using Columns = TableAccess::Columns;

constexpr const char* kIndexVersion = "1";
constexpr std::array<const char*, kNumSampleFields> kFieldNames{
    "id", "corpus", "subject", "session", "dialogue", "clip", "split", "source_path", "source_sha256"};
constexpr int64_t kMaxTicks = static_cast<int64_t>(kMaxSeconds) * core::Timestamp::kTicksPerSecond;

/// Why an index is of no use.
struct IndexDefect {
  std::string reason;
};

void want(bool condition, const std::string& reason) {
  if (!condition) throw IndexDefect{reason};
}

template <class T>
at::ScalarType type_of() {
  if constexpr (sizeof(T) == 1)
    return at::kByte;
  else if constexpr (std::is_same_v<T, double>)
    return at::kDouble;
  else
    return sizeof(T) == 4 ? at::kInt : at::kLong;
}

template <class T>
at::Tensor as_tensor(const Column<T>& column) {
  return at::from_blob(const_cast<T*>(column.data()), {static_cast<int64_t>(column.size())},
                       at::TensorOptions(type_of<T>()));
}

/// Columns out of the file, of the size and type that they must have.
class IndexReader {
 public:
  explicit IndexReader(const formats::SafetensorsShard& file) : file_(file) {}

  template <class T>
  Column<T> column(const std::string& name, std::optional<size_t> size = {}) const {
    want(file_.contains(name), "no tensor '" + name + "'");
    const auto tensor = std::make_shared<const at::Tensor>(file_.view(name));
    want(tensor->dim() == 1 && tensor->scalar_type() == type_of<T>(), "'" + name + "' has another type");
    const auto found = static_cast<size_t>(tensor->numel());
    want(!size || found == *size, "'" + name + "' has another length");
    return Column<T>(static_cast<const T*>(tensor->data_ptr()), found, tensor);
  }
  template <class T>
  std::map<std::string, Column<T>> named(const std::string& prefix, size_t size) const {
    std::map<std::string, Column<T>> columns;
    for (const auto& name : file_.names()) {
      if (name.rfind(prefix, 0) == 0) columns[name.substr(prefix.size())] = column<T>(name, size);
    }
    want(columns.size() <= SampleTable::kMaxKeys, "too many columns " + prefix);
    return columns;
  }

 private:
  const formats::SafetensorsShard& file_;
};

/// Whether every number lies in [low, high]; no branch in the loop, so that it runs as vectors.
template <class T>
bool all_within(const Column<T>& column, T low, T high) {
  bool is_within = true;
  for (const T value : column) is_within &= (value >= low) & (value <= high);
  return is_within;
}

/// The dictionary: sorted, each text once, UTF-8. Marks the texts that hold a control character.
std::vector<uint8_t> check_texts(const Columns& columns) {
  const auto& begins = columns.text_begins;
  const auto num_bytes = static_cast<int64_t>(columns.text_bytes.size());
  want(begins.size() >= 2 && begins[0] == 0 && begins[1] == 0 && begins[begins.size() - 1] == num_bytes,
       "text.begins does not fit text.bytes");
  bool is_ascending = true;
  for (size_t i = 1; i < begins.size(); ++i) is_ascending &= begins[i - 1] <= begins[i];
  want(is_ascending, "text.begins falls");
  const auto num_texts = static_cast<int32_t>(columns.num_texts());
  for (int32_t code = 1; code < num_texts; ++code)
    want(columns.text(code - 1) < columns.text(code), "texts are out of order");

  bool has_control = false;
  bool has_high = false;
  for (const char c : columns.text_bytes) {
    const auto byte = static_cast<unsigned char>(c);
    has_control |= (byte < 0x20) | (byte == 0x7F);
    has_high |= byte >= 0x80;
  }
  std::vector<uint8_t> is_marked;
  if (has_control) is_marked.assign(columns.num_texts(), 0);
  for (int32_t code = 1; (has_control || has_high) && code < num_texts; ++code) {
    const auto text = columns.text(code);
    want(!has_high || core::is_utf8(text), "a text is not UTF-8");
    if (has_control) {
      is_marked[static_cast<size_t>(code)] = std::any_of(
          text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
    }
  }
  return is_marked;
}

void check_fields(const Columns& columns, const std::vector<uint8_t>& is_marked) {
  const auto last = static_cast<int32_t>(columns.num_texts()) - 1;
  for (size_t f = 0; f < columns.fields.size(); ++f) {
    const auto& field = columns.fields[f];
    want(all_within(field, 0, last), std::string("field.") + kFieldNames[f] + ": a code is out of range");
    for (size_t i = 0; i < field.size() && !is_marked.empty(); ++i)
      want(is_marked[static_cast<size_t>(field[i])] == 0, "a name has a control character");
  }
  // Ids that rise along by_id differ, and then no row comes twice.
  const auto& ids = columns.fields[static_cast<size_t>(SampleField::kId)];
  const auto num_rows = static_cast<int32_t>(columns.size());
  want(all_within(columns.by_id, 0, num_rows - 1), "by_id: a row is out of range");
  int32_t before = 0;
  for (const int32_t row : columns.by_id) {
    const int32_t id = ids[static_cast<size_t>(row)];
    want(id > before, "by_id: ids are out of order");
    before = id;
  }
  want(num_rows == 0 || columns.text(ids[static_cast<size_t>(columns.by_id[0])]).front() != ' ',
       "an id starts with a blank");
  int32_t path_before = 0;
  for (const int32_t path : columns.fields[static_cast<size_t>(SampleField::kSourcePath)]) {
    if (path == path_before) continue;
    want(unsafe_path_reason(columns.text(path)).empty(), "a source path leaves its folder");
    path_before = path;
  }
}

/// The code of a text, found by halving the dictionary.
std::optional<int32_t> code_of(const Columns& columns, std::string_view text) {
  int32_t low = 0;
  auto high = static_cast<int32_t>(columns.num_texts());
  while (high - low > 1) {
    const int32_t middle = low + (high - low) / 2;
    (columns.text(middle) <= text ? low : high) = middle;
  }
  if (columns.text(low) != text) return std::nullopt;
  return low;
}

void check_labels(const Columns& columns, const DatasetInfo& info) {
  for (const auto& [task, codes] : columns.labels) {
    const auto space = std::find_if(info.label_spaces.begin(), info.label_spaces.end(),
                                    [&name = task](const auto& s) { return s.task == name; });
    want(space != info.label_spaces.end(), "labels of task '" + task + "', which dataset.yaml lacks");
    std::vector<uint8_t> is_class(columns.num_texts() + 1, 0);
    is_class[0] = 1;  // kAbsent
    for (const auto& name : space->classes)
      if (const auto code = code_of(columns, name)) is_class[static_cast<size_t>(*code) + 1] = 1;
    want(all_within(codes, kAbsent, static_cast<int32_t>(columns.num_texts()) - 1),
         "labels/" + task + ": a code is out of range");
    for (const int32_t code : codes)
      want(is_class[static_cast<size_t>(code + 1)] != 0, "labels/" + task + ": no class of the task");
  }
}

void check_streams(const Columns& columns, const DatasetInfo& info, const IndexFacts& facts,
                   const std::vector<uint8_t>& is_marked) {
  const auto last = static_cast<int32_t>(columns.num_texts()) - 1;
  for (const auto& [name, stream] : columns.streams) {
    const std::string where = "streams/" + name;
    want(info.modalities.count(name) > 0, where + ": dataset.yaml has no such modality");
    want(all_within(stream.shard, kAbsent, last) && all_within(stream.tensor, kUsualName, last) &&
             all_within(stream.valid, kUsualName, last),
         where + ": a code is out of range");
    want(all_within(stream.rate_hz, 0.0, kMaxRate_hz) && all_within(stream.t0, int64_t{0}, kMaxTicks) &&
             all_within(stream.num_frames, int64_t{0}, kMaxFrames),
         where + ": a number is out of range");
    int32_t before = kAbsent;
    for (size_t i = 0; i < stream.shard.size(); ++i) {
      const int32_t shard = stream.shard[i];
      if (shard == kAbsent) continue;
      want(stream.tensor[i] != kAbsent, where + ": a tensor has no name");
      for (const int32_t code : {stream.tensor[i], stream.valid[i]})
        want(code < 0 || is_marked.empty() || is_marked[static_cast<size_t>(code)] == 0,
             where + ": a name has a control character");
      if (shard == before) continue;
      want(facts.shards.count(std::string(columns.text(shard))) > 0, where + ": an unknown shard");
      before = shard;
    }
  }
}

uint64_t number_of(const formats::Metadata& metadata, const char* key) {
  const auto at = metadata.find(key);
  want(at != metadata.end(), std::string("no ") + key);
  uint64_t number = 0;
  const auto& text = at->second;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  want(result.ec == std::errc() && result.ptr == text.data() + text.size(), std::string("bad ") + key);
  return number;
}

std::string hash_of(const formats::Metadata& metadata, const char* key) {
  const auto at = metadata.find(key);
  want(at != metadata.end() && at->second.size() == 64 &&
           at->second.find_first_not_of("0123456789abcdef") == std::string::npos,
       std::string("bad ") + key);
  return at->second;
}

IndexFacts facts_of(const formats::Metadata& metadata) {
  const auto version = metadata.find("limbic.index");
  want(version != metadata.end() && version->second == kIndexVersion, "another version");
  IndexFacts facts;
  facts.manifest.num_bytes = number_of(metadata, "manifest.bytes");
  facts.manifest.crc32 = static_cast<uint32_t>(number_of(metadata, "manifest.crc32"));
  facts.manifest.samples_sha256 = hash_of(metadata, "samples.sha256");
  facts.info_sha256 = hash_of(metadata, "dataset.sha256");
  const auto shards = metadata.find("shards");
  want(shards != metadata.end(), "no shards");
  const auto node = formats::parse_json(shards->second, "shards");
  want(node.is_object(), "bad shards");
  for (const auto& item : node.items()) {
    want(shard_name_defect(item.key()).empty() && item.value().is_number_unsigned(), "bad shards");
    facts.shards[item.key()] = item.value().get<uint64_t>();
  }
  return facts;
}

SampleTable table_of(const formats::SafetensorsShard& file, const DatasetInfo& info,
                     const IndexFacts& facts) {
  const IndexReader reader(file);
  auto columns = std::make_shared<Columns>();
  columns->turn = reader.column<int64_t>("turn");
  const size_t size = columns->size();
  want(size > 0 && size < INT32_MAX, "no samples");
  columns->t0 = reader.column<int64_t>("t0", size);
  columns->duration = reader.column<int64_t>("duration", size);
  want(all_within(columns->turn, kNoTurn, int64_t{INT32_MAX}) &&
           all_within(columns->t0, int64_t{0}, kMaxTicks) &&
           all_within(columns->duration, int64_t{0}, kMaxTicks),
       "a time or turn is out of range");
  columns->text_bytes = reader.column<char>("text.bytes");
  columns->text_begins = reader.column<int64_t>("text.begins");
  want(columns->text_begins.size() < INT32_MAX, "too many texts");
  columns->by_id = reader.column<int32_t>("by_id", size);
  for (size_t f = 0; f < columns->fields.size(); ++f)
    columns->fields[f] = reader.column<int32_t>(std::string("field.") + kFieldNames[f], size);
  columns->labels = reader.named<int32_t>("labels/", size);
  columns->attributes = reader.named<int32_t>("attributes/", size);
  columns->values = reader.named<double>("values/", size);
  for (const auto& name : file.names()) {
    constexpr std::string_view kPrefix = "streams/";
    constexpr std::string_view kSuffix = "/shard";
    if (name.rfind(kPrefix, 0) != 0 || name.size() <= kPrefix.size() + kSuffix.size() ||
        name.compare(name.size() - kSuffix.size(), kSuffix.size(), kSuffix) != 0)
      continue;
    const std::string base = name.substr(0, name.size() - kSuffix.size()) + "/";
    auto& stream =
        columns->streams[name.substr(kPrefix.size(), name.size() - kPrefix.size() - kSuffix.size())];
    stream.shard = reader.column<int32_t>(base + "shard", size);
    stream.tensor = reader.column<int32_t>(base + "tensor", size);
    stream.valid = reader.column<int32_t>(base + "valid", size);
    stream.rate_hz = reader.column<double>(base + "rate_hz", size);
    stream.t0 = reader.column<int64_t>(base + "t0", size);
    stream.num_frames = reader.column<int64_t>(base + "frames", size);
    stream.crc32 = reader.column<uint32_t>(base + "crc32", size);
  }
  const auto is_marked = check_texts(*columns);
  check_fields(*columns, is_marked);
  check_labels(*columns, info);
  for (const auto& [key, codes] : columns->attributes)
    want(all_within(codes, kAbsent, static_cast<int32_t>(columns->num_texts()) - 1),
         "attributes/" + key + ": a code is out of range");
  for (const auto& [name, numbers] : columns->values) {
    bool is_sound = true;
    for (const double number : numbers) is_sound &= !(std::abs(number) > std::numeric_limits<double>::max());
    want(is_sound, "values/" + name + ": a number is not finite");
  }
  check_streams(*columns, info, facts, is_marked);
  return TableAccess::table(std::move(columns));
}

/// Whether two columns of codes mean the same texts.
bool is_same(const Columns& a, const Column<int32_t>& codes_a, const Columns& b,
             const Column<int32_t>& codes_b) {
  for (size_t i = 0; i < codes_a.size(); ++i) {
    if ((codes_a[i] < 0 || codes_b[i] < 0) && codes_a[i] != codes_b[i]) return false;
    if (codes_a[i] >= 0 && a.text(codes_a[i]) != b.text(codes_b[i])) return false;
  }
  return true;
}

template <class T>
bool is_same(const Column<T>& a, const Column<T>& b) {
  return a.size() == b.size() &&
         (a.size() == 0 || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

template <class Map, class Same>
bool have_same_columns(const Map& a, const Map& b, Same&& same) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](const auto& x, const auto& y) {
    return x.first == y.first && same(x.second, y.second);
  });
}

}  // namespace

void write_index(const std::string& store, const SampleTable& samples, const IndexFacts& facts) {
  const Columns& columns = TableAccess::columns(samples);
  formats::TensorMap tensors;
  tensors["text.bytes"] = as_tensor(columns.text_bytes);
  tensors["text.begins"] = as_tensor(columns.text_begins);
  tensors["by_id"] = as_tensor(columns.by_id);
  for (size_t f = 0; f < columns.fields.size(); ++f)
    tensors[std::string("field.") + kFieldNames[f]] = as_tensor(columns.fields[f]);
  tensors["turn"] = as_tensor(columns.turn);
  tensors["t0"] = as_tensor(columns.t0);
  tensors["duration"] = as_tensor(columns.duration);
  for (const auto& [task, codes] : columns.labels) tensors["labels/" + task] = as_tensor(codes);
  for (const auto& [key, codes] : columns.attributes) tensors["attributes/" + key] = as_tensor(codes);
  for (const auto& [name, numbers] : columns.values) tensors["values/" + name] = as_tensor(numbers);
  for (const auto& [name, stream] : columns.streams) {
    const std::string base = "streams/" + name + "/";
    tensors[base + "shard"] = as_tensor(stream.shard);
    tensors[base + "tensor"] = as_tensor(stream.tensor);
    tensors[base + "valid"] = as_tensor(stream.valid);
    tensors[base + "rate_hz"] = as_tensor(stream.rate_hz);
    tensors[base + "t0"] = as_tensor(stream.t0);
    tensors[base + "frames"] = as_tensor(stream.num_frames);
    tensors[base + "crc32"] = as_tensor(stream.crc32);
  }
  formats::write_safetensors(store + "/" + kIndexFile, tensors,
                             {{"limbic.index", kIndexVersion},
                              {"manifest.bytes", std::to_string(facts.manifest.num_bytes)},
                              {"manifest.crc32", std::to_string(facts.manifest.crc32)},
                              {"samples.sha256", facts.manifest.samples_sha256},
                              {"dataset.sha256", facts.info_sha256},
                              {"shards", nlohmann::json(facts.shards).dump()}});
}

std::optional<SampleTable> read_index(const std::string& store, const DatasetInfo& info,
                                      const std::string& info_sha256, IndexFacts& facts,
                                      std::string& reason) {
  const std::string path = store + "/" + kIndexFile;
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) {
    reason = "missing";
    return std::nullopt;
  }
  try {
    const formats::SafetensorsShard file(path);
    IndexFacts found = facts_of(file.metadata());
    want(found.info_sha256 == info_sha256, "stale: dataset.yaml is another");
    const core::MappedFile manifest(store + "/manifest.jsonl");
    want(manifest.bytes().size() == found.manifest.num_bytes &&
             core::crc32(manifest.bytes().data(), manifest.bytes().size()) == found.manifest.crc32,
         "stale: manifest.jsonl is another");
    want(file.verify(), "no checksums");
    auto samples = table_of(file, info, found);
    facts = std::move(found);
    return samples;
  } catch (const IndexDefect& e) {
    reason = e.reason;
  } catch (const Error& e) {
    reason = e.what();
  }
  return std::nullopt;
}

bool have_same_samples(const SampleTable& table_a, const SampleTable& table_b) {
  const Columns& a = TableAccess::columns(table_a);
  const Columns& b = TableAccess::columns(table_b);
  const auto same_codes = [&](const auto& x, const auto& y) { return is_same(a, x, b, y); };
  const auto same_numbers = [](const auto& x, const auto& y) { return is_same(x, y); };
  const auto same_stream = [&](const auto& x, const auto& y) {
    return same_codes(x.shard, y.shard) && same_codes(x.tensor, y.tensor) && same_codes(x.valid, y.valid) &&
           is_same(x.rate_hz, y.rate_hz) && is_same(x.t0, y.t0) && is_same(x.num_frames, y.num_frames) &&
           is_same(x.crc32, y.crc32);
  };
  if (a.size() != b.size()) return false;
  for (size_t f = 0; f < a.fields.size(); ++f)
    if (!same_codes(a.fields[f], b.fields[f])) return false;
  return is_same(a.turn, b.turn) && is_same(a.t0, b.t0) && is_same(a.duration, b.duration) &&
         have_same_columns(a.labels, b.labels, same_codes) &&
         have_same_columns(a.attributes, b.attributes, same_codes) &&
         have_same_columns(a.values, b.values, same_numbers) &&
         have_same_columns(a.streams, b.streams, same_stream);
}

}  // namespace limbic::data
