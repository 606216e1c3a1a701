#include "store/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/core/mapped_file.h"
#include "limbic/core/suggest.h"
#include "limbic/formats/jsonl.h"
#include "store/plain_line.h"

namespace limbic::data {
namespace {

constexpr size_t kMaxLineBytes = size_t{1} << 20;
constexpr size_t kMaxManifestProblems = 1000;

[[noreturn]] void refuse(const std::string& code, const std::string& message) {
  throw LineError{code, message};
}

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

nlohmann::json parse_line(const std::string& line) {
  try {
    return formats::parse_json(line, "record");
  } catch (const Error& e) {
    refuse("json", e.what());
  }
}

/// One object of a line; asks for its members by name and refuses what nobody asked for.
class Members {
 public:
  Members(const nlohmann::json& node, std::string where, std::vector<std::string> known)
      : node_(node), where_(std::move(where)) {
    if (!node.is_object()) refuse("type", where_ + ": expected an object {...}");
    for (const auto& item : node.items()) {
      if (std::find(known.begin(), known.end(), item.key()) != known.end()) continue;
      refuse("unknown_key", fmt::format("{}: unknown key '{}'; known: {}{}", where_, item.key(),
                                        core::join(known), core::did_you_mean(item.key(), known)));
    }
  }

  const nlohmann::json* find(const char* key) const {
    const auto at = node_.find(key);
    return at == node_.end() ? nullptr : &*at;
  }
  std::string text(const char* key, bool is_required = false, size_t max_bytes = kMaxNameBytes) const {
    const auto* value = find(key);
    if (value == nullptr) {
      if (is_required) refuse("missing_key", fmt::format("{}: '{}' is missing", where_, key));
      return "";
    }
    if (!value->is_string()) refuse("type", fmt::format("{}.{}: expected text", where_, key));
    const auto text = value->get<std::string>();
    if (text.size() > max_bytes) {
      refuse("long_text",
             fmt::format("{}.{}: {} bytes; expected at most {}", where_, key, text.size(), max_bytes));
    }
    if (has_control_character(text))
      refuse("control_character", fmt::format("{}.{}: has a control character", where_, key));
    if (is_required && text.empty()) refuse("missing_key", fmt::format("{}.{}: is empty", where_, key));
    return text;
  }
  double number(const char* key, double low, double high) const {
    const auto* value = find(key);
    if (value == nullptr) return 0.0;
    if (!value->is_number()) refuse("type", fmt::format("{}.{}: expected a number", where_, key));
    const auto number = value->get<double>();
    if (!std::isfinite(number) || number < low || number > high) {
      refuse("range",
             fmt::format("{}.{}: {} is out of range; expected [{}, {}]", where_, key, number, low, high));
    }
    return number;
  }
  int64_t count(const char* key, int64_t high) const {
    const auto* value = find(key);
    if (value == nullptr) refuse("missing_key", fmt::format("{}: '{}' is missing", where_, key));
    if (!value->is_number_unsigned() || value->get<uint64_t>() > static_cast<uint64_t>(high)) {
      refuse("range", fmt::format("{}.{}: expected a whole number in [0, {}]", where_, key, high));
    }
    return value->get<int64_t>();
  }
  /// Keys name columns of the index.
  void check_key(const char* where, const std::string& key) const {
    if (key.size() > kMaxNameBytes)
      refuse("long_text", fmt::format("{}.{}: a key of {} bytes; expected at most {}", where_, where,
                                      key.size(), kMaxNameBytes));
    if (has_control_character(key))
      refuse("control_character", fmt::format("{}.{}: a key has a control character", where_, where));
  }
  std::map<std::string, std::string> texts(const char* key) const {
    std::map<std::string, std::string> result;
    const auto* value = find(key);
    if (value == nullptr) return result;
    if (!value->is_object()) refuse("type", fmt::format("{}.{}: expected an object {{...}}", where_, key));
    for (const auto& item : value->items()) {
      check_key(key, item.key());
      if (!item.value().is_string())
        refuse("type", fmt::format("{}.{}.{}: expected text", where_, key, item.key()));
      result[item.key()] = item.value().get<std::string>();
    }
    return result;
  }

