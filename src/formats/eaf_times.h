#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "limbic/formats/eaf.h"

namespace limbic::formats::detail {

/// What the file says about an annotation's time.
struct EafPlace {
  int64_t start_slot = -1;  ///< in TIME_ORDER; -1 for reference annotations
  int64_t end_slot = -1;
  std::string previous;  ///< the annotation before it under the same parent
  ptrdiff_t offset = 0;  ///< bytes into the file, for messages
};

struct EafTimes {
  std::vector<double> slots_s;                ///< NaN: nobody set it
  std::vector<std::vector<EafPlace>> places;  ///< of tier and annotation, as in EafFile
};

using EafFail = std::function<void(ptrdiff_t offset, const std::string& what)>;

/// Order of the tiers in which parents come before their children. @param fail  called for circles
std::vector<size_t> eaf_tiers_from_parents(const EafFile& file,
                                           const std::function<void(const std::string&)>& fail);

/// Fills in the times of all annotations, sorts them by time and finds the parents of alignable ones.
/// @param fail  throws
void resolve_eaf_times(EafFile& file, EafTimes times, const EafFail& fail);

}  // namespace limbic::formats::detail
