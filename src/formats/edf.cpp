// EDF (Kemp 1992), EDF+ (Kemp and Olivan 2003) and BDF (BioSemi: 24 bits). Written from the published
// specifications, because edflib 1.23 refuses discontinuous files (EDF+D) and every header that is not to the
// letter.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "byte_source.h"
#include "limbic/core/error.h"
#include "sensor_files.h"
#include "sensor_parts.h"
#include "sensor_text.h"
#include "text_input.h"

namespace limbic::formats::detail {
namespace {

constexpr int64_t kMaxSignals = 4096;

struct EdfSignal {
  std::string label;
  std::string unit;
  double gain = 1;
  double offset = 0;
  int64_t num_samples = 0;  ///< a record
  int64_t at = 0;           ///< bytes into a record
  bool is_annotation = false;
  int64_t stream = -1;  ///< of the recording; -1: not wanted
};

struct EdfHeader {
  bool is_bdf = false;
  bool is_plus = false;
  bool is_discontinuous = false;
  int64_t num_bytes = 0;
  int64_t num_records = 0;
  int64_t record_bytes = 0;
  double record_s = 0;
  std::optional<double> start_unix_s;
  std::vector<EdfSignal> signals;
};

/// A fixed-width text field of the header, with its place for error messages.
class EdfFields {
 public:
  EdfFields(const FileSource& source, const std::string& bytes) : source_(source), bytes_(bytes) {}
  std::string text(size_t at, size_t size) const {
    std::string_view field = std::string_view(bytes_).substr(at, size);
    while (!field.empty() && (field.back() == ' ' || field.back() == '\0')) field.remove_suffix(1);
    while (!field.empty() && field.front() == ' ') field.remove_prefix(1);
    std::string out(field);
    if (!is_utf8(out)) {
      // Latin-1 is what old programs wrote (the micro sign, mostly).
      std::string utf8;
      for (const char c : out) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x80) utf8 += static_cast<char>(0xC0 | (byte >> 6));
        utf8 += static_cast<char>(byte >= 0x80 ? 0x80 | (byte & 0x3F) : byte);
      }
      out = utf8;
    }
    return out;
  }
  double real(size_t at, size_t size, const char* what) const {
    const auto value = parse_real(text(at, size));
    if (!value)
      source_.fail(fmt::format("byte {}: {} is {}; expected a number", at, what, shown(text(at, size))));
    return *value;
  }
  int64_t integer(size_t at, size_t size, const char* what) const {
    const double value = real(at, size, what);
    if (value != std::floor(value) || std::abs(value) > 1e15)
      source_.fail(
          fmt::format("byte {}: {} is {}; expected a whole number", at, what, shown(text(at, size))));
    return static_cast<int64_t>(value);
  }

 private:
  const FileSource& source_;
  const std::string& bytes_;
};

/// Unix seconds of the start, taking the header's local time for UTC. EDF+ has the century in its own field.
std::optional<double> edf_start(const EdfFields& fields) {
  const std::string date = fields.text(168, 8);
  const std::string time = fields.text(176, 8);
  const auto two = [](const std::string& text, size_t at) -> int64_t {
    if (at + 2 > text.size() || text[at] < '0' || text[at] > '9' || text[at + 1] < '0' || text[at + 1] > '9')
      return -1;
    return (text[at] - '0') * 10 + (text[at + 1] - '0');
  };
  int64_t day = two(date, 0), month = two(date, 3), year = two(date, 6);
  const int64_t hour = two(time, 0), minute = two(time, 3), second = two(time, 6);
  if (year >= 0) year += year >= 85 ? 1900 : 2000;
  const std::string recording = fields.text(88, 80);
  if (recording.size() >= 21 && recording.compare(0, 10, "Startdate ") == 0 && two(recording, 19) >= 0 &&
      two(recording, 17) >= 0) {
    year = two(recording, 17) * 100 + two(recording, 19);
  }
  if (day < 1 || day > 31 || month < 1 || month > 12 || year < 1900 || hour < 0 || hour > 23 || minute < 0 ||
      minute > 59 || second < 0 || second > 60) {
    return std::nullopt;
  }
  return static_cast<double>(days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second);
}

