#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/data/merge.h"

namespace limbic::data {

/// What every importer can be told. Sizes of faces concern importers that crop them from video or images.
struct ImportOptions {
  int64_t num_workers = 2;             ///< threads; the store does not depend on it
  int64_t face_size = 64;              ///< pixels of a square crop
  int64_t face_channels = 1;           ///< 1 grey, 3 RGB
  double face_rate_hz = 10.0;          ///< crops per second of video
  double window_s = 60.0;              ///< windows of sensor recordings
  double step_s = 60.0;                ///< from window to window
  double feature_rate_hz = 0.0;        ///< frames per second of feature files that do not say (Py-Feat)
  bool find_faces = true;              ///< false: pictures are faces already
  int64_t limit = 0;                   ///< at most this many samples, spread over the corpus; 0 = all
  bool skip_bad = false;               ///< quarantine unreadable files instead of stopping
  bool replace = false;                ///< take the place of a store with other content
  std::string label_task = "emotion";  ///< task of the folder importer's class names
  ImportPart part;                     ///< of a division of the work; not in recipes

  template <class Visitor>
  void visit(Visitor& v) {
    v("num_workers", num_workers, "threads");
    v("face_size", face_size, "pixels of a square face crop");
    v("face_channels", face_channels, "1 grey, 3 RGB");
    v("face_rate_hz", face_rate_hz, "face crops per second of video");
    v("window_s", window_s, "seconds of a window of sensor recordings");
    v("step_s", step_s, "seconds from window to window");
    v("feature_rate_hz", feature_rate_hz, "frames per second of feature files that do not say (Py-Feat)");
    v("find_faces", find_faces, "find and crop faces; false: pictures are faces already (folder importer)");
    v("limit", limit, "at most this many samples, spread over the corpus; 0 = all");
    v("skip_bad", skip_bad, "quarantine unreadable files instead of stopping (at most 1 %)");
    v("replace", replace, "replace a store with other content");
    v("label_task", label_task, "task that a folder's class names belong to");
  }
  void validate(config::Checks& checks) const;
};

/// A file that was left out.
struct QuarantinedFile {
  std::string path;
  std::string reason;
};

struct ImportReport {
  std::string store;
  std::string content_hash;
  int64_t num_samples = 0;
  std::vector<QuarantinedFile> quarantined;  ///< also in the store's quarantine.jsonl
};

/// One kind of corpus.
struct Importer {
  const char* kind;
  const char* doc;
  ImportReport (*run)(const std::string& source, const std::string& out, const ImportOptions& options);
};

const std::vector<Importer>& importers();
/// Makes the store `out` of the corpus in `source`.
/// @throws Error(kConfig) unknown kind, Error(kData) naming the file; more than 1 % (at least one) or 100 bad
/// files in a row end the import even with skip_bad. Running out of memory is never a bad file.
ImportReport import_corpus(const std::string& kind, const std::string& source, const std::string& out,
                           const ImportOptions& options = {});

/// What a RAVDESS file name says ("03-01-05-02-01-02-07").
struct RavdessName {
  std::string modality;  ///< "audio_video", "video" or "audio"
  std::string channel;   ///< "speech" or "song"
  std::string emotion;
  std::string intensity;  ///< "normal" or "strong"
  std::string statement;  ///< "kids" or "dogs"
  int64_t repetition = 1;
  int64_t actor = 1;
  std::string sex;  ///< "male" (odd actors) or "female"
};
/// @param file_name  with or without folder and extension. @throws Error(kData) naming the field that is
/// wrong
RavdessName parse_ravdess_name(const std::string& file_name);

}  // namespace limbic::data
