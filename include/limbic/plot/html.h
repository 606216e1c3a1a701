#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace limbic::plot {

/// Text for an element or a quoted attribute: `& < > " '` as entities; control characters, which HTML cannot
/// hold, as U+FFFD.
std::string html_escaped(std::string_view text);

/// Bytes for a data URI.
std::string base64(const std::vector<uint8_t>& bytes);

/// A page that needs nothing but itself: no script, no font, no picture from elsewhere.
struct HtmlPage {
  std::string title;     ///< plain text
  std::string subtitle;  ///< plain text; may be empty
  std::string style;     ///< CSS besides the house's own
  std::string body;      ///< HTML: sections
  std::string footer;    ///< plain text
  bool has_dark =
      false;  ///< also for readers who like it dark; `style` must then use the variables --ink, --soft,
              ///< --line, --paper, --card and --blue
};
/// The page in the house's style, readable on a phone and on paper.
std::string html_page(const HtmlPage& page);

}  // namespace limbic::plot
