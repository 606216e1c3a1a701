#include "limbic/formats/text_grid.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <functional>

#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "mutants_for_tests.h"
#include "support/paths.h"

namespace limbic::formats {
namespace {

/// The same grid in three forms of "TextGrid file formats" of Praat's manual, and mixed with comments.
constexpr const char* kLongGrid = R"(File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0 
xmax = 2.3 
tiers? <exists> 
size = 2 
item []: 
    item [1]:
        class = "IntervalTier" 
        name = "Mary" 
        xmin = 0 
        xmax = 2.3 
        intervals: size = 2 
        intervals [1]:
            xmin = 0 
            xmax = 1.25 
            text = "she said ""no"" 5 ! times" 
        intervals [2]:
            xmin = 1.25 
            xmax = 2.3 
            text = "" 
    item [2]:
        class = "TextTier" 
        name = "bell" 
        xmin = 0 
        xmax = 2.3 
        points: size = 1 
        points [1]:
            number = 1.5 
            mark = "d<i>ng" 
)";
constexpr const char* kShortGrid =
    "File type = \"ooTextFile\"\r\nObject class = "
    "\"TextGrid\"\r\n\r\n0\r\n2.3\r\n<exists>\r\n2\r\n\"IntervalTier\"\r\n\"Mary\"\r\n0\r\n2."
    "3\r\n2\r\n0\r\n1.25\r\n"
    "\"she said \"\"no\"\" 5 ! "
    "times\"\r\n1.25\r\n2.3\r\n\"\"\r\n\"TextTier\"\r\n\"bell\"\r\n0\r\n2.3\r\n1\r\n1.5\r\n\"d<i>ng\"\r\n";
constexpr const char* kMixedGrid = R"("ooTextFile"
"TextGrid"
0 2.3 ! time domain of TextGrid
<exists>
2 tiers
"IntervalTier" named "Mary" From 0 to 2.3 seconds 2 intervals coming
0 1.25 "she said ""no"" 5 ! times"   ! the first
1.25 2.3 ""
"TextTier" named "bell" 0 2.3
1 point
1.5 "d<i>ng")";
constexpr const char* kChronologicalGrid = R"("Praat chronological TextGrid text file"
0 2.3   ! Time domain.
2   ! Number of tiers.
"IntervalTier" "Mary" 0 2.3
"TextTier" "bell" 0 2.3

1 0 1.25
"she said ""no"" 5 ! times"
1 1.25 2.3
""
2 1.5
"d<i>ng"
)";

TextGrid read_grid(const std::string& text) {
  test::TempDir dir;
  core::write_file(dir / "a.TextGrid", text);
  return read_text_grid(dir / "a.TextGrid");
}

void expect_mary(const TextGrid& grid) {
  EXPECT_EQ(grid.start_s, 0);
  EXPECT_EQ(grid.end_s, 2.3);
  ASSERT_EQ(grid.tiers.size(), 2u);
  const TextGridTier& mary = *grid.tier("Mary");
  EXPECT_FALSE(mary.is_points);
  ASSERT_EQ(mary.intervals.size(), 2u);
  EXPECT_EQ(mary.intervals[0].text, "she said \"no\" 5 ! times");
  EXPECT_EQ(mary.intervals[0].end_s, 1.25);
  EXPECT_EQ(mary.intervals[1].start_s, 1.25);
  EXPECT_EQ(mary.intervals[1].text, "");
  const TextGridTier& bell = *grid.tier("bell");
  EXPECT_TRUE(bell.is_points);
  ASSERT_EQ(bell.points.size(), 1u);
  EXPECT_EQ(bell.points[0].time_s, 1.5);
  EXPECT_EQ(bell.points[0].text, "d<i>ng");
  EXPECT_EQ(grid.tier("John"), nullptr);
}

TEST(TextGrid, LongShortMixedAndChronologicalFormsSayTheSame) {
  for (const char* text : {kLongGrid, kShortGrid, kMixedGrid, kChronologicalGrid}) {
    SCOPED_TRACE(text);
    expect_mary(read_grid(text));
    std::string old_mac = text;  // lines that end in CR alone
    std::replace(old_mac.begin(), old_mac.end(), '\n', '\r');
    expect_mary(read_grid(old_mac));
  }
}

