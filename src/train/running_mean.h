#pragma once
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>

namespace limbic::train {

/// Of the samples of an epoch so far. A term counts where it was said: not every batch has every term.
struct RunningMean {
  double sum = 0;
  int64_t count = 0;

  void add(double value, int64_t weight) {
    sum += value * static_cast<double>(weight);
    count += weight;
  }
  double value() const { return count > 0 ? sum / static_cast<double>(count) : NAN; }
};
inline void to_json(nlohmann::json& file, const RunningMean& mean) {
  file = {mean.sum, mean.count};
}
inline void from_json(const nlohmann::json& file, RunningMean& mean) {
  mean = {file.at(0).get<double>(), file.at(1).get<int64_t>()};
}

}  // namespace limbic::train
