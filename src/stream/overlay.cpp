#include <fmt/format.h>

#include <algorithm>
#include <opencv2/imgproc.hpp>

#include "limbic/core/interrupt.h"
#include "limbic/core/progress.h"
#include "limbic/media/video_reader.h"
#include "limbic/media/video_writer.h"
#include "limbic/stream/sinks.h"

namespace limbic::stream {
namespace {

constexpr int kFont = cv::FONT_HERSHEY_SIMPLEX;

/// Distinct on dark and bright pictures, also for colour-blind viewers (Okabe & Ito 2008). RGB.
cv::Scalar color_of(int64_t person) {
  static const std::vector<cv::Scalar> palette{{86, 180, 233}, {230, 159, 0},   {0, 158, 115},
                                               {240, 228, 66}, {204, 121, 167}, {213, 94, 0}};
  return palette[static_cast<size_t>(person) % palette.size()];
}

/// Draws on one frame; all sizes follow the frame's height.
class Painter {
 public:
  Painter(cv::Mat& rgb, const Analysis& analysis, const model::BundleInfo& model)
      : rgb_(rgb),
        analysis_(analysis),
        model_(model),
        text_scale_(std::max(0.35, rgb.rows / 900.0)),
        line_(std::max(1, rgb.rows / 360)) {}

  void person(const PersonInFrame& person, const Decision* decision) {
    const cv::Scalar color = color_of(person.person);
    const cv::Rect box(cvRound(person.box.x), cvRound(person.box.y), cvRound(person.box.width),
                       cvRound(person.box.height));
    cv::rectangle(rgb_, box, color, line_, cv::LINE_AA);
    std::string label = fmt::format("#{}", person.person);
    if (decision != nullptr) label += " " + best(*decision);
    text(label, {box.x, box.y - 2 * line_}, color);
    if (decision != nullptr) bars(*decision, {box.x + box.width + 3 * line_, box.y}, color);
  }

  void recording(const Decision& decision) {
    text(best(decision), {3 * line_, rgb_.rows - 4 * line_}, cv::Scalar(255, 255, 255));
    bars(decision, {3 * line_, 8 * row_height() / 3}, cv::Scalar(255, 255, 255));
  }

  void clock(core::Timestamp t) {
    text(core::clock_text(t.seconds()) + fmt::format("  {:.2f} s", t.seconds()), {3 * line_, row_height()},
         cv::Scalar(255, 255, 255));
  }

 private:
  int row_height() const { return cvRound(26 * text_scale_); }

  std::string best(const Decision& decision) const {
    const auto& task = model_.tasks.front();
    if (is_continuous(task)) {
      std::string words;
      for (size_t c = 0; c < task.classes.size(); ++c)
        words +=
            fmt::format("{}{} {:.2f}", c == 0 ? "" : "  ", task.classes[c], decision.value.at(task.task)[c]);
      return words;
    }
    const auto& p = decision.probability.at(task.task);
    if (!task.has_classes()) {
      std::string words;
      for (size_t c = 0; c < task.classes.size(); ++c)
        if (p[c] >= 0.5f) words += (words.empty() ? "" : " ") + task.classes[c];
      return words;
    }
    const size_t at = winning_classes(analysis_, model_, decision.probability).at(task.task);
    return fmt::format("{} {:.0f}%", task.classes[at], 100 * p[at]);
  }

  /// Light text with a dark rim, readable on anything.
  void text(const std::string& words, cv::Point at, const cv::Scalar& color) {
    const cv::Size size = cv::getTextSize(words, kFont, text_scale_, line_, nullptr);
    at.x = std::clamp(at.x, 0, std::max(0, rgb_.cols - size.width));
    at.y = std::clamp(at.y, size.height, std::max(size.height, rgb_.rows - 1));
    cv::putText(rgb_, words, at, kFont, text_scale_, cv::Scalar(0, 0, 0), line_ + 2, cv::LINE_AA);
    cv::putText(rgb_, words, at, kFont, text_scale_, color, line_, cv::LINE_AA);
  }