std::string utf16_of(const std::string& ascii, bool is_big, const std::string& mark) {
  std::string out = mark;
  for (const char c : ascii) out += is_big ? std::string({'\0', c}) : std::string({c, '\0'});
  return out;
}

TEST(TextGrid, EncodingsAreRecognised) {
  const auto text_of = [](const std::string& bytes) { return read_grid(bytes).tiers[0].intervals[0].text; };
  const auto grid_of = [](const std::string& label) {
    return "\"ooTextFile\" \"TextGrid\" 0 1 <exists> 1 \"IntervalTier\" \"t\" 0 1 1 0 1 \"" + label + "\"\n";
  };
  EXPECT_EQ(text_of(grid_of("fr\xC3\xB6hlich")), "fr\xC3\xB6hlich");
  EXPECT_EQ(text_of("\xEF\xBB\xBF" + grid_of("fr\xC3\xB6hlich")), "fr\xC3\xB6hlich");
  EXPECT_EQ(text_of(grid_of("fr\xF6hlich")), "fr\xC3\xB6hlich");
  EXPECT_EQ(read_grid(grid_of("fr\xF6hlich")).encoding, "latin-1");
  std::string little = utf16_of(grid_of("XY"), false, "\xFF\xFE");
  // Code points past 16 bits are pairs: U+1F600, the grinning face.
  little.replace(little.find('X'), 4, std::string("\x3D\xD8\x00\xDE", 4));
  EXPECT_EQ(text_of(little), "\xF0\x9F\x98\x80");
  EXPECT_EQ(text_of(utf16_of(grid_of("ab"), true, "\xFE\xFF")), "ab");
  EXPECT_EQ(read_grid(utf16_of(grid_of("ab"), true, "")).encoding, "utf-16be") << "without a mark";
  EXPECT_EQ(read_grid(utf16_of(grid_of("ab"), false, "")).encoding, "utf-16le");
}

TEST(TextGrid, WhatIsWrongIsNamedWithItsLine) {
  const auto refusal = [](const std::string& text) {
    return test::error_of([&] { read_grid(text); }, ErrorCode::kData);
  };
  const auto changed = [](std::string text, const std::string& from, const std::string& to) {
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  };
  const auto expect = [](const std::string& message, const char* part) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  expect(refusal(""), ":1: the file ends early; expected \"ooTextFile\" in quotes");
  expect(refusal("hello"), "the file ends early");
  expect(refusal(changed(kLongGrid, "\"TextGrid\"", "\"PitchTier\"")),
         "an object of class 'PitchTier'; expected TextGrid");
  expect(refusal(changed(kLongGrid, "\"ooTextFile\"", "\"text\"")), "file type 'text'");
  expect(refusal(changed(kLongGrid, "\"IntervalTier\"", "\"SpellTier\"")),
         ":10: a tier of class 'SpellTier'; expected IntervalTier or TextTier");
  expect(refusal(changed(kLongGrid, "size = 2 \n        intervals", "size = 1000000000 \n        intervals")),
         "expected a start time");
  expect(refusal(changed(kLongGrid, "size = 2 \nitem", "size = 2.5 \nitem")),
         "the number of tiers is 2.5; expected a whole number");
  expect(refusal(changed(kLongGrid, "xmax = 1.25", "xmax = -1.25")),
         ":17: the time from 0 s to -1.25 s runs backwards");
  expect(refusal(changed(kLongGrid, "xmin = 1.25", "xmin = 1.2")),
         "tier 'Mary' at 1.2 s: an interval begins before the one before it has ended");
  expect(refusal(changed(kLongGrid, "5 ! times\"", "5 ! times")), "expected a start time");
  expect(refusal(std::string(kLongGrid).substr(0, std::string(kLongGrid).size() - 4)),
         ":31: a text in quotes is never closed");
  expect(refusal(changed(kChronologicalGrid, "2 1.5", "3 1.5")),
         ":11: number 3; expected the number of a tier, 1 to 2");
  expect(refusal("ooBinaryFile\x08TextGrid"), "a binary TextGrid; save it as text");
  expect(refusal(std::string("\xFF\xFE\x00\xD8\x41\x00", 6)), "byte 0: half a UTF-16 pair");
  expect(refusal(std::string("\xFF\xFE\x41", 3)), "odd number of bytes");
  expect(refusal(changed(kLongGrid, "xmax = 2.3", "xmax = 1e300")), "an end time is 1e+300");
}

