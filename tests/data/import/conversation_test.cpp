// IEMOCAP and conversations annotated with ELAN, on files made to the published layouts.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include <ATen/ATen.h>

#include "import/corpus_files.h"
#include "limbic/formats/eaf.h"
#include "limbic/media/video_reader.h"
#include "limbic/media/video_writer.h"
#include "support/paths.h"

namespace limbic::data {
namespace {

using ::testing::HasSubstr;
using testing::import_error;
using testing::imported_twice;
using testing::text_of;
using testing::write_text;
using testing::write_tone;

/// Grey video without a face.
void write_grey_video(const std::string& path, int num_frames, int width = 32) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  media::VideoWriterOptions options;
  options.width = width;
  options.height = 32;
  options.nominal_fps = 10;
  media::VideoWriter writer(path, options);
  const std::vector<uint8_t> grey(static_cast<size_t>(width) * 32 * 3, 100);
  for (int i = 0; i < num_frames; ++i) writer.write_frame({int64_t{i} * 100'000'000}, grey.data());
  writer.finish();
}

constexpr const char* kEvaluation =
    "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n"
    "\n"
    "[1.5000 - 2.2500]\tSes01F_impro01_M000\txxx\t[2.5000, 3.0000, 2.6667]\n"
    "C-E2:\tNeutral; Sadness;\t()\n"
    "C-E3:\tFrustration;\t(tired)\n"
    "C-M1:\tNeutral state;\t()\n"
    "A-E3:\tval 3; act 2; dom  3;\t()\n"
    "A-M1:\tval 2; act 4; dom  ;\t(a remark: with a colon)\n"
    "\n"
    "[0.2500 - 1.0000]\tSes01F_impro01_F000\tang\t[1.5000, 4.0000, 4.5000]\n"
    "C-E2:\tAnger;\t()\n"
    "\n";

void write_iemocap(const std::string& root) {
  const std::string session = root + "/IEMOCAP_full_release/Session1";
  write_text(session + "/dialog/EmoEvaluation/Ses01F_impro01.txt", kEvaluation);
  write_text(session + "/dialog/EmoEvaluation/._Ses01F_impro01.txt", "a file of macOS");
  write_text(session + "/dialog/EmoEvaluation/Categorical/Ses01F_impro01_cat.txt", "not read");
  write_text(session + "/dialog/transcriptions/Ses01F_impro01.txt",
             "Ses01F_impro01_F000 [000.2500-001.0000]: Excuse me: now.\nM: [LAUGHTER]\nSes01F_impro01_MXX0 "
             "[001.0-001.1]: Hm.\n");
  write_tone(session + "/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav", 0.75, 300);
  write_text(root + "/IEMOCAP_full_release/Session5/dialog/EmoEvaluation/Ses05M_script01_1b.txt",
             "[0.0000 - 1.0000]\tSes05M_script01_1b_M000\texc\t[4.0000, 4.0000, 3.0000]\n");
}

TEST(IemocapImport, TurnsHaveLabelsRatersTextAndSoundInOrderOfTime) {
  const test::TempDir dir;
  write_iemocap(dir / "c");
  const auto store = imported_twice("iemocap", dir / "c", dir / "s");
  ASSERT_EQ(store->size(), 3);
  EXPECT_EQ(store->label_space("emotion").classes.size(), 11u);
  const Sample woman = store->samples()[0];
  EXPECT_EQ(woman.id, "Ses01F_impro01_F000") << "the file has it second, but it begins first";
  EXPECT_EQ(woman.turn, 0);
  EXPECT_EQ(woman.subject, "Ses01F");
  EXPECT_EQ(woman.session, "Ses01");
  EXPECT_EQ(woman.dialogue, "Ses01F_impro01");
  EXPECT_EQ(woman.labels.at("emotion"), "angry");
  EXPECT_EQ(woman.values,
            (std::map<std::string, double>{{"valence", 1.5}, {"activation", 4.0}, {"dominance", 4.5}}));
  EXPECT_EQ(woman.t0.ticks, 250'000'000);
  EXPECT_EQ(woman.duration.ticks, 750'000'000);
  EXPECT_EQ(woman.attributes.at("raters_emotion"), "E2=anger");
  EXPECT_EQ(woman.attributes.at("sex"), "female");
  EXPECT_EQ(woman.attributes.at("style"), "improvised");
  EXPECT_EQ(woman.attributes.at("wears_markers"), "true");
  EXPECT_EQ(text_of(*store, 0), "Excuse me: now.");
  EXPECT_EQ(woman.streams.at("audio_wave").num_frames, 12000);
  EXPECT_EQ(woman.streams.at("audio_wave").t0, woman.t0);
  const Sample man = store->samples()[1];
  EXPECT_EQ(man.subject, "Ses01M");
  EXPECT_EQ(man.labels.at("emotion"), "no_agreement");
  EXPECT_EQ(man.attributes.at("raters_emotion"), "E2=neutral,sadness E3=frustration M1=neutral_state");
  EXPECT_EQ(man.attributes.at("raters_valence"), "E3=3 M1=2");
  EXPECT_EQ(man.attributes.at("raters_dominance"), "E3=3");
  EXPECT_TRUE(man.streams.empty()) << "neither transcript nor sound: missing, not an error";
  const Sample scripted = store->samples()[2];
  EXPECT_EQ(scripted.id, "Ses05M_script01_1b_M000");
  EXPECT_EQ(scripted.dialogue, "Ses05M_script01_1b");
  EXPECT_EQ(scripted.attributes.at("style"), "scripted");
  EXPECT_EQ(scripted.attributes.at("scenario"), "script01_1b");
}

TEST(IemocapImport, WrongLinesAreNamed) {
  const test::TempDir dir;
  const auto error = [&](const std::string& text) {
    write_text(dir / "c/Session1/dialog/EmoEvaluation/Ses01F_impro01.txt", text);
    return import_error("iemocap", dir / "c");
  };
  EXPECT_THAT(error("[1.0 - 2.0]\tSes01F_impro01_F000\tjoy\t[1, 2, 3]\n"),
              HasSubstr("Ses01F_impro01.txt:1: emotion 'joy'; expected ang, hap"));
  EXPECT_THAT(error("\n[2.0 - 1.0]\tSes01F_impro01_F000\tang\t[1, 2, 3]\n"),
              HasSubstr(":2: the time [2.0 - 1.0]; expected [START - END]"));
  EXPECT_THAT(error("[1.0 - 2.0]\tSes02F_impro01_F000\tang\t[1, 2, 3]\n"),
              HasSubstr("turn 'Ses02F_impro01_F000'; expected Ses01F_impro01_F000"));
  EXPECT_THAT(error("[1.0 - 2.0]\tSes01F_impro01_F000\tang\t[1, 2]\n"), HasSubstr("ratings [1, 2]"));
  EXPECT_THAT(error("[1.0 - 2.0]\tSes01F_impro01_F000\tang\t[1, 2, 9]\n"), HasSubstr("ratings [1, 2, 9]"));
  EXPECT_THAT(error("[1.0 - 2.0] Ses01F_impro01_F000 ang\n"), HasSubstr("expected [START - END] <tab> TURN"));
  EXPECT_THAT(error("C-E2:\tAnger;\t()\n"), HasSubstr(":1: a rating before the first turn"));
  EXPECT_THAT(error("what is this\n"), HasSubstr("'what is this'; expected a turn"));
  const std::string turn = "[1.0 - 2.0]\tSes01F_impro01_F000\tang\t[1, 2, 3]\n";
  EXPECT_THAT(error(turn + turn), HasSubstr(":2: a second turn Ses01F_impro01_F000"));
  std::filesystem::remove_all(dir / "c/Session1");
  std::filesystem::create_directories(dir / "c/Session1");
  EXPECT_THAT(import_error("iemocap", dir / "c"), HasSubstr("no Session*/dialog/EmoEvaluation"));
}

TEST(IemocapImport, TheFaceIsLookedForInTheSpeakersHalf) {
  LIMBIC_REQUIRE_DATA("face_videos/ravdess_01-01-01-01-01-01-01.mp4");
  const test::TempDir dir;
  write_iemocap(dir / "c");
  // The face of the clip, at half its size, on the left, grey on the right.
  const std::string video = dir / "c/IEMOCAP_full_release/Session1/dialog/avi/DivX/Ses01F_impro01.avi";
  std::filesystem::create_directories(std::filesystem::path(video).parent_path());
  media::VideoReader reader(test::real_data() + "/face_videos/ravdess_01-01-01-01-01-01-01.mp4");
  media::VideoFrame frame;
  std::unique_ptr<media::VideoWriter> writer;
  std::vector<uint8_t> rgb;
  while (reader.next(frame) && frame.pts.seconds() < 2.3) {
    const auto width = static_cast<size_t>(frame.width) / 2;
    const auto height = static_cast<size_t>(frame.height) / 2;
    if (writer == nullptr) {
      media::VideoWriterOptions options;
      options.width = static_cast<int>(2 * width);
      options.height = static_cast<int>(height);
      options.preset = "ultrafast";
      writer = std::make_unique<media::VideoWriter>(dir / "wide.mp4", options);
      rgb.assign(2 * width * height * 3, 128);
    }
    for (size_t y = 0; y < height; ++y) {
      for (size_t x = 0; x < width; ++x)
        std::copy_n(frame.rgb() + (2 * y * static_cast<size_t>(frame.width) + 2 * x) * 3, 3,
                    rgb.data() + (y * 2 * width + x) * 3);
    }
    writer->write_frame(frame.pts, rgb.data());
  }
  writer->finish();
  std::filesystem::rename(dir / "wide.mp4", video);
  import_corpus("iemocap", dir / "c", dir / "s");
  const auto store = Store::open(dir / "s");
  const auto woman = store->read_stream(0, "face");
  EXPECT_EQ(woman.values.size(0), 7) << "10 a second in [0.25 s, 1 s)";
  EXPECT_GE(woman.valid_T.to(at::kFloat).mean().item<double>(), 0.9);
  EXPECT_FALSE(store->read_stream(1, "face").valid_T.any().item<bool>()) << "the man's half is grey";
  EXPECT_EQ(store->info().known_defects.back(),
            "1 of 2 clips were not there when this store was made: Ses05M_script01_1b");
}

/// Two people with emotion, text and arousal tiers, as ELAN writes them.
formats::EafFile dyad() {
  using formats::EafAnnotation;
  formats::EafFile eaf;
  eaf.languages = {{"fra", "", "French"}, {"eng", "", "English"}};
  eaf.vocabularies = {{"Emotions",
                       {},
                       {{"e0", {{"eng", "Joy"}, {"fra", "joie"}}, {}},
                        {"e1", {{"eng", "Anger"}, {"fra", "col\xC3\xA8re"}}, {}}},
                       ""}};
  eaf.types = {{"plain", formats::EafConstraint::kNone, ""},
               {"feeling", formats::EafConstraint::kNone, "Emotions"}};
  eaf.media = {{"file:///D:/elsewhere/dyad%201_P1.wav", "", "audio/x-wav", 0.5}};
  const auto tier = [&](const char* id, const char* person, const char* type,
                        std::vector<EafAnnotation> annotations) {
    eaf.tiers.push_back({id, person, "", type, "", "", std::move(annotations)});
  };
  tier("Emotion_P1", "P1", "feeling",
       {{"a1", 1.0, 2.0, "joie", "", "e0"}, {"a2", 3.0, 3.5, "col\xC3\xA8re", "", "e1"}});
  tier("emotion@P2", "", "feeling", {{"a3", 1.5, 2.5, "joie", "", "e0"}});
  tier("Transcription P1", "P1", "plain",
       {{"a4", 1.0, 1.4, "bonjour"}, {"a5", 1.4, 1.9, " toi "}, {"a6", 2.6, 3.1, "non"}});
  tier("arousal P1", "P1", "plain", {{"a7", 0.0, 1.5, "0.2"}, {"a8", 1.5, 4.0, "0.6"}});
  tier("gestures", "", "plain", {{"a9", 1.0, 2.0, "nod"}});
  return eaf;
}

void write_dyad(const std::string& folder, const formats::EafFile& eaf) {
  std::filesystem::create_directories(folder);
  formats::write_eaf(folder + "/dyad 1.eaf", eaf);
  write_tone(folder + "/dyad 1_P1.wav", 5, 300);
  write_tone(folder + "/dyad 1_P2.wav", 2, 200);
  write_grey_video(folder + "/dyad 1_P1.mp4", 40);
}

TEST(ConversationImport, TiersBecomeSamplesWithEachPersonsStreams) {
  const test::TempDir dir;
  write_dyad(dir / "cg/pair1", dyad());
  ImportOptions options;
  options.face_size = 16;
  const auto store = imported_twice("conversation", dir / "cg", dir / "s", options);
  ASSERT_EQ(store->size(), 3);
  EXPECT_EQ(store->info().name, "cg");
  EXPECT_EQ(store->label_space("emotion").classes, (std::vector<std::string>{"col\xC3\xA8re", "joie"}));
  const Sample first = store->samples()[0];
  EXPECT_EQ(first.id, "pair1/Emotion_P1/a1");
  EXPECT_EQ(first.subject, "P1");
  EXPECT_EQ(first.dialogue, "pair1");
  EXPECT_EQ(first.turn, 0);
  EXPECT_EQ(first.labels.at("emotion"), "joie");
  EXPECT_NEAR(first.values.at("arousal"), 0.4, 1e-12) << "half a second of 0.2 and of 0.6";
  EXPECT_EQ(text_of(*store, 0), "bonjour toi");
  // 1.5 s into the sound, for time 0 of the annotations lies 0.5 s into it.
  const auto& sound = first.streams.at("audio_wave");
  EXPECT_EQ(sound.num_frames, 16000);
  EXPECT_EQ(sound.t0, first.t0);
  const auto wave = store->read(0, "audio_wave");
  const auto expected = [](double time_s) { return 0.5 * std::sin(2 * M_PI * 300 * time_s) * 32768; };
  EXPECT_NEAR(wave[10].item<double>(), expected(1.5 + 10 / 16000.0), 2);
  EXPECT_EQ(first.streams.at("face").num_frames, 10) << "the video has no time origin: [1 s, 2 s) of it";
  const Sample second = store->samples()[1];
  EXPECT_EQ(second.subject, "P2") << "by the tier's name";
  EXPECT_EQ(second.turn, 1);
  EXPECT_EQ(second.streams.count("face"), 0u);
  EXPECT_EQ(second.streams.at("audio_wave").num_frames, 8000) << "the sound ends at 2 s";
  EXPECT_EQ(store->samples()[2].streams.count("text"), 0u) << "'non' lies more without than within";
}

TEST(ConversationImport, ConversationYamlNamesTiersPeopleMediaAndClasses) {
  const test::TempDir dir;
  formats::EafFile eaf = dyad();
  eaf.tiers[0].id = "affect left";
  eaf.tiers[0].participant = "";
  eaf.tiers[1].id = "affect right";
  write_dyad(dir / "cg/pair1", eaf);
  write_text(dir / "cg/conversation.yaml",
             "name: cg-mer\nlicence: CC BY 4.0\ntask: affect\nclasses: [joy, anger, calm]\nlabel_tiers: "
             "['affect*']\nlanguage: eng\n"
             "participants: {affect left: Ann, affect right: Bob}\nmedia: {Ann: ['*P1.wav'], Bob: "
             "['*p2.WAV']}\nnames_are_seats: true\n");
  const auto store = imported_twice("conversation", dir / "cg", dir / "s");
  ASSERT_EQ(store->size(), 3);
  EXPECT_EQ(store->info().name, "cg-mer");
  EXPECT_EQ(store->label_space("affect").classes, (std::vector<std::string>{"joy", "anger", "calm"}));
  const Sample first = store->samples()[0];
  EXPECT_EQ(first.labels.at("affect"), "joy") << "the vocabulary's English";
  EXPECT_EQ(first.subject, "pair1/Ann");
  EXPECT_EQ(first.streams.count("face"), 0u) << "no video is Ann's";
  EXPECT_EQ(store->samples()[1].subject, "pair1/Bob");
  EXPECT_EQ(store->samples()[1].streams.at("audio_wave").num_frames, 8000);
}

TEST(ConversationImport, WhatIsUnclearIsAnErrorThatSaysHowToSettleIt) {
  const test::TempDir dir;
  const auto error = [&](const std::function<void(formats::EafFile&)>& change) {
    formats::EafFile eaf = dyad();
    change(eaf);
    write_dyad(dir / "c/pair1", eaf);
    return import_error("conversation", dir / "c");
  };
  EXPECT_THAT(
      error([](auto& eaf) { eaf.tiers[0].participant = ""; }),
      HasSubstr("dyad 1.eaf: tier 'Emotion_P1' says nothing of whose it is; set its participant in ELAN"));
  EXPECT_THAT(error([](auto& eaf) { eaf.tiers[1].participant = "P1"; }),
              HasSubstr("tiers 'Emotion_P1' and 'emotion@P2' both label one person at 1 s; choose with "
                        "`label_tiers` or `annotator`"));
  EXPECT_THAT(error([](auto& eaf) { eaf.tiers[3].annotations[0].value = "low"; }),
              HasSubstr("tier 'arousal P1' at 0 s: 'low' is no number"));
  EXPECT_THAT(error([](auto& eaf) { eaf.tiers.erase(eaf.tiers.begin(), eaf.tiers.begin() + 2); }),
              HasSubstr("no tier of the .eaf files is called *emotion*"));
  write_tone(dir / "c/pair1/other P1.wav", 1, 100);
  EXPECT_THAT(error([](auto&) {}), HasSubstr("2 files of sound for 'P1'; name the right one under `media`"));
  std::filesystem::remove_all(dir / "c/pair1");
  std::filesystem::create_directories(dir / "c/pair1");
  EXPECT_THAT(import_error("conversation", dir / "c"), HasSubstr("no .eaf file here"));
  write_text(dir / "c/pair1/a.eaf", "<html/>");
  EXPECT_THAT(import_error("conversation", dir / "c"), HasSubstr("a.eaf:1: the root element is 'html'"));
}

TEST(ConversationImport, AVideoOfTwoPeopleNeedsTheirRegions) {
  const test::TempDir dir;
  formats::EafFile eaf = dyad();
  std::filesystem::create_directories(dir / "c/pair1");
  formats::write_eaf(dir / "c/pair1/a.eaf", eaf);
  write_grey_video(dir / "c/pair1/both.mp4", 40, 64);
  const auto without = imported_twice("conversation", dir / "c", dir / "s");
  EXPECT_EQ(without->samples()[0].streams.count("face"), 0u) << "whose face it is, nobody knows";
  write_text(dir / "c/conversation.yaml", "regions: {P1: [0, 0, 0.5, 1]}\n");
  ImportOptions options;
  options.face_size = 16;
  const auto with = imported_twice("conversation", dir / "c", dir / "t", options);
  EXPECT_EQ(with->samples()[0].streams.at("face").num_frames, 10);
  EXPECT_EQ(with->samples()[1].streams.count("face"), 0u);
  write_text(dir / "c/conversation.yaml", "regions: {P1: [0.5, 0, 0.5, 1]}\n");
  EXPECT_THAT(
      test::error_of([&] { import_corpus("conversation", dir / "c", dir / "u"); }, ErrorCode::kConfig),
      HasSubstr("must be [left, top, right, bottom]"));
}

}  // namespace
}  // namespace limbic::data
