#include "limbic/eval/html_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>

#include "support/paths.h"

namespace limbic::eval {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

ReportInput input() {
  const affect::LabelSpace labels = {"emotion", {"anger", "joy"}};
  ReportInput page;
  page.title = "a run";
  page.subtitle = "best checkpoint on store (test)";
  page.facts = {{"Seed", "7"}};
  page.tasks = {evaluate(
      labels, {make_prediction("a", "p1", 0, {0.7, 0.3}), make_prediction("b", "p1", 0, {0.4, 0.6}),
               make_prediction("c", "p2", 0, {0.8, 0.2}), make_prediction("d", "p2", 0, {0.6, 0.4}),
               make_prediction("e", "p3", 1, {0.1, 0.9}), make_prediction("f", "p3", 1, {kNaN, 0.1})})};
  page.plots = {{"Loss",
                 "epoch",
                 "nats",
                 {1, 2, 3, 4},
                 {{"training", {2, 1.5, 1, 0.5}}, {"validation", {2, kNaN, 1, 1}}}}};
  page.marked_x = 3;
  page.mark_name = "best epoch";
  return page;
}

size_t count(const std::string& text, const std::string& part) {
  size_t num = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++num;
  return num;
}

TEST(HtmlReport, ShowsFactsMetricsClassesConfusionAndCurves) {
  const std::string html = html_report(input());
  EXPECT_THAT(html, HasSubstr("<title>a run</title>"));
  EXPECT_THAT(html, HasSubstr("<th scope=\"row\">Seed</th><td>7</td>"));
  EXPECT_THAT(html, HasSubstr("Task emotion"));
  EXPECT_THAT(html, HasSubstr("6 samples of 3 people; 1 without a finite prediction"));
  EXPECT_THAT(html, HasSubstr("UAR</th><td><b>62.5</b>"));  // (3/4 + 1/2) / 2
  EXPECT_THAT(html, HasSubstr("guessing gives 50.0 %"));
  EXPECT_THAT(html, HasSubstr("bootstrap over 3 people"));
  EXPECT_THAT(html, HasSubstr(">3<small>75 %</small></td>"));
  EXPECT_THAT(html, HasSubstr(">1<small>25 %</small></td>"));
  EXPECT_THAT(html, HasSubstr("(invalid)"));
  EXPECT_THAT(html, HasSubstr("best epoch"));
  EXPECT_EQ(count(html, "<svg viewBox"), 1U);
}

TEST(HtmlReport, EveryTextIsEscaped) {
  const std::string bad = "<script>x('&\"')</script>\x01";
  const std::string good = "&lt;script&gt;x(&#39;&amp;&quot;&#39;)&lt;/script&gt;\xEF\xBF\xBD";
  ReportInput page = input();
  page.title = page.subtitle = page.mark_name = bad;
  page.facts = {{bad, bad}};
  page.tasks.front().labels = {bad, {bad, "joy"}};
  page.plots.front() = {bad, bad, bad, {1, 2, 3}, {{bad, {1, 2, 3}}}};
  const std::string html = html_report(page);
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, Not(HasSubstr("x('")));
  // Title twice, subtitle, fact twice, task, class 3 times, plot: title twice, x label twice and at 3 points,
  // y label, curve: legend and 3 points, mark.
  EXPECT_EQ(count(html, good), 2U + 1 + 2 + 1 + 3 + 2 + 2 + 3 + 1 + 4 + 1);
}

TEST(HtmlReport, NeedsNothingFromElsewhere) {
  const std::string html = html_report(input());
  for (const char* part :
       {"http:", "https:", "src=", "href=", "url(", "@import", "<script", "<link", "<img"}) {
    EXPECT_THAT(html, Not(HasSubstr(part)));
  }
}

