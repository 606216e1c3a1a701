#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <opencv2/imgproc.hpp>
#include <opencv2/objdetect.hpp>
#include <string>
#include <tuple>

#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "limbic/vision/face_detector.h"

namespace limbic::vision {
namespace {

/// Faces are brought to this width before eyes are looked for, from the full image: small enough to be quick,
/// large enough for the cascade's 20 px window to see the eyes of a face that fills it.
constexpr double kEyeFaceWidth = 160.0;

std::string find_cascade(const std::string& name, const std::string& directory) {
  if (name.find('/') != std::string::npos) {
    require(std::filesystem::exists(name), ErrorCode::kModel, name + ": cascade not found");
    return name;
  }
  std::vector<std::string> places;
  if (!directory.empty()) {
    places.push_back(directory);
  } else {
    if (const char* own = std::getenv("LIMBIC_CASCADES"); own != nullptr && *own != '\0')
      places.emplace_back(own);
    places.insert(places.end(), {"/usr/share/opencv4/haarcascades", "/usr/local/share/opencv4/haarcascades",
                                 "/usr/share/opencv/haarcascades", "/usr/local/share/opencv/haarcascades",
                                 "/opt/homebrew/share/opencv4/haarcascades"});
  }
  for (const auto& place : places) {
    const std::string path = place + "/" + name;
    if (std::filesystem::exists(path)) return path;
  }
  throw Error(ErrorCode::kModel, name + ": cascade not found in " + core::join(places) +
                                     "; install Debian's package opencv-data, or set LIMBIC_CASCADES");
}

/// A cascade and the score that its last stage asks for.
struct Cascade {
  cv::CascadeClassifier classifier;
  double last_threshold = 0;

  explicit Cascade(const std::string& path) {
    try {
      const cv::FileStorage file(path, cv::FileStorage::READ);
      const cv::FileNode root = file.getFirstTopLevelNode();
      require(file.isOpened() && root.isMap() && root["stages"].isSeq() && classifier.read(root),
              ErrorCode::kModel, path + ": not a cascade classifier; expected OpenCV's XML");
      const cv::FileNode stages = root["stages"];
      last_threshold = stages[static_cast<int>(stages.size()) - 1]["stageThreshold"].real();
    } catch (const cv::Exception& e) {
      throw Error(ErrorCode::kModel, path + ": not a cascade classifier: " + e.err);
    }
  }

  struct Hit {
    cv::Rect box;
    float score;
  };
  /// Best first; equal scores by size and place.
  std::vector<Hit> find(const cv::Mat& image, double scale_factor, int min_neighbors, int min_side,
                        int max_side) {
    std::vector<cv::Rect> boxes;
    std::vector<int> levels;
    std::vector<double> weights;
    classifier.detectMultiScale(image, boxes, levels, weights, scale_factor, min_neighbors, 0,
                                cv::Size(min_side, min_side), cv::Size(max_side, max_side), true);
    std::vector<Hit> hits;
    for (size_t i = 0; i < boxes.size(); ++i) {
      hits.push_back({boxes[i], static_cast<float>(weights[i] - last_threshold)});
    }
    std::sort(hits.begin(), hits.end(), [](const Hit& a, const Hit& b) {
      return std::make_tuple(-a.score, -a.box.width, a.box.x, a.box.y) <
             std::make_tuple(-b.score, -b.box.width, b.box.x, b.box.y);
    });
    return hits;
  }
};

class HaarFaceDetector final : public FaceDetector {
 public:
  explicit HaarFaceDetector(const HaarFaceConfig& config)
      : config_(config), faces_(find_cascade(config.cascade, config.directory)) {
    if (!config.eye_cascade.empty()) eyes_.emplace(find_cascade(config.eye_cascade, config.directory));
  }

  std::vector<Face> detect(const GrayView& image) override {
    require(image.data != nullptr && image.width > 0 && image.height > 0 && image.stride >= image.width,
            ErrorCode::kInternal, "face detector: empty image view");
    const cv::Mat full(static_cast<int>(image.height), static_cast<int>(image.width), CV_8UC1,
                       const_cast<uint8_t*>(image.data), static_cast<size_t>(image.stride));
    const int longer = std::max(full.cols, full.rows);
    cv::Mat work = full;
    if (config_.working_width > 0 && longer > config_.working_width) {
      const double shrink = static_cast<double>(config_.working_width) / longer;
      const cv::Size size(std::max(1, static_cast<int>(std::lround(full.cols * shrink))),
                          std::max(1, static_cast<int>(std::lround(full.rows * shrink))));
      cv::resize(full, work, size, 0, 0, cv::INTER_AREA);
    }
    const double to_full_x = static_cast<double>(full.cols) / work.cols;
    const double to_full_y = static_cast<double>(full.rows) / work.rows;
    const int shorter = std::min(work.cols, work.rows);
    const int min_side = static_cast<int>(std::lround(config_.min_face * shorter));
    const int max_side = static_cast<int>(std::lround(config_.max_face * shorter));

    std::vector<Face> found;
    for (const auto& hit : faces_.find(work, config_.scale_factor, static_cast<int>(config_.min_neighbors),
                                       min_side, max_side)) {
      Face face;
      face.box = {static_cast<float>(hit.box.x * to_full_x), static_cast<float>(hit.box.y * to_full_y),
                  static_cast<float>(hit.box.width * to_full_x),
                  static_cast<float>(hit.box.height * to_full_y)};
      face.score = hit.score;
      if (face.score < static_cast<float>(config_.min_score)) continue;
      const bool is_covered = std::any_of(found.begin(), found.end(), [&](const Face& better) {
        return overlap(better.box, face.box) > static_cast<float>(config_.max_overlap);
      });
      if (is_covered) continue;
      face.eyes = find_eyes(full, face.box);
      if (eyes_ && !face.eyes && face.score < static_cast<float>(config_.min_score_without_eyes)) continue;
      found.push_back(face);
      if (static_cast<int64_t>(found.size()) == config_.max_faces) break;
    }
    return found;
  }

