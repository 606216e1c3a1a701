#include "import/importers.h"

namespace limbic::data {

ImportReport import_iemocap_ded(const std::string& source, const std::string& out,
                                const ImportOptions& options);
ImportReport import_mmsa(const std::string& source, const std::string& out, const ImportOptions& options);
ImportReport import_mosei_csd(const std::string& source, const std::string& out,
                              const ImportOptions& options);

std::vector<Importer> dialogue_importers() {
  return {
      {"iemocap_ded", "IEMOCAP as logits of a speech classifier in order of dialogue (three .pkl)",
       import_iemocap_ded},
      {"mmsa", "CMU-MOSI, CMU-MOSEI, CH-SIMS as features in a .pkl of MMSA", import_mmsa},
      {"mosei_csd", "CMU-MOSEI and CMU-MOSI: computational sequences (.csd, HDF5) joined by video and time",
       import_mosei_csd},
  };
}

}  // namespace limbic::data
