#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "import/corpus_files.h"
#include "import/pickle_files.h"
#include "support/paths.h"

namespace limbic::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::import_error;
using testing::imported_twice;
using testing::text_of;
using testing::write_text;
namespace pickle = testing::pickle;

void write_ded(const std::string& folder, const std::string& second_label) {
  const auto logits = [](float a, float b, float c, float d) {
    return pickle::array<float>({4}, "f4", {a, b, c, d});
  };
  write_text(folder + "/outputs.pkl",
             pickle::file(pickle::dict({{"Ses01F_impro01_F000", logits(1, 2, 3, 4)},
                                        {"Ses01F_impro01_M000", logits(0, 0, 1, 0)},
                                        {"Ses02M_script01_1_M010", logits(5, 6, 7, 8)}})));
  write_text(folder + "/emo_all_iemocap.pkl",
             pickle::file(pickle::dict({{"Ses02M_script01_1_M010", pickle::str("exc")},
                                        {"Ses01F_impro01_F000", pickle::str("xxx")},
                                        {"Ses01F_impro01_M000", pickle::str(second_label)},
                                        {"Ses01F_impro01_F001", pickle::str("sad")}})));
  write_text(
      folder + "/dialog_iemocap.pkl",
      pickle::file(pickle::dict({{"Ses02M_script01_1", pickle::list({pickle::str("Ses02M_script01_1_M010")})},
                                 {"Ses01F_impro01", pickle::list({pickle::str("Ses01F_impro01_F000"),
                                                                  pickle::str("Ses01F_impro01_M000"),
                                                                  pickle::str("Ses01F_impro01_F001")})}})));
}

TEST(IemocapDedImport, UtterancesKeepTheirDialogueTurnAndSpeaker) {
  const test::TempDir dir;
  write_ded(dir / "d", "ang");
  const auto store = imported_twice("iemocap_ded", dir / "d", dir / "s");
  ASSERT_EQ(store->size(), 4);
  const Sample first = store->samples()[0];
  EXPECT_EQ(first.id, "Ses01F_impro01_F000");
  EXPECT_EQ(first.attributes.at("raw_label"), "xxx");
  EXPECT_TRUE(first.labels.empty());
  EXPECT_EQ(store->read(0, "logits")[0][3].item<float>(), 4);
  const Sample man = store->samples()[1];
  EXPECT_EQ(man.subject, "Ses01M");
  EXPECT_EQ(man.session, "Ses01");
  EXPECT_EQ(man.dialogue, "Ses01F_impro01");
  EXPECT_EQ(man.turn, 1);
  EXPECT_EQ(man.labels.at("emotion"), "ang");
  const Sample last_of_first = store->samples()[2];
  EXPECT_EQ(last_of_first.turn, 2);
  EXPECT_TRUE(last_of_first.streams.empty());  // no logits, still a turn
  EXPECT_EQ(store->samples()[3].labels.at("emotion"), "hap");
}

TEST(IemocapDedImport, TablesThatDisagreeAreRefused) {
  const test::TempDir dir;
  write_ded(dir / "d", "ang");
  write_text(
      dir / "d/dialog_iemocap.pkl",
      pickle::file(pickle::dict({{"Ses01F_impro01", pickle::list({pickle::str("Ses01F_impro01_F000")})}})));
  EXPECT_THAT(import_error("iemocap_ded", dir / "d", dir / "s"),
              HasSubstr("emo_all_iemocap.pkl: 4 utterances, but the dialogues have 1"));
  write_text(dir / "d/dialog_iemocap.pkl", "cos\nsystem\n(S'true'\ntR.");
  EXPECT_THAT(import_error("iemocap_ded", dir / "d", dir / "s"),
              HasSubstr("dialog_iemocap.pkl: byte 0: the pickle asks for 'os.system', which is not data"));
  std::filesystem::remove(dir / "d/dialog_iemocap.pkl");
  EXPECT_THAT(import_error("iemocap_ded", dir / "d", dir / "s"), HasSubstr("dialog_iemocap.pkl: missing"));
}