 private:
  /// The two eyes in the upper part of a face that look most like a pair.
  std::optional<Eyes> find_eyes(const cv::Mat& full, const Box& box) {
    if (!eyes_) return std::nullopt;
    const cv::Rect area = cv::Rect(static_cast<int>(box.x), static_cast<int>(box.y),
                                   static_cast<int>(box.width), static_cast<int>(0.65f * box.height)) &
                          cv::Rect(0, 0, full.cols, full.rows);
    if (area.width < 8 || area.height < 8) return std::nullopt;
    const double zoom = kEyeFaceWidth / static_cast<double>(box.width);
    cv::Mat upper;
    cv::resize(full(area), upper, cv::Size(), zoom, zoom, zoom < 1 ? cv::INTER_AREA : cv::INTER_LINEAR);

    std::vector<cv::Point2d> centers;
    for (const auto& hit : eyes_->find(upper, 1.1, 2, 22, 64)) {
      centers.emplace_back(hit.box.x + 0.5 * hit.box.width, hit.box.y + 0.5 * hit.box.height);
    }
    // Typical places as shares of the box (medians over FER2013 and the test clips: distance 0.385, height
    // 0.40).
    const double offset_x = (area.x - static_cast<double>(box.x)) * zoom;
    const double offset_y = (area.y - static_cast<double>(box.y)) * zoom;
    std::optional<Eyes> best;
    double best_cost = 0.45;
    for (const auto& a : centers) {
      for (const auto& b : centers) {
        const double dx = (b.x - a.x) / kEyeFaceWidth;
        const double dy = std::abs(b.y - a.y) / kEyeFaceWidth;
        if (dx < 0.22 || dx > 0.6 || dy > 0.5 * dx) continue;
        const double middle_x = (0.5 * (a.x + b.x) + offset_x) / kEyeFaceWidth;
        const double middle_y = (0.5 * (a.y + b.y) + offset_y) / kEyeFaceWidth;
        const double cost =
            std::abs(dx - 0.385) + std::abs(middle_x - 0.5) + std::abs(middle_y - 0.4) + 0.5 * dy;
        if (cost >= best_cost) continue;
        best_cost = cost;
        const auto to_full = [&](const cv::Point2d& p) {
          return Point{static_cast<float>(area.x + p.x / zoom), static_cast<float>(area.y + p.y / zoom)};
        };
        best = Eyes{to_full(b), to_full(a)};
      }
    }
    return best;
  }

  HaarFaceConfig config_;
  Cascade faces_;
  std::optional<Cascade> eyes_;
};

std::unique_ptr<FaceDetector> build(const HaarFaceConfig& config) {
  config::ThrowingChecks checks("face_detector");
  config.validate(checks);
  // The order of hits found by several threads is not fixed, and callers run one detector a thread anyway.
  cv::setNumThreads(1);
  return std::make_unique<HaarFaceDetector>(config);
}

}  // namespace

void HaarFaceConfig::validate(config::Checks& checks) const {
  const auto got = [](double value) { return ", got " + std::to_string(value); };
  checks.expect(!cascade.empty(), "cascade", "must name a file");
  checks.expect(working_width == 0 || working_width >= 32, "working_width",
                "must be 0 or at least 32, got " + std::to_string(working_width));
  checks.expect(min_face > 0 && min_face <= 1, "min_face", "must be in (0, 1]" + got(min_face));
  checks.expect(max_face >= min_face && max_face <= 1, "max_face",
                "must be in [min_face, 1]" + got(max_face));
  checks.expect(scale_factor >= 1.01 && scale_factor <= 2, "scale_factor",
                "must be in [1.01, 2]" + got(scale_factor));
  checks.expect(min_neighbors >= 1 && min_neighbors <= 1000, "min_neighbors",
                "must be in [1, 1000], got " + std::to_string(min_neighbors));
  checks.expect(max_faces >= 1, "max_faces", "must be at least 1, got " + std::to_string(max_faces));
  checks.expect(min_score_without_eyes >= min_score, "min_score_without_eyes",
                "must be at least min_score" + got(min_score_without_eyes));
  checks.expect(max_overlap >= 0 && max_overlap <= 1, "max_overlap", "must be in [0, 1]" + got(max_overlap));
}

std::unique_ptr<FaceDetector> build_face_detector(const FaceDetectorConfig& config) {
  return std::visit([](const auto& c) { return build(c); }, config);
}

}  // namespace limbic::vision