TextGrid small_grid() {
  TextGrid grid;
  grid.end_s = 3.75;
  TextGridTier words;
  words.name = "the \"words\"";
  words.intervals = {{0.1, 1.0 / 3.0, "fr\xC3\xB6hlich \"so\""}, {1.5, 2.5, "two\nlines"}, {2.5, 3.75, ""}};
  TextGridTier taps;
  taps.name = "taps";
  taps.is_points = true;
  taps.points = {{0.0, "a"}, {3.0000000000000004, "b"}};
  grid.tiers = {words, taps};
  return grid;
}

TEST(TextGrid, WhatIsWrittenReadsBackExactlyWithItsGapsFilled) {
  test::TempDir dir;
  write_text_grid(dir / "b.TextGrid", small_grid());
  const TextGrid again = read_text_grid(dir / "b.TextGrid");
  ASSERT_EQ(again.tiers.size(), 2u);
  const auto& intervals = again.tiers[0].intervals;
  EXPECT_EQ(again.tiers[0].name, "the \"words\"");
  ASSERT_EQ(intervals.size(), 5u);
  EXPECT_EQ(intervals[0].text, "");
  EXPECT_EQ(intervals[1].start_s, 0.1);
  EXPECT_EQ(intervals[1].end_s, 1.0 / 3.0);
  EXPECT_EQ(intervals[1].text, "fr\xC3\xB6hlich \"so\"");
  EXPECT_EQ(intervals[2].end_s, 1.5);
  EXPECT_EQ(intervals[3].text, "two\nlines");
  EXPECT_EQ(again.tiers[1].points[1].time_s, 3.0000000000000004);
  write_text_grid(dir / "c.TextGrid", again);
  EXPECT_EQ(core::read_file(dir / "b.TextGrid"), core::read_file(dir / "c.TextGrid"));
  TextGrid none;
  none.end_s = 1;
  write_text_grid(dir / "d.TextGrid", none);
  EXPECT_TRUE(read_text_grid(dir / "d.TextGrid").tiers.empty());
}

TEST(TextGrid, TheLongFormIsWrittenAsPraatWritesIt) {
  test::TempDir dir;
  write_text_grid(dir / "a.TextGrid", read_grid(kShortGrid));
  EXPECT_EQ(core::read_file(dir / "a.TextGrid"), kLongGrid);
}

