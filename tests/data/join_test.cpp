#include "limbic/data/join.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>

#include "limbic/core/rng.h"
#include "limbic/data/giveaways.h"
#include "limbic/data/store.h"
#include "limbic/formats/csv.h"
#include "support/paths.h"

namespace limbic::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

KeyedTable join_table(const std::string& name, const std::vector<std::pair<std::string, double>>& clips) {
  KeyedTable table;
  table.name = name;
  for (const auto& [clip, t0_s] : clips) {
    SampleKey key;
    key.subject = "p1";
    key.clip = clip;
    key.t0 = core::Timestamp::from_seconds(t0_s);
    key.duration = core::Timestamp::from_seconds(2);
    table.keys.push_back(key);
    table.lines.push_back(static_cast<int64_t>(table.lines.size()) + 2);
  }
  return table;
}

TEST(Join, RowsMeetByKeyWhateverTheirOrder) {
  const auto a = join_table("a.csv", {{"x", 0}, {"x", 2}, {"y", 0}});
  const auto b = join_table("b.csv", {{"y", 0.0005}, {"x", 2}, {"z", 0}, {"x", 0}});
  const auto result = join({a, b});
  EXPECT_THAT(result.rows, ElementsAre(ElementsAre(0, 3), ElementsAre(1, 1), ElementsAre(2, 0)));
  EXPECT_THAT(result.alone, ElementsAre("b.csv:4 (subject p1, clip z, 0.000 s): no partner in a.csv"));
  EXPECT_THAT(result.by, ElementsAre(KeyField::kSubject, KeyField::kClip, KeyField::kTime));
}

TEST(Join, ModesSayWhatBecomesOfRowsWithoutAPartner) {
  const auto a = join_table("a.csv", {{"x", 0}, {"only_a", 0}});
  const auto b = join_table("b.csv", {{"only_b", 0}, {"x", 0}});
  const auto c = join_table("c.csv", {{"x", 0}, {"only_b", 0}});
  JoinOptions options;
  EXPECT_THAT(join({a, b, c}, options).rows, ElementsAre(ElementsAre(0, 1, 0)));
  options.mode = JoinMode::kLeft;
  EXPECT_THAT(join({a, b, c}, options).rows, ElementsAre(ElementsAre(0, 1, 0), ElementsAre(1, -1, -1)));
  options.mode = JoinMode::kOuter;
  EXPECT_THAT(join({a, b, c}, options).rows,
              ElementsAre(ElementsAre(0, 1, 0), ElementsAre(1, -1, -1), ElementsAre(-1, 0, 1)));
}

TEST(Join, WindowsMeetTheOneThatCoversMostOfThem) {
  const auto labels = join_table("labels.csv", {{"x", 0}, {"x", 4}, {"x", 100}});
  auto features = join_table("features.csv", {{"x", 0}, {"x", 3}, {"x", 1.2}});
  features.keys[1].duration = core::Timestamp::from_seconds(60);
  JoinOptions options;
  options.time = TimeMatch::kOverlap;
  options.mode = JoinMode::kLeft;
  EXPECT_THAT(join({labels, features}, options).rows,
              ElementsAre(ElementsAre(0, 0), ElementsAre(1, 1), ElementsAre(2, -1)));
}

TEST(Join, AKeyThatIsThereTwiceIsRefusedWithItsRows) {
  const auto a = join_table("a.csv", {{"x", 0}, {"y", 0}, {"x", 0}});
  EXPECT_THAT(test::error_of(
                  [&] {
                    join({a, join_table("b.csv", {{"x", 0}})});
                  },
                  ErrorCode::kData),
              HasSubstr("a.csv: 1 key(s) twice: a.csv:2 and a.csv:4 (subject p1, clip x, 0.000 s)"));
  const auto near = join_table("near.csv", {{"x", 0}, {"x", 0.4}});
  JoinOptions options;
  options.tolerance_s = 0.3;
  EXPECT_THAT(test::error_of(
                  [&] {
                    join({join_table("b.csv", {{"x", 0.2}}), near}, options);
                  },
                  ErrorCode::kData),
              HasSubstr("b.csv:2 fits near.csv:2 and near.csv:3"));
}

