#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "import/pipeline.h"
#include "import/words.h"
#include "limbic/formats/csv.h"

namespace limbic::data {

/// The files of a corpus by the last two parts of their names ("train_splits/dia0_utt0.mp4"), so that an
/// archive may lie unpacked at any depth. Files of macOS ("._x") are none. The shortest path wins where there
/// are several.
class CorpusFiles {
 public:
  explicit CorpusFiles(const std::string& source);
  /// Path relative to the source, or empty.
  std::string find(const std::string& folder, const std::string& name) const;
  /// By name alone.
  std::string find(const std::string& name) const;
  /// Whether a file with that extension lies in a folder of that name.
  bool has_file_in(const std::string& folder, const std::string& extension) const;
  const std::vector<std::string>& all() const { return files_; }

 private:
  std::vector<std::string> files_;
  std::map<std::string, std::string> by_name_;
  std::map<std::string, std::string> by_folder_;
};

/// Seconds of "00:20:57,256" or "0:20:57.256". @throws Error(kData) with the row
double read_clock_time(const formats::CsvRow& row, std::string_view column);

/// A row of known class. @throws Error(kData) that lists the classes
void require_class(const affect::LabelSpace& space, const std::string& name, const std::string& where);

/// Moves streams that a file's clock gives to the recording's.
void shift_streams(RawSample& raw, core::Timestamp by);

/// Says in the log and among the known defects which clips the corpus lacks. @param missing  ids, sorted
void report_missing(const std::string& corpus, const std::vector<std::string>& missing, size_t num_all,
                    DatasetInfo& info);

}  // namespace limbic::data
