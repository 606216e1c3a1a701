#include "limbic/affect/label_space.h"

#include <algorithm>

#include "limbic/core/error.h"
#include "limbic/core/suggest.h"

namespace limbic::affect {

int64_t LabelSpace::index_of(const std::string& name) const {
  const auto found = std::find(classes.begin(), classes.end(), name);
  if (found == classes.end()) {
    throw Error(ErrorCode::kData, "'" + name + "' is no class of task '" + task + "' (" +
                                      core::join(classes) + ")" + core::did_you_mean(name, classes));
  }
  return found - classes.begin();
}

}  // namespace limbic::affect
