#include "store/plain_line.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "store/manifest.h"

namespace limbic::data {
namespace {

/// Takes JSON apart from left to right. Every function is false at the first thing that is not plain.
class PlainScan {
 public:
  explicit PlainScan(std::string_view line) : line_(line) {}

  bool take(char c) {
    if (at_ == line_.size() || line_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool is_done() const { return at_ == line_.size(); }
  size_t at() const { return at_; }

  bool text(std::string_view& out) {
    if (!take('"')) return false;
    const size_t begin = at_;
    for (; at_ < line_.size(); ++at_) {
      const auto c = static_cast<unsigned char>(line_[at_]);
      if (c == '"') break;
      if (c < 0x20 || c >= 0x7F || c == '\\') return false;
    }
    out = line_.substr(begin, at_ - begin);
    return take('"');
  }
  bool text(std::string& out, size_t max_bytes) {
    std::string_view view;
    if (!text(view) || view.size() > max_bytes) return false;
    out.assign(view);
    return true;
  }
  bool count(int64_t& out, int64_t high) {
    const size_t begin = at_;
    while (at_ < line_.size() && line_[at_] >= '0' && line_[at_] <= '9') ++at_;
    const size_t length = at_ - begin;
    if (length == 0 || length > 18 || (length > 1 && line_[begin] == '0')) return false;
    std::from_chars(line_.data() + begin, line_.data() + at_, out);
    return out <= high && (at_ == line_.size() || line_[at_] == ',' || line_[at_] == '}');
  }
  bool number(double& out) {
    const size_t begin = at_;
    take('-');
    if (!digits(true)) return false;
    if (take('.') && !digits(false)) return false;
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      if (!digits(false)) return false;
    }
    const auto result = std::from_chars(line_.data() + begin, line_.data() + at_, out);
    return result.ec == std::errc() && result.ptr == line_.data() + at_ && std::isfinite(out);
  }
  /// Members of an object; `member(key)` reads the value behind the colon.
  template <class Member>
  bool object(Member&& member) {
    if (!take('{')) return false;
    if (take('}')) return true;
    do {
      std::string_view key;
      if (!text(key) || !take(':') || !member(key)) return false;
    } while (take(','));
    return take('}');
  }

 private:
  bool digits(bool is_leading) {
    const size_t begin = at_;
    while (at_ < line_.size() && line_[at_] >= '0' && line_[at_] <= '9') ++at_;
    return at_ > begin && !(is_leading && at_ - begin > 1 && line_[begin] == '0');
  }

  std::string_view line_;
  size_t at_ = 0;
};

/// Keys of an object that were seen.
template <size_t kNumKeys>
class SeenKeys {
 public:
  explicit SeenKeys(const std::array<const char*, kNumKeys>& keys) : keys_(keys) {}
  /// Index of the key; kNumKeys when it is unknown or comes again.
  size_t find(std::string_view key) {
    for (size_t i = 0; i < kNumKeys; ++i) {
      if (key != keys_[i]) continue;
      const bool is_new = !has_[i];
      has_[i] = true;
      return is_new ? i : kNumKeys;
    }
    return kNumKeys;
  }
  bool has(size_t i) const { return has_[i]; }

