#include "import/importers.h"

namespace limbic::data {

ImportReport import_simulated(const std::string& source, const std::string& out,
                              const ImportOptions& options);
ImportReport import_folder(const std::string& source, const std::string& out, const ImportOptions& options);
ImportReport import_sensors(const std::string& source, const std::string& out, const ImportOptions& options);

std::vector<Importer> generic_importers() {
  return {
      {"simulated", "the corpus that `limbic simulate` writes: windows with face, sound and skin conductance",
       import_simulated},
      {"folder", "[train|val|test/]<class>/<file>: audio, video or pictures of faces", import_folder},
      {"sensors", "recordings of body sensors, whole and unlabelled: E4, EDF, BDF, XDF, .mat, BIDS, csv, npz",
       import_sensors},
  };
}

}  // namespace limbic::data
