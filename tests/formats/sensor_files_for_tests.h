#pragma once
#include <fmt/format.h>
#include <zip.h>
#include <zlib.h>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "limbic/core/atomic_file.h"
#include "support/paths.h"

// Files of the sensor formats, written here from their specifications for the tests that read them back.
namespace limbic::formats::test_files {

template <class Number>
void append(std::string& out, Number value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

inline std::string gzipped(const std::string& bytes) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(bytes.size() + 1024, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

/// Through libzip, as a program that is not ours would.
inline void write_zip(const std::string& path,
                      const std::vector<std::pair<std::string, std::string>>& files) {
  std::remove(path.c_str());
  zip_t* zip = zip_open(path.c_str(), ZIP_CREATE, nullptr);
  for (const auto& [name, bytes] : files)
    zip_file_add(zip, name.c_str(), zip_source_buffer(zip, bytes.data(), bytes.size(), 0), ZIP_FL_ENC_UTF_8);
  ASSERT_EQ(zip_close(zip), 0);
}

/// An Empatica session of `seconds`, as its files.
inline std::vector<std::pair<std::string, std::string>> e4_session(int seconds) {
  std::string acc = "1000.000000, 1000.000000, 1000.000000\n32.000000, 32.000000, 32.000000\n";
  std::string eda = "1000.500000\n4.000000\n", hr = "1010.000000\n1.000000\n", ibi = "1000.000000, IBI\n";
  for (int i = 0; i < 32 * seconds; ++i) acc += fmt::format("{},{},{}\n", i % 64, -(i % 7), 64);
  for (int i = 0; i < 4 * seconds; ++i) eda += fmt::format("{:.6f}\n", 0.25 * i);
  for (int i = 0; i < seconds; ++i) hr += fmt::format("{:.2f}\n", 60.0 + i);
  ibi += "3.5,0.75\n4.25,0.75\n9.0,0.8\n";
  return {
      {"ACC.csv", acc}, {"EDA.csv", eda}, {"HR.csv", hr}, {"IBI.csv", ibi}, {"tags.csv", "1002.25\n1005\n"}};
}

struct EdfChannel {
  std::string label, unit;
  double low = -100, high = 100;
  int num_samples = 4;  ///< a record
};

/// EDF(+) or BDF(+). `value` gives the stored number of a channel's sample; `starts` the records' onsets.
struct EdfFile {
  bool is_bdf = false;
  std::string kind;  ///< "", "EDF+C", "EDF+D", "BDF+C"
  double record_s = 1;
  std::vector<EdfChannel> channels;
  std::vector<double> starts;
  std::vector<std::string> annotations;  ///< a record: TALs after the time-keeping one
  std::string date = "02.05.09", time = "10.20.30", recording = "Startdate 02-MAY-2009 X X X";

  static std::string field(const std::string& text, size_t size) {
    std::string out = text;
    out.resize(size, ' ');
    return out;
  }
  std::string bytes(long promised_records = -2) const {
    std::vector<EdfChannel> all = channels;
    const std::string annotation_label = is_bdf ? "BDF Annotations" : "EDF Annotations";
    const int width = is_bdf ? 3 : 2;
    const int annotation_samples = 40;
    if (!kind.empty()) all.push_back({annotation_label, "", -1, 1, annotation_samples});
    const size_t n = all.size();
    std::string out = is_bdf ? std::string("\xff") + "BIOSEMI" : field("0", 8);
    out += field("X X X X", 80) + field(recording, 80) + date + time +
           field(fmt::format("{}", 256 * (n + 1)), 8);
    out += field(kind, 44) + field(fmt::format("{}", promised_records == -2 ? static_cast<long>(starts.size())
                                                                            : promised_records),
                                   8);
    out += field(fmt::format("{:g}", record_s), 8) + field(fmt::format("{}", n), 4);
    const int limit = is_bdf ? 8388607 : 32767;
    for (const auto& c : all) out += field(c.label, 16);
    for (size_t i = 0; i < n; ++i) out += field("", 80);
    for (const auto& c : all) out += field(c.unit, 8);
    for (const auto& c : all) out += field(fmt::format("{:g}", c.low), 8);
    for (const auto& c : all) out += field(fmt::format("{:g}", c.high), 8);
    for (size_t i = 0; i < n; ++i) out += field(fmt::format("{}", -limit - 1), 8);
    for (size_t i = 0; i < n; ++i) out += field(fmt::format("{}", limit), 8);
    for (size_t i = 0; i < n; ++i) out += field("", 80);
    for (const auto& c : all) out += field(fmt::format("{}", c.num_samples), 8);
    for (size_t i = 0; i < n; ++i) out += field("", 32);
    for (size_t r = 0; r < starts.size(); ++r) {
      for (size_t c = 0; c < channels.size(); ++c) {
        for (int s = 0; s < channels[c].num_samples; ++s) {
          const auto value = stored(static_cast<int>(c), static_cast<int>(r) * channels[c].num_samples + s);
          out.append(reinterpret_cast<const char*>(&value), static_cast<size_t>(width));
        }
      }
      if (kind.empty()) continue;
      std::string tal = fmt::format("{:+g}\x14\x14", starts[r]);
      tal += '\0';
      if (r < annotations.size()) tal += annotations[r];
      tal.resize(static_cast<size_t>(annotation_samples * width), '\0');
      out += tal;
    }
    return out;
  }
  /// The stored integer of sample `i` of channel `c`.
  static int32_t stored(int c, int i) { return (c + 1) * 100 * (i % 2 == 0 ? 1 : -1) + i; }
  double physical(int c, int i) const {
    const double limit = is_bdf ? 8388608.0 : 32768.0;
    const auto& channel = channels[static_cast<size_t>(c)];
    return channel.low + (channel.high - channel.low) * (stored(c, i) + limit) / (2 * limit - 1);
  }
};

/// Chunks of XDF.
class XdfFile {
 public:
  void chunk(uint16_t tag, const std::string& content) {
    bytes_ += '\x04';
    append<uint32_t>(bytes_, static_cast<uint32_t>(content.size() + 2));
    append<uint16_t>(bytes_, tag);
    bytes_ += content;
  }
  void boundary() {
    chunk(5, std::string("\x43\xa5\x46\xdc\xcb\xf5\x41\x0f\xb3\x0e\xd5\x46\x73\x83\xcb\xe4", 16));
  }
  void header(uint32_t id, const std::string& name, const std::string& type, int channels, double rate,
              const std::string& format, const std::string& desc = "<desc/>") {
    std::string content;
    append(content, id);
    content += fmt::format(
        "<?xml version=\"1.0\"?><info><name>{}</name><type>{}</type><channel_count>{}</channel_count>"
        "<nominal_srate>{:g}</nominal_srate><channel_format>{}</channel_format>{}</info>",
        name, type, channels, rate, format, desc);
    chunk(2, content);
  }
  /// Samples of floats; a NaN time leaves its stamp out.
  void samples(uint32_t id, const std::vector<double>& times, const std::vector<float>& values_SC) {
    std::string content;
    append(content, id);
    content += '\x01';
    append<uint8_t>(content, static_cast<uint8_t>(times.size()));
    const size_t channels = values_SC.size() / times.size();
    for (size_t i = 0; i < times.size(); ++i) {
      stamp(content, times[i]);
      for (size_t c = 0; c < channels; ++c) append(content, values_SC[i * channels + c]);
    }
    chunk(3, content);
  }
  void text(uint32_t id, double time, const std::string& label) {
    std::string content;
    append(content, id);
    content += std::string("\x01\x01", 2);
    stamp(content, time);
    content += '\x01';
    append<uint8_t>(content, static_cast<uint8_t>(label.size()));
    chunk(3, content + label);
  }
  void offset(uint32_t id, double time, double value) {
    std::string content;
    append(content, id);
    append(content, time);
    append(content, value);
    chunk(4, content);
  }
  std::string& bytes() { return bytes_; }

 private:
  static void stamp(std::string& content, double time) {
    content += std::isnan(time) ? '\x00' : '\x08';
    if (!std::isnan(time)) append(content, time);
  }
  std::string bytes_ = "XDF:";
};

/// What a Python program prints, or nullopt without /usr/bin/python3 and its modules.
inline std::optional<std::string> python(const std::string& script, const std::string& arguments = "") {
  test::TempDir dir;
  core::write_file(dir / "judge.py", script);
  const std::string command = "OMP_NUM_THREADS=1 /usr/bin/python3 '" + (dir / "judge.py") + "' " + arguments +
                              " 2>'" + (dir / "err") + "'";
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return std::nullopt;
  std::string out;
  char buffer[4096];
  for (size_t n; (n = fread(buffer, 1, sizeof buffer, pipe)) > 0;) out.append(buffer, n);
  const int status = pclose(pipe);
  if (status == 0) return out;
  const std::string err = core::read_file(dir / "err");
  // A judge that is absent skips; one that fails is a failure.
  if (err.find("ModuleNotFoundError") == std::string::npos && err.find("not found") == std::string::npos)
    ADD_FAILURE() << err;
  return std::nullopt;
}

}  // namespace limbic::formats::test_files
