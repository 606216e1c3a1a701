#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
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
/// A part of a picture, as shares of its width and height.
struct PictureRegion {
  double left = 0.0;
  double top = 0.0;
  double right = 1.0;
  double bottom = 1.0;
};
/// The same for several people in one picture: a stream for each region, in which nobody else is looked for.
std::vector<RawStream> read_face_regions(const std::string& path, const std::vector<PictureRegion>& regions,
                                         ImportWorker& worker);
/// The face of a picture, (1, C, H, W). @throws Error(kData) when there is none
RawStream read_face_image(const std::string& path, ImportWorker& worker);
/// The same for pictures of one scene in order of time, (T, C, H, W): those without a face are zero and not
/// valid.
RawStream read_face_pictures(const std::vector<std::string>& paths, double rate_hz, ImportWorker& worker);
/// The face in a given box, (1, C, H, W), in pixels; without a box the whole picture.
/// @throws Error(kData) when the box misses the picture
RawStream read_face_at(const std::string& path, const std::optional<vision::Box>& box, ImportWorker& worker);
/// The part of a stream within [start, end). May be empty.
RawStream cut_stream(const RawStream& stream, core::Timestamp start, core::Timestamp end);
core::Timestamp length_of(const RawStream& stream);
/// Whether a part that should last `length_s` is there but for at most `missing_share` of its frames. A frame
/// of a series is missing when one of its values is NaN.
bool is_complete(const RawStream& part, double length_s, double missing_share);

/// The streams that a file of sound, video or a picture has, and the duration that they give.
/// @throws Error(kData) for a picture without a face
void add_media(const std::string& path, ImportWorker& worker, RawSample& raw);
/// Declares the streams that add_media makes of `files`, and the options that shape them.
void declare_media(const std::vector<std::string>& files, const ImportOptions& options, DatasetInfo& info);

RawModality wave_modality();
RawModality face_modality(const ImportOptions& options, bool is_still);
RawModality text_modality();
RawModality series_modality(std::vector<std::string> columns, double rate_hz, const std::string& unit = "");
/// A transcript; @throws Error(kData) when it is not UTF-8
RawStream text_stream(std::string_view utf8);
/// (T, F) of T * F values, row after row. NaN is allowed where the modality may be missing.
RawStream series_stream(const std::vector<double>& values_TF, size_t num_columns, double rate_hz,
                        core::Timestamp t0 = {});

}  // namespace limbic::data