EdfHeader read_edf_header(const FileSource& source, const SensorReadOptions& options,
                          SensorRecording& recording) {
  if (source.size() < 256)
    source.fail(fmt::format("{} bytes; an EDF header has at least 256; the file was cut off", source.size()));
  std::string bytes(256, '\0');
  source.read(0, bytes.data(), bytes.size());
  EdfHeader header;
  header.is_bdf = static_cast<unsigned char>(bytes[0]) == 0xFF;
  const int64_t num_signals = EdfFields(source, bytes).integer(252, 4, "the number of signals");
  if (num_signals < 1 || num_signals > kMaxSignals)
    source.fail(fmt::format("byte 252: {} signals; expected 1 to {}", num_signals, kMaxSignals));
  header.num_bytes = 256 * (num_signals + 1);
  if (static_cast<uint64_t>(header.num_bytes) > source.size()) {
    source.fail(fmt::format("a header of {} bytes for {} signals, but the file has {}; it was cut off",
                            header.num_bytes, num_signals, source.size()));
  }
  bytes.resize(static_cast<size_t>(header.num_bytes));
  source.read(0, bytes.data(), bytes.size());
  const EdfFields fields(source, bytes);
  if (const int64_t said = fields.integer(184, 8, "the header's size"); said != header.num_bytes) {
    source.fail(fmt::format("byte 184: a header of {} bytes; {} signals need {}", said, num_signals,
                            header.num_bytes));
  }
  const std::string kind = fields.text(192, 44);
  header.is_plus = kind.compare(0, 4, "EDF+") == 0 || kind.compare(0, 4, "BDF+") == 0;
  header.is_discontinuous = header.is_plus && kind.size() > 4 && kind[4] == 'D';
  header.num_records = fields.integer(236, 8, "the number of data records");
  header.record_s = fields.real(244, 8, "the duration of a data record");
  if (!(header.record_s >= 0))
    source.fail(fmt::format("byte 244: data records of {} s; expected 0 or more", header.record_s));
  header.start_unix_s = edf_start(fields);
  if (!header.start_unix_s) recording.notes.push_back("the start date is not a date; there is no unix time");

  const auto n = static_cast<size_t>(num_signals);
  const int64_t sample_bytes = header.is_bdf ? 3 : 2;
  for (size_t i = 0; i < n; ++i) {
    EdfSignal signal;
    signal.label = fields.text(256 + 16 * i, 16);
    signal.unit = fields.text(256 + 96 * n + 8 * i, 8);
    signal.is_annotation =
        header.is_plus && (signal.label == "EDF Annotations" || signal.label == "BDF Annotations");
    const size_t count_at = 256 + 216 * n + 8 * i;
    signal.num_samples = fields.integer(count_at, 8, "the samples of a data record");
    if (signal.num_samples < 1 || signal.num_samples > (int64_t{1} << 31))
      source.fail(fmt::format("byte {}: {} samples a record of signal {}; expected 1 or more", count_at,
                              signal.num_samples, shown(signal.label)));
    signal.at = header.record_bytes;
    header.record_bytes += signal.num_samples * sample_bytes;
    const std::string modality = guess_modality(signal.label, signal.unit);
    if (!signal.is_annotation && is_wanted(options, signal.label, modality)) {
      const size_t low_at = 256 + 120 * n + 8 * i;
      const double digital_min = fields.real(low_at, 8, "the digital minimum");
      const double digital_max = fields.real(256 + 128 * n + 8 * i, 8, "the digital maximum");
      if (digital_min >= digital_max) {
        source.fail(
            fmt::format("byte {}: signal {} has digital minimum {} and maximum {}; the minimum must be less",
                        low_at, shown(signal.label), digital_min, digital_max));
      }
      const double physical_min = fields.real(256 + 104 * n + 8 * i, 8, "the physical minimum");
      const double physical_max = fields.real(256 + 112 * n + 8 * i, 8, "the physical maximum");
      signal.gain = (physical_max - physical_min) / (digital_max - digital_min);
      if (signal.gain == 0) {
        recording.notes.push_back(
            fmt::format("signal {} has no physical range; its values are raw", shown(signal.label)));
        signal.gain = 1;
      } else {
        signal.offset = physical_min - signal.gain * digital_min;
      }
      SensorStream stream;
      stream.name = signal.label.empty() ? fmt::format("signal {}", i + 1) : signal.label;
      stream.modality = modality;
      stream.channels = {stream.name};
      stream.unit = signal.unit;
      const auto declared =
          header.record_s > 0 ? static_cast<double>(signal.num_samples) / header.record_s : 0.0;
      stream.rate_hz = rate_of(options, stream.name, modality, declared, source.name());
      signal.stream = static_cast<int64_t>(recording.streams.size());
      recording.streams.push_back(std::move(stream));
    }
    header.signals.push_back(std::move(signal));
  }
  const auto data_bytes = static_cast<int64_t>(source.size()) - header.num_bytes;
  const int64_t whole = data_bytes / header.record_bytes;
  const int64_t declared = header.num_records;
  if (declared < 0 || whole < declared) {
    if (declared >= 0)
      recording.notes.push_back(fmt::format(
          "the header promises {} records, the file has {} whole ones; it was cut off", declared, whole));
    header.num_records = whole;
  } else if (whole > declared) {
    recording.notes.push_back(
        fmt::format("the file has {} records, its header says {}; the rest is left out", whole, declared));
  }
  return header;
}