 private:
  const std::array<const char*, kNumKeys>& keys_;
  std::array<bool, kNumKeys> has_{};
};

constexpr std::array<const char*, 7> kStreamKeys{"shard", "tensor", "valid", "rate_hz",
                                                 "t0_s",  "frames", "crc32"};
constexpr std::array<const char*, 15> kSampleKeys{"id",     "corpus", "subject",    "session", "dialogue",
                                                  "turn",   "clip",   "split",      "t0_s",    "duration_s",
                                                  "labels", "values", "attributes", "streams", "source"};
constexpr std::array<const char*, 2> kSourceKeys{"path", "sha256"};

bool plain_seconds(PlainScan& scan, core::Timestamp& out) {
  double seconds = 0;
  if (!scan.number(seconds) || seconds < 0 || seconds > kMaxSeconds) return false;
  out = core::Timestamp::from_seconds(seconds);
  return true;
}

bool plain_stream(PlainScan& scan, StreamRef& ref, std::vector<TextSpan>& shards) {
  SeenKeys seen(kStreamKeys);
  int64_t crc32 = 0;
  const bool is_read = scan.object([&](std::string_view key) {
    switch (seen.find(key)) {
      case 0:
        if (!scan.text(ref.shard, kMaxNameBytes) || !shard_name_defect(ref.shard).empty()) return false;
        shards.emplace_back(scan.at() - 1 - ref.shard.size(), scan.at() - 1);
        return true;
      case 1:
        return scan.text(ref.tensor, 2 * kMaxNameBytes) && !ref.tensor.empty();
      case 2:
        return scan.text(ref.valid, 2 * kMaxNameBytes);
      case 3:
        return scan.number(ref.rate_hz) && ref.rate_hz >= 0 && ref.rate_hz <= kMaxRate_hz;
      case 4:
        return plain_seconds(scan, ref.t0);
      case 5:
        return scan.count(ref.num_frames, kMaxFrames);
      case 6:
        return scan.count(crc32, UINT32_MAX);
      default:
        return false;
    }
  });
  ref.crc32 = static_cast<uint32_t>(crc32);
  return is_read && seen.has(0) && seen.has(1) && seen.has(5) && seen.has(6);
}

bool plain_labels(PlainScan& scan, const DatasetInfo& info, std::map<std::string, std::string>& labels) {
  return scan.object([&](std::string_view task) {
    const auto space = std::find_if(info.label_spaces.begin(), info.label_spaces.end(),
                                    [&](const auto& s) { return s.task == task; });
    std::string_view label;
    if (space == info.label_spaces.end() || !scan.text(label)) return false;
    const auto known = std::find(space->classes.begin(), space->classes.end(), label);
    return known != space->classes.end() && labels.emplace(task, label).second;
  });
}

}  // namespace

bool parse_plain_line(std::string_view line, const DatasetInfo& info, Sample& sample,
                      std::vector<TextSpan>& shards) {
  PlainScan scan(line);
  SeenKeys seen(kSampleKeys);
  const auto read_texts = [&](std::map<std::string, std::string>& out) {
    return scan.object([&](std::string_view key) {
      std::string_view text;
      return key.size() <= kMaxNameBytes && scan.text(text) && out.emplace(key, text).second;
    });
  };
  const bool is_read = scan.object([&](std::string_view key) {
    switch (seen.find(key)) {
      case 0:
        return scan.text(sample.id, kMaxNameBytes) && !sample.id.empty() && sample.id.front() != ' ';
      case 1:
        return scan.text(sample.corpus, kMaxNameBytes);
      case 2:
        return scan.text(sample.subject, kMaxNameBytes);
      case 3:
        return scan.text(sample.session, kMaxNameBytes);
      case 4:
        return scan.text(sample.dialogue, kMaxNameBytes);
      case 5:
        return scan.count(sample.turn, INT32_MAX);
      case 6:
        return scan.text(sample.clip, kMaxNameBytes);
      case 7:
        return scan.text(sample.split, kMaxNameBytes);
      case 8:
        return plain_seconds(scan, sample.t0);
      case 9:
        return plain_seconds(scan, sample.duration);
      case 10:
        return plain_labels(scan, info, sample.labels);
      case 11:
        return scan.object([&](std::string_view name) {
          double value = 0;
          return name.size() <= kMaxNameBytes && scan.number(value) &&
                 sample.values.emplace(name, value).second;
        });
      case 12:
        return read_texts(sample.attributes);
      case 13:
        return scan.object([&](std::string_view name) {
          const auto [at, is_new] = sample.streams.try_emplace(std::string(name));
          return is_new && info.modalities.count(at->first) > 0 && plain_stream(scan, at->second, shards);
        });
      case 14: {
        SeenKeys parts(kSourceKeys);
        return scan.object([&](std::string_view name) {
          const size_t part = parts.find(name);
          if (part == 0)
            return scan.text(sample.source_path, kMaxPathBytes) &&
                   unsafe_path_reason(sample.source_path).empty();
          return part == 1 && scan.text(sample.source_sha256, kMaxNameBytes);
        });
      }
      default:
        return false;
    }
  });
  return is_read && scan.is_done() && seen.has(0);
}

}  // namespace limbic::data
