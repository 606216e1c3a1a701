#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "limbic/affect/label_space.h"
#include "limbic/affect/stream.h"
#include "limbic/data/problem.h"
#include "limbic/data/sample_table.h"

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

/// dataset.yaml: what holds for every sample.
struct DatasetInfo {
  int64_t schema_version = 1;
  std::string name;
  std::string licence;
  std::string citation;
  std::string importer;                        ///< KIND of `data import`
  std::map<std::string, std::string> options;  ///< import options that shaped the bytes
  std::string clock =
      "recording";  ///< whose zero times count from: "recording" (its start), "clip" or "unix"
  std::vector<affect::LabelSpace> label_spaces;
  std::map<std::string, RawModality> modalities;
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
    v("known_defects", known_defects, "defects of the corpus that its users know of");
  }
};

/// A corpus on disk: dataset.yaml, manifest.jsonl, shards/NNNNN.safetensors. Everything is validated when it
/// is opened; tensors are read lazily through mmap. Const methods are thread-safe.
class Store {
 public:
  /// @throws Error(kData) at the first defect, as file:line
  static std::shared_ptr<const Store> open(const std::string& path);
  /// Opens as much as can be read and appends what is wrong to `problems`; null when nothing can be read.
  static std::shared_ptr<const Store> open_lenient(const std::string& path, std::vector<Problem>& problems);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  /// The raw tensor of a sample; shares the mapped file, so never write into it.
  /// @throws Error(kData) when the sample lacks the stream
  at::Tensor read(int64_t sample_idx, const std::string& stream) const;
  /// The same with times and validity. Waveforms stay int16 (S,).
  affect::Stream read_stream(int64_t sample_idx, const std::string& stream) const;
  /// CRC of the stream as it lies on disk, to compare with StreamRef::crc32.
  uint32_t checksum(int64_t sample_idx, const std::string& stream) const;

  const std::string& path() const { return path_; }
  const DatasetInfo& info() const { return info_; }
  const SampleTable& samples() const { return samples_; }
  int64_t size() const { return samples_.size(); }
  /// @throws Error(kData) with the nearest id
  int64_t index_of(const std::string& id) const;
  /// @throws Error(kData) with the tasks that there are
  const affect::LabelSpace& label_space(const std::string& task) const;
  /// SHA-256 over dataset.yaml and manifest.jsonl (which holds every tensor's CRC).
  const std::string& content_hash() const { return content_hash_; }

 private:
  struct Shards;
  Store();
  StreamRef stream_of(int64_t sample_idx, const std::string& stream) const;
  std::string path_;
  DatasetInfo info_;
  SampleTable samples_;
  std::string content_hash_;
  std::unique_ptr<Shards> shards_;
};

/// A raw stream on its way into a store.
struct RawStream {
  at::Tensor values;   ///< contiguous; shape and type as the modality's kind says
  at::Tensor valid_T;  ///< bool, or undefined when every frame is real
  double rate_hz = 0.0;
  core::Timestamp t0;
};

/// Builds a store in a temp directory beside `path` and publishes it whole. The same samples in the same
/// order give the same bytes. Destroyed without finish(), it leaves nothing.
class StoreWriter {
 public:
  /// @param replace  finish() may take the place of a store with other content
  StoreWriter(std::string path, DatasetInfo info, bool replace = false);
  ~StoreWriter();
  StoreWriter(const StoreWriter&) = delete;
  StoreWriter& operator=(const StoreWriter&) = delete;

  /// Adds a sample; its `streams` are filled in here. @throws Error(kData) when it contradicts the dataset's
  /// info
  void add(Sample sample, const std::map<std::string, RawStream>& streams);
  /// A further file of the store, e.g. "quarantine.jsonl".
  void add_file(const std::string& name, const std::string& text);
  /// Writes what is left, validates and publishes. A store with the same content stays as it is.
  /// @returns the content hash. @throws Error(kStorage) when another store is there and `replace` is false
  std::string finish();

  int64_t size() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace limbic::data
