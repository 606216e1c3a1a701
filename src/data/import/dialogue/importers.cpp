#include "import/importers.h"

namespace limbic::data {

std::vector<Importer> dialogue_importers() {
  return {};
}

}  // namespace limbic::data
