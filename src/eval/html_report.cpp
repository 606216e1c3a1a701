#include "limbic/eval/html_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "html_plot.h"
#include "limbic/core/error.h"
#include "limbic/formats/csv.h"
#include "limbic/plot/html.h"

namespace limbic::eval {
namespace {

using plot::html_escaped;

constexpr const char* kStyle = R"css(
.bar{min-width:92px;background:linear-gradient(90deg,#6ea8d8 var(--share),#e8edf2 var(--share)) no-repeat left 12px bottom 2px/calc(100% - 24px) 4px}
.bar,.span{white-space:nowrap}
.matrix{border-collapse:separate;border-spacing:2px}
.matrix td,.matrix th{border:0}
.matrix td{text-align:center;min-width:66px;border-radius:4px;line-height:1.2;padding:6px}
.matrix thead th{text-align:center;font-weight:400}
.matrix .none{color:#9aa4b0}
.matrix small{display:block;opacity:.85;font-size:.76rem}
.matrix .sum{background:none;color:var(--soft)}
.matrix .right{box-shadow:inset 0 0 0 2px #1b243059}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:20px}
figure{margin:0}
figcaption{display:flex;flex-wrap:wrap;gap:2px 14px;align-items:center;font-size:.88rem;margin-bottom:4px}
.key{white-space:nowrap;color:var(--soft)}
.key i{display:inline-block;width:14px;height:3px;margin-right:5px;vertical-align:middle}
.key i.mark{width:0;height:13px;border-left:2px dashed #7a8594;background:none}
svg{display:block;width:100%;height:auto}
svg text{font-size:12px;fill:#5b6675}
.grid{stroke:#e8ecf0}.axis{stroke:#8a94a1;fill:none}.markline{stroke:#7a8594;stroke-dasharray:4 3}
.whisker{width:200px}
.warning{background:#fdecea;border-color:#b3261e;color:#7a1712;font-weight:600}
)css";

/// Names of metrics as people write them.
std::string shown_metric(const std::string& name) {
  static const std::map<std::string, std::string> kNames = {{"accuracy", "Accuracy"},
                                                            {"uar", "UAR"},
                                                            {"macro_f1", "Macro F1"},
                                                            {"weighted_f1", "Weighted F1"},
                                                            {"auc", "AUC"}};
  const auto found = kNames.find(name);
  return found == kNames.end() ? name : found->second;
}

std::string percent(double value) {
  return std::isfinite(value) ? fmt::format("{:.1f}", 100 * value) : "\u2013";
}

/// A line from 0 to 100 % with the interval as a bar and the estimate as a dot.
std::string whisker_svg(const Interval& interval) {
  constexpr double kLeft = 6;
  constexpr double kSpan = 188;
  std::string svg = "<svg class=\"whisker\" viewBox=\"0 0 200 20\" aria-hidden=\"true\">";
  svg += fmt::format("<path stroke=\"#dde2e8\" d=\"M{} 10h{}\"/>", kLeft, kSpan);
  for (int quarter = 0; quarter <= 4; ++quarter) {
    svg += fmt::format("<path stroke=\"#c3cbd5\" d=\"M{} 7v6\"/>", kLeft + kSpan * quarter / 4);
  }
  if (std::isfinite(interval.low) && std::isfinite(interval.high)) {
    svg += fmt::format("<path stroke=\"#8fbbe0\" stroke-width=\"7\" d=\"M{:.1f} 10H{:.1f}\"/>",
                       kLeft + kSpan * interval.low, kLeft + kSpan * interval.high);
  }
  if (std::isfinite(interval.estimate)) {
    svg += fmt::format("<circle cx=\"{:.1f}\" cy=\"10\" r=\"4\" fill=\"#0b62a8\"/>",
                       kLeft + kSpan * interval.estimate);
  }
  return svg + "</svg>";
}

/// What guessing gives: one over the classes that occur.
std::string chance(const TaskReport& task) {
  int64_t num_present = 0;
  for (int64_t c = 0; c < task.labels.num_classes(); ++c)
    num_present += task.confusion.scores(c).support > 0 ? 1 : 0;
  return num_present > 0 ? fmt::format("; guessing gives {:.1f} %", 100.0 / static_cast<double>(num_present))
                         : "";
}

/// What is no share of anything, in plain numbers; empty without any.
std::string plain_metrics_html(const TaskReport& task) {
  std::string rows;
  for (const std::string& name : metrics_of(task)) {
    if (is_share(task.labels, name)) continue;
    const Interval& i = task.metrics.at(name);
    rows +=
        fmt::format("<tr><th scope=\"row\">{}</th><td><b>{:.4f}</b></td><td class=\"span\">{}</td></tr>\n",
                    html_escaped(shown_metric(name)), i.estimate,
                    std::isfinite(i.low) ? fmt::format("{:.4f} \u2013 {:.4f}", i.low, i.high) : "\u2013");
  }
  if (rows.empty()) return rows;
  return "<div class=\"wide\"><table><thead><tr><th class=\"text\" scope=\"col\">metric</th><th "
         "scope=\"col\">value</th><th scope=\"col\">95 % interval</th></tr></thead><tbody>\n" +
         rows + "</tbody></table></div>\n";
}

/// Shares in per cent; empty without any.
std::string shares_html(const TaskReport& task) {
  std::string rows;
  for (const std::string& name : metrics_of(task)) {
    if (!is_share(task.labels, name)) continue;
    const Interval& i = task.metrics.at(name);
    rows += fmt::format(
        "<tr><th scope=\"row\">{}</th><td><b>{}</b></td><td class=\"span\">{}</td><td>{}</td></tr>\n",
        html_escaped(shown_metric(name)), percent(i.estimate),
        std::isfinite(i.low) ? percent(i.low) + " \u2013 " + percent(i.high) : "\u2013", whisker_svg(i));
  }
  if (rows.empty()) return rows;
  return "<div class=\"wide\"><table><thead><tr><th class=\"text\" scope=\"col\">metric</th><th "
         "scope=\"col\">value, %</th>"
         "<th scope=\"col\">95 % interval</th><th scope=\"col\" class=\"text\">0 to 100 "
         "%</th></tr></thead><tbody>\n" +
         rows + "</tbody></table></div>\n";
}

std::string metrics_html(const TaskReport& task) {
  int64_t num_groups = 0;
  for (const auto& [name, interval] : task.metrics) num_groups = interval.num_groups;
  std::string html = shares_html(task);
  html += plain_metrics_html(task) + "<p class=\"note\">";
  if (task.labels.has_classes()) html += "UAR is the unweighted average recall" + chance(task) + ". ";
  if (num_groups < 2) return html + "No interval: it takes two people or samples at least.</p>\n";
  const bool is_by_subject = task.num_subjects > 0;
  html +=
      fmt::format("Intervals: BCa bootstrap over {} {}.", num_groups, is_by_subject ? "people" : "samples");
  if (is_by_subject && num_groups < 10) {
    html += " With so few people an interval is a rough guide, and rather too narrow.";
  }
  return html + "</p>\n";
}

/// A number over a bar of its size.
std::string bar_cell(double value) {
  return fmt::format("<td class=\"bar\" style=\"--share:{:.1f}%\">{}</td>",
                     std::isfinite(value) ? 100 * value : 0.0, percent(value));
}

std::string classes_html(const TaskReport& task) {
  std::string html =
      "<h3>Per class, %</h3><div class=\"wide\"><table><thead><tr><th class=\"text\" scope=\"col\">class</th>"
      "<th scope=\"col\">precision</th><th scope=\"col\">recall</th><th scope=\"col\">F1</th>"
      "<th scope=\"col\">samples</th></tr></thead><tbody>\n";
  for (int64_t c = 0; c < task.labels.num_classes(); ++c) {
    const ClassScores s = task.confusion.scores(c);
    html += "<tr><th scope=\"row\">" + html_escaped(task.labels.classes[static_cast<size_t>(c)]) + "</th>" +
            bar_cell(s.precision) + bar_cell(s.recall) + bar_cell(s.f1) +
            fmt::format("<td>{}</td></tr>\n", s.support);
  }
  return html + "</tbody></table></div>\n";
}

/// One count of a confusion matrix, darker the larger its share of the row.
std::string count_cell(int64_t count, int64_t row_sum, bool is_right) {
  const double share = row_sum > 0 ? static_cast<double>(count) / static_cast<double>(row_sum) : 0.0;
  const auto mixed = [&](double none, double full) { return std::lround(none + (full - none) * share); };
  if (count == 0) return "<td class=\"none\">0</td>";
  return fmt::format("<td{} style=\"background:rgb({},{},{});color:{}\">{}<small>{:.0f} %</small></td>",
                     is_right ? " class=\"right\"" : "", mixed(234, 8), mixed(243, 72), mixed(252, 130),
                     share > 0.65 ? "#fff" : "#1b2430", count, 100 * share);
}

std::string confusion_html(const TaskReport& task) {
  const int64_t num_classes = task.labels.num_classes();
  const bool has_invalid = task.confusion.invalid() > 0;
  std::string html =
      "<h3>Confusion matrix</h3><div class=\"wide\"><table class=\"matrix\"><thead><tr>"
      "<th class=\"text\" scope=\"col\">truth \u2193 &nbsp;predicted \u2192</th>";
  for (const auto& name : task.labels.classes) html += "<th scope=\"col\">" + html_escaped(name) + "</th>";
  if (has_invalid) html += "<th scope=\"col\">(invalid)</th>";
  html += "<th scope=\"col\">samples</th></tr></thead><tbody>\n";
  for (int64_t truth = 0; truth < num_classes; ++truth) {
    const int64_t row_sum = task.confusion.scores(truth).support;
    html +=
        "<tr><th scope=\"row\">" + html_escaped(task.labels.classes[static_cast<size_t>(truth)]) + "</th>";
    for (int64_t c = 0; c < num_classes; ++c)
      html += count_cell(task.confusion.at(truth, c), row_sum, c == truth);
    if (has_invalid) html += count_cell(task.confusion.at(truth, kInvalid), row_sum, false);
    html += fmt::format("<td class=\"sum\">{}</td></tr>\n", row_sum);
  }
  return html +
         "</tbody></table></div><p class=\"note\">Counts; below them the share of the row (recall on the "
         "diagonal).</p>\n";
}

std::string task_html(const TaskReport& task) {
  std::string about = fmt::format("{} samples", task.num_samples);
  if (task.num_subjects > 0) about += fmt::format(" of {} people", task.num_subjects);
  if (task.confusion.invalid() > 0) {
    about += fmt::format("; {} without a finite prediction, counted as wrong", task.confusion.invalid());
  }
  return "<section><h2>Task " + html_escaped(task.labels.task) + "</h2><p class=\"sub\">" + about + "</p>\n" +
         metrics_html(task) +
         (task.labels.has_classes() ? classes_html(task) + confusion_html(task) : std::string()) +
         "</section>\n";
}

std::string warnings_html(const ReportInput& input) {
  std::string html;
  for (const auto& warning : input.warnings)
    html += "<section class=\"warning\" role=\"alert\">" + html_escaped(warning) + "</section>\n";
  return html;
}

/// One table a task: a metric a row, a selection a column.
std::string selections_html(const ReportInput& input) {
  std::string html = "<section><h2>How the epoch was chosen</h2>\n";
  for (const auto& selection : input.selections)
    html += "<p class=\"sub\"><b>" + html_escaped(selection.name) +
            "</b>: " + html_escaped(selection.meaning) + "</p>\n";
  for (size_t t = 0; t < input.selections.front().tasks.size(); ++t) {
    const std::string& name = input.selections.front().tasks[t].labels.task;
    html += "<h3>Task " + html_escaped(name) +
            (input.selections.front().tasks[t].labels.has_classes() ? ", %" : "") +
            "</h3><div class=\"wide\"><table><thead><tr><th class=\"text\">metric</th>";
    for (const auto& selection : input.selections)
      html += "<th scope=\"col\">" + html_escaped(selection.name) + "</th>";
    html += "</tr></thead><tbody>\n";
    const auto& labels = input.selections.front().tasks[t].labels;
    for (const std::string& metric : task_metric_names(labels)) {
      html += "<tr><th scope=\"row\">" + html_escaped(shown_metric(metric)) + "</th>";
      for (const auto& selection : input.selections) {
        double value = std::numeric_limits<double>::quiet_NaN();
        for (const auto& task : selection.tasks) {
          const auto found = task.metrics.find(metric);
          if (task.labels.task == name && found != task.metrics.end()) value = found->second.estimate;
        }
        html += "<td>" + (is_share(labels, metric) ? percent(value) : fmt::format("{:.4f}", value)) + "</td>";
      }
      html += "</tr>\n";
    }
    html += "</tbody></table></div>\n";
  }
  return html + "</section>\n";
}

std::string facts_html(const ReportInput& input) {
  std::string html = "<section><h2>The run</h2><table class=\"facts\"><tbody>\n";
  for (const auto& [name, value] : input.facts) {
    html +=
        "<tr><th scope=\"row\">" + html_escaped(name) + "</th><td>" + html_escaped(value) + "</td></tr>\n";
  }
  return html + "</tbody></table></section>\n";
}

}  // namespace

std::vector<Selection> clean_and_oracle(std::vector<TaskReport> clean, std::vector<TaskReport> oracle) {
  return {
      {"clean", "the epoch was chosen on the validation part; this is the result", std::move(clean)},
      {"oracle",
       "the epoch was chosen on the test part itself, the best of as many tries as there were epochs: for "
       "comparison with papers that do so, never a result",
       std::move(oracle)}};
}

std::string selections_text(const std::vector<TaskReport>& clean, const std::vector<TaskReport>& oracle) {
  std::string text = "selection     clean (by validation)  oracle (by the test part: no result)\n";
  for (size_t t = 0; t < std::min(clean.size(), oracle.size()); ++t) {
    for (const std::string& metric : task_metric_names(clean[t].labels)) {
      text += fmt::format("{:<13} {:<22.4f} {:.4f}{}\n", metric, clean[t].metrics.at(metric).estimate,
                          oracle[t].metrics.at(metric).estimate,
                          clean.size() > 1 ? "  " + clean[t].labels.task : "");
    }
  }
  return text;
}

std::string html_report(const ReportInput& input) {
  std::string html = warnings_html(input);
  if (!input.selections.empty()) html += selections_html(input);
  for (const TaskReport& task : input.tasks) html += task_html(task);
  if (!input.plots.empty()) {
    html += "<section><h2>Training</h2><div class=\"plots\">\n";
    for (const Plot& plot : input.plots) {
      html += detail::svg_plot(plot, input.marked_x.value_or(std::numeric_limits<double>::quiet_NaN()),
                               input.mark_name);
    }
    html += "</div></section>\n";
  }
  if (!input.facts.empty()) html += facts_html(input);
  plot::HtmlPage page;
  page.title = input.title;
  page.subtitle = input.subtitle;
  page.style = kStyle;
  page.body = std::move(html);
  page.footer =
      "Written by limbic. Rows of a confusion matrix are the truth; scores follow scikit-learn with "
      "zero_division=0.";
  return plot::html_page(page);
}

std::vector<Plot> training_plots(const std::string& results_csv) {
  formats::CsvReader csv(results_csv);
  csv.column("epoch");
  std::map<std::string, std::vector<double>> columns;
  for (formats::CsvRow row; csv.next(row);) {
    // Rows of the oracle are about the test part: another file's business, and no curve of training.
    if (csv.has_column("selection") && row.text("selection") == "oracle") continue;
    for (const auto& name : csv.columns()) {
      if (name == "selection" || name == "leaks") continue;
      columns[name].push_back(row.optional_real(name).value_or(std::numeric_limits<double>::quiet_NaN()));
    }
  }
  if (columns.empty()) return {};
  const auto plot = [&](const char* title, const char* y_label) {
    return Plot{title, "epoch", y_label, columns.at("epoch"), {}};
  };
  Plot losses = plot("Loss", "loss");
  Plot rate = plot("Learning rate", "learning rate");
  std::map<std::string, Plot> of_tasks;
  for (const auto& name : csv.columns()) {
    if (columns.count(name) == 0) continue;
    const auto& values = columns.at(name);
    const size_t slash = name.rfind('/');
    if (name == "train/loss") {
      losses.curves.insert(losses.curves.begin(), {"training", values});
    } else if (name == "lr") {
      rate.curves.push_back({name, values});
    } else if (name.rfind("val/", 0) == 0 && slash > 3) {
      const std::string task = name.substr(4, slash - 4);
      const std::string metric = name.substr(slash + 1);
      if (metric == "loss") {
        losses.curves.push_back({"validation, " + task, values});
      } else {
        auto& of_task = of_tasks.try_emplace(task, plot("", "share")).first->second;
        of_task.title = "Validation, " + task;
        of_task.curves.push_back({metric, values});
      }
    }
  }
  std::vector<Plot> plots;
  if (!losses.curves.empty()) plots.push_back(std::move(losses));
  for (auto& [task, of_task] : of_tasks) plots.push_back(std::move(of_task));
  if (!rate.curves.empty()) plots.push_back(std::move(rate));
  return plots;
}

}  // namespace limbic::eval