TEST(HtmlReport, IsWellFormedForAnotherParser) {
  if (std::system("python3 -c 'import html.parser' 2>/dev/null") != 0)
    GTEST_SKIP() << "no python3 to judge the page";
  const test::TempDir dir;
  core::write_file(dir / "report.html", html_report(input()));
  core::write_file(dir / "check.py", R"py(
import sys
from html.parser import HTMLParser
class Check(HTMLParser):
    open_tags = []
    def handle_starttag(self, tag, attrs):
        if tag != 'meta':
            self.open_tags.append(tag)
    def handle_startendtag(self, tag, attrs):
        pass
    def handle_endtag(self, tag):
        last = self.open_tags.pop()
        assert last == tag, (last, tag, self.getpos())
check = Check()
check.feed(open(sys.argv[1], encoding='utf-8').read())
check.close()
assert not check.open_tags, check.open_tags
)py");
  EXPECT_EQ(std::system(("python3 '" + (dir / "check.py") + "' '" + (dir / "report.html") + "'").c_str()), 0);
}

TEST(HtmlReport, AGapInACurveIsNotBridgedAndNoNumberIsNaN) {
  ReportInput page = input();
  const std::string html = html_report(page);
  // "validation" is 2, nothing, 1, 1 over epochs 1 to 4: a lone point, then a line of two.
  EXPECT_THAT(html, HasSubstr("d=\"M72.0 12.0M336.0 150.8L468.0 150.8\""));
  page.plots.front().curves = {{"empty", {kNaN, kNaN}}, {"flat", {1, 1}}, {"infinite", {INFINITY, 1}}};
  page.plots.push_back({"nothing", "epoch", "y", {}, {{"none", {}}}});
  page.tasks.front().metrics["uar"] = {kNaN, kNaN, kNaN, 1};
  const std::string odd = html_report(page);
  EXPECT_THAT(odd, Not(HasSubstr("nan")));
  EXPECT_THAT(odd, Not(HasSubstr("inf ")));
  EXPECT_THAT(odd, Not(HasSubstr("inf\"")));
}

TEST(HtmlReport, ALongRunStaysASmallPage) {
  ReportInput page = input();
  Plot& plot = page.plots.front();
  plot = {"Loss", "epoch", "nats", {}, {{"training", {}}}};
  for (int epoch = 1; epoch <= 100000; ++epoch) {
    plot.x.push_back(epoch);
    plot.curves.front().values.push_back(1.0 / epoch);
  }
  EXPECT_LT(html_report(page).size(), 40000U);
}

TEST(HtmlReport, OnePersonGetsNoInterval) {
  ReportInput page = input();
  page.tasks = {evaluate({"emotion", {"anger", "joy"}}, {make_prediction("a", "p1", 0, {0.7, 0.3})})};
  EXPECT_THAT(html_report(page), HasSubstr("No interval"));
}

TEST(TrainingPlots, GroupTheColumnsOfResultsCsv) {
  const test::TempDir dir;
  core::write_file(dir / "results.csv",
                   "epoch,lr,step,train/loss,val/a/b/loss,val/a/b/uar,val/c/loss,val/c/uar,val/c/accuracy\n"
                   "1,0.1,10,2.5,2.0,0.5,1.0,0.25,0.75\n"
                   "2,0.05,20,,1.5,0.5,1.0,0.5,0.75\n");
  const auto plots = training_plots(dir / "results.csv");
  ASSERT_EQ(plots.size(), 4U);
  EXPECT_EQ(plots[0].title, "Loss");
  ASSERT_EQ(plots[0].curves.size(), 3U);
  EXPECT_EQ(plots[0].curves[0].name, "training");
  EXPECT_EQ(plots[0].x, (std::vector<double>{1, 2}));
  EXPECT_TRUE(std::isnan(plots[0].curves[0].values[1]));
  EXPECT_EQ(plots[0].curves[1].name, "validation, a/b");
  EXPECT_EQ(plots[1].title, "Validation, a/b");
  EXPECT_EQ(plots[2].curves[0].name, "uar");
  EXPECT_EQ(plots[2].curves[0].values, (std::vector<double>{0.25, 0.5}));
  EXPECT_EQ(plots[3].title, "Learning rate");
  core::write_file(dir / "results.csv", "epoch,lr\n");
  EXPECT_TRUE(training_plots(dir / "results.csv").empty());
  core::write_file(dir / "results.csv", "step,lr\n1,2\n");
  const auto text = test::error_of([&] { training_plots(dir / "results.csv"); }, ErrorCode::kData);
  EXPECT_THAT(text, HasSubstr("epoch"));
}

}  // namespace
}  // namespace limbic::eval
