#include "limbic/core/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "limbic/core/log.h"

namespace limbic::core {
namespace {

using Clock = std::chrono::steady_clock;

Progress::Mode g_default_mode = Progress::Mode::kAuto;

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

size_t terminal_width() {
  if (const char* columns = std::getenv("COLUMNS"); columns != nullptr && std::atoi(columns) > 0) {
    return static_cast<size_t>(std::atoi(columns));
  }
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 100;
}

}  // namespace

Progress::Progress(std::string label, int64_t total, Mode mode)
    : label_(std::move(label)), total_(total), mode_(mode), start_(Clock::now()), last_draw_(start_) {
  if (mode_ == Mode::kAuto) mode_ = log::stderr_is_terminal() ? Mode::kBar : Mode::kLines;
}

Progress::~Progress() {
  finish();
}

void Progress::set_default_mode(Mode mode) {
  g_default_mode = mode;
}
Progress::Mode Progress::default_mode() {
  return g_default_mode;
}

void Progress::step(const Facts& facts, int64_t num_steps) {
  done_ += num_steps;
  if (mode_ == Mode::kOff) return;
  const double interval_s = mode_ == Mode::kBar ? 0.1 : 30.0;
  const auto now = Clock::now();
  if (seconds_between(last_draw_, now) < interval_s && !(mode_ == Mode::kBar && done_ == total_)) return;
  last_draw_ = now;
  draw(facts);
}

void Progress::draw(const Facts& facts) {
  const double elapsed_s = std::max(1e-9, seconds_between(start_, Clock::now()));
  const double rate = static_cast<double>(done_) / elapsed_s;
  std::string line = label_ + " ";
  if (total_ > 0) {
    if (mode_ == Mode::kBar) {
      constexpr int64_t kCells = 20;
      const int64_t filled = std::min(kCells, done_ * kCells / total_);
      line += "[" + std::string(static_cast<size_t>(filled), '=') + (filled < kCells ? ">" : "") +
              std::string(static_cast<size_t>(std::max<int64_t>(0, kCells - filled - 1)), ' ') + "] ";
    }
    line += fmt::format("{}/{}", done_, total_);
  } else {
    line += fmt::format("{}", done_);
  }
  for (const auto& [name, value] : facts) line += fmt::format("  {} {}", name, value);
  line += rate >= 1 ? fmt::format("  {:.1f} it/s", rate) : fmt::format("  {:.2f} s/it", 1 / rate);
  if (data_wait_s_ > 0) line += fmt::format(" (data {:.0f} %)", 100 * data_wait_s_ / elapsed_s);
  line += "  mem " + bytes_text(resident_bytes());
  if (total_ > 0) line += "  ETA " + clock_text(static_cast<double>(total_ - done_) / rate);
  if (mode_ == Mode::kBar) {
    line.resize(std::min(line.size(), terminal_width() - 1));
    log::screen(line, /*is_bar=*/true);
  } else {
    log::screen(line + "\n", /*is_bar=*/false);
  }
}

void Progress::finish() {
  if (mode_ == Mode::kBar) log::screen("", /*is_bar=*/true);
  mode_ = Mode::kOff;
}

int64_t resident_bytes() {
  long pages = 0;
  if (std::FILE* statm = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(statm, "%*d %ld", &pages) != 1) pages = 0;
    std::fclose(statm);
  }
  return static_cast<int64_t>(pages) * sysconf(_SC_PAGESIZE);
}

int64_t peak_resident_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<int64_t>(usage.ru_maxrss) * 1024;
}

std::string clock_text(double seconds) {
  const auto s = static_cast<int64_t>(std::max(0.0, seconds) + 0.5);
  return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

std::string bytes_text(int64_t bytes) {
  const auto b = static_cast<double>(bytes);
  if (b >= 1e9) return fmt::format("{:.1f}G", b / 1e9);
  if (b >= 1e6) return fmt::format("{:.0f}M", b / 1e6);
  return fmt::format("{:.0f}k", b / 1e3);
}

}  // namespace limbic::core
