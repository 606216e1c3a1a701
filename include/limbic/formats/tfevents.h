#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace limbic::formats {

/// Writes scalars as TensorBoard reads them: one event file (TFRecord framing, brain.Event:2) in a directory
/// that may hold those of earlier processes. `tensorboard --logdir DIRECTORY` follows the file while it
/// grows.
///
///   TfeventsWriter tb(run / "tb");
///   tb.start_session(0);
///   tb.scalar("val/emotion/uar", 0.61, step);
///   tb.flush();
class TfeventsWriter {
 public:
  /// Makes the directory and a new file `events.out.tfevents.<unix time>.<host>.<pid>.<uid>`.
  /// @throws Error(kStorage)
  explicit TfeventsWriter(const std::string& directory);
  /// Flushes what is left; a failure of that is not reported.
  ~TfeventsWriter();
  TfeventsWriter(const TfeventsWriter&) = delete;
  TfeventsWriter& operator=(const TfeventsWriter&) = delete;

  /// @param tag  UTF-8; parts before the last `/` are groups on the screen
  /// @param value  stored as float32; NaN and infinities are kept, and shown as such
  void scalar(const std::string& tag, double value, int64_t step);
  /// Opens a session that goes on at `first_step`: what earlier files say of that step and later ones is
  /// forgotten. To be called in a run's first file too: readers take the first session they see for a
  /// beginning.
  void start_session(int64_t first_step);
  /// Hands what was written so far to the system, whole records only. @throws Error(kStorage)
  void flush();

  const std::string& path() const { return path_; }

 private:
  void add_record(std::string_view event);

  std::string path_;
  std::string buffer_;
  int fd_ = -1;
};

/// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), as TFRecord and iSCSI use it.
uint32_t crc32c(std::string_view bytes);

}  // namespace limbic::formats
