#include "limbic/plot/figure.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <random>

#include "limbic/core/error.h"
#include "limbic/media/image.h"
#include "support/paths.h"

namespace limbic::plot {
namespace {

/// A little of everything; LIMBIC_PLOT_GALLERY=<folder> keeps the pictures to look at.
Figure gallery() {
  std::mt19937 random(3);
  std::normal_distribution<double> normal;
  FigureOptions options;
  options.title = "Everything at once & more <10 µS>";
  Figure figure(options);
  std::vector<double> skin;
  std::vector<double> tonic;
  for (int i = 0; i < 400; ++i) {
    const double t = i / 4.0;
    double phasic = 0;
    for (const double onset : {12.0, 31.0, 55.0, 58.0, 80.0}) {
      const double s = t - onset;
      if (s > 0) phasic += 0.8 * (std::exp(-s / 2.0) - std::exp(-s / 0.7));
    }
    tonic.push_back(4 + 0.4 * std::sin(t / 25));
    skin.push_back(i > 250 && i < 262 ? NAN : tonic.back() + phasic + 0.01 * normal(random));
  }
  figure.panel("Skin conductance")
      .y_label("conductance (µS)")
      .line(0, 0.25, skin, {"cleaned"})
      .line(0, 0.25, tonic, {"tonic", std::nullopt, 1.4, true})
      .scatter({13.2, 32.2, 56.2, 59.2, 81.2}, {4.5, 4.6, 4.6, 4.5, 4.1}, {"SCR peak", Marker::kTriangleDown})
      .events({20, 66}, {"tag"})
      .span(0, 10, {"rest"})
      .span(10, 30, {"arithmetic"})
      .span(62, 65.5, {"electrode off", palette(3)})
      .span(70, 100, {"recovery"});
  std::vector<double> t;
  std::vector<double> rate;
  for (double s = 0; s < 100; s += 0.8 + 0.1 * normal(random)) {
    t.push_back(s);
    rate.push_back(75 + 8 * std::sin(s / 6) + normal(random));
  }
  figure.panel("Heart rate")
      .y_label("beats/min")
      .height(110)
      .line(t, rate)
      .scatter(t, rate, {"beat", Marker::kCircle, palette(0), 4});
  Heatmap map;
  map.num_columns = 1000;
  map.num_rows = 60;
  map.dx = 0.1;
  map.dy = 4000.0 / 60;
  map.value_label = "dB";
  for (size_t c = 0; c < map.num_columns; ++c) {
    for (size_t r = 0; r < map.num_rows; ++r) {
      const double ridge = 20 + 12 * std::sin(static_cast<double>(c) / 60);
      const double d = static_cast<double>(r) - ridge;
      map.values_CR.push_back(
          c > 600 && c < 640 ? NAN
                             : static_cast<float>(-60 + 50 * std::exp(-d * d / 20) + 3 * normal(random)));
    }
  }
  figure.panel("Spectrogram").y_label("Hz").heatmap(map);
  std::vector<double> a;
  std::vector<double> b;
  std::vector<double> c;
  std::vector<double> d;
  for (int i = 0; i < 150; ++i) {
    a.push_back(800 + 60 * normal(random));
    b.push_back(a.back() + 30 * normal(random));
    c.push_back(820 + 20 * normal(random));
    d.push_back(c.back() + 10 * normal(random));
  }
  figure.panel("Poincaré plot")
      .own_x("RR(n) (ms)")
      .y_label("RR(n + 1) (ms)")
      .scatter(a, b, {"rest"})
      .scatter(c, d, {"stress", Marker::kSquare});
  figure.panel("Features")
      .height(120)
      .y_label("AUC")
      .bars({"HR mean", "SCR rate", "SCL slope", "RMSSD", "LF/HF", "temperature", "ACC energy"},
            {0.81, 0.77, 0.7, -0.2, 0.6, 0.55, 0.3});
  return figure;
}

/// What breaks layouts: ten hours, long and many labels, nothing, constants, extremes.
Figure hard_cases() {
  FigureOptions options;
  options.title = "A title with umlauts äöü, signs ° ± ² and a word that no font has: 测试";
  Figure figure(options);
  std::vector<double> day(36000 * 4);
  std::mt19937 random(5);
  std::normal_distribution<double> normal;
  double level = 0;
  for (size_t i = 0; i < day.size(); ++i) {
    level = 0.9999 * level + 0.01 * normal(random);
    day[i] = i > 60000 && i < 70000 ? NAN : 3 + level + (i % 9000 == 0 ? 2 : 0);
  }
  Panel& first = figure.panel("Ten hours at 4 Hz, with spikes of a single sample that must not be lost");
  first.y_label("a label that is far too long for its panel (µS)").line(0, 0.25, day, {"skin conductance"});
  for (int i = 0; i < 12; ++i) {
    first.span(3000.0 * i, 3000.0 * i + (i % 3 == 0 ? 2500 : 200), {"condition " + std::to_string(i)});
  }
  Panel& many =
      figure.panel("Many series under a panel title that goes on and on until it takes the whole row");
  for (int k = 0; k < 14; ++k) {
    std::vector<double> y;
    for (int i = 0; i < 360; ++i) y.push_back(std::sin(i / 30.0 + k) + k);
    many.line(0, 100, y, {"series number " + std::to_string(k)});
  }
  figure.panel("Nothing").y_label("V").height(60);
  figure.panel("Constant").height(60).line({0, 36000}, {5, 5}, {"five"});
  figure.panel("Tiny").height(80).line({0, 18000, 36000}, {1e-9, 3e-9, 2e-9}).y_label("A");
  figure.panel("Huge")
      .height(80)
      .line({0, 18000, 36000}, {1e9, -3e9, 2e9})
      .scatter({100, 20000}, {0, 1e9}, {"x", Marker::kCross});
  std::vector<std::string> names;
  std::vector<double> heights;
  for (int i = 0; i < 40; ++i) {
    names.push_back("F0semitone_" + std::to_string(i));
    heights.push_back(i % 7);
  }
  figure.panel("Forty names").height(80).bars(names, heights);
  return figure;
}

/// The pictures, kept in the folder that LIMBIC_PLOT_GALLERY names, to be looked at.
TEST(Figure, WritesSvgAndPng) {
  const char* folder = std::getenv("LIMBIC_PLOT_GALLERY");
  const test::TempDir dir;
  const std::string where = folder != nullptr ? folder : dir.path();
  gallery().write(where + "/gallery.svg");
  gallery().write(where + "/gallery.png");
  hard_cases().write(where + "/hard.svg");
  hard_cases().write(where + "/hard.png");
  const auto image = media::read_image(where + "/gallery.png");
  EXPECT_EQ(image.width, 1200);
  EXPECT_EQ(image.channels, 3);
  EXPECT_EQ(image.data, gallery().image().data);
  EXPECT_EQ(core::read_file(where + "/gallery.svg"), gallery().svg());
  // Another reader of XML is the judge.
  for (const char* name : {"gallery.svg", "hard.svg"}) {
    const std::string command =
        "python3 -c \"import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])\" '" + where + "/" +
        name + "'";
    if (std::system("python3 -c pass") != 0) GTEST_SKIP() << "no python3 to judge the SVG";
    EXPECT_EQ(std::system(command.c_str()), 0) << name;
  }
}

int count_of(const std::string& text, const std::string& part) {
  int count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

/// Pixels of a colour (as drawn on white, without smoothing's in-between shades).
int pixels_of(const media::Image& image, Colour colour, int top = 0, int bottom = 1 << 20) {
  int count = 0;
  for (int y = top; y < std::min(bottom, image.height); ++y) {
    for (int x = 0; x < image.width; ++x) {
      const uint8_t* p =
          image.data.data() +
          (static_cast<size_t>(y) * static_cast<size_t>(image.width) + static_cast<size_t>(x)) * 3;
      count += std::abs(p[0] - colour.red) + std::abs(p[1] - colour.green) + std::abs(p[2] - colour.blue) < 24
                   ? 1
                   : 0;
    }
  }
  return count;
}

TEST(Figure, TextOfTheCallerCannotBreakTheSvg) {
  Figure figure;
  figure.panel("</text><script>alert(1)</script>")
      .y_label("a & b \"c\" 'd'")
      .line(0, 1, {1, 2}, {"\x01\xff\xc3\xed\xa0\x80 µ"});
  const std::string svg = figure.svg();
  EXPECT_EQ(svg.find("<script"), std::string::npos);
  EXPECT_NE(svg.find("&lt;/text&gt;&lt;script&gt;alert(1)"), std::string::npos);
  EXPECT_NE(svg.find("a &amp; b &quot;c&quot; 'd'"), std::string::npos);
  EXPECT_NE(svg.find("?????"), std::string::npos);  // bytes that are not UTF-8, or not characters
  EXPECT_NE(svg.find(" µ</text>"), std::string::npos);
  EXPECT_GT(figure.image().height, 100);
}

TEST(Figure, ALineBreaksAtMissingValues) {
  const auto paths_with = [](const std::vector<double>& y) {
    Figure figure;
    figure.panel().line(0, 1, y, {"", palette(1), 3});
    return count_of(figure.svg(), "stroke-width=\"3.00\"");
  };
  EXPECT_EQ(paths_with({1, 2, 3, 4, 5}), 1);
  EXPECT_EQ(paths_with({1, 2, NAN, 4, 5}), 2);
  EXPECT_EQ(paths_with({NAN, 1, NAN, INFINITY, 4, NAN}), 2);  // each of a single point
  EXPECT_EQ(paths_with({NAN, NAN}), 0);
  EXPECT_EQ(paths_with({}), 0);
}

TEST(Figure, LongSeriesKeepEveryPeakAndGapInALittleSpace) {
  std::vector<double> y(3'600'000, 0.0);  // ten hours at 100 Hz
  y[1'234'567] = 10;
  for (size_t i = 2'000'000; i < 2'100'000; ++i) y[i] = NAN;
  Figure figure;
  figure.panel().line(0, 0.01, y, {"", palette(1), 3});
  const std::string svg = figure.svg();
  EXPECT_LT(svg.size(), 200'000u);
  EXPECT_EQ(count_of(svg, "stroke-width=\"3.00\""), 2);
  const auto image = figure.image();
  EXPECT_GT(pixels_of(image, palette(1), 0, image.height / 3), 20);  // the peak of one sample
  // The axis counts hours.
  EXPECT_NE(svg.find(">2:00:00</text>"), std::string::npos);
  EXPECT_NE(svg.find("time (h:mm:ss)"), std::string::npos);
}

TEST(Figure, AZoomShowsWhatLiesInside) {
  std::vector<double> y(1'000'000, 0.0);
  y[500'000] = 7;
  y[100] = 99;
  FigureOptions options;
  options.x_range = {4999.0, 5001.0};
  Figure figure(options);
  figure.panel().line(0, 0.01, y);
  const std::string svg = figure.svg();
  EXPECT_NE(svg.find(">5000.0</text>"), std::string::npos);
  EXPECT_NE(svg.find(">6</text>"), std::string::npos);  // the range of y is that of what is seen
  EXPECT_EQ(svg.find(">100</text>"), std::string::npos);
}

TEST(Figure, APhasePlotIsDrawnPointByPoint) {
  std::vector<double> x;
  std::vector<double> y;
  for (int i = 0; i < 50'000; ++i) {
    x.push_back(std::cos(i * 0.01));
    y.push_back(std::sin(i * 0.01));
  }
  Figure figure;
  figure.panel().own_x("x").line(x, y);
  EXPECT_GT(count_of(figure.svg(), " "), 50'000);
}

TEST(Figure, SpanLabelsStandInTheStripOrInTheLegend) {
  Figure figure;
  figure.panel()
      .line(0, 1, std::vector<double>(100, 1.0))
      .span(0, 50, {"wide enough"})
      .span(60, 60.5, {"too narrow"})
      .span(NAN, 3, {"unknown"});
  const std::string svg = figure.svg();
  EXPECT_EQ(count_of(svg, ">wide enough</text>"), 1);
  EXPECT_EQ(count_of(svg, ">too narrow</text>"), 1);
  EXPECT_EQ(count_of(svg, ">unknown</text>"), 0);
  // The one is centred in its span, the other ends the legend at the right.
  EXPECT_NE(svg.find("text-anchor=\"middle\">wide enough"), std::string::npos);
  EXPECT_NE(svg.find("text-anchor=\"start\">too narrow"), std::string::npos);
}

TEST(Figure, NamesStandBesideTheirPointsWithoutCoveringEachOther) {
  FigureOptions options;
  options.is_time = false;
  Figure figure(options);
  const std::vector<double> x{0.0, 0.001, 0.002, 1.0};
  const std::vector<double> y{0.0, 0.0, 0.0, 0.5};
  Panel& panel = figure.panel();
  panel.scatter(x, y).names(x, y, {"first", "<b>&", "third", "far"});
  const std::string svg = figure.svg();
  const auto place_of = [&](const std::string& word) {
    const size_t end = svg.find(">" + word + "<");
    const size_t start = svg.rfind("<text", end);
    return end == std::string::npos ? std::string() : svg.substr(start, end - start);
  };
  EXPECT_NE(place_of("first"), "");
  EXPECT_NE(place_of("&lt;b&gt;&amp;"), "");
  EXPECT_NE(place_of("first"), place_of("third"));
  EXPECT_EQ(test::error_of([&] { panel.names(x, y, {"one"}); }, ErrorCode::kData).rfind("plot: ", 0), 0u);
}

TEST(Figure, AHeatmapShowsValuesAndHoles) {
  Heatmap map;
  map.num_columns = 2;
  map.num_rows = 2;
  map.values_CR = {0, 1, NAN, 1};
  Figure figure;
  figure.panel().heatmap(map);
  const auto image = figure.image();
  const int dark = pixels_of(image, {0x44, 0x01, 0x54});    // viridis at 0
  const int bright = pixels_of(image, {0xfd, 0xe7, 0x25});  // and at 1
  EXPECT_GT(dark, 20'000);
  EXPECT_NEAR(static_cast<double>(bright) / dark, 2, 0.1);
  EXPECT_GT(count_of(figure.svg(), "data:image/png;base64,"), 1);
}

TEST(Figure, WrongInputIsRefusedWithItsNumbers) {
  Figure figure;
  Panel& panel = figure.panel();
  EXPECT_EQ(test::error_of(
                [&] {
                  panel.line({1, 2}, {1});
                },
                ErrorCode::kData),
            "plot: a line of 2 x and 1 y values; they must be of one length");
  EXPECT_NE(test::error_of([&] { panel.line(0, 0, {1}); }, ErrorCode::kData).find("a positive step"),
            std::string::npos);
  EXPECT_NE(test::error_of([&] { panel.scatter({1}, {}); }, ErrorCode::kData).find("1 x and 0 y"),
            std::string::npos);
  EXPECT_NE(test::error_of([&] { panel.y_range(2, 1); }, ErrorCode::kConfig).find("the lower first"),
            std::string::npos);
  Heatmap map;
  map.num_columns = 2;
  map.num_rows = 2;
  map.values_CR = {1, 2, 3};
  EXPECT_NE(test::error_of([&] { panel.heatmap(map); }, ErrorCode::kData).find("has 3 values"),
            std::string::npos);
  EXPECT_NE(test::error_of([&] { figure.write("x.gif"); }, ErrorCode::kConfig).find(".svg or .png"),
            std::string::npos);
  FigureOptions narrow;
  narrow.width_px = 10;
  EXPECT_NE(test::error_of([&] { Figure{narrow}; }, ErrorCode::kConfig).find("[300, 8000]"),
            std::string::npos);
}

TEST(Figure, EveryAxisHasTwoMarksAtLeast) {
  for (const double size : {1e-300, 3e-9, 0.7, 1.0, 42.0, 1e9, 1e300}) {
    for (const double low : {0.0, -1.0, 0.93}) {
      Figure figure;
      figure.panel().height(40).line({0, 1}, {low * size, size});
      const std::string svg = figure.svg();
      // The marks of y end at x = 71, as told by their anchor.
      EXPECT_GE(count_of(svg, "text x=\"71.00\""), 2) << low << " " << size;
    }
  }
}

TEST(Figure, ScaleMakesTheSamePictureLarger) {
  FigureOptions options;
  options.width_px = 400;
  options.png_scale = 2.5;
  Figure figure(options);
  figure.panel("a").line(0, 1, {1, 2, 1});
  EXPECT_EQ(figure.image().width, 1000);
}

}  // namespace
}  // namespace limbic::plot
