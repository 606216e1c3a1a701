#pragma once
#include <optional>
#include <string>
#include <vector>

#include "import/pipeline.h"

namespace limbic::data {

/// Frames of features that another tool wrote for one recording, on a regular grid.
struct FeatureFrames {
  std::vector<std::string> columns;
  std::vector<double> values_TF;  ///< NaN = missing
  std::vector<char> is_valid_T;   ///< the tool found what it describes
  double rate_hz = 0.0;           ///< 0: one row for the whole recording
  core::Timestamp t0;
  std::string tool;  ///< "openface", "opensmile", "pyfeat", "csv"

  RawStream stream() const;
};

/// OpenFace 2 (and 0.x) csv of a video: columns after `success`, found by name; several faces: the one seen
/// longest, or `face_id`. Frames that failed are zero in the file and not valid here.
/// @throws Error(kData) `path:line: ...`
FeatureFrames read_openface(const std::string& path, std::optional<int64_t> face_id = std::nullopt);
/// openSMILE csv: functionals (one row), or low-level descriptors with frameTime; separated by ; or ,
FeatureFrames read_opensmile(const std::string& path);
/// Py-Feat csv: one row a frame and face; `approx_time` or `frame` with the rate given. Rows without a face
/// are NaN.
FeatureFrames read_pyfeat(const std::string& path, double frame_rate_hz);
/// Any csv of numbers. Time comes from a column `time`, `timestamp`, `t_s` or `time_s`, else from `rate_hz`
/// (0: one row describes the whole recording).
FeatureFrames read_feature_csv(const std::string& path, double rate_hz);
/// A .npy of (T, F) or (F,), or an .npz with `values` and perhaps `columns`.
FeatureFrames read_feature_array(const std::string& path, double rate_hz);

/// Picks the reader by name: openface, opensmile, pyfeat, csv, npy, npz; empty = by extension and header.
/// @throws Error(kConfig) unknown format
FeatureFrames read_feature_file(const std::string& path, const std::string& format, double rate_hz);

}  // namespace limbic::data
