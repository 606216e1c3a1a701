#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "limbic/affect/label_space.h"

namespace limbic::data {

/// A raw stream as the whole store has it. `kind` fixes shape and type: "wave" (S,) int16, "images" (T, C, H,
/// W) uint8, "series" (T, F) float32, "text" (S,) uint8 bytes of UTF-8.
struct RawModality {
  std::string kind = "series";
  double rate_hz = 0.0;  ///< 0 = stills, or differs between samples
  std::string unit;
  std::vector<int64_t> frame_shape;    ///< shape of one frame: {}, {C, H, W} or {F}
  std::vector<std::string> columns{};  ///< series: names of the F values, or empty
  std::string role{};  ///< what the sensor looks at or sits on: "face", "eye", "world", "head", "left wrist"
  std::string device{};         ///< "Empatica E4", "camera 2"
  bool may_be_missing = false;  ///< series: NaN in a valid frame is a missing value, not a defect

  template <class Visitor>
  void visit(Visitor& v) {
    v("kind", kind, "wave (S,) int16, images (T, C, H, W) uint8, series (T, F) float32 or text (S,) uint8");
    v("rate_hz", rate_hz, "frames or samples per second; 0 = stills, or differs between samples");
    v("unit", unit, "unit of the values");
    v("frame_shape", frame_shape, "shape of one frame");
    v("columns", columns, "series: names of the values of a frame");
    v("role", role, "what the sensor looks at or sits on: face, eye, world, head, left wrist...");
    v("device", device, "which camera or sensor it was");
    v("may_be_missing", may_be_missing, "series: NaN is a missing value, not a defect");
  }
};

/// A continuous annotation as the corpus declares it.
struct ValueRange {
  double min = -1.0;
  double max = 1.0;
  std::string unit{};

  template <class Visitor>
  void visit(Visitor& v) {
    v("min", min, "least value that the scale allows");
    v("max", max, "largest value that the scale allows");
    v("unit", unit, "unit or name of the scale");
  }
};

/// dataset.yaml: what holds for every sample.
struct DatasetInfo {
  int64_t schema_version = 2;
  std::string name;
  std::string licence;
  std::string citation;
  std::string importer;                        ///< KIND of `data import`
  std::map<std::string, std::string> options;  ///< import options that shaped the bytes
  std::string clock =
      "recording";  ///< whose zero times count from: "recording" (its start), "clip" or "unix"
  std::vector<affect::LabelSpace> label_spaces;
  std::map<std::string, RawModality> modalities;
  std::map<std::string, ValueRange> values{};  ///< ranges of continuous annotations, as far as known
  std::vector<std::string> known_defects;

  template <class Visitor>
  void visit(Visitor& v) {
    v("schema_version", schema_version, "version of the store's layout");
    v("name", name, "name of the corpus");
    v("licence", licence, "terms that hold for the data");
    v("citation", citation, "what to cite");
    v("importer", importer, "KIND of `limbic data import`");
    v("options", options, "import options that shaped the store");
    v("clock", clock, "where times count from: recording, clip or unix");
    v("label_spaces", label_spaces, "classes of every task");
    v("modalities", modalities, "raw streams by name");
    v("values", values, "ranges of continuous annotations");
    v("known_defects", known_defects, "defects of the corpus that its users know of");
  }
};

}  // namespace limbic::data