TEST(IemocapDedImport, RealPackHasTheCountsAndAccuracyOfItsReadme) {
  LIMBIC_REQUIRE_DATA("iemocap_ded_posteriors/outputs.pkl");
  const test::TempDir dir;
  const auto store = imported_twice("iemocap_ded", test::real_data() + "/iemocap_ded_posteriors", dir / "s");
  EXPECT_EQ(store->size(), 10039);
  std::set<std::string> dialogues, speakers;
  std::map<std::string, std::pair<int, int>> right_of_all;
  const auto& classes = store->label_space("emotion").classes;
  for (int64_t i = 0; i < store->size(); ++i) {
    const Sample sample = store->samples()[i];
    dialogues.insert(sample.dialogue);
    speakers.insert(sample.subject);
    if (sample.labels.empty()) continue;
    auto& [right, all] = right_of_all[sample.labels.at("emotion")];
    ++all;
    right += classes[static_cast<size_t>(store->read(i, "logits")[0].argmax().item<int64_t>())] ==
             sample.labels.at("emotion");
  }
  EXPECT_EQ(dialogues.size(), 151u);
  EXPECT_EQ(speakers.size(), 10u);
  int num_right = 0, num_all = 0;
  double recall = 0;
  for (const auto& [label, counts] : right_of_all) {
    num_right += counts.first;
    num_all += counts.second;
    recall += static_cast<double>(counts.first) / counts.second / 4;
  }
  EXPECT_EQ(num_all, 5531);
  EXPECT_NEAR(static_cast<double>(num_right) / num_all, 0.6525, 5e-5);
  EXPECT_NEAR(recall, 0.6719, 5e-5);
}

/// One split of two samples with 3 frames of 2 features.
std::string mmsa_part(const std::string& video, const std::string& annotation, double label) {
  std::vector<float> audio = {1, 2, 3, 4, 5, 6, 7, -std::numeric_limits<float>::infinity(), 9, 10, 11, 12};
  return pickle::dict(
      {{"id", pickle::list({pickle::unicode(video + "$_$1"), pickle::unicode(video + "$_$12")})},
       {"raw_text", pickle::list({pickle::unicode("gr\xc3\xbc\xc3\x9f dich"), pickle::unicode("b")})},
       {"annotations", pickle::list({pickle::unicode(annotation), pickle::unicode("")})},
       {"regression_labels", pickle::array<double>({2}, "f8", {label, 0})},
       {"regression_labels_T", pickle::array<float>({2, 1}, "f4", {0.5f, -0.5f})},
       {"audio", pickle::array<float>({2, 3, 2}, "f4", audio)},
       {"audio_lengths", pickle::list({pickle::integer(2), pickle::integer(3)})},
       {"vision", pickle::array<float>({2, 1, 1}, "f4", {8, 9})},
       {"vision_lengths", pickle::list({pickle::integer(1), pickle::integer(0)})}});
}

TEST(MmsaImport, SplitsLengthsLabelsAndTextAreThoseOfTheFile) {
  const test::TempDir dir;
  const auto whole = [](const std::string& annotation) {
    return pickle::file(pickle::dict(
        {{"train", mmsa_part("v1", annotation, -1.5)}, {"test", mmsa_part("video_0002", "Neutral", 0)}}));
  };
  write_text(dir / "m/sims_unaligned_39.pkl", whole("Negative"));
  const auto store = imported_twice("mmsa", dir / "m/sims_unaligned_39.pkl", dir / "s");
  ASSERT_EQ(store->size(), 4);
  EXPECT_EQ(store->info().name, "ch_sims");
  const Sample first = store->samples()[0];
  EXPECT_EQ(first.id, "v1_1");
  EXPECT_EQ(first.subject, "v1");
  EXPECT_EQ(first.dialogue, "v1");
  EXPECT_EQ(first.turn, 1);
  EXPECT_EQ(first.split, "train");
  EXPECT_EQ(first.labels.at("sentiment"), "negative");
  EXPECT_EQ(first.values.at("sentiment"), -1.5);
  EXPECT_EQ(first.values.at("sentiment_text"), 0.5);
  EXPECT_EQ(text_of(*store, 0), "gr\xc3\xbc\xc3\x9f dich");
  EXPECT_EQ(store->read(0, "audio_features").size(0), 2);  // padding is cut off
  EXPECT_EQ(store->read(0, "audio_features")[1][1].item<float>(), 4);
  EXPECT_TRUE(std::isnan(store->read(1, "audio_features")[0][1].item<float>()));
  EXPECT_EQ(store->samples()[1].streams.count("vision_features"), 0u);
  EXPECT_TRUE(store->samples()[1].labels.empty());
  EXPECT_EQ(store->samples()[2].id, "video_0002_1");
  EXPECT_EQ(store->samples()[2].split, "test");
  write_text(dir / "m/bad.pkl", whole("Angry"));
  EXPECT_THAT(import_error("mmsa", dir / "m/bad.pkl", dir / "t"),
              HasSubstr("bad.pkl: v1$_$1: annotation 'Angry'; expected negative, neutral or positive"));
  const auto refused = [&](const std::string& part) {
    write_text(dir / "m/bad.pkl", pickle::file(pickle::dict({{"train", part}})));
    return import_error("mmsa", dir / "m/bad.pkl", dir / "t");
  };
  const std::string ids = pickle::list({pickle::str("v$_$1")});
  EXPECT_THAT(
      refused(pickle::dict({{"id", ids}, {"audio", pickle::array<float>({2, 1, 1}, "f4", {1, 2})}})),
      HasSubstr("bad.pkl: train.audio: an array of <f4 and 3 dimensions; expected numbers of 1 samples"));
  EXPECT_THAT(
      refused(pickle::dict({{"id", ids}, {"regression_labels", pickle::array<float>({2}, "f4", {1, 2})}})),
      HasSubstr("bad.pkl: train.regression_labels: 2 values for 1 samples"));
  EXPECT_THAT(refused(pickle::dict({{"id", ids},
                                    {"audio", pickle::array<float>({1, 1, 1}, "f4", {1})},
                                    {"audio_lengths", pickle::list({pickle::integer(2)})}})),
              HasSubstr("train.audio_lengths: a length of 2 among arrays of 1 frames"));
  EXPECT_THAT(refused(pickle::dict({{"id", pickle::list({pickle::str("v1")})}})),
              HasSubstr("expected video$_$clip"));
  write_text(dir / "m/bad.pkl", pickle::file(pickle::dict({{"data", "N"}})));
  EXPECT_THAT(import_error("mmsa", dir / "m/bad.pkl", dir / "t"), HasSubstr("is this a file of MMSA?"));
}