TEST(Join, TablesWithoutACommonKeyAreNeverJoinedByPosition) {
  auto a = join_table("a.csv", {{"x", 0}, {"y", 0}});
  auto b = join_table("b.csv", {{"", 0}, {"", 0}});
  for (auto& key : b.keys) key.subject.clear();
  EXPECT_THAT(test::error_of(
                  [&] {
                    join({a, b});
                  },
                  ErrorCode::kData),
              HasSubstr("never joined by their position"));
}

// ---- Two tables of one experiment whose rows lie in different orders, as in a published benchmark of 37
// people: each has the participant, the video, features of its own and the labels; a notebook put them side
// by side by position.

struct EevrTables {
  std::string eda, ppg;
  int64_t num_rows = 0;
};

/// @param swap_keys  so many pairs of rows of the second table have each other's keys: features and labels
/// stay
EevrTables write_eevr(const test::TempDir& dir, int swap_keys) {
  struct Row {
    std::string participant, video, arousal, valence;
    double feature = 0;
  };
  std::vector<Row> rows;
  core::Rng rng(7);
  for (int person = 1; person <= 37; ++person) {
    for (int video = 1; video <= 9; ++video) {
      rows.push_back({fmt::format("P{:02}", person), fmt::format("V{}", video), rng.chance(0.34) ? "1" : "0",
                      rng.chance(0.6) ? "1" : "0", person * 100.0 + video});
    }
  }
  const auto write = [](const std::string& path, const std::vector<Row>& table, const char* feature) {
    formats::CsvWriter csv(path, {"Participant ID", "Video ID", feature, "Arousal", "Valence"});
    for (const auto& row : table) {
      csv.add(row.participant).add(row.video).add(row.feature).add(row.arousal).add(row.valence);
      csv.end_row();
    }
    csv.finish();
  };
  EevrTables tables{dir / "EDA_labels.csv", dir / "PPG_labels.csv", static_cast<int64_t>(rows.size())};
  write(tables.eda, rows, "eda_mean");
  // The second table is sorted by video within blocks of people.
  std::stable_sort(rows.begin() + 90, rows.begin() + 234,
                   [](const Row& a, const Row& b) { return a.video < b.video; });
  for (int k = 0; k < swap_keys; ++k) {
    auto& a = rows[static_cast<size_t>(2 * k)];
    auto& b = rows[static_cast<size_t>(2 * k) + 1];
    std::swap(a.participant, b.participant);
    std::swap(a.video, b.video);
  }
  write(tables.ppg, rows, "ppg_mean");
  return tables;
}

KeyColumns eevr_columns() {
  KeyColumns columns;
  columns.subject = "Participant ID";
  columns.clip = "Video ID";
  columns.labels = {"Arousal", "Valence"};
  return columns;
}

std::vector<double> feature_of(const std::string& path, const char* name) {
  formats::CsvReader csv(path);
  std::vector<double> values;
  for (formats::CsvRow row; csv.next(row);) values.push_back(row.real(name));
  return values;
}

TEST(Join, TablesInDifferentOrdersThatAPositionalJoinMixesUpAreJoinedRight) {
  const test::TempDir dir;
  const auto files = write_eevr(dir, 0);
  const auto eda = read_keyed_csv(files.eda, eevr_columns());
  const auto ppg = read_keyed_csv(files.ppg, eevr_columns());
  ASSERT_THAT(eda.keys, SizeIs(333));
  // What the notebook did: rows of other people and videos side by side, with labels that differ.
  int num_mixed = 0;
  int num_label_conflicts = 0;
  for (size_t i = 0; i < eda.keys.size(); ++i) {
    if (eda.keys[i].subject != ppg.keys[i].subject || eda.keys[i].clip != ppg.keys[i].clip) ++num_mixed;
    if (eda.labels.at("Arousal")[i] != ppg.labels.at("Arousal")[i]) ++num_label_conflicts;
  }
  EXPECT_GT(num_mixed, 100);
  EXPECT_GT(num_label_conflicts, 20);

  const auto joined = join({eda, ppg});
  EXPECT_TRUE(joined.alone.empty());
  ASSERT_THAT(joined.rows, SizeIs(333));
  const auto eda_mean = feature_of(files.eda, "eda_mean");
  const auto ppg_mean = feature_of(files.ppg, "ppg_mean");
  for (const auto& rows : joined.rows)
    EXPECT_EQ(eda_mean[static_cast<size_t>(rows[0])], ppg_mean[static_cast<size_t>(rows[1])]);
}

