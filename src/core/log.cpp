#include "limbic/core/log.h"

#include <fmt/format.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "limbic/core/error.h"

namespace limbic::log {
namespace {

bool g_use_color = false;

/// stderr sink that shares one lock and one line with the progress bar.
class ScreenSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  void draw(std::string_view text, bool is_bar) {
    const std::lock_guard<std::mutex> lock(mutex_);
    erase_bar();
    if (is_bar) {
      bar_ = text;
      draw_bar();
    } else {
      std::fwrite(text.data(), 1, text.size(), stderr);
      std::fflush(stderr);
    }
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    erase_bar();
    const char* color = "";
    if (g_use_color && message.level == spdlog::level::warn) color = "\033[33m";
    if (g_use_color && message.level == spdlog::level::err) color = "\033[31m";
    std::fputs(color, stderr);
    std::fwrite(line.data(), 1, line.size(), stderr);
    if (*color != '\0') std::fputs("\033[0m", stderr);
    draw_bar();
  }
  void flush_() override { std::fflush(stderr); }

 private:
  void erase_bar() {
    if (!bar_.empty()) std::fputs("\r\033[2K", stderr);
  }
  void draw_bar() {
    if (bar_.empty()) return;
    std::fwrite(bar_.data(), 1, bar_.size(), stderr);
    std::fflush(stderr);
  }
  std::string bar_;
};

std::shared_ptr<ScreenSink> screen_sink() {
  static const auto sink = std::make_shared<ScreenSink>();
  return sink;
}

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = std::make_shared<spdlog::logger>("limbic", screen_sink());
    made->set_pattern("%H:%M:%S %L %v");
    made->flush_on(spdlog::level::info);
    set_color(Color::kAuto);
    return made;
  }();
  return *instance;
}

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarn:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
    case Level::kOff:
      break;
  }
  return spdlog::level::off;
}

void write(Level level, std::string_view event, Fields fields) {
  const auto spd = to_spdlog(level);
  if (!logger().should_log(spd)) return;
  std::string line(event);
  for (const Field& field : fields) line += " " + field.key + "=" + field.value;
  logger().log(spd, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace

std::string Field::text(double v) {
  return fmt::format("{:.6g}", v);
}
std::string Field::text(float v) {
  return fmt::format("{:.6g}", v);
}

std::string Field::quoted(std::string_view v) {
  if (!v.empty() && v.find_first_of(" \t\n\r\"=") == std::string_view::npos) return std::string(v);
  std::string out = "\"";
  for (const char c : v) {
    if (c == '"' || c == '\\') out += '\\';
    out += (c == '\n' || c == '\r') ? ' ' : c;
  }
  return out + '"';
}

void debug(std::string_view event, Fields fields) {
  write(Level::kDebug, event, fields);
}
void info(std::string_view event, Fields fields) {
  write(Level::kInfo, event, fields);
}
void warn(std::string_view event, Fields fields) {
  write(Level::kWarn, event, fields);
}
void error(std::string_view event, Fields fields) {
  write(Level::kError, event, fields);
}

void set_level(Level level) {
  logger().set_level(to_spdlog(level));
}

void set_color(Color color) {
  const char* no_color = std::getenv("NO_COLOR");
  const bool is_wanted = stderr_is_terminal() && (no_color == nullptr || *no_color == '\0');
  g_use_color = color == Color::kAlways || (color == Color::kAuto && is_wanted);
}

bool use_color() {
  return g_use_color;
}

void set_file(const std::string& path) {
  // The screen's sink is the first; a file is the second.
  logger().sinks().resize(1);
  if (path.empty()) return;
  try {
    auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path, /*truncate=*/false);
    sink->set_level(spdlog::level::info);
    sink->set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %v");
    logger().sinks().push_back(std::move(sink));
  } catch (const spdlog::spdlog_ex& e) {
    throw Error(ErrorCode::kStorage, path + ": cannot open the log file: " + e.what());
  }
}

void screen(std::string_view text, bool is_bar) {
  screen_sink()->draw(text, is_bar);
}

bool stderr_is_terminal() {
  return isatty(STDERR_FILENO) == 1;
}

}  // namespace limbic::log
