#include "check/near_duplicates.h"

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <array>
#include <map>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "check/picture.h"
#include "check/text_shape.h"
#include "limbic/features/feature_extractor.h"

namespace limbic::data {
namespace {

constexpr size_t kBucketReach = 64;  ///< a bucket's entries are compared with so many after them
constexpr int kMostDifferentBits = 4;
constexpr double kLeastCorrelation = 0.985;
constexpr int64_t kThumbnail_px = 24;
constexpr int64_t kLeastOverlap = 62;  ///< loud frames of 16 ms: 1 s
constexpr int kBitsPerWord = 24;
constexpr double kMostBitErrors = 0.15;
constexpr int32_t kLeastVotes = 4;
constexpr double kLeastSimilarity = 0.7;
constexpr size_t kMinhashesPerBand = 4;

/// Something to be found by its key; `print` and `place` say where it is.
struct KeyedEntry {
  uint64_t key;
  uint32_t print;
  int32_t place;
};

/// Calls `compare(a, b)` for entries of one key, a before b.
template <class Compare>
void for_each_bucket_pair(std::vector<KeyedEntry>& entries, Compare&& compare) {
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    return std::tie(a.key, a.print, a.place) < std::tie(b.key, b.print, b.place);
  });
  for (size_t i = 0; i < entries.size(); ++i)
    for (size_t k = i + 1; k < entries.size() && k <= i + kBucketReach && entries[k].key == entries[i].key;
         ++k)
      compare(entries[i], entries[k]);
}

/// Pairs of fingerprints that were judged, and those that are alike.
class FoundPairs {
 public:
  explicit FoundPairs(const std::vector<Fingerprint>& prints) : prints_(prints) {}

  /// False when the two are the same, equal byte for byte, or known to be alike.
  bool is_open(uint32_t a, uint32_t b) const {
    return prints_[a].sample_idx != prints_[b].sample_idx && prints_[a].content != prints_[b].content &&
           pairs_.count(key_of(a, b)) == 0;
  }
  void add(uint32_t a, uint32_t b) { pairs_.insert(key_of(a, b)); }
  std::vector<SamplePair> sorted() const {
    std::vector<SamplePair> pairs;
    for (const uint64_t key : pairs_) {
      const int64_t a = prints_[key >> 32].sample_idx;
      const int64_t b = prints_[key & 0xFFFFFFFF].sample_idx;
      pairs.emplace_back(std::min(a, b), std::max(a, b));
    }
    std::sort(pairs.begin(), pairs.end());
    return pairs;
  }

 private:
  static uint64_t key_of(uint32_t a, uint32_t b) {
    return static_cast<uint64_t>(std::min(a, b)) << 32 | std::max(a, b);
  }
  const std::vector<Fingerprint>& prints_;
  std::unordered_set<uint64_t> pairs_;
};

void find_pictures(const Store& store, const std::string& stream, const std::vector<Fingerprint>& prints,
                   FoundPairs& found) {
  // Five bands: hashes that differ in four bits at most agree in one of them.
  constexpr std::array<std::pair<int, int>, 5> kBands{{{0, 13}, {13, 13}, {26, 13}, {39, 13}, {52, 12}}};
  const auto thumbnail = [&](const KeyedEntry& entry) {
    const auto& print = prints[entry.print];
    return grey_picture(store.read(print.sample_idx, stream), print.frames[static_cast<size_t>(entry.place)],
                        kThumbnail_px, kThumbnail_px);
  };
  for (const auto& [shift, num_bits] : kBands) {
    std::vector<KeyedEntry> entries;
    for (uint32_t p = 0; p < prints.size(); ++p)
      for (size_t i = 0; i < prints[p].pictures.size(); ++i)
        entries.push_back(
            {prints[p].pictures[i] >> shift & ((uint64_t{1} << num_bits) - 1), p, static_cast<int32_t>(i)});
    const auto hash_of = [&](const KeyedEntry& entry) {
      return prints[entry.print].pictures[static_cast<size_t>(entry.place)];
    };
    // In a crowded bucket those with equal hashes lie together.
    for (auto& entry : entries) entry.key = entry.key << 40 | hash_of(entry) >> 24;
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
      return std::tie(a.key, a.print, a.place) < std::tie(b.key, b.print, b.place);
    });
    for (size_t i = 0; i < entries.size(); ++i) {
      for (size_t k = i + 1; k < entries.size() && k <= i + kBucketReach; ++k) {
        if (entries[k].key >> 40 != entries[i].key >> 40) break;
        if (__builtin_popcountll(hash_of(entries[i]) ^ hash_of(entries[k])) > kMostDifferentBits) continue;
        if (!found.is_open(entries[i].print, entries[k].print)) continue;
        if (correlation_of(thumbnail(entries[i]), thumbnail(entries[k])) >= kLeastCorrelation)
          found.add(entries[i].print, entries[k].print);
      }
    }
  }
}

