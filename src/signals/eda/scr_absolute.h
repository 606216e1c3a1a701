#pragma once
#include <vector>

#include "limbic/signals/eda/scr.h"

namespace limbic::signals {

// Note [Finding responses by deconvolution]
// Responses that follow each other within their decay have no trough between them, and at 4 Hz noise makes
// troughs of its own. So onsets are looked for in y = x + tau x', in which a response's decay is undone: what
// stays is a pulse as long as its rise. x and x' are Gaussian-smoothed at four widths from 0.25 to 0.8 s: a
// narrow one tells neighbours apart, a wide one sees what noise covers. A peak's score is its prominence
// (within 2 s on either side) in deviations of the noise that the filter lets through. White noise alone
// makes about 25 / width * exp(-score^2 / 4) peaks a minute above a score (measured on 4 h of noise at 4 to
// 100 Hz), so the score asked for is the lowest at which at most false_share of the responses found can be
// noise.

/// Absolute rule: see ScrRule.
ScrResult find_absolute_scr(const std::vector<double>& x, double rate_hz, const ScrConfig& config);

}  // namespace limbic::signals
