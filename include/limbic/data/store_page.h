#pragma once
#include <cstdint>
#include <string>

#include "limbic/data/store.h"

namespace limbic::data {

/// What the page of `data show --html` holds.
struct StorePageOptions {
  int64_t num_samples = 24;  ///< shown; drawn from every class of the first task and every split in turn
  uint64_t seed = 0;         ///< of the draw
};

/// One HTML page that needs nothing but itself, for light and dark screens: what the store is, its streams,
/// classes by split, and samples with pictures, sound to play, curves, text, labels and keys. Sound is cut
/// after 8 s and pictures to 8 a sample, so a sample takes at most some 400 kB. A stream that cannot be read
/// says why.
/// @throws Error(kConfig) unless num_samples is in [0, 1000]
std::string store_page(const Store& store, const StorePageOptions& options = {});

}  // namespace limbic::data
