#include "limbic/data/store_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "limbic/core/error.h"
#include "limbic/core/rng.h"
#include "limbic/core/suggest.h"
#include "limbic/data/check.h"
#include "limbic/plot/figure.h"
#include "limbic/plot/html.h"
#include "show/stream_view.h"

namespace limbic::data {
namespace {

using plot::html_escaped;

constexpr int64_t kMostSamples = 1000;
constexpr size_t kMostDrawnSplits = 6;

constexpr const char* kPageStyle = R"css(
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,300px),1fr));gap:14px}
.card{border:1px solid var(--line);border-radius:8px;padding:12px 14px;min-width:0}
.card h3{margin:0 0 6px;font-size:.92rem;overflow-wrap:anywhere}
h4{font-size:.84rem;margin:12px 0 4px}
h4 small{font-weight:400;color:var(--soft)}
.chips span{display:inline-block;border:1px solid var(--line);border-radius:99px;padding:0 9px;font-size:.8rem;margin:0 4px 4px 0;overflow-wrap:anywhere}
.chips .label{background:var(--blue);border-color:var(--blue);color:var(--card);font-weight:600}
.small{font-size:.82rem}
.small th{width:6.5rem}
.small th,.small td{padding:1px 8px 1px 0;border:0}
.strip{width:100%;height:auto;image-rendering:pixelated;border-radius:4px;display:block}
audio{width:100%;height:34px;margin-top:4px}
.curve{display:block;width:100%;height:36px;background:var(--paper);border-radius:4px}
.curve path{fill:none;stroke:var(--blue);stroke-width:1.2;vector-effect:non-scaling-stroke}
.curve .fill{fill:var(--blue);stroke:none}
.range{display:flex;justify-content:space-between;gap:10px;margin:6px 0 2px;font-size:.78rem;color:var(--soft)}
blockquote{margin:0;padding:6px 10px;border-left:3px solid var(--blue);background:var(--paper);border-radius:0 4px 4px 0;overflow-wrap:anywhere}
.chart{display:block;width:100%;max-width:760px;height:auto}
.chart text{font-size:12px;fill:var(--ink)}
.chart .soft{fill:var(--soft)}
.legend span{white-space:nowrap;margin-right:14px;font-size:.86rem;color:var(--soft)}
.legend i{display:inline-block;width:12px;height:12px;border-radius:3px;margin-right:5px;vertical-align:-1px}
)css";

std::string fact_row(const std::string& name, const std::string& value) {
  if (value.empty()) return "";
  return "<tr><th scope=\"row\">" + html_escaped(name) + "</th><td>" + html_escaped(value) + "</td></tr>\n";
}

std::string about_html(const Store& store) {
  const auto& info = store.info();
  std::string options;
  for (const auto& [key, value] : info.options) options += (options.empty() ? "" : ", ") + key + "=" + value;
  std::string html = "<section><h2>The corpus</h2><table class=\"facts\"><tbody>\n";
  html +=
      fact_row("Licence", info.licence) + fact_row("Cite", info.citation) +
      fact_row("Made by", "limbic data import " + info.importer) + fact_row("Options", options) +
      fact_row("Times count from", info.clock == "recording" ? "the start of the recording" : info.clock) +
      fact_row("Store", store.path()) + fact_row("Content hash", store.content_hash());
  for (const auto& defect : info.known_defects) html += fact_row("Known defect", defect);
  return html + "</tbody></table></section>\n";
}

std::string share_of(int64_t count, int64_t total) {
  return fmt::format("{:.1f} %",
                     100.0 * static_cast<double>(count) / static_cast<double>(std::max<int64_t>(1, total)));
}

std::string streams_html(const Store& store, const StoreSummary& summary) {
  if (store.info().modalities.empty()) return "";
  std::string html =
      "<section><h2>Streams</h2><div class=\"wide\"><table><thead><tr><th class=\"text\">stream</th><th "
      "class=\"text\">kind</th><th>rate, Hz</th><th class=\"text\">frame</th><th class=\"text\">unit</th><th "
      "class=\"text\">role</th><th "
      "class=\"text\">device</th><th>samples</th><th>share</th></tr></thead><tbody>\n";
  for (const auto& [name, modality] : store.info().modalities) {
    const auto at = summary.samples_per_stream.find(name);
    const int64_t count = at == summary.samples_per_stream.end() ? 0 : at->second;
    html += fmt::format(
        "<tr><th scope=\"row\">{}</th><td class=\"text\">{}</td><td>{}</td><td class=\"text\">{}</td><td "
        "class=\"text\">{}</td><td class=\"text\">{}</td><td "
        "class=\"text\">{}</td><td>{}</td><td>{}</td></tr>\n",
        html_escaped(name), html_escaped(modality.kind),
        modality.rate_hz > 0 ? fmt::format("{}", modality.rate_hz) : "\u2013",
        fmt::format("{}", fmt::join(modality.frame_shape, " \u00d7 ")), html_escaped(modality.unit),
        html_escaped(modality.role), html_escaped(modality.device), count,
        share_of(count, summary.num_samples));
  }
  return html + "</tbody></table></div></section>\n";
}

