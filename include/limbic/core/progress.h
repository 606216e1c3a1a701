#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace limbic::core {

/// A live bar on a terminal, one line an interval otherwise (same facts). Goes to stderr; not thread-safe.
///
///   ep 3/40 [=======>      ] 128/255  loss 0.842  41 it/s (data 12 %)  mem 1.1G  ETA 0:02:10
class Progress {
 public:
  enum class Mode { kAuto, kBar, kLines, kOff };
  /// @param total  steps of the whole, or 0 when unknown
  Progress(std::string label, int64_t total, Mode mode = default_mode());
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  using Facts = std::vector<std::pair<std::string, std::string>>;
  /// One more step is done. `facts` are shown between the counter and the rate.
  void step(const Facts& facts, int64_t num_steps = 1);
  /// Seconds spent waiting for data since the bar began; shown as a share of the time.
  void set_data_wait(double total_wait_s) { data_wait_s_ = total_wait_s; }
  /// Erases the bar.
  void finish();

  /// What kAuto bars follow: the command line's --no-progress and the terminal.
  static void set_default_mode(Mode mode);
  static Mode default_mode();

 private:
  void draw(const Facts& facts);

  std::string label_;
  int64_t total_;
  int64_t done_ = 0;
  double data_wait_s_ = 0;
  Mode mode_;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point last_draw_;
};

/// Resident memory of this process, in bytes.
int64_t resident_bytes();
/// Highest resident memory so far, in bytes.
int64_t peak_resident_bytes();
/// "0:02:10"
std::string clock_text(double seconds);
/// "1.1G"
std::string bytes_text(int64_t bytes);

}  // namespace limbic::core