TEST(TextGrid, TheWriterRefusesOverlapAndTimesOutside) {
  test::TempDir dir;
  const auto refusal = [&](const std::function<void(TextGrid&)>& change) {
    TextGrid grid = small_grid();
    change(grid);
    return test::error_of([&] { write_text_grid(dir / "bad.TextGrid", grid); }, ErrorCode::kData);
  };
  EXPECT_NE(refusal([](TextGrid& g) { g.tiers[0].intervals[1].start_s = 0.2; }).find("interval from 0.2 s"),
            std::string::npos);
  EXPECT_NE(refusal([](TextGrid& g) { g.tiers[0].intervals[2].end_s = 4; }).find("where the grid ends"),
            std::string::npos);
  EXPECT_NE(refusal([](TextGrid& g) { g.tiers[0].intervals[2].end_s = std::nan(""); }).find("nan"),
            std::string::npos);
  EXPECT_NE(refusal([](TextGrid& g) { g.tiers[1].points[0].time_s = 3.5; }).find("times that grow"),
            std::string::npos);
  EXPECT_NE(refusal([](TextGrid& g) { g.end_s = 0; }).find("has no length"), std::string::npos);
  EXPECT_NE(refusal([](TextGrid& g) { g.tiers[1].name = "\xff"; }).find("not UTF-8"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(dir / "bad.TextGrid"));
}

TEST(TextGrid, PraatReadsOursAndWeReadPraats) {
  if (std::system("praat --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "no praat";
  test::TempDir dir;
  write_text_grid(dir / "ours.TextGrid", small_grid());
  core::write_file(dir / "check.praat", R"(form f
  sentence dir
endform
Text writing preferences: "UTF-8"
Read from file: dir$ + "/ours.TextGrid"
n = Get number of intervals: 1
label$ = Get label of interval: 1, 2
start = Get start time of interval: 1, 2
end = Get end time of interval: 1, 2
tier$ = Get tier name: 1
points = Get number of points: 2
time = Get time of point: 2, 2
writeFileLine: dir$ + "/seen.txt", n, newline$, label$, newline$, start, newline$, end, newline$, tier$, newline$, points, newline$, time
Save as text file: dir$ + "/long.TextGrid"
Save as short text file: dir$ + "/short.TextGrid"
Save as chronological text file: dir$ + "/chronological.TextGrid"
Save as binary file: dir$ + "/binary.TextGrid"
Text writing preferences: "UTF-16"
Save as text file: dir$ + "/wide.TextGrid"
Text writing preferences: "try ISO Latin-1, then UTF-16"
Save as text file: dir$ + "/latin.TextGrid"
)");
  const std::string command = "praat --no-pref-files --run '" + (dir / "check.praat") + "' '" + dir.path() +
                              "' >'" + (dir / "log") + "' 2>&1";
  ASSERT_EQ(std::system(command.c_str()), 0) << core::read_file(dir / "log");
  EXPECT_EQ(core::read_file(dir / "seen.txt"),
            "5\nfr\xC3\xB6hlich \"so\"\n0.1\n0.3333333333333333\nthe \"words\"\n2\n3.0000000000000004\n");
  const TextGrid ours = read_text_grid(dir / "ours.TextGrid");
  const struct {
    const char *name, *encoding;
  } kForms[] = {{"long", "utf-8"},
                {"short", "utf-8"},
                {"chronological", "utf-8"},
                {"wide", "utf-16be"},
                {"latin", "latin-1"}};
  for (const auto& form : kForms) {
    SCOPED_TRACE(form.name);
    const TextGrid praats = read_text_grid(dir / (std::string(form.name) + ".TextGrid"));
    EXPECT_EQ(praats.encoding, form.encoding);
    ASSERT_EQ(praats.tiers.size(), ours.tiers.size());
    ASSERT_EQ(praats.tiers[0].intervals.size(), ours.tiers[0].intervals.size());
    for (size_t i = 0; i < ours.tiers[0].intervals.size(); ++i) {
      EXPECT_EQ(praats.tiers[0].intervals[i].text, ours.tiers[0].intervals[i].text);
      EXPECT_EQ(praats.tiers[0].intervals[i].start_s, ours.tiers[0].intervals[i].start_s);
    }
    ASSERT_EQ(praats.tiers[1].points.size(), 2u);
    EXPECT_EQ(praats.tiers[1].points[1].time_s, ours.tiers[1].points[1].time_s);
  }
  EXPECT_NE(test::error_of([&] { read_text_grid(dir / "binary.TextGrid"); }, ErrorCode::kData).find("binary"),
            std::string::npos);
}

TEST(TextGrid, TwoThousandDamagedFilesOfEachFormAreReadOrRefused) {
  for (const char* good : {kLongGrid, kShortGrid, kMixedGrid, kChronologicalGrid}) {
    const auto outcome =
        test::read_mutants("a.TextGrid", good, test::num_mutants(), [](const std::string& path) {
          for (const TextGridTier& tier : read_text_grid(path).tiers) {
            for (const TextGridInterval& interval : tier.intervals)
              EXPECT_LE(interval.start_s, interval.end_s);
          }
        });
    EXPECT_GT(outcome.num_read, 100);
    EXPECT_GT(outcome.num_refused, 500);
  }
}

}  // namespace
}  // namespace limbic::formats