std::string values_html(const Store& store) {
  const auto names = store.samples().value_names();
  if (names.empty()) return "";
  std::string html =
      "<section><h2>Continuous annotations</h2><div class=\"wide\"><table><thead><tr><th "
      "class=\"text\">value</th><th>samples</th><th>least</th><th>mean</th><th>most</th><th "
      "class=\"text\">declared</th></tr></thead><tbody>\n";
  for (const auto& name : names) {
    int64_t count = 0;
    double sum = 0;
    double low = std::numeric_limits<double>::infinity();
    double high = -low;
    for (int64_t i = 0; i < store.size(); ++i) {
      const double value = store.samples().value(name, i);
      if (std::isnan(value)) continue;
      ++count;
      sum += value;
      low = std::min(low, value);
      high = std::max(high, value);
    }
    const auto declared = store.info().values.find(name);
    html += fmt::format(
        "<tr><th scope=\"row\">{}</th><td>{}</td><td>{:.4g}</td><td>{:.4g}</td><td>{:.4g}</td><td "
        "class=\"text\">{}</td></tr>\n",
        html_escaped(name), count, low, count > 0 ? sum / static_cast<double>(count) : 0.0, high,
        declared == store.info().values.end()
            ? "\u2013"
            : html_escaped(fmt::format("{} to {} {}", declared->second.min, declared->second.max,
                                       declared->second.unit)));
  }
  return html + "</tbody></table></div></section>\n";
}

std::string colour_of(size_t index) {
  const auto c = plot::palette(index);
  return fmt::format("#{:02x}{:02x}{:02x}", c.red, c.green, c.blue);
}

/// Classes as rows, a bar for every split.
std::string chart_html(const affect::LabelSpace& space,
                       const std::map<std::string, std::vector<int64_t>>& splits) {
  constexpr int kBar_px = 12;
  constexpr int kGap_px = 10;
  constexpr int kLeft_px = 150;
  constexpr int kWidth_px = 760;
  constexpr int kLongest_px = kWidth_px - kLeft_px - 60;
  std::vector<std::pair<std::string, std::vector<int64_t>>> drawn;
  for (const auto& split : splits)
    if (drawn.size() < kMostDrawnSplits) drawn.push_back(split);
  int64_t most = 1;
  int64_t num_unknown = 0;
  for (const auto& [split, counts] : drawn) {
    most = std::max(most, *std::max_element(counts.begin(), counts.end() - 1));
    num_unknown += counts.back();
  }
  std::string html = "<section><h2>Task " + html_escaped(space.task) + "</h2>\n";
  if (drawn.size() > 1) {
    html += "<p class=\"legend\">";
    for (size_t s = 0; s < drawn.size(); ++s)
      html += "<span><i style=\"background:" + colour_of(s) + "\"></i>" + html_escaped(drawn[s].first) +
              "</span>";
    html += "</p>\n";
  }
  const auto num_bars = static_cast<int>(drawn.size());
  const int row_px = num_bars * kBar_px + kGap_px;
  const int height_px = row_px * static_cast<int>(space.classes.size());
  html += fmt::format(
      "<svg class=\"chart\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"samples per class\">\n",
      kWidth_px, height_px);
  for (size_t c = 0; c < space.classes.size(); ++c) {
    const int top = static_cast<int>(c) * row_px + kGap_px / 2;
    const auto& name = space.classes[c];
    html += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>", kLeft_px - 8,
                        top + num_bars * kBar_px / 2 + 4, html_escaped(name));
    for (int s = 0; s < num_bars; ++s) {
      const int64_t count = drawn[static_cast<size_t>(s)].second[c];
      const double length = kLongest_px * static_cast<double>(count) / static_cast<double>(most);
      html += fmt::format(
          "<rect x=\"{}\" y=\"{}\" width=\"{:.1f}\" height=\"{}\" rx=\"2\" fill=\"{}\"/><text class=\"soft\" "
          "x=\"{:.1f}\" y=\"{}\">{}</text>\n",
          kLeft_px, top + s * kBar_px, length, kBar_px - 1, colour_of(static_cast<size_t>(s)),
          kLeft_px + length + 5, top + s * kBar_px + kBar_px - 2, count);
    }
  }
  html += "</svg>\n";
  if (num_unknown > 0) html += fmt::format("<p class=\"note\">{} samples without a label</p>\n", num_unknown);
  if (splits.size() > drawn.size())
    html += fmt::format("<p class=\"note\">{} more splits are not drawn</p>\n", splits.size() - drawn.size());
  return html + "</section>\n";
}

