#include "import/importers.h"

namespace limbic::data {

ImportReport import_ravdess(const std::string& source, const std::string& out, const ImportOptions& options);
ImportReport import_fer2013(const std::string& source, const std::string& out, const ImportOptions& options);

std::vector<Importer> acted_importers() {
  return {
      {"ravdess", "RAVDESS speech and song by file name: audio (.wav, .flac) and video (.mp4)",
       import_ravdess},
      {"fer2013", "FER2013: {train,val}.jpgs with index csv, or Kaggle's fer2013.csv", import_fer2013},
  };
}

}  // namespace limbic::data
