#include "limbic/plot/html.h"

#include <algorithm>

namespace limbic::plot {
namespace {

constexpr const char* kHouseStyle = R"css(
:root{color-scheme:light;--ink:#1b2430;--soft:#5b6675;--line:#dde2e8;--paper:#f5f7f9;--card:#fff;--blue:#0b62a8}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:1080px;margin:0 auto;padding:24px 16px 40px}
h1{font-size:1.6rem;line-height:1.25;margin:0;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:0 0 12px}
h3{font-size:1rem;margin:22px 0 8px}
.sub,.note{color:var(--soft);margin:4px 0 8px}
.note{font-size:.86rem}
section{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:18px;margin-top:18px}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:5px 12px;text-align:right;border-bottom:1px solid var(--line)}
th{font-weight:600;color:var(--soft)}
tbody th,.text{text-align:left;color:var(--ink)}
.facts{width:100%}
.facts th{width:12rem;vertical-align:top;color:var(--soft);font-weight:400;padding-left:0}
.facts td{text-align:left;overflow-wrap:anywhere}
footer{color:var(--soft);font-size:.86rem;margin-top:18px}
@media print{body{background:#fff}section{break-inside:avoid}}
)css";

constexpr const char* kDarkStyle = R"css(
@media screen and (prefers-color-scheme:dark){:root{color-scheme:dark;--ink:#e4e9ef;--soft:#9aa7b6;--line:#313b47;--paper:#12171d;--card:#1a2129;--blue:#6cb2ee}}
)css";

}  // namespace

std::string html_escaped(std::string_view text) {
  std::string html;
  html.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        html += "&amp;";
        break;
      case '<':
        html += "&lt;";
        break;
      case '>':
        html += "&gt;";
        break;
      case '"':
        html += "&quot;";
        break;
      case '\'':
        html += "&#39;";
        break;
      default: {
        const auto byte = static_cast<unsigned char>(c);
        const bool is_control = (byte < 0x20 && c != '\t' && c != '\n') || byte == 0x7F;
        html += is_control ? "\xEF\xBF\xBD" : std::string(1, c);
      }
    }
  }
  return html;
}

std::string base64(const std::vector<uint8_t>& bytes) {
  constexpr const char* kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) group = group << 8 | (k < count ? bytes[i + k] : 0);
    for (size_t k = 0; k < 4; ++k) out += k <= count ? kDigits[group >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

std::string html_page(const HtmlPage& page) {
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>" +
      html_escaped(page.title) + "</title>\n<style>" + kHouseStyle + (page.has_dark ? kDarkStyle : "") +
      page.style + "</style></head>\n<body><main>\n<h1>" + html_escaped(page.title) + "</h1>\n";
  if (!page.subtitle.empty()) html += "<p class=\"sub\">" + html_escaped(page.subtitle) + "</p>\n";
  return html + page.body + "<footer>" + html_escaped(page.footer) + "</footer>\n</main></body></html>\n";
}

}  // namespace limbic::plot