/// Whether two sounds agree where frame t of `a` is frame t + offset of `b`.
bool is_same_sound(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b, int32_t offset) {
  const int64_t begin = std::max<int64_t>(0, -offset);
  const int64_t end =
      std::min<int64_t>(static_cast<int64_t>(a.size()), static_cast<int64_t>(b.size()) - offset);
  int64_t num_compared = 0;
  int64_t num_different = 0;
  for (int64_t t = begin; t < end; ++t) {
    const uint32_t word_a = a[static_cast<size_t>(t)];
    const uint32_t word_b = b[static_cast<size_t>(t + offset)];
    if (word_a == kQuietWord || word_b == kQuietWord) continue;
    ++num_compared;
    num_different += __builtin_popcount(word_a ^ word_b);
  }
  return num_compared >= kLeastOverlap &&
         static_cast<double>(num_different) <=
             kMostBitErrors * kBitsPerWord * static_cast<double>(num_compared);
}

void find_sounds(const std::vector<Fingerprint>& prints, FoundPairs& found) {
  std::vector<KeyedEntry> entries;
  for (uint32_t p = 0; p < prints.size(); ++p)
    for (size_t t = 0; t < prints[p].sound.size(); ++t)
      if (prints[p].sound[t] != kQuietWord)
        entries.push_back({prints[p].sound[t], p, static_cast<int32_t>(t)});
  std::unordered_map<uint64_t, std::map<int32_t, int32_t>> votes;  // pair -> offset -> words in common
  for_each_bucket_pair(entries, [&](const KeyedEntry& a, const KeyedEntry& b) {
    if (found.is_open(a.print, b.print))
      ++votes[static_cast<uint64_t>(a.print) << 32 | b.print][b.place - a.place];
  });
  for (const auto& [pair, offsets] : votes) {
    const auto a = static_cast<uint32_t>(pair >> 32);
    const auto b = static_cast<uint32_t>(pair);
    for (const auto& [offset, count] : offsets) {
      if (count < kLeastVotes || !found.is_open(a, b)) continue;
      if (is_same_sound(prints[a].sound, prints[b].sound, offset)) found.add(a, b);
    }
  }
}

void find_texts(const Store& store, const std::string& stream, const std::vector<Fingerprint>& prints,
                FoundPairs& found) {
  const auto text_of = [&](uint32_t p) {
    const at::Tensor values = store.read(prints[p].sample_idx, stream).contiguous();
    return normalised_text({static_cast<const char*>(values.data_ptr()), values.nbytes()});
  };
  const size_t num_bands = prints.empty() ? 0 : 96 / kMinhashesPerBand;
  for (size_t band = 0; band < num_bands; ++band) {
    std::vector<KeyedEntry> entries;
    for (uint32_t p = 0; p < prints.size(); ++p) {
      if (prints[p].minhashes.empty()) continue;
      entries.push_back({hash_of_bytes(prints[p].minhashes.data() + band * kMinhashesPerBand,
                                       kMinhashesPerBand * sizeof(uint32_t)),
                         p, 0});
    }
    for_each_bucket_pair(entries, [&](const KeyedEntry& a, const KeyedEntry& b) {
      if (found.is_open(a.print, b.print) &&
          similarity_of(text_of(a.print), text_of(b.print)) >= kLeastSimilarity)
        found.add(a.print, b.print);
    });
  }
}

void find_equal_grids(const std::vector<Fingerprint>& prints, FoundPairs& found) {
  std::vector<KeyedEntry> entries;
  for (uint32_t p = 0; p < prints.size(); ++p)
    for (size_t i = 0; i < prints[p].grids.size(); ++i)
      entries.push_back({prints[p].grids[i] + i, p, static_cast<int32_t>(i)});
  for_each_bucket_pair(entries, [&](const KeyedEntry& a, const KeyedEntry& b) {
    if (a.place == b.place && found.is_open(a.print, b.print)) found.add(a.print, b.print);
  });
}

}  // namespace

std::vector<SamplePair> near_duplicates(const Store& store, const std::string& stream,
                                        const std::vector<Fingerprint>& prints) {
  FoundPairs found(prints);
  find_equal_grids(prints, found);
  find_pictures(store, stream, prints, found);
  find_sounds(prints, found);
  find_texts(store, stream, prints, found);
  return found.sorted();
}

}  // namespace limbic::data
