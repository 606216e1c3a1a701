#include "limbic/data/combine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include "support/paths.h"
#include "synthetic_store.h"

namespace limbic::data {
namespace {

using ::testing::HasSubstr;
using testing::synthetic_info;
using testing::synthetic_sample;
using testing::synthetic_streams;

/// A store of `num_samples` whose dataset and samples `change` may alter.
template <class Change>
std::shared_ptr<const Store> changed_store(const std::string& path, DatasetInfo info, int64_t num_samples,
                                           Change&& change) {
  StoreWriter writer(path, std::move(info));
  for (int64_t i = 0; i < num_samples; ++i) {
    Sample sample = synthetic_sample(i);
    change(i, sample);
    writer.add(sample, synthetic_streams(i));
  }
  writer.finish();
  return Store::open(path);
}
constexpr auto kAsItIs = [](int64_t, Sample&) {};

TEST(Combine, EverySampleReadsAsInItsOwnStore) {
  const test::TempDir dir;
  auto info = synthetic_info();
  info.name = "second";
  info.modalities["eda"].rate_hz = 8;
  const auto a = changed_store(dir / "a", synthetic_info(), 7, kAsItIs);
  const auto b = changed_store(dir / "b", info, 5, [](int64_t i, Sample& sample) {
    sample.dialogue = "d";
    sample.session = "s";
    sample.turn = i;
  });
  const auto all = combine_stores({{a}, {b}});
  ASSERT_EQ(all->size(), 12);
  EXPECT_EQ(all->info().name, "synthetic + second");
  EXPECT_EQ(all->info().modalities.at("eda").rate_hz, 0);
  EXPECT_EQ(all->info().modalities.at("face").rate_hz, 10);
  for (int64_t i = 0; i < 12; ++i) {
    const auto& store = i < 7 ? a : b;
    const int64_t row = i < 7 ? i : i - 7;
    const auto sample = all->samples()[i];
    const auto own = store->samples()[row];
    const std::string prefix = i < 7 ? "synthetic/" : "second/";
    EXPECT_EQ(sample.id, prefix + own.id);
    EXPECT_EQ(sample.subject, prefix + own.subject);
    EXPECT_EQ(sample.clip, prefix + own.clip);
    EXPECT_EQ(sample.dialogue, i < 7 ? "" : "second/d");
    EXPECT_EQ(sample.turn, own.turn);
    EXPECT_EQ(sample.corpus, "synthetic");  // what the samples said of themselves
    EXPECT_EQ(sample.labels, own.labels);
    EXPECT_EQ(all->index_of(sample.id), i);
    ASSERT_EQ(sample.streams.size(), own.streams.size());
    for (const auto& [name, ref] : own.streams) {
      EXPECT_TRUE(at::equal(all->read(i, name), store->read(row, name)));
      EXPECT_EQ(all->read_stream(i, name).rate_hz, ref.rate_hz);
      EXPECT_EQ(all->samples().stream(name, i).num_frames, ref.num_frames);
      EXPECT_EQ(all->checksum(i, name), ref.crc32);
    }
  }
  EXPECT_NE(all->content_hash(), combine_stores({{b}, {a}})->content_hash());
  EXPECT_EQ(all->content_hash(), combine_stores({{a}, {b}})->content_hash());
  EXPECT_EQ(all->members().size(), 2u);
}

TEST(Combine, LabelMapsBringTasksTogether) {
  const test::TempDir dir;
  auto info = synthetic_info();
  info.label_spaces = {{"feeling", {"joy", "rage", "calm"}}};
  const auto a = changed_store(dir / "a", synthetic_info(), 4, kAsItIs);
  const auto b = changed_store(dir / "b", info, 3, [](int64_t i, Sample& sample) {
    sample.labels = {{"feeling", i == 0 ? "joy" : i == 1 ? "rage" : "calm"}};
  });
  const std::vector<std::string> classes{"positive", "negative"};
  LabelMap map_a;
  map_a.task = "sentiment";
  map_a.classes = classes;
  map_a.class_of_label = {{"happy", "positive"}, {"sad", "negative"}, {"angry", "negative"}};
  LabelMap map_b = map_a;
  map_b.class_of_label = {{"joy", "positive"}, {"rage", "negative"}};
  const auto all = combine_stores({{a, {{"emotion", map_a}}}, {b, {{"feeling", map_b}}}});
  ASSERT_EQ(all->info().label_spaces.size(), 1u);
  EXPECT_EQ(all->label_space("sentiment").classes, classes);
  std::vector<std::string> labels;
  for (int64_t i = 0; i < all->size(); ++i) labels.emplace_back(all->samples().label("sentiment", i));
  EXPECT_EQ(labels, (std::vector<std::string>{"positive", "negative", "negative", "positive", "positive",
                                              "negative", ""}));
  EXPECT_EQ(all->info().name, "synthetic + synthetic#2");
  EXPECT_NE(all->content_hash(), combine_stores({{a}, {b}})->content_hash());

  map_b.class_of_label["jy"] = "positive";
  EXPECT_THAT(test::error_of(
                  [&] {
                    combine_stores({{a}, {b, {{"feeling", map_b}}}});
                  },
                  ErrorCode::kConfig),
              HasSubstr("did you mean 'joy'"));
}

TEST(Combine, WhatContradictsIsRefusedWithBothSides) {
  const test::TempDir dir;
  const auto a = changed_store(dir / "a", synthetic_info(), 3, kAsItIs);
  auto info = synthetic_info();
  info.label_spaces[0].classes.emplace_back("bored");
  const auto other_classes = changed_store(dir / "b", info, 3, kAsItIs);
  EXPECT_THAT(
      test::error_of(
          [&] {
            combine_stores({{a}, {other_classes}});
          },
          ErrorCode::kData),
      HasSubstr("task 'emotion' has the classes happy, sad, angry, bored; in the stores before happy"));
  info = synthetic_info();
  info.modalities["eda"].unit = "volts";
  const auto other_unit = changed_store(dir / "c", info, 3, kAsItIs);
  EXPECT_THAT(test::error_of(
                  [&] {
                    combine_stores({{a}, {other_unit}});
                  },
                  ErrorCode::kData),
              HasSubstr("modality 'eda' has the unit volts; in the stores before microsiemens"));
  EXPECT_THAT(test::error_of(
                  [&] {
                    combine_stores({{a}, {a}});
                  },
                  ErrorCode::kData),
              HasSubstr("comes twice"));
}

TEST(Combine, DeclaredRangesHoldForAllOrNotAtAll) {
  const test::TempDir dir;
  auto info = synthetic_info();
  info.values["valence"] = {-1, 1, "unit"};
  const auto a = changed_store(dir / "a", info, 3, kAsItIs);
  info.values["valence"] = {-2, 0.5, "unit"};
  const auto b = changed_store(dir / "b", info, 4, kAsItIs);
  const auto both = combine_stores({{a}, {b}})->info().values;
  EXPECT_EQ(both.at("valence").min, -2);
  EXPECT_EQ(both.at("valence").max, 1);
  const auto undeclared = changed_store(dir / "c", synthetic_info(), 5, kAsItIs);
  EXPECT_TRUE(combine_stores({{a}, {undeclared}})->info().values.empty());
}

}  // namespace
}  // namespace limbic::data
