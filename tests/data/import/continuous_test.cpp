// AMIGOS, MAHNOB-HCI, RECOLA and SEWA, made to their published layouts. tests/data/golden/amigos: by scipy
// (version 5) and h5py (7.3).
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include "formats/sensor_files_for_tests.h"
#include "import/corpus_files.h"
#include "support/paths.h"

namespace limbic::data {
namespace {

using ::testing::HasSubstr;
using testing::import_error;
using testing::imported_twice;
using testing::text_of;
using testing::write_text;
using testing::write_tone;

TEST(AmigosImport, BothVersionsOfMatlabFilesGiveTheirTrials) {
  const test::TempDir dir;
  ImportOptions options;
  options.window_s = options.step_s = 20;
  const auto store = imported_twice("amigos", "tests/data/golden/amigos", dir / "s", options);
  ASSERT_EQ(store->size(), 4);  // two windows of 20 s of the 40 s behind the baseline, for each of two people
  const Sample sample = store->samples()[1];
  EXPECT_EQ(sample.id, "P01_10_0001");
  EXPECT_EQ(sample.subject, "P01");
  EXPECT_EQ(sample.session, "short_videos");
  EXPECT_EQ(sample.attributes.at("video"), "10");
  EXPECT_EQ(sample.t0.seconds(), 25);
  EXPECT_EQ(sample.duration.seconds(), 20);
  EXPECT_EQ(sample.values.at("arousal"), 6.5);
  EXPECT_EQ(sample.values.at("valence"), 3);
  EXPECT_EQ(sample.labels.at("emotion"), "happiness");
  EXPECT_EQ(store->samples()[3].labels.at("emotion"), "neutral");
  EXPECT_EQ(store->samples()[3].attributes.at("video"), "18");
  // Row t, column c holds t % 4 + c; of the second person one more; the second lead is missing.
  const at::Tensor ecg = store->read(1, "ecg");
  ASSERT_EQ(ecg.size(0), 128 * 20);
  EXPECT_EQ(ecg[3][0].item<float>(), 17);
  EXPECT_TRUE(std::isnan(ecg[3][1].item<float>()));
  EXPECT_EQ(store->read(1, "eda")[2][0].item<float>(), 18);
  EXPECT_EQ(store->read(3, "eda")[2][0].item<float>(), 19);
  EXPECT_EQ(store->read(3, "eeg").size(1), 14);
  EXPECT_EQ(store->read(1, "annotation")[0][0].item<float>(), 0.75f);
  EXPECT_EQ(store->read(3, "annotation")[0][1].item<float>(), 0.125f);
  std::filesystem::create_directories(dir / "c");
  write_text(dir / "c/Data_Preprocessed_P03.mat", "MATLAB 5.0");
  EXPECT_THAT(import_error("amigos", dir / "c", dir / "t"), HasSubstr("Data_Preprocessed_P03.mat"));
}

TEST(MahnobHciImport, StimuliBecomeWindowsWithTheirFeltEmotion) {
  const test::TempDir dir;
  formats::test_files::EdfFile bdf;
  bdf.is_bdf = true;
  for (const char* label : {"EXG1", "EXG2", "EXG3", "GSR1", "Resp", "Temp"})
    bdf.channels.push_back({label, "uV", -262144, 262143, 256});
  for (int s = 0; s < 70; ++s) bdf.starts.push_back(s);
  const auto session = [](int number, const std::string& felt) {
    return fmt::format(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<session sessionId='{}' isStim=\"1\" {}\n  "
        "mediaFile=\"30 &amp; more.avi\" cutLenSec=\"10.0\">\n  <subject id=\"9\" gender=\"female\" />\n"
        "</session>\n",
        number, felt);
  };
  const std::string felt = "feltEmo=\"11\" feltArsl=\"7\" feltVlnc=\"8\" feltCtrl=\"5\" feltPred=\"2\"";
  write_text(dir / "c/Sessions/10/session.xml", session(10, felt));
  write_text(dir / "c/Sessions/10/Part_9_S_Trial1_emotion.bdf", bdf.bytes());
  write_text(dir / "c/Sessions/2/session.xml", session(2, ""));  // no felt emotion: implicit tagging
  const auto store = imported_twice("mahnob_hci", dir / "c", dir / "s");
  ASSERT_EQ(store->size(), 1);
  const Sample sample = store->samples()[0];
  EXPECT_EQ(sample.subject, "subject_9");
  EXPECT_EQ(sample.labels.at("emotion"), "amusement");
  EXPECT_EQ(sample.values.at("arousal"), 7);
  EXPECT_EQ(sample.values.at("valence"), 8);
  EXPECT_EQ(sample.values.at("predictability"), 2);
  EXPECT_EQ(sample.attributes.at("video"), "30 & more.avi");
  EXPECT_EQ(sample.t0.seconds(), 30);
  EXPECT_EQ(sample.duration.seconds(), 10);
  EXPECT_EQ(sample.streams.count("eeg"), 0u);
  const at::Tensor resistance = store->read(0, "skin_resistance");
  ASSERT_EQ(resistance.size(0), 2560);
  EXPECT_NEAR(resistance[5][0].item<double>(), bdf.physical(3, 30 * 256 + 5), 0.05);
  EXPECT_NEAR(store->read(0, "ecg")[7][2].item<double>(), bdf.physical(2, 30 * 256 + 7), 0.05);
  write_text(dir / "c/Sessions/10/session.xml", session(10, "feltEmo=\"13\""));
  EXPECT_THAT(import_error("mahnob_hci", dir / "c", dir / "t"),
              HasSubstr("feltEmo=\"13\"; expected 0 to 12"));
  write_text(dir / "c/Sessions/10/session.xml", "<session feltEmo=\"1\" isStim");
  EXPECT_THAT(import_error("mahnob_hci", dir / "c", dir / "t"), HasSubstr("not name=\"value\""));
}

/// 30 s of ratings at 25 Hz.
std::string ratings(const std::string& head, const std::string& separator, int num_raters, double slope) {
  std::string text = head;
  for (int t = 0; t < 750; ++t) {
    text += fmt::format("{:.2f}", t * 0.04);
    for (int r = 0; r < num_raters; ++r) text += fmt::format("{}{:.4f}", separator, slope * t / 750 + r);
    text += "\n";
  }
  return text;
}

TEST(RecolaImport, RatersAndGoldBecomeOneStream) {
  const test::TempDir dir;
  for (const std::string id : {"train_1", "dev_1"}) {
    for (const std::string dimension : {"arousal", "valence"}) {
      const double slope = dimension == "arousal" ? 0.75 : -0.75;
      write_text(fmt::format("{}/c/ratings_individual/{}/{}.csv", dir.path(), dimension, id),
                 ratings("time;FM1 ;FF2 \n", ";", 2, slope));
      std::string arff =
          "@relation goldstandard\n\n@attribute name string\n@attribute frameTime numeric\n"
          "@attribute goldStandard numeric\n\n@data\n";
      for (int t = 0; t < 750; ++t) arff += fmt::format("'{}',{:.2f},{:.4f}\n", id, t * 0.04, slope / 2);
      if (id == "train_1")
        write_text(fmt::format("{}/c/ratings_gold_standard/{}/{}.arff", dir.path(), dimension, id), arff);
    }
    std::string features =
        "@relation f\n@attribute name string\n@attribute frameTime numeric\n@attribute f0 numeric\n"
        "@attribute 'f 1' real\n@data\n";
    for (int t = 0; t < 300; ++t) features += fmt::format("'{}',{:.1f},{},?\n", id, t * 0.1, t);
    write_text(fmt::format("{}/c/features_audio/arousal/{}.arff", dir.path(), id), features);
    std::string physio = "time;EDA;ECG\n";
    for (int t = 0; t < 3000; ++t) physio += fmt::format("{:.2f};{};0.5\n", t * 0.01, t);
    write_text(fmt::format("{}/c/recordings_physio/raw/{}.csv", dir.path(), id), physio);
  }
  write_tone(dir / "c/recordings_audio/train_1.wav", 30, 200);
  ImportOptions options;
  options.window_s = options.step_s = 10;
  const auto store = imported_twice("recola", dir / "c", dir / "s", options);
  ASSERT_EQ(store->size(), 6);
  EXPECT_EQ(store->info().modalities.at("annotation").columns,
            (std::vector<std::string>{"FF2.arousal", "FF2.valence", "FM1.arousal", "FM1.valence",
                                      "gold.arousal", "gold.valence"}));
  const int64_t last = store->index_of("train_1_0002");
  const Sample sample = store->samples()[last];
  EXPECT_EQ(sample.split, "train");
  EXPECT_EQ(sample.t0.seconds(), 20);
  EXPECT_NEAR(sample.values.at("arousal"), 0.375, 1e-6);  // of the gold standard
  const at::Tensor annotation = store->read(last, "annotation");
  ASSERT_EQ(annotation.size(0), 250);
  EXPECT_EQ(sample.streams.at("annotation").rate_hz, 25);
  EXPECT_NEAR(annotation[0][0].item<float>(), 1.5, 1e-6);
  EXPECT_NEAR(annotation[0][3].item<float>(), -0.5, 1e-6);
  EXPECT_NEAR(annotation[7][4].item<float>(), 0.375, 1e-6);
  EXPECT_EQ(store->read(last, "audio_arousal")[3][0].item<float>(), 203);
  EXPECT_TRUE(std::isnan(store->read(last, "audio_arousal")[3][1].item<float>()));
  EXPECT_EQ(store->info().modalities.at("audio_arousal").columns, (std::vector<std::string>{"f0", "f 1"}));
  EXPECT_EQ(store->read(last, "eda")[1][0].item<float>(), 2001);
  EXPECT_EQ(store->read(last, "audio_wave").size(0), 160000);
  const int64_t dev = store->index_of("dev_1_0000");
  EXPECT_TRUE(std::isnan(store->read(dev, "annotation")[0][4].item<float>()));
  // Without a gold standard: the mean of two raters, 0 to 0.25 and one more.
  EXPECT_NEAR(store->samples()[dev].values.at("arousal"), 0.6245, 1e-3);
  EXPECT_EQ(store->samples()[dev].streams.count("audio_wave"), 0u);
  // A row is lost: what comes behind it would be joined to the wrong frames.
  std::string torn = ratings("time;FM1;FF2\n", ";", 2, 1);
  const size_t begin = torn.find("\n4.00;") + 1, end = torn.find("\n14.00;") + 1;
  torn.erase(begin, end - begin);
  write_text(dir / "c/ratings_individual/arousal/dev_1.csv", torn);
  EXPECT_THAT(import_error("recola", dir / "c", dir / "t"), HasSubstr("rows must be evenly spaced"));
  write_text(dir / "c/ratings_individual/arousal/dev_1.csv", ratings("time;FM1;FF2\n", ",", 2, 1));
  EXPECT_THAT(import_error("recola", dir / "c", dir / "t"), HasSubstr("dev_1.csv"));
}

TEST(SewaImport, LabelsFeaturesAndTranscriptsShareTheClock) {
  const test::TempDir dir;
  for (const std::string id : {"Train_DE_01", "Test_HU_02"}) {
    std::string labels, features;
    for (int t = 0; t < 200; ++t) {
      labels += fmt::format("'{}';{:.1f};{:.3f};{:.3f};0\n", id, t * 0.1, t / 200.0, -t / 200.0);
      features += fmt::format("'{}';{:.1f};{};{}\n", id, t * 0.1, t, 1);
    }
    if (id == "Train_DE_01") write_text(dir / "c/labels/" + id + ".csv", labels);
    write_text(dir / "c/visual_features_xbow/" + id + ".csv", features);
    std::string named = "name;frameTime;pitch;loudness\n";
    for (int t = 0; t < 2000; ++t) named += fmt::format("'{}';{:.2f};{};nan\n", id, t * 0.01, t);
    write_text(dir / "c/audio_features/eGeMAPS/" + id + ".csv", named);
  }
  write_text(dir / "c/transcriptions/Train_DE_01.csv",
             "0.5;1.5;guten Tag\n9.5;10.5;wie; geht es\n12.0;13;gut\n");
  ImportOptions options;
  options.window_s = options.step_s = 10;
  const auto store = imported_twice("sewa", dir / "c", dir / "s", options);
  ASSERT_EQ(store->size(), 4);
  const int64_t second = store->index_of("Train_DE_01_0001");
  const Sample sample = store->samples()[second];
  EXPECT_EQ(sample.split, "train");
  EXPECT_EQ(sample.attributes.at("culture"), "de");
  EXPECT_NEAR(sample.values.at("arousal"), 0.7475, 1e-5);
  EXPECT_NEAR(sample.values.at("valence"), -0.7475, 1e-5);
  EXPECT_EQ(store->read(second, "annotation")[0][0].item<float>(), 0.5f);
  EXPECT_EQ(sample.streams.at("annotation").rate_hz, 10);
  EXPECT_EQ(store->read(second, "visual_xbow")[0][0].item<float>(), 100);
  EXPECT_EQ(store->read(second, "audio_egemaps")[1][0].item<float>(), 1001);
  EXPECT_EQ(store->info().modalities.at("audio_egemaps").columns,
            (std::vector<std::string>{"pitch", "loudness"}));
  EXPECT_EQ(text_of(*store, store->index_of("Train_DE_01_0000")), "guten Tag wie; geht es");
  EXPECT_EQ(text_of(*store, second), "gut");
  const Sample unlabelled = store->samples()[store->index_of("Test_HU_02_0000")];
  EXPECT_EQ(unlabelled.split, "test");
  EXPECT_TRUE(unlabelled.values.empty());
  EXPECT_EQ(unlabelled.streams.count("annotation"), 0u);
  write_text(dir / "c/visual_features_xbow/Train_DE_01.csv", "'Train_DE_01';0;1\n'Train_DE_01';0.1;1\n");
  EXPECT_THAT(import_error("sewa", dir / "c", dir / "t"), HasSubstr("1 columns of values; expected 2"));
}

}  // namespace
}  // namespace limbic::data
