#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/vision/face.h"

namespace limbic::vision {

/// Finds faces in single images. Not thread-safe: one detector a thread.
class FaceDetector {
 public:
  virtual ~FaceDetector() = default;
  /// Best first, none overlapping; empty when there is no face. Deterministic.
  virtual std::vector<Face> detect(const GrayView& image) = 0;
};

/// Viola-Jones cascades of Debian's opencv-data, each face checked by an eye cascade.
struct HaarFaceConfig {
  static constexpr const char* kType = "haar";
  std::string cascade = "haarcascade_frontalface_alt2.xml";
  std::string eye_cascade = "haarcascade_eye_tree_eyeglasses.xml";
  std::string directory;
  int64_t working_width = 320;
  double min_face = 0.12;
  double max_face = 1.0;
  double scale_factor = 1.1;
  int64_t min_neighbors = 3;
  int64_t max_faces = 8;
  double min_score = 0.0;
  double min_score_without_eyes = 1.5;
  double max_overlap = 0.3;

  template <class Visitor>
  void visit(Visitor& v) {
    v("cascade", cascade, "frontal face cascade, a file name or a path");
    v("eye_cascade", eye_cascade, "cascade that looks for eyes in a face; empty = do not look");
    v("directory", directory,
      "where cascades lie; empty = $LIMBIC_CASCADES, then the places of OpenCV's packages");
    v("working_width", working_width,
      "images whose longer side is larger are reduced to it, pixels; 0 = never");
    v("min_face", min_face, "smallest face, as a share of the image's shorter side, (0, 1]");
    v("max_face", max_face, "largest face, as a share of the image's shorter side, (0, 1]");
    v("scale_factor", scale_factor, "step of the image pyramid, > 1; smaller is slower and finds more");
    v("min_neighbors", min_neighbors, "raw hits that make a face");
    v("max_faces", max_faces, "the best so many are kept");
    v("min_score", min_score, "faces with eyes below it are dropped");
    v("min_score_without_eyes", min_score_without_eyes,
      "faces in which no two eyes were found need this score");
    v("max_overlap", max_overlap, "of two faces that overlap more (share of the smaller) the better stays");
  }
  void validate(config::Checks& checks) const;
};

using FaceDetectorConfig = std::variant<HaarFaceConfig>;

/// @throws Error(kModel) naming the package when a cascade is not installed
std::unique_ptr<FaceDetector> build_face_detector(const FaceDetectorConfig& config = {});

}  // namespace limbic::vision
