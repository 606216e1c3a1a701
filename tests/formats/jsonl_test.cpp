#include "limbic/formats/jsonl.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "support/paths.h"

namespace limbic::formats {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

std::vector<json> objects_of(const std::string& path, JsonlOptions options = {}) {
  JsonlReader reader(path, options);
  std::vector<json> objects;
  for (json object; reader.next(object);) objects.push_back(object);
  return objects;
}

std::string jsonl_error(const test::TempDir& dir, const std::string& text, JsonlOptions options = {}) {
  core::write_file(dir / "a", text);
  const std::string error = test::error_of([&] { objects_of(dir / "a", options); }, ErrorCode::kData);
  EXPECT_EQ(error.find('\n'), std::string::npos);
  return error;
}

TEST(Jsonl, WriterAppenderAndReaderAgree) {
  const test::TempDir dir;
  const std::vector<json> objects = {{{"step", 1}, {"loss", 0.1}},
                                     {{"text", "caf\xc3\xa9\n"}, {"list", {1, 2.5, "x"}}}};
  JsonlWriter writer(dir / "a");
  for (const auto& object : objects) writer.write(object);
  EXPECT_FALSE(std::filesystem::exists(dir / "a"));
  writer.finish();
  EXPECT_EQ(objects_of(dir / "a"), objects);
  for (const auto& object : objects) JsonlAppender(dir / "b").write(object);
  EXPECT_EQ(core::read_file(dir / "a"), core::read_file(dir / "b"));
}

TEST(Jsonl, ALineIsThereAsSoonAsItIsWritten) {
  const test::TempDir dir;
  JsonlAppender appender(dir / "a");
  appender.write({{"step", 1}});
  EXPECT_EQ(core::read_file(dir / "a"), "{\"step\":1}\n");
  appender.write({{"loss", std::nan("")}});
  EXPECT_EQ(core::read_file(dir / "a"), "{\"step\":1}\n{\"loss\":null}\n");
  appender.sync();
}

TEST(Jsonl, ATornLastLineIsCutWhenWritingGoesOn) {
  const test::TempDir dir;
  core::write_file(dir / "a", "{\"step\":1}\n{\"step\":2,\"lo");
  JsonlOptions lenient;
  lenient.skip_torn_tail = true;
  EXPECT_EQ(objects_of(dir / "a", lenient).size(), 1U);
  EXPECT_THAT(test::error_of([&] { objects_of(dir / "a"); }, ErrorCode::kData),
              HasSubstr(":2: not JSON: column "));
  JsonlAppender(dir / "a").write({{"step", 2}});
  EXPECT_EQ(core::read_file(dir / "a"), "{\"step\":1}\n{\"step\":2}\n");
  core::write_file(dir / "b", std::string(100000, 'x'));  // torn from the first byte
  JsonlAppender(dir / "b").write({{"step", 1}});
  EXPECT_EQ(core::read_file(dir / "b"), "{\"step\":1}\n");
}

TEST(Jsonl, BadLinesAreRefusedWithTheirPlace) {
  const test::TempDir dir;
  EXPECT_THAT(jsonl_error(dir, "{}\n\n{\"a\" 1}\n"), HasSubstr("a:3: not JSON: column 6: syntax error"));
  EXPECT_THAT(jsonl_error(dir, "{}\n[1]\n"), HasSubstr("a:2: array instead of a JSON object"));
  EXPECT_THAT(jsonl_error(dir, "{}{}\n"), HasSubstr("a:1: not JSON"));
  EXPECT_THAT(jsonl_error(dir, "{\"k\":1,\"k\":2}\n"), HasSubstr("a:1: key 'k' appears twice"));
  EXPECT_THAT(jsonl_error(dir, "{\"a\":\"\xff\"}\n"), HasSubstr("a:1: not JSON"));
  EXPECT_THAT(jsonl_error(dir, "{\"a\":" + std::string(100000, '[') + "\n"),
              HasSubstr("nested deeper than 64"));
  EXPECT_THAT(jsonl_error(dir, "{\"a\":1e999}\n"), HasSubstr("a:1: not JSON"));
  JsonlOptions narrow;
  narrow.max_line_bytes = 100;
  EXPECT_THAT(jsonl_error(dir, "{}\n{\"a\":\"" + std::string(200, 'x') + "\"}\n", narrow),
              HasSubstr("line 2: " + (dir / "a: a line is longer than 100 bytes")));
}

TEST(Jsonl, UnicodeMarkAndCarriageReturnsAreFine) {
  const test::TempDir dir;
  core::write_file(dir / "a", "\xef\xbb\xbf{\"a\":{\"k\":1},\"b\":{\"k\":2}}\r\n\r\n{}");
  EXPECT_EQ(objects_of(dir / "a").size(), 2U);
}

TEST(Json, FilesRoundTripAndErrorsNameTheLine) {
  const test::TempDir dir;
  const json value = {{"b", {1, 2}}, {"a", 1.0 / 3}};
  write_json(dir / "a", value);
  EXPECT_EQ(core::read_file(dir / "a"),
            "{\n  \"a\": 0.3333333333333333,\n  \"b\": [\n    1,\n    2\n  ]\n}\n");
  EXPECT_EQ(read_json(dir / "a"), value);
  core::write_file(dir / "b", "{\n\"a\": 1,\n}\n");
  EXPECT_THAT(test::error_of([&] { read_json(dir / "b", 100, ErrorCode::kModel); }, ErrorCode::kModel),
              HasSubstr("b:3: not JSON: column 1: syntax error"));
  EXPECT_THAT(test::error_of([&] { read_json(dir / "a", 10); }, ErrorCode::kData),
              HasSubstr("at most 10 are read"));
  EXPECT_THAT(test::error_of([&] { write_json(dir / "c", "\xff"); }, ErrorCode::kInternal),
              HasSubstr("cannot be written"));
}

}  // namespace
}  // namespace limbic::formats