/// Time-stamped annotation lists of one record's annotation signal:
/// "+onset[\x15duration]\x14text\x14...\x14\0".
/// @returns the onset of the first list, which is the record's start when its first text is empty
std::optional<double> read_annotations(std::string_view bytes, const std::string& where,
                                       SensorRecording& recording) {
  std::optional<double> record_start;
  bool is_first = true;
  while (!bytes.empty()) {
    if (bytes.front() == '\0') {
      bytes.remove_prefix(1);
      continue;
    }
    const size_t end = bytes.find('\0');
    const std::string_view list = bytes.substr(0, end);
    const auto fail = [&](const char* what) {
      throw Error(ErrorCode::kData, fmt::format("{}: annotation {}: {}", where, shown(list), what));
    };
    const size_t first_text = list.find('\x14');
    if (first_text == std::string_view::npos) fail("no byte 20 after its onset");
    std::string_view onset_text = list.substr(0, first_text);
    double duration = 0;
    if (const size_t at = onset_text.find('\x15'); at != std::string_view::npos) {
      const auto value = parse_real(onset_text.substr(at + 1));
      // Some writers put the separator without a duration.
      if (!value && at + 1 < onset_text.size()) fail("its duration is not a number");
      duration = std::max(0.0, value.value_or(0));
      onset_text = onset_text.substr(0, at);
    }
    const auto onset = parse_real(onset_text);
    if (!onset || onset_text.empty() || (onset_text[0] != '+' && onset_text[0] != '-'))
      fail("its onset is not a number with a sign");
    std::string_view texts = list.substr(first_text + 1);
    bool is_first_text = true;
    while (!texts.empty()) {
      const size_t stop = std::min(texts.find('\x14'), texts.size());
      const std::string_view text = texts.substr(0, stop);
      if (text.empty() && is_first && is_first_text) record_start = onset;
      if (!text.empty())
        recording.markers.push_back({*onset, duration, is_utf8(text) ? std::string(text) : shown(text)});
      is_first_text = false;
      texts.remove_prefix(std::min(texts.size(), stop + 1));
    }
    is_first = false;
    if (end == std::string_view::npos) break;
    bytes.remove_prefix(end);
  }
  return record_start;
}

/// Samples of one signal of one record, in physical units.
void decode(const unsigned char* bytes, const EdfSignal& signal, bool is_bdf, double* out) {
  for (int64_t i = 0; i < signal.num_samples; ++i) {
    int32_t value;
    if (is_bdf) {
      value =
          static_cast<int32_t>(static_cast<uint32_t>(bytes[0]) << 8 | static_cast<uint32_t>(bytes[1]) << 16 |
                               static_cast<uint32_t>(bytes[2]) << 24) >>
          8;
      bytes += 3;
    } else {
      value = static_cast<int16_t>(bytes[0] | bytes[1] << 8);
      bytes += 2;
    }
    out[i] = signal.gain * value + signal.offset;
  }
}

}  // namespace

