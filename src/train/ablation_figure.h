#pragma once
#include <string>
#include <vector>

#include "degradation_curves.h"
#include "limbic/eval/ablation.h"
#include "limbic/plot/figure.h"

namespace limbic::train {

/// Subsets, Shapley values and curves under one another, each with its intervals.
plot::Figure ablation_figure(const std::string& title, const eval::Ablation& ablation,
                             const std::vector<DegradationCurve>& curves);

}  // namespace limbic::train
