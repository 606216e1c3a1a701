// XDF 1.0 (sccn/xdf wiki, "Specifications"), as LabRecorder writes it: "XDF:", then chunks of
// [length][u16 tag][content]. Samples of numbers become streams, text becomes markers.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <numeric>

#include "byte_source.h"
#include "limbic/core/error.h"
#include "sensor_files.h"
#include "sensor_parts.h"
#include "sensor_text.h"
#include "text_input.h"
#include "xdf_clock.h"

namespace limbic::formats::detail {
namespace {

constexpr std::string_view kBoundary("\x43\xa5\x46\xdc\xcb\xf5\x41\x0f\xb3\x0e\xd5\x46\x73\x83\xcb\xe4", 16);

/// What a chunk holds that is not as it should be; caught where the next boundary is looked for.
struct XdfDamage {
  std::string what;
};

/// Little-endian numbers of one chunk; never reads past it.
class ChunkBytes {
 public:
  explicit ChunkBytes(std::string_view bytes) : bytes_(bytes) {}
  template <class Number>
  Number number() {
    Number value;
    std::memcpy(&value, take(sizeof(Number)).data(), sizeof(Number));
    return value;
  }
  /// A count with its own size: one byte that says 1, 4 or 8, then so many bytes.
  uint64_t count() {
    switch (number<uint8_t>()) {
      case 1:
        return number<uint8_t>();
      case 4:
        return number<uint32_t>();
      case 8:
        return number<uint64_t>();
      default:
        throw XdfDamage{"a length that is not of 1, 4 or 8 bytes"};
    }
  }
  std::string_view take(uint64_t size) {
    if (size > bytes_.size()) throw XdfDamage{"it ends early"};
    const std::string_view out = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return out;
  }
  std::string_view rest() const { return bytes_; }