TEST(Join, SwappedRowsAreCaughtByTheirLabelsAndNamed) {
  const test::TempDir dir;
  const auto files = write_eevr(dir, 40);
  const auto eda = read_keyed_csv(files.eda, eevr_columns());
  const auto ppg = read_keyed_csv(files.ppg, eevr_columns());
  const auto error = test::error_of([&] { join({eda, ppg}); }, ErrorCode::kData);
  EXPECT_THAT(error, HasSubstr("label(s) contradict each other: "));
  EXPECT_THAT(error, HasSubstr("neither is preferred"));
  // The first pair whose labels tell the difference, by hand.
  const auto& labels = eda.labels.at("Arousal");
  for (size_t k = 0; k < 40; ++k) {
    if (labels[2 * k] == labels[2 * k + 1]) continue;
    EXPECT_THAT(
        error, HasSubstr(fmt::format("Arousal: {}:{} says {}, {}:{} says {} (subject {}, clip {})", files.eda,
                                     2 * k + 2, labels[2 * k], files.ppg, 2 * k + 3, labels[2 * k + 1],
                                     eda.keys[2 * k].subject, eda.keys[2 * k].clip)));
    break;
  }
  EXPECT_THAT(error, HasSubstr("and ")) << "more than twenty are counted";
}

TEST(Join, BadCellsOfATableAreNamed) {
  const test::TempDir dir;
  std::ofstream(dir / "t.csv") << "who,t,d\np1,0,2\np1,two,2\n";
  KeyColumns columns;
  columns.subject = "who";
  columns.t0_s = "t";
  EXPECT_THAT(test::error_of([&] { read_keyed_csv(dir / "t.csv", columns); }, ErrorCode::kData),
              HasSubstr("t.csv:3"));
  std::ofstream(dir / "u.csv") << "who,t,d\np1,0,-2\n";
  columns.duration_s = "d";
  EXPECT_THAT(test::error_of([&] { read_keyed_csv(dir / "u.csv", columns); }, ErrorCode::kData),
              HasSubstr("u.csv:2: a negative duration"));
}

/// 6 samples of 2 s in two clips of 6 s with sound; another store has face features of whole clips at 5 Hz.
void write_store_pair(const test::TempDir& dir, bool same_labels = true) {
  DatasetInfo info;
  info.name = "sound";
  info.licence = "made up";
  info.label_spaces = {{"emotion", {"low", "high"}}};
  info.modalities["eda"] = {"series", 4.0, "", {1}};
  StoreWriter sound(dir / "sound", info);
  for (int i = 0; i < 6; ++i) {
    Sample sample;
    sample.id = fmt::format("s{}", i);
    sample.corpus = "made";
    sample.subject = fmt::format("p{}", i / 3);
    sample.clip = fmt::format("c{}", i / 3);
    sample.t0 = core::Timestamp::from_seconds(2.0 * (i % 3));
    sample.duration = core::Timestamp::from_seconds(2);
    sample.labels["emotion"] = i % 2 == 0 ? "low" : "high";
    RawStream eda;
    eda.rate_hz = 4;
    eda.t0 = sample.t0;
    eda.values = at::full({8, 1}, static_cast<double>(i), at::kFloat);
    sound.add(sample, {{"eda", eda}});
  }
  sound.finish();
  info.name = "openface";
  info.modalities.clear();
  info.modalities["face_units"] = {"series", 5.0, "", {2}};
  if (same_labels) info.label_spaces.clear();
  StoreWriter face(dir / "face", info);
  for (int clip = 1; clip >= 0; --clip) {
    Sample sample;
    sample.id = fmt::format("clip_{}", clip);
    sample.corpus = "openface";
    sample.clip = fmt::format("c{}", clip);
    sample.duration = core::Timestamp::from_seconds(6);
    if (!same_labels) sample.labels["emotion"] = "high";
    RawStream units;
    units.rate_hz = 5;
    units.values = at::arange(60, at::kFloat).reshape({30, 2}).add(1000.0 * clip);
    units.valid_T = at::ones({30}, at::kBool);
    units.valid_T[7] = false;
    face.add(sample, {{"face_units", units}});
  }
  face.finish();
}

