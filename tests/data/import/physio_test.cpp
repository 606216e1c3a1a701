#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <set>

#include "import/corpus_files.h"
#include "limbic/data/protocol.h"
#include "limbic/formats/npy.h"
#include "support/paths.h"

namespace limbic::data {
namespace {

using ::testing::HasSubstr;
using testing::import_error;
using testing::imported_twice;
using testing::text_of;
using testing::write_text;

std::string row_of(double first, int count, double step) {
  std::string row;
  for (int i = 0; i < count; ++i) row += fmt::format("{}{}", i == 0 ? "" : ",", first + i * step);
  return row + "\n";
}

void write_cog_load(const std::string& folder) {
  for (const char* name : {"gsr", "hr", "rr", "temp"}) {
    write_text(fmt::format("{}/train/{}_train.csv", folder, name), row_of(1, 30, 0.5) + row_of(2, 30, 0.25));
    write_text(fmt::format("{}/test/{}_test.csv", folder, name), row_of(3, 30, 0.5));
  }
  write_text(folder + "/train/labels_train.csv", "0,abc\n1,xyz\n");
}

TEST(CogLoadImport, RowsOfAllSignalsAreOneInstance) {
  const test::TempDir dir;
  write_cog_load(dir / "c");
  const auto store = imported_twice("cog_load", dir / "c", dir / "s");
  ASSERT_EQ(store->size(), 3);
  EXPECT_EQ(store->samples()[0].labels.at("load"), "load");
  EXPECT_EQ(store->samples()[1].labels.at("load"), "rest");
  EXPECT_EQ(store->samples()[1].subject, "xyz");
  EXPECT_TRUE(store->samples()[2].labels.empty());
  EXPECT_EQ(store->read(1, "eda")[29][0].item<float>(), 2 + 29 * 0.25f);
  // One file more than the others: nobody can say which rows belong together.
  write_text(dir / "c/train/hr_train.csv", row_of(1, 30, 1));
  EXPECT_THAT(import_error("cog_load", dir / "c", dir / "t"),
              HasSubstr("hr_train.csv: 1 rows; expected the 2"));
  write_text(dir / "c/train/hr_train.csv", row_of(1, 29, 1) + row_of(1, 30, 1));
  EXPECT_THAT(import_error("cog_load", dir / "c", dir / "t"), HasSubstr("hr_train.csv"));
}

TEST(WesadFeaturesImport, ColumnsGoToTheirSensorsAndTimeIsNoFeature) {
  const test::TempDir dir;
  const std::string head =
      "acc_x_std,eda_skewness,raw_hrv_rmssd,z_temp_mean,z_scl_mean,raw_label,label,"
      "time_end_sec,subject_id\n";
  write_text(
      dir / "c/dataset/WESAD_causal_features_stride30.csv",
      head + "1,2,3,4,5,1,non-stress,60,S2\n6,7,8,9,10,2,stress,90,S2\n1,2,3,4,5,3,non-stress,60,S3\n");
  ImportOptions options;
  options.step_s = 30;
  const auto store = imported_twice("wesad_features", dir / "c", dir / "s", options);
  ASSERT_EQ(store->size(), 3);
  EXPECT_EQ(store->info().modalities.at("eda").columns,
            (std::vector<std::string>{"eda_skewness", "z_scl_mean"}));
  EXPECT_EQ(store->info().modalities.size(), 4u);
  const Sample second = store->samples()[1];
  EXPECT_EQ(second.labels.at("stress"), "stress");
  EXPECT_EQ(second.t0.seconds(), 30);
  EXPECT_EQ(store->read(1, "bvp")[0][0].item<float>(), 8.0f);
  EXPECT_THAT(import_error("wesad_features", dir / "c", dir / "t"), HasSubstr("--step chooses the stride"));
  write_text(dir / "c/dataset/WESAD_causal_features_stride60.csv", head + "1,2,3,4,5,1,stress,60,S2\n");
  EXPECT_THAT(import_error("wesad_features", dir / "c", dir / "t"), HasSubstr("contradicts raw_label 1"));
}

TEST(WalkImuImport, AWalkIsOneClipAndIsCutIntoWindows) {
  const test::TempDir dir;
  std::string text = "condition,emotion,ax,ay,az,gx,gy,gz,hr\n";
  for (int emotion : {1, -1})
    for (int i = 0; i < 24 * 5; ++i) text += fmt::format("2,{},{},2,3,4,5,6,80\n", emotion, i);
  write_text(dir / "c/walking_data/mw_ew7_accdata_1_2_3-4.csv", text);
  ImportOptions options;
  options.window_s = 2;
  options.step_s = 1;
  const auto store = imported_twice("walk_imu", dir / "c", dir / "s", options);
  ASSERT_EQ(store->size(), 8);  // starts at 0, 1, 2, 3 s of two walks of 5 s
  const Sample last = store->samples()[7];
  EXPECT_EQ(last.subject, "ew7");
  EXPECT_EQ(last.clip, "ew7_walk1");
  EXPECT_EQ(last.labels.at("emotion"), "sad");
  EXPECT_EQ(last.t0.seconds(), 8.0);
  EXPECT_EQ(store->read(7, "imu").sizes(), (std::vector<int64_t>{48, 6}));
  EXPECT_EQ(store->read(7, "imu")[0][0].item<float>(), 72.0f);
  write_text(dir / "c/walking_data/mw_ew7_accdata_1_2_3-4.csv",
             "condition,emotion,ax,ay,az,gx,gy,gz,hr\n5,0,1,1,1,1,1,1,1\n");
  EXPECT_THAT(import_error("walk_imu", dir / "c", dir / "t"), HasSubstr("row 2: condition 5"));
}

TEST(GazeGraphImport, NamesSayPersonAndActivity) {
  const test::TempDir dir;
  std::string text;
  for (int i = 0; i < 90; ++i) text += fmt::format("0.{:02},1.5\n", i);
  write_text(dir / "c/P1/P1_READ.csv", text);
  write_text(dir / "c/P2/P2_PLAY.csv", "0.5,0.5\r\n0.25,-0.5\r\n");
  ImportOptions options;
  options.window_s = 1;
  options.step_s = 1;
  const auto store = imported_twice("gaze_graph", dir / "c", dir / "s", options);
  ASSERT_EQ(store->size(), 3 + 1);
  EXPECT_EQ(store->samples()[0].labels.at("activity"), "read");
  EXPECT_EQ(store->read(3, "gaze")[1][1].item<float>(), -0.5f);
  write_text(dir / "c/P2/P2_PLAY.csv", "0.5,0.5\n0.5\n");
  EXPECT_THAT(import_error("gaze_graph", dir / "c", dir / "t"),
              HasSubstr("P2_PLAY.csv:2: expected two numbers"));
}

TEST(BvhStylesImport, NamesSayContentAndStyle) {
  const test::TempDir dir;
  const std::string bvh =
      "HIERARCHY\nROOT hips\n{\nOFFSET 0 0 0\nCHANNELS 3 Xposition Yposition Zposition\nEnd Site\n{\nOFFSET "
      "0 1 "
      "0\n}\n}\nMOTION\nFrames: 2\nFrame Time: 0.5\n1 2 3\n4 5 6\n";
  write_text(dir / "c/dataset-1_bow_not-confident_001.bvh", bvh);
  write_text(dir / "c/angry_13_000.bvh", bvh);
  const auto store = imported_twice("bvh_styles", dir / "c", dir / "s");
  ASSERT_EQ(store->size(), 2);
  EXPECT_EQ(store->samples()[0].labels.at("style"), "angry");
  EXPECT_EQ(store->samples()[1].labels.at("style"), "not-confident");
  EXPECT_EQ(store->samples()[1].attributes.at("content"), "bow");
  const auto pose = store->read_stream(1, "pose_1");
  EXPECT_EQ(pose.rate_hz, 2.0);
  EXPECT_EQ(pose.values[1][2].item<float>(), 6.0f);
}

TEST(KEmoConImport, SegmentsJoinRatingsSensorsAndDevices) {
  const test::TempDir dir;
  write_text(dir / "c/metadata/subjects.csv", "pid,initTime,startTime,endTime\n29,0,1000000,1020000\n");
  write_text(dir / "c/emotion_annotations/self_annotations/P29.self.csv",
             "seconds,arousal,valence,cheerful,happy\n5,2,4,1,x\n10,3,1,2,\n");
  write_text(dir / "c/emotion_annotations/aggregated_external_annotations/P29.external.csv",
             "seconds,arousal,valence\n5,4,5\n");
  std::string eda = "timestamp,value,device_serial\n";
  for (int i = 0; i < 60; ++i) {
    eda += fmt::format("{},{},A013E1\n", 1000000 + 250 * i, 0.1 * i);
    eda += fmt::format("{},99,A01A3A\n", 1000000 + 250 * i);
  }
  write_text(dir / "c/e4_data/29/E4_EDA.csv", eda);
  std::string acc = "timestamp,x,y,z,device_serial\n";
  for (int i = 0; i < 32 * 5; ++i) acc += fmt::format("{},1,2,{},A013E1\n", 1000000 + i * 31.25, i);
  write_text(dir / "c/e4_data/29/E4_ACC.csv", acc);
  const auto store = imported_twice("k_emocon", dir / "c", dir / "s");
  ASSERT_EQ(store->size(), 2);
  const Sample first = store->samples()[0];
  EXPECT_EQ(first.id, "P29_0005");
  EXPECT_EQ(first.dialogue, "p29.p30");
  EXPECT_EQ(first.labels.at("self_arousal"), "low");
  EXPECT_EQ(first.labels.at("external_valence"), "high");
  EXPECT_EQ(first.values.at("self.happy"), 1.0);
  EXPECT_EQ(store->samples()[1].values.count("self.happy"), 0u);
  const auto second_eda = store->read(1, "eda");
  ASSERT_EQ(second_eda.size(0), 20);
  EXPECT_NEAR(second_eda[0][0].item<float>(), 2.0, 1e-5);  // of the person's own device, from 5 s on
  EXPECT_EQ(store->read(0, "acc")[159][2].item<float>(), 159.0f);
  EXPECT_FALSE(store->samples().has_stream("acc", 1));  // the device sent 5 s only
}

TEST(SensorsImport, EveryRecordingKeepsItsRatesAndMarkers) {
  const test::TempDir dir;
  write_text(dir / "c/a/E4/EDA.csv", "1600000000.0\n4.0\n0.1\n0.2\n0.3\n0.4\n");
  write_text(dir / "c/a/E4/IBI.csv", "1600000000.0, IBI\n0.5,0.8\n1.3,0.75\n");
  write_text(dir / "c/a/E4/tags.csv", "1600000000.5\n");
  write_text(dir / "c/b/table.csv", "time,eda\n0,1\n0.1,2\n0.2,3\n");
  write_text(dir / "c/notes.txt", "nothing of interest here\n");
  const auto store = imported_twice("sensors", dir / "c", dir / "s");
  ASSERT_EQ(store->size(), 2);
  EXPECT_EQ(store->read_stream(0, "eda").rate_hz, 4.0);
  EXPECT_EQ(store->read_stream(1, "eda").rate_hz, 10.0);
  EXPECT_EQ(store->info().modalities.at("ibi").columns.front(), "time_s");
  EXPECT_THAT(text_of(*store, 0, "markers"), HasSubstr("0.5\t0\t"));
}

struct Pack {
  const char* kind;
  const char* folder;
  int64_t num_samples;
};

TEST(RealPhysioPacks, CountsAreAsTheirReadmesSay) {
  for (const Pack& pack :
       {Pack{"cog_load", "cogload", 632 + 193}, Pack{"wesad_features", "wesad_features", 736},
        Pack{"gaze_graph", "gazegraph", 48 * 5}, Pack{"lund2013", "lund2013", 14},
        Pack{"bvh_styles", "bvh_styles", 52 + 9}, Pack{"sensors", "physio_samples", 12}}) {
    LIMBIC_REQUIRE_DATA(pack.folder);
    const test::TempDir dir;
    const auto store = imported_twice(pack.kind, test::real_data() + "/" + pack.folder, dir / "store");
    EXPECT_EQ(store->size(), pack.num_samples) << pack.kind;
  }
}

TEST(RealWesadFeatures, Stride30HasTheReadmesWindows) {
  LIMBIC_REQUIRE_DATA("wesad_features");
  const test::TempDir dir;
  ImportOptions options;
  options.step_s = 30;
  const auto store =
      imported_twice("wesad_features", test::real_data() + "/wesad_features", dir / "s", options);
  EXPECT_EQ(store->size(), 1484);
  int64_t num_stress = 0;
  std::set<std::string> people;
  for (const auto& sample : store->samples()) {
    num_stress += sample.labels.at("stress") == "stress" ? 1 : 0;
    people.insert(sample.subject);
  }
  EXPECT_EQ(num_stress, 332);
  EXPECT_EQ(people.size(), 15u);
  size_t num_columns = 0;
  for (const auto& [name, modality] : store->info().modalities) num_columns += modality.columns.size();
  EXPECT_EQ(num_columns, 54u);
}

TEST(RealWalkImu, FortyFourPeopleWalk) {
  LIMBIC_REQUIRE_DATA("walk_imu_emotion");
  const test::TempDir dir;
  const auto store = imported_twice("walk_imu", test::real_data() + "/walk_imu_emotion", dir / "s");
  std::set<std::string> people, walks;
  for (const auto& sample : store->samples()) {
    people.insert(sample.subject);
    walks.insert(sample.clip);
  }
  EXPECT_EQ(people.size(), 44u);
  EXPECT_EQ(store->info().modalities.at("imu").frame_shape, std::vector<int64_t>{6});
  EXPECT_GE(walks.size(), 2u * 44);
}

}  // namespace
}  // namespace limbic::data
