#include "ranked_predictions.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace limbic::eval {

RankedPredictions::RankedPredictions(const std::vector<Prediction>& predictions, int64_t num_classes) {
  for (const Prediction& p : predictions) {
    // One prediction without probabilities: the ranking of all is unknown.
    if (predicted_class(p.probabilities) == kInvalid) return;
    truth_.push_back(p.truth);
  }
  // The second of two classes mirrors the first.
  const auto num_orders = static_cast<size_t>(num_classes == 2 ? 1 : num_classes);
  for (size_t c = 0; c < num_orders; ++c) {
    const auto score = [&](size_t i) { return predictions[i].probabilities[num_classes == 2 ? 1 : c]; };
    Order order;
    order.prediction.resize(predictions.size());
    std::iota(order.prediction.begin(), order.prediction.end(), size_t{0});
    std::stable_sort(order.prediction.begin(), order.prediction.end(),
                     [&](size_t a, size_t b) { return score(a) < score(b); });
    for (size_t k = 0; k < order.prediction.size(); ++k) {
      order.is_last_of_ties.push_back(k + 1 == order.prediction.size() ||
                                      score(order.prediction[k]) < score(order.prediction[k + 1]));
    }
    orders_.push_back(std::move(order));
  }
}

double RankedPredictions::auc_of(size_t class_idx, const std::vector<int64_t>& weights) const {
  const int64_t positive = orders_.size() == 1 ? 1 : static_cast<int64_t>(class_idx);
  double pairs = 0;  // (positive above negative) + half the ties
  int64_t negatives_below = 0;
  int64_t positives = 0;
  int64_t tied_negatives = 0;
  int64_t tied_positives = 0;
  const Order& order = orders_[class_idx];
  for (size_t k = 0; k < order.prediction.size(); ++k) {
    const size_t i = order.prediction[k];
    (truth_[i] == positive ? tied_positives : tied_negatives) += weights[i];
    if (!order.is_last_of_ties[k]) continue;
    pairs += static_cast<double>(tied_positives) *
             (static_cast<double>(negatives_below) + 0.5 * static_cast<double>(tied_negatives));
    negatives_below += tied_negatives;
    positives += tied_positives;
    tied_negatives = tied_positives = 0;
  }
  return pairs / (static_cast<double>(positives) * static_cast<double>(negatives_below));
}

double RankedPredictions::auc(const std::vector<int64_t>& weights) const {
  double sum = 0;
  int64_t num_classes = 0;
  for (size_t c = 0; c < orders_.size(); ++c) {
    const double area = auc_of(c, weights);
    if (std::isnan(area)) continue;  // 0 / 0: a class without samples, or with all of them
    sum += area;
    ++num_classes;
  }
  return num_classes == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / static_cast<double>(num_classes);
}

double auc(const std::vector<Prediction>& predictions, int64_t num_classes) {
  return RankedPredictions(predictions, num_classes).auc(std::vector<int64_t>(predictions.size(), 1));
}

}  // namespace limbic::eval