TEST(JoinStores, StreamsOfWholeClipsAreCutToTheWindowsOfTheFirstStore) {
  const test::TempDir dir;
  write_store_pair(dir);
  JoinOptions options;
  options.by = {KeyField::kClip, KeyField::kTime};
  options.time = TimeMatch::kOverlap;
  const auto report = join_stores({dir / "sound", dir / "face"}, dir / "both", options);
  EXPECT_EQ(report.num_samples, 6);
  EXPECT_TRUE(report.alone.empty());
  const auto both = Store::open(dir / "both");
  for (int64_t i = 0; i < 6; ++i) {
    EXPECT_EQ(both->samples().id(i), fmt::format("s{}", i));
    EXPECT_EQ(both->read(i, "eda")[0][0].item<float>(), static_cast<float>(i));
    const auto units = both->read_stream(i, "face_units");
    ASSERT_EQ(units.values.size(0), 10);
    EXPECT_EQ(units.values[0][0].item<float>(), static_cast<float>(1000 * (i / 3) + 20 * (i % 3)));
    EXPECT_EQ(units.valid_T[7].item<bool>(), i % 3 != 0);
    EXPECT_EQ(both->samples().stream("face_units", i).t0, both->samples().t0(i));
  }
  EXPECT_EQ(join_stores({dir / "sound", dir / "face"}, dir / "again", options).content_hash,
            report.content_hash);
}

TEST(JoinStores, ContradictingLabelsAndStreamsThatBothHaveAreErrors) {
  const test::TempDir dir;
  write_store_pair(dir, /*same_labels=*/false);
  JoinOptions options;
  options.by = {KeyField::kClip, KeyField::kTime};
  options.time = TimeMatch::kOverlap;
  EXPECT_THAT(test::error_of(
                  [&] {
                    join_stores({dir / "sound", dir / "face"}, dir / "both", options);
                  },
                  ErrorCode::kData),
              HasSubstr("manifest.jsonl:1 says low, " + (dir / "face") + "/manifest.jsonl:2 says high"));
  EXPECT_THAT(test::error_of(
                  [&] {
                    join_stores({dir / "sound", dir / "sound"}, dir / "both", options);
                  },
                  ErrorCode::kData),
              HasSubstr("stream 'eda' is in an earlier store too"));
  EXPECT_FALSE(std::filesystem::exists(dir / "both"));
}

TEST(FindGiveaways, NamesColumnsThatSayTheLabelOrTheTime) {
  const test::TempDir dir;
  DatasetInfo info;
  info.name = "windows";
  info.label_spaces = {{"stress", {"rest", "stress"}}};
  info.modalities["wrist"] = {
      "series", 0.0, "", {5}, {"honest", "sorted", "time_end_sec", "stress", "blank"}};
  StoreWriter writer(dir / "store", info);
  core::Rng rng(3);
  std::vector<int64_t> train;
  for (int i = 0; i < 60; ++i) {
    const bool is_stress = i / 5 % 2 == 1;
    Sample sample;
    sample.id = fmt::format("w{:02}", i);
    sample.clip = fmt::format("c{}", i / 20);
    sample.t0 = core::Timestamp::from_seconds(60.0 * (i % 20));
    sample.labels["stress"] = is_stress ? "stress" : "rest";
    RawStream wrist;
    wrist.values = at::empty({1, 5}, at::kFloat);
    float* x = wrist.values.data_ptr<float>();
    // The test part (the last recording) would give "honest" away, but it is nobody's business.
    x[0] = static_cast<float>(i >= 40 ? is_stress : rng.normal());
    x[1] = static_cast<float>((is_stress ? 5 : 0) + rng.uniform());
    x[2] = static_cast<float>(60 * (i % 20) + i);
    x[3] = static_cast<float>(rng.normal());
    x[4] = 0;
    writer.add(sample, {{"wrist", wrist}});
    if (i < 40) train.push_back(i);
  }
  writer.finish();
  std::vector<std::string> found;
  for (const auto& g : find_giveaways(*Store::open(dir / "store"), train, {"stress"}, {"wrist"}))
    found.push_back(g.column + ": " + g.why);
  EXPECT_THAT(found,
              ElementsAre("sorted: alone it separates all classes of the training part",
                          "time_end_sec: it follows time in every recording, so it tells when a window was",
                          "stress: it bears the task's name"));
}

}  // namespace
}  // namespace limbic::data