SensorRecording read_edf(const std::string& path, const SensorReadOptions& options) {
  SensorRecording recording;
  const FileSource source(path, ErrorCode::kData);
  const EdfHeader header = read_edf_header(source, options, recording);
  recording.format = std::string(header.is_bdf ? "bdf" : "edf") + (header.is_plus ? "+" : "");
  recording.start_unix_s = header.start_unix_s;
  if (header.start_unix_s)
    recording.notes.push_back("the start is local time without a zone; it is taken as UTC");
  const bool has_streams = !recording.streams.empty();

  // The first pass over annotations says when each record begins.
  std::vector<double> starts(static_cast<size_t>(header.num_records));
  std::string record;
  bool has_clock = false;
  for (int64_t r = 0; r < header.num_records; ++r) {
    auto& start = starts[static_cast<size_t>(r)];
    start = static_cast<double>(r) * header.record_s;
    bool is_first = true;
    for (const EdfSignal& signal : header.signals) {
      if (!signal.is_annotation) continue;
      record.resize(static_cast<size_t>(signal.num_samples * (header.is_bdf ? 3 : 2)));
      const auto at = static_cast<uint64_t>(header.num_bytes + r * header.record_bytes + signal.at);
      source.read(at, record.data(), record.size());
      const auto onset = read_annotations(record, fmt::format("{}: byte {}", path, at), recording);
      if (is_first && onset) {
        start = *onset;
        has_clock = true;
      } else if (is_first && header.is_discontinuous) {
        source.fail(
            fmt::format("byte {}: record {} of a discontinuous file does not say when it begins", at, r));
      }
      is_first = false;
    }
  }
  if (header.is_discontinuous && !has_clock && header.num_records > 0)
    source.fail("EDF+D without an 'EDF Annotations' signal; its records have no times");

  // Half a sample of the fastest stream is the most that a start may be off before it is a gap.
  double fastest = 0;
  for (const SensorStream& stream : recording.streams) fastest = std::max(fastest, stream.rate_hz);
  const double slack = fastest > 0 ? 0.5 / fastest : 0.5;
  int64_t num_gaps = 0;
  for (size_t r = 1; r < starts.size(); ++r) {
    const double expected = starts[r - 1] + header.record_s;
    if (starts[r] < expected - std::max(slack, 1e-6 * header.record_s)) {
      source.fail(fmt::format("record {} begins at {} s, before record {} ends at {} s", r, starts[r], r - 1,
                              expected));
    }
    num_gaps += starts[r] > expected + slack ? 1 : 0;
  }
  if (num_gaps > 0)
    recording.notes.push_back(fmt::format("{} gaps between records; they are missing values", num_gaps));

  // Which records the cut needs; the recording's clock begins with the first.
  const double origin = starts.empty() ? 0 : starts.front();
  const double from = origin + options.start_s, until = origin + options.end_s;
  size_t first = 0, last = starts.size();
  while (first < last && starts[first] + header.record_s < from) ++first;
  while (last > first && starts[last - 1] >= until) --last;
  int64_t num_values = 0;
  for (const EdfSignal& signal : header.signals) {
    if (signal.stream < 0) continue;
    SensorStream& stream = recording.streams[static_cast<size_t>(signal.stream)];
    stream.t0_s = first < starts.size() ? starts[first] : 0;
    if (first >= last) continue;
    // A given rate makes the slack wide: records may begin before the first one.
    const double span = std::max(0.0, starts[last - 1] - starts[first]) * stream.rate_hz +
                        static_cast<double>(signal.num_samples);
    const auto num_real = static_cast<int64_t>(last - first) * signal.num_samples;
    if (!(span < 1e15) || !is_gap_affordable(static_cast<int64_t>(span), num_real) ||
        (num_values += static_cast<int64_t>(span)) * 8 >
            static_cast<int64_t>(std::min<uint64_t>(options.max_bytes, INT64_MAX))) {
      throw Error(ErrorCode::kData, fmt::format("{}: {} with its gaps needs {:.0f} samples; read a part with "
                                                "start_s and end_s, or fewer streams",
                                                path, shown(stream.name), span));
    }
    stream.values_SC.assign(static_cast<size_t>(std::llround(span)),
                            std::numeric_limits<double>::quiet_NaN());
  }
  record.resize(static_cast<size_t>(first < last && has_streams ? header.record_bytes : 0));
  std::vector<double> samples;
  std::vector<size_t> next(recording.streams.size(), 0);
  for (size_t r = first; has_streams && r < last; ++r) {
    source.read(static_cast<uint64_t>(header.num_bytes + static_cast<int64_t>(r) * header.record_bytes),
                record.data(), record.size());
    for (const EdfSignal& signal : header.signals) {
      if (signal.stream < 0) continue;
      const auto index = static_cast<size_t>(signal.stream);
      SensorStream& stream = recording.streams[index];
      samples.resize(static_cast<size_t>(signal.num_samples));
      decode(reinterpret_cast<const unsigned char*>(record.data()) + signal.at, signal, header.is_bdf,
             samples.data());
      // A record follows its neighbour exactly unless there is a gap: rounding must not lose a sample.
      const bool is_next = r == first || starts[r] <= starts[r - 1] + header.record_s + slack;
      if (!is_next) {
        const double place = std::max(0.0, starts[r] - starts[first]) * stream.rate_hz;
        next[index] = std::max(next[index], static_cast<size_t>(std::llround(place)));
      }
      if (next[index] + samples.size() > stream.values_SC.size())
        stream.values_SC.resize(next[index] + samples.size(), std::numeric_limits<double>::quiet_NaN());
      std::copy(samples.begin(), samples.end(), stream.values_SC.begin() + static_cast<int64_t>(next[index]));
      next[index] += samples.size();
    }
  }
  for (size_t i = 0; i < recording.streams.size(); ++i) {
    if (next[i] < recording.streams[i].values_SC.size()) recording.streams[i].values_SC.resize(next[i]);
  }
  if (header.num_records == 0) recording.notes.push_back("no data records");
  recording.source = path;
  finish_recording(recording, options, origin);
  return recording;
}

}  // namespace limbic::formats::detail