 private:
  const nlohmann::json& node_;
  std::string where_;
};

StreamRef parse_stream(const std::string& name, const nlohmann::json& node) {
  const Members members(node, "streams." + name,
                        {"shard", "tensor", "valid", "rate_hz", "t0_s", "frames", "crc32"});
  StreamRef ref;
  ref.shard = members.text("shard", true);
  if (const auto defect = shard_name_defect(ref.shard); !defect.empty()) {
    refuse("path", fmt::format("streams.{}.shard: '{}' {}; expected a name such as 00000.safetensors", name,
                               ref.shard, defect));
  }
  ref.tensor = members.text("tensor", true, 2 * kMaxNameBytes);
  ref.valid = members.text("valid", false, 2 * kMaxNameBytes);
  ref.rate_hz = members.number("rate_hz", 0.0, kMaxRate_hz);
  ref.t0 = core::Timestamp::from_seconds(members.number("t0_s", 0.0, kMaxSeconds));
  ref.num_frames = members.count("frames", kMaxFrames);
  ref.crc32 = static_cast<uint32_t>(members.count("crc32", UINT32_MAX));
  return ref;
}

}  // namespace

Sample parse_sample(const std::string& line, const DatasetInfo& info) {
  const nlohmann::json node = parse_line(line);
  const Members members(node, "sample",
                        {"id", "corpus", "subject", "session", "dialogue", "turn", "clip", "split", "t0_s",
                         "duration_s", "labels", "values", "attributes", "streams", "source"});
  Sample sample;
  sample.id = members.text("id", true);
  if (sample.id.front() == ' ') refuse("id", "id: must not start with a blank");
  sample.corpus = members.text("corpus");
  sample.subject = members.text("subject");
  sample.session = members.text("session");
  sample.dialogue = members.text("dialogue");
  if (members.find("turn") != nullptr) sample.turn = members.count("turn", INT32_MAX);
  sample.clip = members.text("clip");
  sample.split = members.text("split");
  sample.t0 = core::Timestamp::from_seconds(members.number("t0_s", 0.0, kMaxSeconds));
  sample.duration = core::Timestamp::from_seconds(members.number("duration_s", 0.0, kMaxSeconds));
  sample.labels = members.texts("labels");
  sample.attributes = members.texts("attributes");
  for (const auto& [task, label] : sample.labels) {
    const auto space = std::find_if(info.label_spaces.begin(), info.label_spaces.end(),
                                    [&name = task](const auto& s) { return s.task == name; });
    if (space == info.label_spaces.end()) {
      refuse("unknown_task", fmt::format("labels: dataset.yaml has no task '{}'", task));
    }
    try {
      space->index_of(label);
    } catch (const Error& e) {
      refuse("unknown_label", std::string("labels: ") + e.what());
    }
  }
  if (const auto* values = members.find("values")) {
    if (!values->is_object()) refuse("type", "values: expected an object {...}");
    for (const auto& item : values->items()) {
      members.check_key("values", item.key());
      if (!item.value().is_number() || !std::isfinite(item.value().get<double>())) {
        refuse("range", fmt::format("values.{}: expected a finite number", item.key()));
      }
      sample.values[item.key()] = item.value().get<double>();
    }
  }
  if (const auto* streams = members.find("streams")) {
    if (!streams->is_object()) refuse("type", "streams: expected an object {...}");
    for (const auto& item : streams->items()) {
      if (info.modalities.count(item.key()) == 0) {
        refuse("unknown_stream", fmt::format("streams: dataset.yaml has no modality '{}'", item.key()));
      }
      sample.streams[item.key()] = parse_stream(item.key(), item.value());
    }
  }
  if (const auto* source = members.find("source")) {
    const Members parts(*source, "source", {"path", "sha256"});
    sample.source_path = parts.text("path", false, kMaxPathBytes);
    sample.source_sha256 = parts.text("sha256");
    if (const auto reason = unsafe_path_reason(sample.source_path); !reason.empty()) {
      refuse("path", fmt::format("source.path: '{}' {}; expected a path relative to the corpus",
                                 sample.source_path, reason));
    }
  }
  return sample;
}

std::string shard_name_defect(const std::string& name) {
  if (auto reason = unsafe_path_reason(name); !reason.empty()) return reason;
  constexpr std::string_view kSuffix = ".safetensors";
  const bool is_shard = name.find('/') == std::string::npos && name.size() > kSuffix.size() &&
                        name.compare(name.size() - kSuffix.size(), kSuffix.size(), kSuffix) == 0;
  return is_shard ? "" : "is no shard";
}

std::string unsafe_path_reason(std::string_view path) {
  if (has_control_character(path)) return "has a control character";
  if (path.find("://") != std::string::npos) return "is a URL";
  if (!path.empty() && path.front() == '/') return "is absolute";
  if (path.find('\\') != std::string::npos) return "has a backslash";
  size_t begin = 0;
  while (begin <= path.size()) {
    const size_t end = std::min(path.find('/', begin), path.size());
    if (path.compare(begin, end - begin, "..") == 0) return "leaves its folder";
    begin = end + 1;
  }
  return "";
}

const char* dtype_of_kind(const std::string& kind) {
  if (kind == "wave") return "I16";
  if (kind == "images" || kind == "text") return "U8";
  if (kind == "series") return "F32";
  return nullptr;
}

std::string manifest_line(const Sample& sample) {
  nlohmann::ordered_json node;
  const auto put = [&node](const char* key, const std::string& text) {
    if (!text.empty()) node[key] = text;
  };
  put("id", sample.id);
  put("corpus", sample.corpus);
  put("subject", sample.subject);
  put("session", sample.session);
  put("dialogue", sample.dialogue);
  if (sample.turn != kNoTurn) node["turn"] = sample.turn;
  put("clip", sample.clip);
  put("split", sample.split);
  node["t0_s"] = sample.t0.seconds();
  node["duration_s"] = sample.duration.seconds();
  if (!sample.labels.empty()) node["labels"] = sample.labels;
  if (!sample.values.empty()) node["values"] = sample.values;
  if (!sample.attributes.empty()) node["attributes"] = sample.attributes;
  auto streams = nlohmann::ordered_json::object();
  for (const auto& [name, ref] : sample.streams) {
    auto& stream = streams[name];
    stream["shard"] = ref.shard;
    stream["tensor"] = ref.tensor;
    if (!ref.valid.empty()) stream["valid"] = ref.valid;
    stream["rate_hz"] = ref.rate_hz;
    stream["t0_s"] = ref.t0.seconds();
    stream["frames"] = ref.num_frames;
    stream["crc32"] = ref.crc32;
  }
  node["streams"] = std::move(streams);
  if (!sample.source_path.empty()) {
    node["source"]["path"] = sample.source_path;
    node["source"]["sha256"] = sample.source_sha256;
  }
  return node.dump();
}

namespace {

/// What a line adds to the hash of the samples: its text as it is without the names of shards.
void hash_line(core::Sha256& hash, std::string_view line, const std::vector<TextSpan>& shards) {
  size_t begin = 0;
  for (const auto& [shard_begin, shard_end] : shards) {
    hash.update(line.data() + begin, shard_begin - begin);
    begin = shard_end;
  }
  hash.update(line.data() + begin, line.size() - begin);
  hash.update("\n", 1);
}
/// The same for a line that is not written plainly: as StoreWriter would write it.
void hash_sample(core::Sha256& hash, Sample sample) {
  for (auto& [name, ref] : sample.streams) ref.shard.clear();
  hash_line(hash, manifest_line(sample), {});
}

}  // namespace

SampleTable read_manifest(const std::string& path, const DatasetInfo& info, std::vector<Problem>& problems,
                          ManifestFacts& facts, const std::function<bool(const Sample&)>& keep) {
  const core::MappedFile file(path);
  const std::string_view text = file.bytes();
  SampleTableBuilder table;
  core::Sha256 hash;
  std::vector<TextSpan> shards;
  int64_t line_number = 0;
  for (size_t begin = 0, next = 0; begin < text.size(); begin = next) {
    size_t end = std::min(text.find('\n', begin), text.size());
    next = end + 1;
    if (end > begin && text[end - 1] == '\r') --end;
    ++line_number;
    const std::string_view line = text.substr(begin, end - begin);
    const auto report = [&](const std::string& code, const std::string& message) {
      if (problems.size() < kMaxManifestProblems) {
        problems.push_back({Severity::kError, code, fmt::format("{}:{}", path, line_number), message});
      }
    };
    if (line.empty()) continue;
    if (line.size() > kMaxLineBytes) {
      report("long_line", fmt::format("line of {} bytes; expected at most {}", line.size(), kMaxLineBytes));
      continue;
    }
    try {
      Sample sample;
      shards.clear();
      const bool is_plain = parse_plain_line(line, info, sample, shards);
      if (!is_plain) sample = parse_sample(std::string(line), info);
      if (keep && !keep(sample)) continue;
      if (!table.add(sample)) {
        report("duplicate_id", "id '" + sample.id + "' was used before; ids are unique");
      } else if (is_plain) {
        hash_line(hash, line, shards);
      } else {
        hash_sample(hash, std::move(sample));
      }
    } catch (const LineError& e) {
      report(e.code, e.message);
    }
  }
  facts.num_bytes = text.size();
  facts.crc32 = core::crc32(text.data(), text.size());
  facts.samples_sha256 = hash.hex();
  return table.finish();
}

}  // namespace limbic::data
