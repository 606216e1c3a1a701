#include "import/importers.h"

namespace limbic::data {

ImportReport import_folder(const std::string& source, const std::string& out, const ImportOptions& options);
ImportReport import_metadata(const std::string& source, const std::string& out, const ImportOptions& options);
ImportReport import_table(const std::string& source, const std::string& out, const ImportOptions& options);
ImportReport import_media(const std::string& source, const std::string& out, const ImportOptions& options);
ImportReport import_sensors(const std::string& source, const std::string& out, const ImportOptions& options);
ImportReport import_openface(const std::string& source, const std::string& out, const ImportOptions& options);
ImportReport import_opensmile(const std::string& source, const std::string& out,
                              const ImportOptions& options);
ImportReport import_pyfeat(const std::string& source, const std::string& out, const ImportOptions& options);
ImportReport import_simulated(const std::string& source, const std::string& out,
                              const ImportOptions& options);

std::vector<Importer> generic_importers() {
  return {
      {"folder", "[train|val|test/]<class>/<file>: audio, video or pictures of faces", import_folder},
      {"metadata", "a folder with metadata.csv, .tsv or .jsonl and its media", import_metadata},
      {"table", "a YAML file that says what the columns of a table mean, with media and features",
       import_table},
      {"media", "audio, video and pictures below a folder, without labels", import_media},
      {"sensors", "recordings of body sensors, whole and unlabelled: E4, EDF, BDF, XDF, .mat, BIDS, csv, npz",
       import_sensors},
      {"openface", "a folder of OpenFace csv files, one sample each", import_openface},
      {"opensmile", "a folder of openSMILE csv files, functionals or descriptors over time",
       import_opensmile},
      {"pyfeat", "a folder of Py-Feat csv files; --rate: of their videos", import_pyfeat},
      {"simulated", "the corpus that `limbic simulate` writes: windows with face, sound and skin conductance",
       import_simulated},
  };
}

}  // namespace limbic::data
