#pragma once
#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <utility>

#include "limbic/config/checks.h"
#include "limbic/vision/face.h"

namespace limbic::vision {

enum class FaceAlign {
  kEyes,   ///< turned and scaled so that the eyes have fixed places; by the box where eyes are unknown
  kBox,    ///< the box with a margin
  kWhole,  ///< the whole image, for corpora of ready crops (FER2013)
};
constexpr auto enum_names(FaceAlign) {
  return std::array{std::pair{FaceAlign::kEyes, "eyes"}, std::pair{FaceAlign::kBox, "box"},
                    std::pair{FaceAlign::kWhole, "whole"}};
}

/// How a face becomes a small square image. The defaults frame a face as FER2013 does.
struct FaceCropConfig {
  int64_t size = 48;
  int64_t channels = 1;
  FaceAlign align = FaceAlign::kBox;
  double margin = 0.0;
  double shift_down = 0.015;
  double eye_distance = 0.383;
  double eye_height = 0.39;

  template <class Visitor>
  void visit(Visitor& v) {
    v("size", size, "side of the crop, pixels");
    v("channels", channels, "1 grey, 3 RGB");
    v("align", align, "box, eyes (box where they are unknown), or whole (the image is a crop already)");
    v("margin", margin, "box: border added on each side, as a share of the box; negative cuts into it");
    v("shift_down", shift_down, "box: the crop moves down by this share of the box");
    v("eye_distance", eye_distance, "eyes: distance of the eyes, as a share of the crop");
    v("eye_height", eye_height, "eyes: height of the eyes below the crop's top, as a share of the crop");
  }
  void validate(config::Checks& checks) const;
};

/// Cuts faces out of frames. Const methods are thread-safe.
class FaceCropper {
 public:
  /// @throws Error(kConfig)
  explicit FaceCropper(const FaceCropConfig& config = {});

  /// @return (C, H, W) uint8, H = W = size. Beyond the image its border pixels repeat. Reduced by area
  /// averaging.
  at::Tensor crop(const ImageView& image, const Face& face) const;
  /// The image as it is, made size x size; (C, H, W) uint8.
  at::Tensor whole(const ImageView& image) const;

  const FaceCropConfig& config() const { return config_; }

 private:
  FaceCropConfig config_;
};

/// Ready crops in another size or colour. Area averaging when smaller, linear when larger.
/// @param crops_TCHW  (T, C, H, W) uint8, C 1 or 3
/// @return (T, channels, size, size) uint8; the same tensor when nothing changes
at::Tensor resize_crops(const at::Tensor& crops_TCHW, int64_t size, int64_t channels);

}  // namespace limbic::vision
