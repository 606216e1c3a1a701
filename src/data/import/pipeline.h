#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "limbic/data/importer.h"
#include "limbic/data/store.h"
#include "limbic/media/image.h"
#include "limbic/vision/face_crop.h"
#include "limbic/vision/face_detector.h"

namespace limbic::data {

inline constexpr int kStoreSampleRate = 16000;  ///< Hz, of every waveform in a store

/// What one import thread owns: decoders and detectors are not thread-safe.
class ImportWorker {
 public:
  explicit ImportWorker(const ImportOptions& options) : options_(options), cropper_(crop_config(options)) {}

  const ImportOptions& options() const { return options_; }
  media::ImageDecoder& images();
  vision::FaceDetector& faces();
  const vision::FaceCropper& cropper() const { return cropper_; }

 private:
  static vision::FaceCropConfig crop_config(const ImportOptions& options);
  const ImportOptions& options_;
  vision::FaceCropper cropper_;
  std::unique_ptr<media::ImageDecoder> images_;
  std::unique_ptr<vision::FaceDetector> faces_;
};

/// A sample before it is in the store.
struct RawSample {
  Sample sample;
  std::map<std::string, RawStream> streams;
};

/// One file (or row, or session) of a corpus.
struct ImportItem {
  std::string path;  ///< relative to the source, for messages and the quarantine
  std::function<std::vector<RawSample>(ImportWorker&)> read;
};

/// Reads the items in threads, writes their samples in order and publishes the store.
ImportReport run_import(const std::string& source, const std::string& out, const DatasetInfo& info,
                        std::vector<ImportItem> items, const ImportOptions& options);

/// Regular files below `directory`, sorted, relative to it; links that lead outside are left out.
std::vector<std::string> list_files(const std::string& directory);
/// "mp4" of "a/B.MP4"
std::string extension_of(const std::string& path);
/// "B" of "a/B.MP4"
std::string stem_of(const std::string& path);
enum class FileKind { kOther, kAudio, kVideo, kImage };
FileKind file_kind(const std::string& path);

/// Sound of a file at the store's rate. @throws Error(kData) when there is none
RawStream read_sound(const std::string& path);
/// Whether a video file has sound.
bool has_sound(const std::string& path);
/// One face crop per 1 / face_rate_hz of video from time 0 on; frames without a face are zero and not valid.
RawStream read_face_clip(const std::string& path, ImportWorker& worker);
/// The face of a picture, (1, C, H, W). @throws Error(kData) when there is none
RawStream read_face_image(const std::string& path, ImportWorker& worker);
/// The part of a stream within [start, end). May be empty.
RawStream cut_stream(const RawStream& stream, core::Timestamp start, core::Timestamp end);
core::Timestamp length_of(const RawStream& stream);

RawModality wave_modality();
RawModality face_modality(const ImportOptions& options, bool is_still);

}  // namespace limbic::data
