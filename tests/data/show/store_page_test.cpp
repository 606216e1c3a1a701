#include "limbic/data/store_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include "support/paths.h"
#include "synthetic_store.h"

namespace limbic::data {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

size_t occurrences(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(StorePage, ShowsEveryKindOfStreamAndNeedsNothingElse) {
  const test::TempDir dir;
  testing::write_synthetic(dir / "store", 12);
  const auto store = Store::open(dir / "store");
  const auto html = store_page(*store, {6, 1});
  EXPECT_THAT(html, HasSubstr("<h1>synthetic</h1>"));
  EXPECT_THAT(html, HasSubstr("12 samples, 4 subjects, 12 recordings"));
  EXPECT_THAT(html, HasSubstr(store->content_hash()));
  EXPECT_EQ(occurrences(html, "<article"), 6u);
  EXPECT_EQ(occurrences(html, "data:audio/wav;base64,"), 6u);
  EXPECT_GE(occurrences(html, "data:image/png;base64,"), 4u);
  EXPECT_THAT(html, HasSubstr("Task emotion"));
  EXPECT_THAT(html, HasSubstr("prefers-color-scheme:dark"));
  for (const char* outside : {"http:", "https:", "<script", "src=\"/", "@import"})
    EXPECT_THAT(html, Not(HasSubstr(outside)));
  EXPECT_EQ(html, store_page(*store, {6, 1}));
  EXPECT_NE(html, store_page(*store, {6, 2}));
}

TEST(StorePage, DrawsFromEveryClass) {
  const test::TempDir dir;
  testing::write_synthetic(dir / "store", 40);
  const auto html = store_page(*Store::open(dir / "store"), {4, 0});
  for (const char* label : {"happy", "sad", "angry"})
    EXPECT_THAT(html, HasSubstr(std::string("title=\"emotion\">") + label));
}

TEST(StorePage, TextOfTheCorpusCannotBreakThePage) {
  const test::TempDir dir;
  auto info = testing::synthetic_info();
  info.name = "<script>alert(1)</script>";
  info.modalities["text"] = {"text", 0.0, "", {}};
  StoreWriter writer(dir / "store", info);
  for (int64_t i = 0; i < 3; ++i) {
    auto sample = testing::synthetic_sample(i);
    sample.id += "<b>\"'&";
    sample.attributes["note"] = "</td><script>";
    RawStream text;
    const std::string words = i == 0 ? "<img src=x onerror=alert(1)>" : "\xFF\xFE broken";
    text.values = at::empty({static_cast<int64_t>(words.size())}, at::kByte);
    std::copy(words.begin(), words.end(), text.values.data_ptr<uint8_t>());
    writer.add(sample, {{"text", text}});
  }
  writer.finish();
  const auto html = store_page(*Store::open(dir / "store"));
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, Not(HasSubstr("<img src=x")));
  EXPECT_THAT(html, HasSubstr("&lt;img src=x onerror=alert(1)&gt;"));
  EXPECT_THAT(html, HasSubstr("not UTF-8"));
}

TEST(StorePage, RefusesToShowTooMany) {
  const test::TempDir dir;
  testing::write_synthetic(dir / "store", 3);
  const auto store = Store::open(dir / "store");
  EXPECT_THAT(test::error_of(
                  [&] {
                    store_page(*store, {1001, 0});
                  },
                  ErrorCode::kConfig),
              HasSubstr("0 to 1000"));
  EXPECT_EQ(occurrences(store_page(*store, {0, 0}), "<article"), 0u);
}

}  // namespace
}  // namespace limbic::data