TEST(MmsaImport, PaddingOfAlignedFilesIsCutByTheMaskOfTheirTokens) {
  const test::TempDir dir;
  const std::vector<int32_t> text_bert = {101, 102, 0, 1, 1, 0, 0, 0, 0, 101, 7, 102, 1, 1, 1, 0, 0, 0};
  const std::vector<float> text = {1, 2, 0, 3, 4, 5};
  const std::string part = pickle::dict({{"id", pickle::list({pickle::str("v[0]"), pickle::str("v[1]")})},
                                         {"text_bert", pickle::array<int32_t>({2, 3, 3}, "i4", text_bert)},
                                         {"text", pickle::array<float>({2, 3, 1}, "f4", text)},
                                         {"vision", pickle::array<float>({2, 2, 1}, "f4", {1, 2, 3, 4})}});
  write_text(dir / "m/mosi_aligned_50.pkl", pickle::file(pickle::dict({{"valid", part}})));
  const auto store = imported_twice("mmsa", dir / "m/mosi_aligned_50.pkl", dir / "s");
  EXPECT_EQ(store->samples()[0].corpus, "cmu_mosi");
  EXPECT_EQ(store->samples()[0].turn, 0);
  EXPECT_EQ(store->read(0, "text_features").size(0), 2);
  EXPECT_EQ(store->read(1, "text_features").size(0), 3);
  EXPECT_EQ(store->read(0, "vision_features").size(0), 2);  // other frames than the tokens: all are kept
}

std::string deap_subject(float rating) {
  constexpr int32_t kTrials = 2, kSamples = 384 + 128;
  std::vector<float> data;
  for (int t = 0; t < kTrials; ++t)
    for (int c = 0; c < 40; ++c)
      for (int i = 0; i < kSamples; ++i)
        data.push_back(static_cast<float>(1000 * t + c) + (i < 384 ? 0.0f : 0.5f));
  return pickle::file(
      pickle::dict({{"labels", pickle::array<float>({2, 4}, "f4", {rating, 2, 3, 4, 5, 6, 7, 8.5f})},
                    {"data", pickle::array<float>({kTrials, 40, kSamples}, "f4", data)}}));
}

TEST(DeapImport, TrialsArePeripheralSignalsWithoutTheBaseline) {
  const test::TempDir dir;
  write_text(dir / "d/data_preprocessed_python/s02.dat", deap_subject(9));
  write_text(dir / "d/data_preprocessed_python/s01.dat", deap_subject(1));
  const auto store = imported_twice("deap", dir / "d", dir / "s");
  ASSERT_EQ(store->size(), 4);
  const Sample second = store->samples()[1];
  EXPECT_EQ(second.id, "s01_02");
  EXPECT_EQ(second.subject, "s01");
  EXPECT_EQ(second.duration.seconds(), 1);
  EXPECT_EQ(second.values.at("valence"), 5);
  EXPECT_EQ(second.values.at("liking"), 8.5);
  EXPECT_EQ(store->samples()[2].values.at("valence"), 9);
  const auto gsr = store->read(1, "gsr");
  EXPECT_THAT(gsr.sizes(), ElementsAre(128, 1));
  EXPECT_EQ(gsr[0][0].item<float>(), 1036.5f);
  EXPECT_EQ(store->read(0, "eog")[127][1].item<float>(), 33.5f);
  EXPECT_EQ(store->read(0, "emg")[0][0].item<float>(), 34.5f);
  EXPECT_EQ(store->read(0, "ppg")[0][0].item<float>(), 38.5f);
  write_text(dir / "d/data_preprocessed_python/s03.dat", deap_subject(0));
  EXPECT_THAT(import_error("deap", dir / "d", dir / "t"),
              HasSubstr("s03.dat: labels: trial 1: valence 0; expected 1 to 9"));
}

}  // namespace
}  // namespace limbic::data
