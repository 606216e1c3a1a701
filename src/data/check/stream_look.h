#pragma once
#include <map>
#include <string>
#include <vector>

#include "check/near_duplicates.h"
#include "limbic/data/problem.h"
#include "limbic/data/store.h"

namespace limbic::data {

/// What reading one sample's streams has shown.
struct SampleLook {
  std::vector<Problem> problems;
  std::map<std::string, Fingerprint> prints;  ///< stream -> fingerprint; none of blank streams
  int64_t num_streams = 0;
  int64_t num_bytes = 0;
};

/// Reads every stream of a sample: checksum, dead, clipped or blank values, duration. Thread-safe.
/// @param fingerprinter  null: only the hash of the bytes is made
SampleLook look_at_sample(const Store& store, int64_t sample_idx, const Fingerprinter* fingerprinter);

}  // namespace limbic::data
