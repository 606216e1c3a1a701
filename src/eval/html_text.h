#pragma once
#include <string>
#include <string_view>

namespace limbic::eval {
struct Plot;
}

namespace limbic::eval::detail {

/// Text for an element or a quoted attribute: `& < > " '` as entities; control characters, which HTML cannot
/// hold, as U+FFFD.
std::string escaped(std::string_view text);

/// A plot as inline SVG; `marked_x` NaN = no mark.
std::string svg_plot(const Plot& plot, double marked_x, const std::string& mark_name);

}  // namespace limbic::eval::detail
