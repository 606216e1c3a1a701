#include "limbic/formats/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <clocale>
#include <cmath>
#include <filesystem>
#include <limits>

#include "support/paths.h"

namespace limbic::formats {
namespace {

using test::error_of;
using test::TempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::vector<std::string>> rows_of(const std::string& path, CsvOptions options = {}) {
  CsvReader reader(path, options);
  std::vector<std::vector<std::string>> rows;
  CsvRow row;
  while (reader.next(row)) {
    rows.emplace_back();
    for (size_t i = 0; i < row.size(); ++i) rows.back().push_back(row.text(i));
  }
  return rows;
}

std::string csv_error(const TempDir& dir, const std::string& text, CsvOptions options = {}) {
  core::write_file(dir / "a.csv", text);
  const std::string error = error_of([&] { rows_of(dir / "a.csv", options); }, ErrorCode::kData);
  EXPECT_THAT(error, ::testing::StartsWith(dir / "a.csv:"));
  return error.substr((dir / "a.csv").size());
}

TEST(CsvReader, ReadsQuotesLineEndsAndByteOrderMark) {
  const TempDir dir;
  core::write_file(dir / "a",
                   "\xef\xbb\xbfid,text\r\n1,\"a, \"\"b\"\"\r\nc\"\r\n\r\n2,\n3,\"\"\r4,caf\xc3\xa9");
  CsvReader reader(dir / "a");
  EXPECT_THAT(reader.columns(), ElementsAre("id", "text"));
  CsvRow row;
  std::vector<std::string> texts;
  std::vector<int64_t> lines;
  while (reader.next(row)) {
    texts.push_back(row.text("text"));
    lines.push_back(row.line());
  }
  EXPECT_THAT(texts, ElementsAre("a, \"b\"\r\nc", "", "", "caf\xc3\xa9"));
  EXPECT_THAT(lines, ElementsAre(2, 5, 6, 7));
}

TEST(CsvReader, ReadsOpenFaceStyleBlanksAfterSeparators) {
  const TempDir dir;
  core::write_file(dir / "a", "frame, face_id, timestamp, confidence\n1, 0, 0.033, 0.98\n");
  CsvReader reader(dir / "a");
  CsvRow row;
  ASSERT_TRUE(reader.next(row));
  EXPECT_EQ(row.integer("face_id"), 0);
  EXPECT_DOUBLE_EQ(row.real("confidence"), 0.98);
  EXPECT_EQ(row.text("timestamp"), " 0.033");
  CsvOptions options;
  options.trim = true;
  core::write_file(dir / "b", "a, b\n x y , \"q \" \n");
  EXPECT_THAT(rows_of(dir / "b", options), ElementsAre(ElementsAre("x y", "q ")));
}

TEST(CsvReader, ReadsHeaderlessRaggedAndTabSeparatedFiles) {
  const TempDir dir;
  core::write_file(dir / "e4", "1644226061.000000\n4.000000\n0.1\n0.2");
  CsvOptions bare;
  bare.has_header = false;
  EXPECT_EQ(rows_of(dir / "e4", bare).size(), 4U);
  core::write_file(dir / "ibi", "1644226061, IBI\n1.5,0.8,9\n");
  EXPECT_THAT(csv_error(dir, "1644226061\n1.5,0.8\n", bare), HasSubstr(":2: 2 fields; the first row has 1"));
  bare.allow_ragged = true;
  EXPECT_THAT(rows_of(dir / "ibi", bare),
              ElementsAre(ElementsAre("1644226061", " IBI"), ElementsAre("1.5", "0.8", "9")));
  CsvOptions tabs;
  tabs.separator = '\t';
  tabs.quote = '\0';
  core::write_file(dir / "tsv", "onset\ttrial\n0.5\tsay \"yes\"\n");
  EXPECT_THAT(rows_of(dir / "tsv", tabs), ElementsAre(ElementsAre("0.5", "say \"yes\"")));
}

TEST(CsvReader, ErrorsNameLineColumnAndNearestName) {
  const TempDir dir;
  core::write_file(dir / "a", "time_s,label\n0.5,x\n1e400,y\n,z\ninf,w\n12 ,v\n+7,u\n");
  CsvReader reader(dir / "a");
  CsvRow row;
  ASSERT_TRUE(reader.next(row));
  EXPECT_EQ(error_of([&] { (void)row.text("lable"); }, ErrorCode::kData),
            dir / "a: no column 'lable'; did you mean 'label'?; columns: time_s, label");
  EXPECT_EQ(error_of([&] { row.real("label"); }, ErrorCode::kData),
            dir / "a:2: column 'label': 'x' is not a number");
  EXPECT_EQ(error_of([&] { row.integer("time_s"); }, ErrorCode::kData),
            dir / "a:2: column 'time_s': '0.5' is not a 64-bit integer");
  EXPECT_EQ(error_of([&] { (void)row.text(2); }, ErrorCode::kData), dir / "a:2: no field 3; the row has 2");
  reader.next(row);
  EXPECT_THAT(error_of([&] { row.real("time_s"); }, ErrorCode::kData), HasSubstr("'1e400' is not a number"));
  reader.next(row);
  EXPECT_THAT(error_of([&] { row.real("time_s"); }, ErrorCode::kData),
              HasSubstr(":4: column 'time_s': '' is not"));
  EXPECT_EQ(row.optional_real("time_s"), std::nullopt);
  reader.next(row);
  EXPECT_THAT(error_of([&] { row.optional_real("time_s"); }, ErrorCode::kData),
              HasSubstr("'inf' is not finite"));
  reader.next(row);
  EXPECT_EQ(row.integer("time_s"), 12);
  reader.next(row);
  EXPECT_EQ(row.optional_real("time_s"), 7.0);
}

TEST(CsvReader, RefusesWhatIsNoCsv) {
  const TempDir dir;
  using namespace std::string_literals;
  EXPECT_THAT(csv_error(dir, ""), HasSubstr("empty; expected a line with the names"));
  EXPECT_THAT(csv_error(dir, "a,b\n1\n"), HasSubstr(":2: 1 fields; the header has 2"));
  EXPECT_THAT(csv_error(dir, "a,b\n1,2,3\n"), HasSubstr(":2: 3 fields; the header has 2"));
  EXPECT_THAT(csv_error(dir, "a,b\n1,\"2\n\n"), HasSubstr(":2: a quoted field is never closed"));
  EXPECT_THAT(csv_error(dir, "a,b\n1,\"2\"x\n"), HasSubstr(":2: text after a closing quote"));
  EXPECT_THAT(csv_error(dir, "a,b\n1,2\"\n"), HasSubstr(":2: a quote inside an unquoted field"));
  EXPECT_THAT(csv_error(dir, "a,b\n1,\0\n"s), HasSubstr(":2: a NUL byte"));
  EXPECT_THAT(csv_error(dir, "a,b\n1,\xe9\n"), HasSubstr(":2: text that is not UTF-8"));
  EXPECT_THAT(csv_error(dir, "a,b\n1,\xed\xa0\x80\n"), HasSubstr("not UTF-8"));  // a surrogate
  EXPECT_THAT(csv_error(dir, "a,a\n"), HasSubstr(":1: column 'a' appears twice"));
  EXPECT_THAT(csv_error(dir, "\xff\xfe"s + "a\0"s), HasSubstr("UTF-16"));
  EXPECT_THAT(csv_error(dir, "a,b\n1," + std::string(2 << 20, 'x')),
              HasSubstr(":2: a record longer than 1048576"));
  EXPECT_THAT(csv_error(dir, "a\n\"" + std::string(2 << 20, 'x')), HasSubstr("is a quote missing?"));
  EXPECT_THAT(csv_error(dir, std::string(70000, ',')), HasSubstr(":1: more than 65536 fields"));
  EXPECT_THAT(error_of([&] { CsvReader reader(dir / "none"); }, ErrorCode::kData), HasSubstr("cannot open"));
}

TEST(CsvWriter, WhatIsWrittenReadsBackExactly) {
  const TempDir dir;
  const std::vector<double> values = {0.1,  1.0 / 3, 5e-324,       1.7976931348623157e308,
                                      -0.0, 1e22,    123456789.125};
  const std::vector<std::string> texts = {"plain", "a,b", "say \"x\"", "two\nlines", " edge ", "", "cr\r"};
  {
    CsvWriter csv(dir / "a", {"value", "the, text"});
    for (size_t i = 0; i < values.size(); ++i) {
      csv.add(values[i]).add(texts[i]);
      csv.end_row();
    }
    EXPECT_FALSE(std::filesystem::exists(dir / "a"));
    csv.finish();
  }
  CsvReader reader(dir / "a");
  CsvRow row;
  for (size_t i = 0; i < values.size(); ++i) {
    ASSERT_TRUE(reader.next(row));
    EXPECT_EQ(row.real("value"), values[i]);
    EXPECT_EQ(row.text("the, text"), texts[i]);
  }
  EXPECT_FALSE(reader.next(row));
}

TEST(CsvWriter, WritesShortNumbersFixedDecimalsAndEmptyForNaN) {
  const TempDir dir;
  CsvWriter shortest(dir / "a", {"a", "b", "c", "d", "e"});
  shortest.add(0.1).add(0.1f).add(-7).add(size_t{9}).add(std::nan(""));
  shortest.end_row();
  shortest.finish();
  EXPECT_EQ(core::read_file(dir / "a"), "a,b,c,d,e\n0.1,0.1,-7,9,\n");
  CsvWriterOptions options;
  options.decimals = 3;
  options.separator = ';';
  CsvWriter fixed(dir / "b", {"a", "b"}, options);
  fixed.add(2.0 / 3).add(std::numeric_limits<double>::max());
  fixed.end_row();
  fixed.finish();
  EXPECT_EQ(core::read_file(dir / "b").substr(0, 20), "a;b\n0.667;1797693134");
}

TEST(CsvWriter, ShortRowsAreABugAndUnfinishedFilesLeaveNothing) {
  const TempDir dir;
  {
    CsvWriter csv(dir / "a", {"x", "y"});
    csv.add(1);
    EXPECT_THAT(error_of([&] { csv.end_row(); }, ErrorCode::kInternal),
                HasSubstr("row 1 has 1 fields for 2 columns"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
  CsvWriter one(dir / "one", {"only"});
  one.add("");
  one.end_row();
  one.finish();
  EXPECT_THAT(rows_of(dir / "one"), ElementsAre(ElementsAre("")));
}

TEST(Csv, NumbersDoNotDependOnTheLocale) {
  const char* const found = std::setlocale(LC_ALL, "de_DE.UTF-8");
  if (found == nullptr) GTEST_SKIP() << "no locale with a decimal comma is installed";
  const TempDir dir;
  CsvWriter csv(dir / "a", {"x"});
  csv.add(1.5);
  csv.end_row();
  csv.finish();
  CsvReader reader(dir / "a");
  CsvRow row;
  reader.next(row);
  EXPECT_EQ(row.real("x"), 1.5);
  std::setlocale(LC_ALL, "C");
}

}  // namespace
}  // namespace limbic::formats
