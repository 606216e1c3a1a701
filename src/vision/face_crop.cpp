#include "limbic/vision/face_crop.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <string>

#include "limbic/core/error.h"

namespace limbic::vision {
namespace {

/// The square of the image that a crop shows: its centre, its x axis (one side long), in pixels.
struct CropSquare {
  double center_x;
  double center_y;
  double axis_x;
  double axis_y;
};

constexpr double kMaxCropSide = 65536.0;

cv::Mat view_of(const ImageView& image) {
  const bool ok = image.data != nullptr && image.width > 0 && image.height > 0 &&
                  (image.channels == 1 || image.channels == 3) &&
                  image.stride >= image.width * image.channels;
  require(ok, ErrorCode::kInternal,
          "face crop: image view of " + std::to_string(image.width) + "x" + std::to_string(image.height) +
              "x" + std::to_string(image.channels) + ", stride " + std::to_string(image.stride) +
              "; expected 1 or 3 interleaved channels and a stride of at least a row");
  return cv::Mat(static_cast<int>(image.height), static_cast<int>(image.width),
                 image.channels == 3 ? CV_8UC3 : CV_8UC1, const_cast<uint8_t*>(image.data),
                 static_cast<size_t>(image.stride));
}

/// Shows `square` as size x size pixels. It is sampled `k` times finer than asked and the k x k blocks are
/// averaged, which is area averaging for any position, scale and angle.
cv::Mat render(const cv::Mat& image, const CropSquare& square, int size) {
  const double side = std::hypot(square.axis_x, square.axis_y);
  const int k = std::clamp(static_cast<int>(std::ceil(side / size - 1e-6)), 1, std::max(1, 4096 / size));
  const double n = size * k;
  // Pixel centres: place (u + 0.5) / n along the side is at image coordinate minus 0.5 of OpenCV's grid.
  const double ax = square.axis_x / n;
  const double ay = square.axis_y / n;
  const double half = 0.5 * (n - 1);
  const cv::Matx23d map(ax, -ay, square.center_x - 0.5 - half * (ax - ay),  //
                        ay, ax, square.center_y - 0.5 - half * (ax + ay));
  cv::Mat fine;
  cv::warpAffine(image, fine, map, cv::Size(size * k, size * k), cv::INTER_LINEAR | cv::WARP_INVERSE_MAP,
                 cv::BORDER_REPLICATE);
  if (k == 1) return fine;
  cv::Mat small;
  cv::resize(fine, small, cv::Size(size, size), 0, 0, cv::INTER_AREA);
  return small;
}

cv::Mat with_channels(const cv::Mat& image, int64_t channels) {
  if (image.channels() == channels) return image;
  cv::Mat out;
  cv::cvtColor(image, out, channels == 1 ? cv::COLOR_RGB2GRAY : cv::COLOR_GRAY2RGB);
  return out;
}

/// Interleaved pixels to planes at `out` (C, H, W).
void store_planes(const cv::Mat& image, uint8_t* out) {
  const auto plane_bytes = static_cast<size_t>(image.rows) * static_cast<size_t>(image.cols);
  std::vector<cv::Mat> planes;
  for (int c = 0; c < image.channels(); ++c) {
    planes.emplace_back(image.rows, image.cols, CV_8UC1, out + static_cast<size_t>(c) * plane_bytes);
  }
  if (planes.size() == 1) {
    image.copyTo(planes[0]);
  } else {
    cv::split(image, planes);
  }
}

at::Tensor to_tensor(const cv::Mat& image) {
  at::Tensor out_CHW = at::empty({image.channels(), image.rows, image.cols}, at::kByte);
  store_planes(image, out_CHW.data_ptr<uint8_t>());
  return out_CHW;
}

CropSquare square_of_image(double width, double height) {
  return {0.5 * width, 0.5 * height, std::max(width, height), 0.0};
}

CropSquare square_of_face(const Face& face, const FaceCropConfig& config) {
  if (config.align == FaceAlign::kEyes && face.eyes) {
    // Image left to image right: the subject's right eye comes first.
    const double dx = face.eyes->left.x - face.eyes->right.x;
    const double dy = face.eyes->left.y - face.eyes->right.y;
    const double axis_x = dx / config.eye_distance;
    const double axis_y = dy / config.eye_distance;
    const double down = 0.5 - config.eye_height;  // from the eyes to the centre, along (-axis_y, axis_x)
    return {0.5 * (face.eyes->left.x + face.eyes->right.x) - down * axis_y,
            0.5 * (face.eyes->left.y + face.eyes->right.y) + down * axis_x, axis_x, axis_y};
  }
  const Point center = face.box.center();
  const double side = std::max(face.box.width, face.box.height);
  return {center.x, center.y + config.shift_down * side, side * (1 + 2 * config.margin), 0.0};
}

}  // namespace

void FaceCropConfig::validate(config::Checks& checks) const {
  checks.expect(size >= 8 && size <= 1024, "size", "must be in [8, 1024], got " + std::to_string(size));
  checks.expect(channels == 1 || channels == 3, "channels",
                "must be 1 or 3, got " + std::to_string(channels));
  checks.expect(margin > -0.4 && margin <= 2, "margin",
                "must be in (-0.4, 2], got " + std::to_string(margin));
  checks.expect(std::abs(shift_down) <= 1, "shift_down",
                "must be in [-1, 1], got " + std::to_string(shift_down));
  checks.expect(eye_distance > 0.05 && eye_distance < 1, "eye_distance",
                "must be in (0.05, 1), got " + std::to_string(eye_distance));
  checks.expect(eye_height > 0 && eye_height < 1, "eye_height",
                "must be in (0, 1), got " + std::to_string(eye_height));
}

FaceCropper::FaceCropper(const FaceCropConfig& config) : config_(config) {
  config::ThrowingChecks checks("face_crop");
  config_.validate(checks);
}

at::Tensor FaceCropper::crop(const ImageView& image, const Face& face) const {
  if (config_.align == FaceAlign::kWhole) return whole(image);
  const CropSquare square = square_of_face(face, config_);
  const double side = std::hypot(square.axis_x, square.axis_y);
  require(side > 0 && side < kMaxCropSide && std::abs(square.center_x) < kMaxCropSide &&
              std::abs(square.center_y) < kMaxCropSide,
          ErrorCode::kData,
          "face crop: box of side " + std::to_string(side) + " at " + std::to_string(square.center_x) + "," +
              std::to_string(square.center_y) + " px; expected a positive, finite size");
  const cv::Mat small = render(view_of(image), square, static_cast<int>(config_.size));
  return to_tensor(with_channels(small, config_.channels));
}

at::Tensor FaceCropper::whole(const ImageView& image) const {
  const auto square = square_of_image(static_cast<double>(image.width), static_cast<double>(image.height));
  const cv::Mat small = render(view_of(image), square, static_cast<int>(config_.size));
  return to_tensor(with_channels(small, config_.channels));
}

at::Tensor resize_crops(const at::Tensor& crops_TCHW, int64_t size, int64_t channels) {
  const bool ok = crops_TCHW.defined() && crops_TCHW.dim() == 4 && crops_TCHW.scalar_type() == at::kByte &&
                  (crops_TCHW.size(1) == 1 || crops_TCHW.size(1) == 3) && crops_TCHW.size(2) > 0 &&
                  crops_TCHW.size(3) > 0;
  require(ok, ErrorCode::kData, "face crops: expected a (T, C, H, W) uint8 tensor with 1 or 3 channels");
  require((channels == 1 || channels == 3) && size > 0, ErrorCode::kInternal, "face crops: 1 or 3 channels");
  const int64_t num_frames = crops_TCHW.size(0);
  const int64_t num_channels = crops_TCHW.size(1);
  const int64_t height = crops_TCHW.size(2);
  const int64_t width = crops_TCHW.size(3);
  if (num_channels == channels && height == size && width == size) return crops_TCHW;

  const at::Tensor in = crops_TCHW.contiguous();
  at::Tensor out = at::empty({num_frames, channels, size, size}, at::kByte);
  const auto square = square_of_image(static_cast<double>(width), static_cast<double>(height));
  for (int64_t t = 0; t < num_frames; ++t) {
    uint8_t* planes = in.data_ptr<uint8_t>() + t * num_channels * height * width;
    std::vector<cv::Mat> views;
    for (int64_t c = 0; c < num_channels; ++c) {
      views.emplace_back(static_cast<int>(height), static_cast<int>(width), CV_8UC1,
                         planes + c * height * width);
    }
    cv::Mat image = views[0];
    if (num_channels == 3) cv::merge(views, image);
    const cv::Mat small = render(image, square, static_cast<int>(size));
    store_planes(with_channels(small, channels), out.data_ptr<uint8_t>() + t * channels * size * size);
  }
  return out;
}

}  // namespace limbic::vision
