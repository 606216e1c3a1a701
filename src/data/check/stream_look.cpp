#include "check/stream_look.h"

#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include <cmath>

#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/core/utf8.h"

namespace limbic::data {
namespace {

constexpr int kFullScale = 32767;
constexpr double kMaxClippedShare = 0.01;
constexpr double kSilentRms = 3.3;  ///< of int16: -80 dB of full scale
constexpr double kMaxDurationError_s = 0.25;

/// What can be seen in the values of one stream.
struct ValueLook {
  int64_t num_nan = 0;
  int64_t num_infinite = 0;
  bool is_constant = true;
  double clipped_share = 0;
  double rms = 0;
};

template <class T>
ValueLook look_at(const T* values, int64_t count) {
  ValueLook look;
  int64_t num_clipped = 0;
  double square = 0;
  for (int64_t i = 0; i < count; ++i) {
    const auto value = static_cast<double>(values[i]);
    if (!std::isfinite(value)) {
      ++(std::isnan(value) ? look.num_nan : look.num_infinite);
      continue;
    }
    look.is_constant = look.is_constant && values[i] == values[0];
    num_clipped += std::abs(value) >= kFullScale ? 1 : 0;
    square += value * value;
  }
  if (count > 0) {
    look.clipped_share = static_cast<double>(num_clipped) / static_cast<double>(count);
    look.rms = std::sqrt(square / static_cast<double>(count));
  }
  return look;
}

/// One sample under the lens.
class SampleReader {
 public:
  SampleReader(const Store& store, int64_t sample_idx, const Fingerprinter* fingerprinter)
      : store_(store),
        sample_idx_(sample_idx),
        fingerprinter_(fingerprinter),
        sample_(store.samples()[sample_idx]) {}

  SampleLook read() {
    for (const auto& [name, ref] : sample_.streams) {
      try {
        read_stream(name, ref);
      } catch (const Error& e) {
        add(Severity::kError, "unreadable", name + ": " + e.what());
      }
    }
    return std::move(look_);
  }

 private:
  void add(Severity severity, const std::string& code, const std::string& message) {
    look_.problems.push_back({severity, code, sample_.id, message});
  }

  void read_stream(const std::string& name, const StreamRef& ref) {
    const affect::Stream stream = store_.read_stream(sample_idx_, name);
    const size_t num_bytes = stream.values.nbytes();
    ++look_.num_streams;
    look_.num_bytes += static_cast<int64_t>(num_bytes);
    const uint32_t crc = store_.checksum(sample_idx_, name);
    if (crc != ref.crc32) {
      add(Severity::kError, "crc",
          fmt::format(
              "{}: crc {:08x} in shards/{}; expected {:08x}: the data changed on disk, import it again", name,
              crc, ref.shard, ref.crc32));
      return;
    }
    if (stream.values.numel() == 0) {
      add(Severity::kWarning, "empty_stream", name + ": no frames");
      return;
    }
    const auto& modality = store_.info().modalities.at(name);
    const ValueLook look = look_at_values(stream, modality, name);
    check_duration(name, ref);
    // Blank streams are all alike; calling them copies says nothing new.
    if (look.is_constant && modality.kind != "text") return;
    Fingerprint print = fingerprinter_ != nullptr ? fingerprinter_->make(stream, modality) : Fingerprint();
    print.sample_idx = sample_idx_;
    print.content = core::sha256_hex({static_cast<const char*>(stream.values.data_ptr()), num_bytes});
    look_.prints[name] = std::move(print);
  }

  ValueLook look_at_values(const affect::Stream& stream, const RawModality& modality,
                           const std::string& name) {
    const int64_t count = stream.values.numel();
    const auto& kind = modality.kind;
    ValueLook look;
    if (kind == "wave") look = look_at(stream.values.data_ptr<int16_t>(), count);
    if (kind == "images" || kind == "text") look = look_at(stream.values.data_ptr<uint8_t>(), count);
    if (kind == "series") look = look_at(stream.values.data_ptr<float>(), count);
    const int64_t num_bad = look.num_infinite + (modality.may_be_missing ? 0 : look.num_nan);
    if (num_bad > 0)
      add(Severity::kError, "nonfinite", fmt::format("{}: {} values are NaN or Inf", name, num_bad));
    if (!stream.valid_T.any().item<bool>()) {
      add(Severity::kWarning, "no_real_frame", name + ": not one frame is real");
    } else if (kind == "wave" && look.rms < kSilentRms) {
      add(Severity::kWarning, "silent", fmt::format("{}: rms {:.2f} of 32768", name, look.rms));
    } else if (look.is_constant && count > 1 && kind != "text") {
      add(Severity::kWarning, "constant", name + ": every value is the same");
    }
    if (kind == "wave" && look.clipped_share > kMaxClippedShare) {
      add(Severity::kWarning, "clipped",
          fmt::format("{}: {:.1f} % of the samples are at full scale", name, 100 * look.clipped_share));
    }
    if (kind == "text" &&
        !core::is_utf8({static_cast<const char*>(stream.values.data_ptr()), stream.values.nbytes()})) {
      add(Severity::kError, "not_utf8", name + ": the text is not UTF-8");
    }
    return look;
  }

  void check_duration(const std::string& name, const StreamRef& ref) {
    if (ref.rate_hz <= 0 || sample_.duration.ticks <= 0) return;
    const double end_s = (ref.t0 - sample_.t0).seconds() + static_cast<double>(ref.num_frames) / ref.rate_hz;
    const double tolerance_s = kMaxDurationError_s + 1 / ref.rate_hz;
    if (std::abs(end_s - sample_.duration.seconds()) <= tolerance_s) return;
    add(Severity::kWarning, "duration",
        fmt::format("{}: ends after {:.3f} s, the sample after {:.3f} s", name, end_s,
                    sample_.duration.seconds()));
  }

  const Store& store_;
  const int64_t sample_idx_;
  const Fingerprinter* fingerprinter_;
  const Sample sample_;
  SampleLook look_;
};

}  // namespace

SampleLook look_at_sample(const Store& store, int64_t sample_idx, const Fingerprinter* fingerprinter) {
  return SampleReader(store, sample_idx, fingerprinter).read();
}

}  // namespace limbic::data
