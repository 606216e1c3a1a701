#include "import/importers.h"

namespace limbic::data {

ImportReport import_stress_predict(const std::string& source, const std::string& out,
                                   const ImportOptions& options);

std::vector<Importer> physio_importers() {
  return {
      {"stress_predict",
       "Stress-Predict: features of windows of wrist skin conductance, heart, temperature, movement",
       import_stress_predict},
  };
}

}  // namespace limbic::data