 private:
  std::string_view bytes_;
};

struct XdfStream {
  std::string name, type, format;
  std::vector<std::string> labels, units;
  int64_t num_channels = 0;
  double rate_hz = 0;
  int64_t sample_bytes = 0;  ///< of one value; 0: text
  double last_time_s = 0;
  std::vector<double> time_s;
  std::vector<double> values_SC;
  std::vector<std::string> texts;
  std::vector<XdfOffset> offsets;
  bool is_wanted = true;
};

std::string unescaped(std::string_view text) {
  std::string out;
  static const std::pair<std::string_view, char> kEntities[] = {
      {"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}};
  while (!text.empty()) {
    bool is_entity = false;
    for (const auto& [entity, c] : kEntities) {
      if (text.substr(0, entity.size()) != entity) continue;
      out += c;
      text.remove_prefix(entity.size());
      is_entity = true;
      break;
    }
    if (is_entity) continue;
    out += text.front();
    text.remove_prefix(1);
  }
  return out;
}

/// Calls found("info/name", "text") for every element with text only. Enough of XML for the headers of
/// streams; attributes, comments and declarations are passed over.
template <class Found>
void walk_xml(std::string_view xml, Found found) {
  std::vector<size_t> lengths;  // of `path` at each open element
  std::string path;
  size_t text_begin = 0;
  bool is_leaf = false;
  for (size_t at = xml.find('<'); at != std::string_view::npos; at = xml.find('<', at)) {
    if (xml.substr(at, 4) == "<!--") {
      const size_t end = xml.find("-->", at);
      if (end == std::string_view::npos) return;
      at = end;
      continue;
    }
    const size_t end = xml.find('>', at);
    if (end == std::string_view::npos) return;
    std::string_view tag = xml.substr(at + 1, end - at - 1);
    if (!tag.empty() && tag[0] == '/') {
      if (lengths.empty()) return;
      if (is_leaf) found(path, unescaped(trim(xml.substr(text_begin, at - text_begin))));
      path.resize(lengths.back());
      lengths.pop_back();
      is_leaf = false;
    } else if (!tag.empty() && tag[0] != '?' && tag[0] != '!' && tag.back() != '/') {
      if (lengths.size() == 64) return;
      lengths.push_back(path.size());
      path += std::string(path.empty() ? "" : "/") + std::string(tag.substr(0, tag.find_first_of(" \t\r\n")));
      text_begin = end + 1;
      is_leaf = true;
    }
    at = end;
  }
}

int64_t value_bytes(const std::string& format) {
  static const std::map<std::string, int64_t> kBytes = {
      {"int8", 1}, {"int16", 2}, {"int32", 4}, {"int64", 8}, {"float32", 4}, {"double64", 8}, {"string", 0}};
  const auto found = kBytes.find(format);
  return found == kBytes.end() ? -1 : found->second;
}

double value_of(const char* bytes, const std::string& format) {
  const auto as = [&](auto value) {
    std::memcpy(&value, bytes, sizeof value);
    return static_cast<double>(value);
  };
  if (format == "float32") return as(0.0F);
  if (format == "double64") return as(0.0);
  if (format == "int8") return as(int8_t{0});
  if (format == "int16") return as(int16_t{0});
  if (format == "int32") return as(int32_t{0});
  return as(int64_t{0});
}

class XdfReader {
 public:
  XdfReader(const std::string& path, const SensorReadOptions& options)
      : source_(path, ErrorCode::kData), options_(options) {}

  SensorRecording read() {
    recording_.format = "xdf";
    uint64_t at = 4;
    while (at < source_.size()) {
      uint64_t next = 0;
      try {
        next = read_chunk(at);
      } catch (const XdfDamage& damage) {
        const uint64_t boundary = next_boundary(at + 1);
        if (++num_damaged_ <= 3) {
          recording_.notes.push_back(
              fmt::format("the chunk at byte {} is damaged ({}); read on at {}", at, damage.what,
                          boundary < source_.size() ? fmt::format("byte {}", boundary) : "the end"));
        }
        next = boundary;
      }
      at = next;
    }
    if (streams_.empty()) source_.fail("no stream header; the file was cut off or is no recording");
    for (auto& [id, stream] : streams_) convert(id, stream);
    return std::move(recording_);
  }

 private:
  uint64_t read_chunk(uint64_t at) {
    std::string head(static_cast<size_t>(std::min<uint64_t>(11, source_.size() - at)), '\0');
    source_.read(at, head.data(), head.size());
    ChunkBytes bytes(head);
    const uint64_t length = bytes.count();
    const uint64_t content = at + (head.size() - bytes.rest().size());
    if (length < 2) throw XdfDamage{"no room for its tag"};
    if (length > source_.size() - content) throw XdfDamage{"it would end after the file"};
    const auto tag = bytes.number<uint16_t>();
    if (tag < 1 || tag > 6) throw XdfDamage{fmt::format("unknown tag {}", tag)};
    if (tag >= 2 && tag <= 4) {
      chunk_.resize(static_cast<size_t>(length) - 2);
      source_.read(content + 2, chunk_.data(), chunk_.size());
      ChunkBytes body(chunk_);
      if (tag == 2) read_stream_header(at, body);
      if (tag == 3) read_samples(body);
      if (tag == 4) read_offset(body);
    }
    return content + length;
  }

  void read_stream_header(uint64_t at, ChunkBytes& body) {
    const auto id = body.number<uint32_t>();
    XdfStream stream;
    double num_channels = 0;
    walk_xml(body.rest(), [&](const std::string& path, const std::string& text) {
      if (path == "info/name") stream.name = text;
      if (path == "info/type") stream.type = text;
      if (path == "info/channel_format") stream.format = text;
      if (path == "info/channel_count") num_channels = parse_real(text).value_or(0);
      if (path == "info/nominal_srate") stream.rate_hz = parse_real(text).value_or(-1);
      if (path == "info/desc/channels/channel/label") stream.labels.push_back(text);
      if (path == "info/desc/channels/channel/unit") stream.units.push_back(text);
    });
    stream.sample_bytes = value_bytes(stream.format);
    const auto fail = [&](const std::string& what) {
      source_.fail(fmt::format("byte {}: stream {}: {}", at, shown(stream.name), what));
    };
    if (stream.sample_bytes < 0)
      fail(fmt::format("channel_format {}; expected int8, int16, int32, int64, float32, double64 or string",
                       shown(stream.format)));
    if (!(num_channels >= 1 && num_channels <= 1e6) || num_channels != std::floor(num_channels))
      fail(fmt::format("channel_count {}; expected 1 to 1000000", num_channels));
    stream.num_channels = static_cast<int64_t>(num_channels);
    stream.is_wanted = stream.sample_bytes == 0 || is_wanted(options_, stream.name, modality_of(stream));
    if (!(stream.rate_hz >= 0)) {
      const auto given = given_rate(options_, stream.name, modality_of(stream));
      if (!given) fail("its nominal_srate is not 0 or more; give the rate if you know it");
      stream.rate_hz = *given;
    }
    if (streams_.count(id) != 0) throw XdfDamage{fmt::format("stream {} has a second header", id)};
    streams_.emplace(id, std::move(stream));
  }

  void read_samples(ChunkBytes& body) {
    const auto id = body.number<uint32_t>();
    const auto found = streams_.find(id);
    if (found == streams_.end())
      throw XdfDamage{fmt::format("samples of stream {}, which has no header", id)};
    XdfStream& stream = found->second;
    const uint64_t num_samples = body.count();
    const auto num_channels = static_cast<uint64_t>(stream.num_channels);
    const uint64_t least =
        1 + num_channels * static_cast<uint64_t>(std::max<int64_t>(stream.sample_bytes, 1));
    if (num_samples > body.rest().size() / least) throw XdfDamage{"more samples than it has bytes"};
    const double period = stream.rate_hz > 0 ? 1 / stream.rate_hz : 0;
    for (uint64_t i = 0; i < num_samples; ++i) {
      double time = stream.last_time_s + period;
      const auto stamp_bytes = body.number<uint8_t>();
      if (stamp_bytes == 8)
        time = body.number<double>();
      else if (stamp_bytes != 0)
        throw XdfDamage{"a time stamp that is not of 0 or 8 bytes"};
      if (!std::isfinite(time) || std::abs(time) > 1e15) throw XdfDamage{"a time stamp that is no time"};
      stream.last_time_s = time;
      if (stream.sample_bytes == 0) {
        std::string text;
        for (uint64_t c = 0; c < num_channels; ++c) {
          const std::string_view part = body.take(body.count());
          text += (c > 0 ? "\t" : "") + (is_utf8(part) ? std::string(part) : shown(part));
        }
        stream.time_s.push_back(time);
        stream.texts.push_back(std::move(text));
        continue;
      }
      const std::string_view bytes = body.take(num_channels * static_cast<uint64_t>(stream.sample_bytes));
      if (!stream.is_wanted) continue;
      num_bytes_ += 8 * (num_channels + 1);
      if (num_bytes_ > options_.max_bytes)
        throw Error(ErrorCode::kData,
                    fmt::format("{}: its samples need more than {} bytes; read fewer streams", source_.name(),
                                options_.max_bytes));
      stream.time_s.push_back(time);
      for (uint64_t c = 0; c < num_channels; ++c) {
        const double value =
            value_of(bytes.data() + c * static_cast<uint64_t>(stream.sample_bytes), stream.format);
        stream.values_SC.push_back(std::isfinite(value) ? value : std::numeric_limits<double>::quiet_NaN());
      }
    }
  }

  void read_offset(ChunkBytes& body) {
    const auto found = streams_.find(body.number<uint32_t>());
    const auto time = body.number<double>();
    const auto offset = body.number<double>();
    if (found == streams_.end()) return;
    if (!std::isfinite(time) || !std::isfinite(offset) || std::abs(time) > 1e15 || std::abs(offset) > 1e15)
      throw XdfDamage{"a clock offset that is no time"};
    found->second.offsets.push_back({time, offset});
  }

  uint64_t next_boundary(uint64_t from) const {
    std::string bytes(1 << 16, '\0');
    while (from + kBoundary.size() <= source_.size()) {
      const size_t size = static_cast<size_t>(std::min<uint64_t>(bytes.size(), source_.size() - from));
      source_.read(from, bytes.data(), size);
      const size_t found = std::string_view(bytes.data(), size).find(kBoundary);
      if (found != std::string_view::npos) return from + found + kBoundary.size();
      from += size - (size < bytes.size() ? size : kBoundary.size() - 1);
      if (size < bytes.size()) break;
    }
    return source_.size();
  }

  static std::string modality_of(const XdfStream& stream) {
    const std::string by_type = guess_modality(stream.type);
    return by_type != "other" ? by_type : guess_modality(stream.name);
  }

  void convert(uint32_t id, XdfStream& xdf) {
    if (!xdf.is_wanted) return;
    if (xdf.time_s.empty()) {
      recording_.notes.push_back(fmt::format("stream {} ({}) has no samples", id, shown(xdf.name)));
      return;
    }
    const std::vector<size_t> restarts = synchronise(xdf.time_s, xdf.offsets);
    if (!restarts.empty())
      recording_.notes.push_back(
          fmt::format("{}: its clock was restarted {} times", shown(xdf.name), restarts.size()));
    const bool is_marker = lower_case(xdf.type).find("marker") != std::string::npos && xdf.rate_hz == 0;
    if (xdf.sample_bytes == 0 || is_marker) {
      for (size_t i = 0; i < xdf.time_s.size(); ++i) {
        std::string label;
        if (xdf.sample_bytes == 0)
          label = std::move(xdf.texts[i]);
        else
          label = fmt::format("{}", xdf.values_SC[i * static_cast<size_t>(xdf.num_channels)]);
        recording_.markers.push_back({xdf.time_s[i], 0, std::move(label)});
      }
      return;
    }
    SensorStream stream;
    stream.name = xdf.name.empty() ? fmt::format("stream {}", id) : xdf.name;
    stream.modality = modality_of(xdf);
    for (int64_t c = 0; c < xdf.num_channels; ++c) {
      const auto index = static_cast<size_t>(c);
      stream.channels.push_back(index < xdf.labels.size() ? xdf.labels[index] : fmt::format("{}", c + 1));
    }
    if (!xdf.units.empty() &&
        std::all_of(xdf.units.begin(), xdf.units.end(), [&](const auto& u) { return u == xdf.units[0]; }))
      stream.unit = xdf.units[0];
    stream.values_SC = std::move(xdf.values_SC);
    stream.t0_s = xdf.time_s.front();
    if (xdf.rate_hz > 0)
      straighten(stream, std::move(xdf.time_s), xdf.rate_hz, restarts, options_, recording_.notes);
    else
      stream.time_s = std::move(xdf.time_s);
    if (stream.rate_hz == 0) sort_by_time(stream);
    recording_.streams.push_back(std::move(stream));
  }

  void sort_by_time(SensorStream& stream) {
    auto& times = stream.time_s;
    if (!std::is_sorted(times.begin(), times.end())) {
      recording_.notes.push_back(
          fmt::format("{}: time stamps went back; its samples are sorted by time", shown(stream.name)));
      std::vector<size_t> order(times.size());
      std::iota(order.begin(), order.end(), size_t{0});
      std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return times[a] < times[b]; });
      SensorStream sorted = stream;
      const size_t num_channels = stream.channels.size();
      for (size_t i = 0; i < order.size(); ++i) {
        sorted.time_s[i] = times[order[i]];
        for (size_t c = 0; c < num_channels; ++c)
          sorted.values_SC[i * num_channels + c] = stream.at(order[i], c);
      }
      stream = std::move(sorted);
    }
    stream.t0_s = stream.time_s.front();
  }

  FileSource source_;
  const SensorReadOptions& options_;
  SensorRecording recording_;
  std::map<uint32_t, XdfStream> streams_;
  std::string chunk_;
  uint64_t num_bytes_ = 0;
  int64_t num_damaged_ = 0;
};

}  // namespace

SensorRecording read_xdf(const std::string& path, const SensorReadOptions& options) {
  return XdfReader(path, options).read();
}

}  // namespace limbic::formats::detail
