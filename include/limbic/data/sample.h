#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "limbic/core/time.h"

namespace limbic::data {

/// Names of raw streams in a store. Importers write these; features turn them into what models read.
namespace stream_name {
inline constexpr const char* kAudioWave = "audio_wave";  ///< (S,) int16, mono, 16 kHz
inline constexpr const char* kFace = "face";             ///< (T, C, H, W) uint8 crops; rate 0 = one still
inline constexpr const char* kEda = "eda";               ///< (T, 1) float32, microsiemens
inline constexpr const char* kText = "text";             ///< (S,) uint8, the transcript in UTF-8
/// (T, F) float32, what raters said over time; columns name rater and dimension ("gold.valence").
inline constexpr const char* kAnnotation = "annotation";
}  // namespace stream_name

/// Where one raw stream of one sample lies. Frame t is at t0 + t / rate_hz of the recording's clock.
struct StreamRef {
  std::string shard;       ///< "00000.safetensors", in the store's shards/
  std::string tensor;      ///< name inside the shard
  std::string valid;       ///< name of a (T,) bool tensor, true = real frame; empty = every frame is real
  double rate_hz = 0.0;    ///< frames (or samples of a waveform) per second; 0 = a single still, or text
  core::Timestamp t0;      ///< time of frame 0
  int64_t num_frames = 0;  ///< size of the tensor's first dimension
  uint32_t crc32 = 0;      ///< of the tensor's bytes
};

inline constexpr int64_t kNoTurn = -1;

/// One labelled stretch of one recording: a line of manifest.jsonl. Empty strings = unknown. Modalities,
/// labels and predictions of several sources belong together when corpus, subject, session, clip and time do.
struct Sample {
  std::string id;            ///< unique in the store
  std::string corpus;        ///< "ravdess", "fer2013"...
  std::string subject;       ///< who is seen or heard; splits are grouped by it
  std::string session;       ///< recording session
  std::string dialogue;      ///< conversation (or video of several utterances) that the sample is a part of
  std::string clip;          ///< the recording: windows of one recording share it
  std::string split;         ///< official split: "train", "public_test"...; empty where the corpus has none
  int64_t turn = kNoTurn;    ///< place in the dialogue, from 0
  core::Timestamp t0;        ///< start on the recording's clock
  core::Timestamp duration;  ///< 0 for a still image, or unknown
  std::map<std::string, std::string> labels;      ///< task -> class name; a task that is absent is unknown
  std::map<std::string, double> values;           ///< continuous annotations: "valence" -> -0.3
  std::map<std::string, std::string> attributes;  ///< anything else: "sex" -> "female"
  std::map<std::string, StreamRef> streams;       ///< raw stream name -> where; absent = the sample lacks it
  std::string source_path;                        ///< relative to the imported folder
  std::string source_sha256;
};

}  // namespace limbic::data
