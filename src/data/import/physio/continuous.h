#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>

#include "import/pipeline.h"

// Corpora that are rated over time (RECOLA, SEWA and the AVEC challenges made of them): one file a recording
// and subject matter, told apart by their folders.
namespace limbic::data {

/// Rows of numbers with a time each.
struct TimedTable {
  std::vector<std::string> columns;  ///< names of the values, from the header; "" without one
  double t0_s = 0;
  double rate_hz = 0;             ///< rows are evenly spaced
  std::vector<double> values_TF;  ///< NaN = missing

  size_t num_rows() const { return columns.empty() ? 0 : values_TF.size() / columns.size(); }
  RawStream stream() const;
};

/// Reads .csv (separated by ';', ',' or tabs, with a header or without) and .arff. The time is the column
/// called time, timestamp or frameTime, without header the first number; columns of text (the recording's
/// name) are passed over. @param max_rows  0: all
/// @throws Error(kData) when times are missing or not evenly spaced
TimedTable read_timed_table(const std::string& path, size_t max_rows = 0);

/// "audio_egemaps" of "AVEC/features_audio/eGeMAPS/train_1.arff": its folders without "features" and the
/// like.
std::string feature_stream_name(const std::string& file);

/// Files of one recording.
struct ContinuousRecording {
  std::map<std::string, std::string> features;  ///< stream -> file
  std::map<std::string, std::map<std::string, std::string>>
      ratings;  ///< dimension -> "gold" or "raters" -> file
  std::string sound;
  std::string transcript;
};

/// One `annotation` stream of several tables on the same clock. @param columns  of the whole corpus
class AnnotationTrack {
 public:
  /// @param name  of the column in the stream: "gold.valence"
  void add(const std::string& name, const TimedTable& table, size_t column, const std::string& path);
  bool empty() const { return tracks_.empty(); }
  /// (T, F) with NaN where this recording lacks a column.
  RawStream stream(const std::vector<std::string>& columns) const;

 private:
  std::map<std::string, std::vector<double>> tracks_;
  double t0_s_ = 0;
  double rate_hz_ = 0;
  size_t num_rows_ = 0;
};

/// Sets sample.values[dimension] to the mean over the sample's annotation: of the gold standard, else of the
/// raters.
void add_mean_ratings(const std::vector<std::string>& columns, RawSample& raw);
/// Declares the feature streams of all recordings from the first file of each.
void declare_features(const std::string& source, const std::map<std::string, ContinuousRecording>& recordings,
                      DatasetInfo& info);
/// Reads them. @throws Error(kData) when a file has another number of columns than `info` says
void add_features(const std::string& source, const ContinuousRecording& recording, const DatasetInfo& info,
                  RawSample& whole);

}  // namespace limbic::data