/// Samples of every class and split in turn, in the order of their rows.
std::vector<int64_t> draw_samples(const Store& store, const StorePageOptions& options) {
  const auto& samples = store.samples();
  const std::string task = store.info().label_spaces.empty() ? "" : store.info().label_spaces.front().task;
  std::map<std::pair<std::string, std::string>, std::vector<int64_t>> strata;
  for (int64_t i = 0; i < samples.size(); ++i)
    strata[{std::string(samples.label(task, i)), std::string(samples.split(i))}].push_back(i);
  uint64_t number = 0;
  for (auto& [key, rows] : strata) core::Rng(options.seed, ++number).shuffle(rows);
  std::vector<int64_t> drawn;
  for (size_t round = 0; static_cast<int64_t>(drawn.size()) < std::min(options.num_samples, samples.size());
       ++round) {
    for (const auto& [key, rows] : strata)
      if (round < rows.size() && static_cast<int64_t>(drawn.size()) < options.num_samples)
        drawn.push_back(rows[round]);
  }
  std::sort(drawn.begin(), drawn.end());
  return drawn;
}

std::string sample_html(const Store& store, int64_t row) {
  const Sample sample = store.samples()[row];
  std::string html = "<article class=\"card\"><h3>" + html_escaped(sample.id) + "</h3>\n<p class=\"chips\">";
  for (const auto& [task, label] : sample.labels)
    html += "<span class=\"label\" title=\"" + html_escaped(task) + "\">" + html_escaped(label) + "</span>";
  for (const auto& [name, value] : sample.values)
    html += "<span>" + html_escaped(fmt::format("{} {:.4g}", name, value)) + "</span>";
  for (const auto& [name, value] : sample.attributes)
    html += "<span>" + html_escaped(name + " " + value) + "</span>";
  html += "</p>\n<table class=\"facts small\"><tbody>\n";
  html += fact_row("Subject", sample.subject) + fact_row("Session", sample.session) +
          fact_row("Dialogue", sample.dialogue.empty() || sample.turn == kNoTurn
                                   ? sample.dialogue
                                   : fmt::format("{}, turn {}", sample.dialogue, sample.turn)) +
          fact_row("Clip", sample.clip) + fact_row("Split", sample.split);
  if (sample.duration.ticks > 0)
    html +=
        fact_row("Time", fmt::format("{:.2f} s + {:.2f} s", sample.t0.seconds(), sample.duration.seconds()));
  html += fact_row("File", sample.source_path) + "</tbody></table>\n";
  for (const auto& [name, ref] : sample.streams) {
    try {
      html += stream_html(store.read_stream(row, name), store.info().modalities.at(name));
    } catch (const Error& e) {
      html += "<p class=\"note\">" + html_escaped(name + ": " + e.what()) + "</p>\n";
    }
  }
  return html + "</article>\n";
}

}  // namespace

std::string store_page(const Store& store, const StorePageOptions& options) {
  require(options.num_samples >= 0 && options.num_samples <= kMostSamples, ErrorCode::kConfig,
          fmt::format("--num {}: expected 0 to {}", options.num_samples, kMostSamples));
  const StoreSummary summary = summarize(store);
  plot::HtmlPage page;
  page.title = store.info().name;
  page.subtitle = fmt::format("{} samples, {} subjects, {} recordings, {:.2f} h", summary.num_samples,
                              summary.num_subjects, summary.num_clips, summary.hours);
  page.style = kPageStyle;
  page.has_dark = true;
  page.body = about_html(store) + streams_html(store, summary);
  for (const auto& space : store.info().label_spaces)
    page.body += chart_html(space, summary.class_counts.at(space.task));
  page.body += values_html(store);
  const auto drawn = draw_samples(store, options);
  if (!drawn.empty()) {
    page.body += fmt::format(
        "<section><h2>Samples</h2><p class=\"sub\">{} of {}, of every class and split in "
        "turn (seed {})</p><div class=\"cards\">\n",
        drawn.size(), store.size(), options.seed);
    for (const int64_t row : drawn) page.body += sample_html(store, row);
    page.body += "</div></section>\n";
  }
  page.footer = "Written by limbic data show.";
  return plot::html_page(page);
}

}  // namespace limbic::data
