#pragma once
#include <cstddef>
#include <vector>

namespace limbic::signals {

// Windows of sum 1, symmetric, as scipy.signal.windows gives them.
std::vector<double> box_window(size_t size);
std::vector<double> parzen_window(size_t size);
std::vector<double> bartlett_window(size_t size);

/// Convolution of a run whose end values go on beyond it; where a window of even size lies is numpy's "same".
std::vector<double> convolve_held(const std::vector<double>& x, const std::vector<double>& window);

}  // namespace limbic::signals
