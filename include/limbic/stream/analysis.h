#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "limbic/affect/class_constraints.h"
#include "limbic/core/time.h"
#include "limbic/media/audio.h"
#include "limbic/media/probe.h"
#include "limbic/media/video_reader.h"
#include "limbic/model/bundle.h"
#include "limbic/stream/inference_config.h"
#include "limbic/vision/face.h"

namespace limbic::stream {

/// The recording as a whole where no person is concerned: sound without a face.
inline constexpr int64_t kNobody = -1;

/// What the model said about one person at one time.
struct Decision {
  core::Timestamp t;
  int64_t person = kNobody;
  std::map<std::string, bool> present;  ///< modality -> was it there
  /// Task -> by class, sum 1; or by label, each by itself. All finite, of calibrated scores where the bundle
  /// has a temperature.
  std::map<std::string, std::vector<float>> probability;
  std::map<std::string, std::vector<float>> value;      ///< continuous task -> by dimension; all finite
  std::map<std::string, std::vector<float>> deviation;  ///< the same tasks, where the model says it
};

/// One person in one frame.
struct PersonInFrame {
  int64_t person = 0;
  vision::Box box;
  float face_score = 0;   ///< the detector's, of the nearest analysed frame
  int64_t decision = -1;  ///< into Analysis::decisions; -1 = none
};

/// One decoded frame, or for sound without video one step of hop_s.
struct FrameRecord {
  int64_t index = 0;
  core::Timestamp pts;
  int width = 0;
  int height = 0;
  std::vector<PersonInFrame> people;  ///< most prominent first
  int64_t decision = -1;              ///< of the whole recording (kNobody), where there is one
};

/// One person of the recording.
struct PersonSummary {
  int64_t person = 0;
  core::Timestamp first;
  core::Timestamp last;
  int64_t num_frames = 0;
  double prominence = 0;  ///< area x time, decides who comes first
};

/// Everything found in one recording. Grows by about 200 bytes a frame: 20 MB an hour of video.
struct Analysis {
  media::MediaInfo info;
  bool has_video = false;
  bool has_audio = false;  ///< and the model listens
  std::vector<FrameRecord> frames;
  std::vector<Decision> decisions;
  std::vector<PersonSummary> people;  ///< most prominent first
  media::VideoStats video_stats;
  media::AudioStats audio_stats;
  /// What the labels of a decision must not contradict; null = nothing.
  std::shared_ptr<const affect::ClassConstraints> constraints;
  int64_t num_invalid_decisions = 0;  ///< the model gave a non-finite score: dropped, never class 0

  bool is_truncated() const { return video_stats.truncated || audio_stats.truncated; }
};

/// Outputs of a task are independent numbers: labels or dimensions.
inline bool is_continuous(const affect::LabelSpace& task) {
  return task.traits.kind == affect::TaskKind::kContinuous;
}

/// The label of every task of classes, as index of its class: the most probable one, or with constraints the
/// most probable ones that agree. @param probability  task -> by class
std::map<std::string, size_t> winning_classes(const Analysis& analysis, const model::BundleInfo& model,
                                              const std::map<std::string, std::vector<float>>& probability);

/// Decodes a recording once, finds and follows faces, runs the model. Memory does not grow with the media,
/// only with the result. Sound is attributed to the most prominent face of the moment.
/// @throws Error(kData, kResource) of the media; Error(kModel) when model and recording share no modality
Analysis analyse(const std::string& path, const model::Bundle& bundle, const InferenceConfig& config);

}  // namespace limbic::stream
