#pragma once
#include <string>

namespace limbic::eval {
struct Plot;
}

namespace limbic::eval::detail {

/// A plot as inline SVG; `marked_x` NaN = no mark.
std::string svg_plot(const Plot& plot, double marked_x, const std::string& mark_name);

}  // namespace limbic::eval::detail
