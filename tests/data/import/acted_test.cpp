#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include "import/corpus_files.h"
#include "limbic/formats/npy.h"
#include "limbic/media/video_writer.h"
#include "support/paths.h"

namespace limbic::data {
namespace {

using ::testing::HasSubstr;
using testing::import_error;
using testing::imported_twice;
using testing::text_of;
using testing::write_picture;
using testing::write_text;
using testing::write_tone;

/// Half a second of grey video.
void write_clip(const std::string& path) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  media::VideoWriterOptions options;
  options.width = 32;
  options.height = 32;
  options.nominal_fps = 10;
  media::VideoWriter writer(path, options);
  const std::vector<uint8_t> grey(32 * 32 * 3, 100);
  for (int i = 0; i < 5; ++i) writer.write_frame({i * 100'000'000}, grey.data());
  writer.finish();
}

TEST(CremaDImport, NamesSayActorSentenceEmotionAndLevel) {
  const test::TempDir dir;
  write_tone(dir / "c/AudioWAV/1001_DFA_ANG_XX.wav", 0.1, 300);
  write_tone(dir / "c/AudioWAV/1091_WSI_SAD_HI.wav", 0.1, 200);
  write_tone(dir / "c/AudioWAV/1040_ITH_SAD_X.wav", 0.1, 250);
  write_clip(dir / "c/VideoFlash/1001_DFA_ANG_XX.mp4");
  write_text(dir / "c/VideoDemographics.csv",
             "ActorID,Age,Sex,Race,Ethnicity\n1001,51,Male,Caucasian,Not Hispanic\n");
  const auto store = imported_twice("crema_d", dir / "c", dir / "s");
  ASSERT_EQ(store->size(), 4);
  const Sample sample = store->samples()[store->index_of("1001_DFA_ANG_XX")];
  EXPECT_EQ(sample.subject, "1001");
  EXPECT_EQ(sample.labels.at("emotion"), "anger");
  EXPECT_EQ(sample.labels.at("intensity"), "unspecified");
  EXPECT_EQ(sample.attributes.at("sex"), "male");
  EXPECT_EQ(sample.attributes.at("age"), "51");
  EXPECT_EQ(text_of(*store, store->index_of("1001_DFA_ANG_XX")), "Don't forget a jacket");
  EXPECT_EQ(store->samples()[store->index_of("1001_DFA_ANG_XX_video")].clip, sample.clip);
  EXPECT_EQ(store->samples()[store->index_of("1040_ITH_SAD_X")].labels.at("intensity"), "unspecified");
  write_tone(dir / "c/AudioWAV/1001_DFA_JOY_XX.wav", 0.1, 300);
  EXPECT_THAT(import_error("crema_d", dir / "c", dir / "t"),
              HasSubstr("1001_DFA_JOY_XX.wav: emotion 'JOY' is unknown; expected ANG, DIS"));
}

TEST(EmoDbImport, NamesSaySpeakerTextAndEmotion) {
  const test::TempDir dir;
  for (const char* name : {"03a01Fa", "16b10Wb", "08a02Lc", "09a04Na"})
    write_tone(dir / fmt::format("c/wav/{}.wav", name), 0.1, 300);
  const auto store = imported_twice("emo_db", dir / "c", dir / "s");
  ASSERT_EQ(store->size(), 4);
  const Sample sample = store->samples()[0];
  EXPECT_EQ(sample.id, "03a01Fa");
  EXPECT_EQ(sample.labels.at("emotion"), "happiness");
  EXPECT_EQ(sample.attributes.at("sex"), "male");
  EXPECT_EQ(sample.attributes.at("statement"), "a01");
  EXPECT_EQ(store->samples()[3].labels.at("emotion"), "anger");
  write_tone(dir / "c/wav/99a01Fa.wav", 0.1, 300);
  EXPECT_THAT(import_error("emo_db", dir / "c", dir / "t"), HasSubstr("speaker '99' is unknown"));
}

TEST(SaveeImport, FoldersOrPrefixesNameTheSpeaker) {
  const test::TempDir dir;
  write_tone(dir / "c/AudioData/DC/sa07.wav", 0.1, 300);
  write_tone(dir / "c/KL_su15.wav", 0.1, 300);
  write_clip(dir / "c/AudioVisualClip/DC/sa7.avi.mp4");
  std::filesystem::rename(dir / "c/AudioVisualClip/DC/sa7.avi.mp4", dir / "c/AudioVisualClip/DC/sa7.mp4");
  const auto store = imported_twice("savee", dir / "c", dir / "s");
  ASSERT_EQ(store->size(), 3);
  EXPECT_EQ(store->samples()[store->index_of("DC_sa07")].labels.at("emotion"), "sadness");
  EXPECT_EQ(store->samples()[store->index_of("KL_su15")].labels.at("emotion"), "surprise");
  EXPECT_EQ(store->samples()[store->index_of("DC_sa07_video")].clip, "DC_sa07");
  write_tone(dir / "c/AudioData/DC/x01.wav", 0.1, 300);
  EXPECT_THAT(import_error("savee", dir / "c", dir / "t"), HasSubstr("'x01' is no SAVEE sentence"));
}

TEST(TessImport, WordsAreTranscribed) {
  const test::TempDir dir;
  for (const char* name : {"OAF_back_angry", "YAF_youth_ps", "OA_bite_neutral"})
    write_tone(dir / fmt::format("c/{}.wav", name), 0.1, 300);
  const auto store = imported_twice("tess", dir / "c", dir / "s");
  ASSERT_EQ(store->size(), 3);
  EXPECT_EQ(store->samples()[store->index_of("YAF_youth_ps")].labels.at("emotion"), "pleasant surprise");
  EXPECT_EQ(store->samples()[store->index_of("OA_bite_neutral")].subject, "OAF");
  EXPECT_EQ(text_of(*store, store->index_of("OAF_back_angry")), "Say the word back");
  // A second copy of the corpus inside the first.
  write_tone(dir / "c/copy/OAF_back_angry.wav", 0.1, 300);
  EXPECT_THAT(import_error("tess", dir / "c", dir / "t"), HasSubstr("import one copy of the corpus"));
}

TEST(CkPlusImport, SequencesHaveEmotionAndActionUnits) {
  const test::TempDir dir;
  for (int i = 1; i <= 3; ++i) {
    write_picture(dir / fmt::format("c/cohn-kanade-images/S005/001/S005_001_{:08}.png", i), 24,
                  static_cast<uint64_t>(i));
    write_picture(dir / fmt::format("c/cohn-kanade-images/S010/002/S010_002_{:08}.png", i), 24,
                  static_cast<uint64_t>(i + 5));
  }
  write_text(dir / "c/Emotion/S005/001/S005_001_00000003_emotion.txt", "   3.0000000e+00\n");
  write_text(dir / "c/FACS/S005/001/S005_001_00000003_facs.txt",
             "   9.0000000e+00   4.0000000e+00\n   1.7000000e+01   0.0000000e+00\n");
  write_text(dir / "c/FACS/S010/002/S010_002_00000003_facs.txt", "   1.2000000e+01   2.0000000e+00\n");
  ImportOptions options;
  options.find_faces = false;
  options.face_size = 16;
  const auto store = imported_twice("ck_plus", dir / "c", dir / "s", options);
  ASSERT_EQ(store->size(), 2);
  const Sample sample = store->samples()[0];
  EXPECT_EQ(sample.id, "S005_001");
  EXPECT_EQ(sample.subject, "S005");
  EXPECT_EQ(sample.labels.at("emotion"), "disgust");
  EXPECT_EQ(sample.labels.at("au09"), "present");
  EXPECT_EQ(sample.labels.at("au17"), "present");
  EXPECT_EQ(sample.labels.at("au12"), "absent");
  EXPECT_EQ(sample.values.at("au09_intensity"), 4.0);
  EXPECT_EQ(sample.values.count("au17_intensity"), 0u);
  EXPECT_EQ(store->samples()[1].labels.count("emotion"), 0u);
  EXPECT_EQ(store->read(0, "face").sizes(), (std::vector<int64_t>{3, 1, 16, 16}));
  write_text(dir / "c/Emotion/S005/001/S005_001_00000003_emotion.txt", "9\n");
  EXPECT_THAT(
      test::error_of([&] { import_corpus("ck_plus", dir / "c", dir / "t", options); }, ErrorCode::kData),
      HasSubstr("expected one emotion from 0 to 7"));
}

TEST(AffectNetImport, ListsGiveBoxesAndSetsGiveArrays) {
  const test::TempDir dir;
  write_picture(dir / "c/Manually_Annotated_Images/1/a.png", 40);
  write_picture(dir / "c/Manually_Annotated_Images/2/b.png", 40, 2);
  write_text(dir / "c/training.csv",
             "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,"
             "arousal\n1/a.png,4,4,30,30,1;2;3,6,-0.5,0.7\n1/gone.png,0,0,9,9,1,1,0,0\n");
  write_text(dir / "c/validation.csv",
             "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,"
             "arousal\n2/b.png,4,4,30,30,1;2;3,9,-2,-2\n");
  ImportOptions options;
  options.face_size = 16;
  const auto store = imported_twice("affect_net", dir / "c", dir / "s", options);
  ASSERT_EQ(store->size(), 2);
  const Sample first = store->samples()[0];
  EXPECT_EQ(first.split, "train");
  EXPECT_EQ(first.labels.at("emotion"), "anger");
  EXPECT_EQ(first.values.at("arousal"), 0.7);
  EXPECT_TRUE(store->samples()[1].labels.empty());  // uncertain
  EXPECT_TRUE(store->samples()[1].values.empty());

  write_picture(dir / "d/val_set/images/7.png", 20);
  std::filesystem::create_directories(dir / "d/val_set/annotations");
  for (const auto& [name, value] : {std::pair{"exp", 1.0}, std::pair{"val", 0.25}, std::pair{"aro", -2.0}})
    formats::write_npy(dir / fmt::format("d/val_set/annotations/7_{}.npy", name), {}, {value});
  const auto cropped = imported_twice("affect_net", dir / "d", dir / "u", options);
  EXPECT_EQ(cropped->samples()[0].labels.at("emotion"), "happiness");
  EXPECT_EQ(cropped->samples()[0].values.at("valence"), 0.25);
  EXPECT_EQ(cropped->samples()[0].values.count("arousal"), 0u);
}

TEST(AfewImport, PartsAndClassesAreFolders) {
  const test::TempDir dir;
  write_clip(dir / "c/Train_AFEW/Angry/000046280.mp4");
  write_clip(dir / "c/Val_AFEW/Happy/000046280.mp4");
  write_clip(dir / "c/Test_AFEW/000000001.mp4");
  const auto store = imported_twice("afew", dir / "c", dir / "s");
  ASSERT_EQ(store->size(), 3);
  EXPECT_EQ(store->samples()[store->index_of("train_000046280")].labels.at("emotion"), "angry");
  EXPECT_EQ(store->samples()[store->index_of("val_000046280")].split, "val");
  EXPECT_TRUE(store->samples()[store->index_of("test_000000001")].labels.empty());
  write_clip(dir / "c/Train_AFEW/Bored/1.mp4");
  EXPECT_THAT(import_error("afew", dir / "c", dir / "t"), HasSubstr("lies in no class folder"));
}

}  // namespace
}  // namespace limbic::data