  /// A bar per class of the first task, beside the box, or left of it where there is no room.
  void bars(const Decision& decision, cv::Point corner, const cv::Scalar& color) {
    const auto& task = model_.tasks.front();
    if (is_continuous(task)) return;  // a value has no length between nothing and all
    const auto& p = decision.probability.at(task.task);
    const double scale = 0.7 * text_scale_;
    int name_width = 0;
    for (const auto& name : task.classes)
      name_width = std::max(name_width, cv::getTextSize(name, kFont, scale, 1, nullptr).width);
    const int row = cvRound(20 * text_scale_);
    const int bar_width = cvRound(70 * text_scale_);
    const int width = name_width + bar_width + 4 * line_;
    const int height = row * static_cast<int>(p.size());
    if (corner.x + width > rgb_.cols) corner.x = std::max(0, rgb_.cols - width);
    corner.y = std::clamp(corner.y, 0, std::max(0, rgb_.rows - height));
    const cv::Rect panel = cv::Rect(corner.x, corner.y, width, height) & cv::Rect(0, 0, rgb_.cols, rgb_.rows);
    cv::Mat below = rgb_(panel);
    below.convertTo(below, -1, 0.45);
    for (size_t c = 0; c < p.size(); ++c) {
      const int y = corner.y + static_cast<int>(c) * row;
      cv::putText(rgb_, task.classes[c], {corner.x + line_, y + row - row / 3}, kFont, scale,
                  cv::Scalar(235, 235, 235), 1, cv::LINE_AA);
      const cv::Point from(corner.x + name_width + 2 * line_, y + row / 4);
      const int length = cvRound(static_cast<double>(p[c]) * bar_width);
      cv::rectangle(rgb_, from, from + cv::Point(std::max(1, length), row / 2), color, cv::FILLED);
    }
  }

  cv::Mat& rgb_;
  const Analysis& analysis_;
  const model::BundleInfo& model_;
  double text_scale_;
  int line_;
};

}  // namespace

void write_annotated_video(const std::string& path, const std::string& input, const Analysis& analysis,
                           const model::BundleInfo& model) {
  media::VideoReader reader(input);
  media::VideoWriterOptions options;
  options.width = analysis.frames.front().width;
  options.height = analysis.frames.front().height;
  if (reader.info().video->average_fps > 0) options.nominal_fps = reader.info().video->average_fps;
  options.sound_from = input;
  options.num_threads = 2;
  media::VideoWriter writer(path, options);
  core::Progress bar("annotate", static_cast<int64_t>(analysis.frames.size()));
  media::VideoFrame frame;
  cv::Mat canvas;
  const auto decision_at = [&](int64_t at) {
    return at < 0 ? nullptr : &analysis.decisions[static_cast<size_t>(at)];
  };
  for (const auto& record : analysis.frames) {
    if (!reader.next(frame)) break;
    // The reader's buffer is its own; drawing needs a copy. A stream that changes size keeps the first one's.
    const cv::Mat source(frame.height, frame.width, CV_8UC3, const_cast<uint8_t*>(frame.rgb()));
    source.copyTo(canvas);
    Painter painter(canvas, analysis, model);
    for (auto person = record.people.rbegin(); person != record.people.rend(); ++person) {
      painter.person(*person, decision_at(person->decision));
    }
    if (record.people.empty() && record.decision >= 0) painter.recording(*decision_at(record.decision));
    painter.clock(record.pts);
    if (canvas.cols != options.width || canvas.rows != options.height) {
      cv::resize(canvas, canvas, {options.width, options.height}, 0, 0, cv::INTER_AREA);
    }
    writer.write_frame(record.pts, canvas.data, static_cast<int64_t>(canvas.step));
    bar.step({});
    core::throw_if_stopped();
  }
  bar.finish();
  writer.finish();
}

}  // namespace limbic::stream
