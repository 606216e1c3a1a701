#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "limbic/affect/batch.h"

namespace limbic::eval {

/// How inputs are made worse to see how a model bears it.
enum class DegradationKind {
  kNoise,  ///< Gaussian noise is added; the level is in units of each feature's standard deviation
  kDrop,   ///< frames are lost at random; the level is the probability. A sample without frames is absent
};
constexpr auto enum_names(DegradationKind) {
  return std::array<std::pair<DegradationKind, const char*>, 2>{
      {{DegradationKind::kNoise, "noise"}, {DegradationKind::kDrop, "drop"}}};
}
struct Degradation {
  DegradationKind kind = DegradationKind::kNoise;
  double level = 0.0;                                ///< 0 changes nothing
  std::set<std::string> modalities;                  ///< that are changed
  std::map<std::string, std::vector<double>> std_F;  ///< by modality: features, or channels of images
  uint64_t seed = 0;
};

/// Degrades one batch after the other. The same seed gives the same draws whatever the level: noise grows in
/// one direction, and frames lost at a low level are lost at a higher one too.
class Degrader {
 public:
  /// @throws Error(kConfig) for a negative level, or a probability above 1
  explicit Degrader(Degradation degradation);
  void operator()(affect::Batch& batch);

 private:
  Degradation degradation_;
  uint64_t num_batches_ = 0;
};

}  // namespace limbic::eval
