#include "limbic/eval/calibration.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>

#include "resample.h"

namespace limbic::eval {
namespace {

constexpr double kLeastProbability = 1e-300;

struct Bin {
  double count = 0;
  double hits = 0;
  double confidence = 0;
};
using Bins = std::array<Bin, static_cast<size_t>(kEceBins)>;

void add(Bins& bins, double confidence, bool is_hit, double weight) {
  // (m / M, (m + 1) / M]
  const auto at = static_cast<int64_t>(std::ceil(confidence * static_cast<double>(kEceBins))) - 1;
  Bin& bin = bins[static_cast<size_t>(std::clamp<int64_t>(at, 0, kEceBins - 1))];
  bin.count += weight;
  bin.hits += is_hit ? weight : 0.0;
  bin.confidence += weight * confidence;
}

void add(Bins& bins, const Prediction& p, double weight) {
  const bool is_valid = predicted_class(p.probabilities) != kInvalid;
  const double confidence =
      is_valid ? *std::max_element(p.probabilities.begin(), p.probabilities.end()) : 0.0;
  add(bins, confidence, p.prediction == p.truth, weight);
}

double ece_of(const Bins& bins) {
  double sum = 0;
  double count = 0;
  for (const Bin& bin : bins) {
    sum += std::abs(bin.hits - bin.confidence);
    count += bin.count;
  }
  return count > 0 ? sum / count : std::numeric_limits<double>::quiet_NaN();
}

bool has_probabilities(const std::vector<Prediction>& predictions) {
  return std::any_of(predictions.begin(), predictions.end(),
                     [](const Prediction& p) { return !p.probabilities.empty(); });
}

/// The inverse temperature where the slope of the negative log-likelihood, which rises with it, is 0.
double temperature_at_root(const std::function<double(double)>& slope) {
  double low = std::log(1e-2);
  double high = std::log(1e2);
  if (slope(std::exp(low)) >= 0) return std::exp(-low);
  if (slope(std::exp(high)) <= 0) return std::exp(-high);
  for (int i = 0; i < 60; ++i) {
    const double middle = 0.5 * (low + high);
    (slope(std::exp(middle)) < 0 ? low : high) = middle;
  }
  return std::exp(-0.5 * (low + high));
}

double logit(double p) {
  return std::log(std::max(p, kLeastProbability)) - std::log(std::max(1.0 - p, 1e-16));
}

double sigmoid(double x) {
  return x >= 0 ? 1.0 / (1.0 + std::exp(-x)) : std::exp(x) / (1.0 + std::exp(x));
}

}  // namespace

double ece(const std::vector<Prediction>& predictions) {
  if (!has_probabilities(predictions)) return std::numeric_limits<double>::quiet_NaN();
  Bins bins{};
  for (const Prediction& p : predictions) add(bins, p, 1.0);
  return ece_of(bins);
}

Interval bootstrap_ece(const std::vector<Prediction>& predictions, const BootstrapOptions& options) {
  const auto groups = group_samples(predictions, options.by_subject);
  const bool is_known = has_probabilities(predictions);
  std::vector<Bins> of_group(groups.num_groups);
  for (size_t i = 0; i < predictions.size(); ++i) add(of_group[groups.group[i]], predictions[i], 1.0);
  return interval_of(
      groups.num_groups,
      [&](const std::vector<int64_t>& times) {
        if (!is_known) return std::numeric_limits<double>::quiet_NaN();
        Bins sum{};
        for (size_t g = 0; g < of_group.size(); ++g) {
          const auto weight = static_cast<double>(times[g]);
          for (size_t b = 0; b < sum.size(); ++b) {
            sum[b].count += weight * of_group[g][b].count;
            sum[b].hits += weight * of_group[g][b].hits;
            sum[b].confidence += weight * of_group[g][b].confidence;
          }
        }
        return ece_of(sum);
      },
      options);
}

double nll(const std::vector<Prediction>& predictions) {
  double sum = 0;
  for (const Prediction& p : predictions)
    sum -= std::log(std::max(p.probabilities.at(static_cast<size_t>(p.truth)), kLeastProbability));
  return predictions.empty() ? std::numeric_limits<double>::quiet_NaN()
                             : sum / static_cast<double>(predictions.size());
}

std::vector<double> with_temperature(const std::vector<double>& probabilities, double temperature) {
  std::vector<double> scaled;
  for (const double p : probabilities)
    scaled.push_back(std::log(std::max(p, kLeastProbability)) / temperature);
  const double largest = scaled.empty() ? 0.0 : *std::max_element(scaled.begin(), scaled.end());
  double sum = 0;
  for (double& value : scaled) sum += value = std::exp(value - largest);
  for (double& value : scaled) value /= sum;
  return scaled;
}

double fit_temperature(const std::vector<Prediction>& predictions) {
  // d/db of sum log sum exp(b z) - b z_truth is sum E_p[z] - z_truth, with p = softmax(b z).
  const auto slope = [&](double inverse) {
    double sum = 0;
    for (const Prediction& p : predictions) {
      if (predicted_class(p.probabilities) == kInvalid) continue;
      const auto scaled = with_temperature(p.probabilities, 1.0 / inverse);
      for (size_t c = 0; c < scaled.size(); ++c) {
        const double z = std::log(std::max(p.probabilities[c], kLeastProbability));
        sum += (scaled[c] - (static_cast<int64_t>(c) == p.truth ? 1.0 : 0.0)) * z;
      }
    }
    return sum;
  };
  return predictions.empty() ? 1.0 : temperature_at_root(slope);
}

double fit_temperature(const std::vector<ValuePrediction>& predictions) {
  const auto slope = [&](double inverse) {
    double sum = 0;
    for (const ValuePrediction& p : predictions) {
      for (size_t c = 0; c < p.truth.size(); ++c) {
        if (!std::isfinite(p.truth[c]) || !std::isfinite(p.prediction[c])) continue;
        const double z = logit(p.prediction[c]);
        sum += (sigmoid(inverse * z) - p.truth[c]) * z;
      }
    }
    return sum;
  };
  return predictions.empty() ? 1.0 : temperature_at_root(slope);
}

}  // namespace limbic::eval
