#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "limbic/affect/stream.h"
#include "limbic/data/store.h"

namespace limbic::features {
class FeatureExtractor;
}

namespace limbic::data {

// Note [Near-duplicates]
// Two streams are near-duplicates when a copy that was scaled, cut, compressed, made louder or rounded would
// look like it. By kind:
//   images  64 bits of a difference hash (9 x 8 grey, sign of the horizontal steps) of up to 4 frames; hashes
//           that differ in at most 4 bits are found through 5 bands of 12 or 13 bits and then compared as 24
//           x 24 grey pictures, correlation at least 0.985.
//   wave    24 bits for every 16 ms that is at most 25 dB below the clip's loudest: the sign of how the step
//   from
//           mel band to mel band changes over time (25 bands of 256 ms; after Haitsma and Kalker, ISMIR
//           2002). Clips that share 4 words at one offset are compared there: at least 1 s of overlap and at
//           most 15 % different bits. On RAVDESS a copy cut elsewhere, made quieter and given noise at 26 dB
//           differs in 7 % at most, another take of the same sentence in 21 % at least.
//   text    letters and digits in lower case, at least 4 words: equal, or Jaccard similarity of their
//   5-letter
//           pieces at least 0.7, found through 24 bands of 4 minhashes.
//   series  values rounded to 1/1000 of each column's largest, on two grids half a step apart: all alike.
// Equal bytes are no near-duplicates; they are reported as such. Cost: every stream is read once anyway; a
// bucket of more than 64 entries (a frequent word, a blank picture) compares neighbours within 64 places
// only, so time grows as n log n and a pair that drowns in such buckets can be missed. Memory: about 100
// bytes a picture, 500 a second of sound, 200 a text.

/// A frame too quiet to say anything.
inline constexpr uint32_t kQuietWord = 0xFFFFFFFF;

/// What is kept of one stream.
struct Fingerprint {
  int64_t sample_idx = 0;
  std::string content;              ///< SHA-256 of the bytes
  std::vector<uint64_t> pictures;   ///< difference hashes
  std::vector<int64_t> frames;      ///< the frame of each
  std::vector<uint32_t> sound;      ///< one word a frame
  std::vector<uint32_t> minhashes;  ///< of a text
  std::vector<uint64_t> grids;      ///< of a text or series: equal where one of them is
};

/// Makes the fingerprints of streams; thread-safe.
class Fingerprinter {
 public:
  Fingerprinter();
  ~Fingerprinter();
  Fingerprint make(const affect::Stream& stream, const RawModality& modality) const;

 private:
  std::unique_ptr<const features::FeatureExtractor> mel_;
};

using SamplePair = std::pair<int64_t, int64_t>;  ///< the smaller first

/// Pairs of samples whose `stream` is nearly the same, sorted, each once.
std::vector<SamplePair> near_duplicates(const Store& store, const std::string& stream,
                                        const std::vector<Fingerprint>& fingerprints);

}  // namespace limbic::data
