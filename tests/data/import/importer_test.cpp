#include "limbic/data/importer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>

#include "import/corpus_files.h"
#include "limbic/data/check.h"
#include "limbic/data/protocol.h"
#include "limbic/data/statistics.h"
#include "limbic/media/audio.h"
#include "limbic/media/image.h"
#include "limbic/media/video_writer.h"
#include "support/paths.h"

namespace limbic::data {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::write_text;
using testing::write_tone;

TEST(RavdessName, SaysWhatItMeans) {
  const auto name = parse_ravdess_name("Actor_07/03-01-05-02-01-02-07.flac");
  EXPECT_EQ(name.modality, "audio");
  EXPECT_EQ(name.channel, "speech");
  EXPECT_EQ(name.emotion, "angry");
  EXPECT_EQ(name.intensity, "strong");
  EXPECT_EQ(name.statement, "kids");
  EXPECT_EQ(name.repetition, 2);
  EXPECT_EQ(name.actor, 7);
  EXPECT_EQ(name.sex, "male");
  EXPECT_EQ(parse_ravdess_name("01-01-01-01-02-01-24.mp4").sex, "female");
}

TEST(RavdessName, NamesTheFieldThatIsWrong) {
  const auto error = [](const std::string& name) {
    return test::error_of([&] { parse_ravdess_name(name); }, ErrorCode::kData);
  };
  EXPECT_THAT(error("03-01-09-01-01-01-01.wav"), HasSubstr("emotion 09 is unknown; expected 01 to 08"));
  EXPECT_THAT(error("03-01-01-01-01-01-25.wav"), HasSubstr("actor 25 is unknown"));
  EXPECT_THAT(error("00-01-01-01-01-01-01.wav"), HasSubstr("modality 00 is unknown"));
  EXPECT_THAT(error("holiday.wav"), HasSubstr("holiday.wav: no RAVDESS name; expected 03-01-EE"));
  EXPECT_THAT(error("03-01-01-01-01-01-1.wav"), HasSubstr("no RAVDESS name"));
  EXPECT_THAT(error("03_01_01_01_01_01_01.wav"), HasSubstr("no RAVDESS name"));
}

TEST(Import, AnUnknownKindIsAnErrorWithTheNearest) {
  EXPECT_THAT(test::error_of([] { import_corpus("ravdes", "x", "y"); }, ErrorCode::kConfig),
              HasSubstr("did you mean 'ravdess'"));
  ImportOptions options;
  options.face_channels = 2;
  EXPECT_THAT(test::error_of([&] { import_corpus("ravdess", "x", "y", options); }, ErrorCode::kConfig),
              HasSubstr("face_channels must be 1 or 3"));
  EXPECT_THAT(test::error_of([] { import_corpus("ravdess", "/nowhere", "y"); }, ErrorCode::kData),
              HasSubstr("/nowhere: no such folder"));
}

TEST(FolderImport, ClassesSplitsAndSoundComeFromFolders) {
  const test::TempDir dir;
  write_tone(dir / "corpus/train/happy/a.wav", 0.5, 440);
  write_tone(dir / "corpus/train/sad/b.wav", 0.25, 220);
  write_tone(dir / "corpus/test/sad/c.wav", 0.25, 330);
  write_text(dir / "corpus/README.txt", "not a sample");
  const auto report = import_corpus("folder", dir / "corpus", dir / "store");
  EXPECT_EQ(report.num_samples, 3);
  const auto store = Store::open(dir / "store");
  EXPECT_EQ(store->info().name, "corpus");
  EXPECT_EQ(store->label_space("emotion").classes, (std::vector<std::string>{"happy", "sad"}));
  const auto& sample = store->samples()[static_cast<size_t>(store->index_of("train/happy/a.wav"))];
  EXPECT_EQ(sample.split, "train");
  EXPECT_EQ(sample.labels.at("emotion"), "happy");
  EXPECT_EQ(sample.duration.seconds(), 0.5);
  const auto wave = store->read(store->index_of("train/happy/a.wav"), "audio_wave");
  ASSERT_EQ(wave.size(0), 8000);
  for (const int64_t i : {1, 100, 7999}) {
    EXPECT_NEAR(wave[i].item<double>(), 16384 * std::sin(2 * M_PI * 440 * static_cast<double>(i) / 16000),
                1.0);
  }
}

TEST(FolderImport, WorkersDoNotChangeAByte) {
  const test::TempDir dir;
  for (int i = 0; i < 12; ++i)
    write_tone(dir / ("corpus/c" + std::to_string(i % 3) + "/" + std::to_string(i) + ".wav"), 0.1 + 0.01 * i,
               200 + 10 * i);
  ImportOptions options;
  options.num_workers = 1;
  const auto one = import_corpus("folder", dir / "corpus", dir / "one", options);
  options.num_workers = 3;
  const auto three = import_corpus("folder", dir / "corpus", dir / "three", options);
  EXPECT_EQ(one.content_hash, three.content_hash);
  EXPECT_EQ(core::read_file(dir / "one/shards/00000.safetensors"),
            core::read_file(dir / "three/shards/00000.safetensors"));
  EXPECT_EQ(import_corpus("folder", dir / "corpus", dir / "one", options).content_hash, one.content_hash);
}

TEST(FolderImport, ABadFileIsNamedAndNothingIsWritten) {
  const test::TempDir dir;
  for (int i = 0; i < 3; ++i) write_tone(dir / ("corpus/a/" + std::to_string(i) + ".wav"), 0.1, 300);
  write_text(dir / "corpus/a/broken.wav", "RIFF, said the file, and no more");
  const auto error =
      test::error_of([&] { import_corpus("folder", dir / "corpus", dir / "store"); }, ErrorCode::kData);
  EXPECT_THAT(error, HasSubstr("a/broken.wav"));
  EXPECT_THAT(error, HasSubstr("--skip-bad"));
  EXPECT_FALSE(fs::exists(dir / "store"));

  ImportOptions options;
  options.skip_bad = true;
  const auto report = import_corpus("folder", dir / "corpus", dir / "store", options);
  EXPECT_EQ(report.num_samples, 3);
  ASSERT_EQ(report.quarantined.size(), 1u);
  EXPECT_EQ(report.quarantined[0].path, "a/broken.wav");
  EXPECT_THAT(core::read_file(dir / "store/quarantine.jsonl"),
              HasSubstr("{\"path\":\"a/broken.wav\",\"reason\":"));
}

TEST(FolderImport, MoreThanOneInAHundredBadFilesEndTheImport) {
  const test::TempDir dir;
  for (int i = 0; i < 6; ++i) write_tone(dir / ("corpus/a/" + std::to_string(i) + ".wav"), 0.05, 300);
  write_text(dir / "corpus/a/x.wav", "no");
  write_text(dir / "corpus/a/y.wav", "no");
  ImportOptions options;
  options.skip_bad = true;
  const auto error = test::error_of([&] { import_corpus("folder", dir / "corpus", dir / "store", options); },
                                    ErrorCode::kData);
  EXPECT_THAT(error, HasSubstr("2 of 8 files are bad"));
  EXPECT_FALSE(fs::exists(dir / "store"));
}

TEST(FolderImport, PicturesAreFacesWhenTold) {
  const test::TempDir dir;
  media::Image image;
  image.width = 20;
  image.height = 20;
  image.channels = 1;
  image.data.resize(400);
  for (size_t i = 0; i < 400; ++i) image.data[i] = static_cast<uint8_t>(i % 251);
  fs::create_directories(dir / "corpus/happy");
  media::write_png(dir / "corpus/happy/x.png", image);
  ImportOptions options;
  options.find_faces = false;
  options.face_size = 20;
  import_corpus("folder", dir / "corpus", dir / "store", options);
  const auto face = Store::open(dir / "store")->read(0, "face");
  EXPECT_EQ(face.sizes(), (std::vector<int64_t>{1, 1, 20, 20}));
  EXPECT_EQ(face.flatten()[300].item<int64_t>(), 300 % 251);
  options.find_faces = true;
  EXPECT_THAT(test::error_of([&] { import_corpus("folder", dir / "corpus", dir / "other", options); },
                             ErrorCode::kData),
              HasSubstr("no face found"));
}

TEST(FolderImport, LinksThatLeadOutsideAreNotFollowed) {
  const test::TempDir dir;
  write_tone(dir / "corpus/a/in.wav", 0.1, 300);
  write_tone(dir / "secret.wav", 0.1, 300);
  fs::create_symlink(dir / "secret.wav", dir / "corpus/a/out.wav");
  EXPECT_EQ(import_corpus("folder", dir / "corpus", dir / "store").num_samples, 1);
}

TEST(Fer2013Import, ReadsKagglesCsv) {
  const test::TempDir dir;
  std::string text = "emotion,pixels,Usage\n";
  for (int row = 0; row < 3; ++row) {
    text += std::to_string(row) + ",";
    for (int i = 0; i < 2304; ++i) text += (i > 0 ? " " : "") + std::to_string((i * (row + 1)) % 256);
    text += row == 0 ? ",Training\n" : (row == 1 ? ",PublicTest\n" : ",PrivateTest\n");
  }
  write_text(dir / "fer2013.csv", text);
  import_corpus("fer2013", dir.path(), dir / "store");
  const auto store = Store::open(dir / "store");
  ASSERT_EQ(store->size(), 3);
  EXPECT_EQ(store->samples()[0].split, "train");
  EXPECT_EQ(store->samples()[1].split, "public_test");
  EXPECT_EQ(store->samples()[2].split, "private_test");
  EXPECT_EQ(store->samples()[2].labels.at("emotion"), "fear");
  EXPECT_EQ(store->read(1, "face").flatten()[200].item<int64_t>(), 400 % 256);
  write_text(dir / "fer2013.csv", "emotion,pixels,Usage\n3,1 2 300,Training\n");
  EXPECT_THAT(
      test::error_of([&] { import_corpus("fer2013", dir / "fer2013.csv", dir / "s2"); }, ErrorCode::kData),
      HasSubstr("fer2013.csv:2: pixels: expected numbers from 0 to 255"));
  write_text(dir / "fer2013.csv", "emotion,pixels,Usage\n3,1 2 3,Training\n");
  EXPECT_THAT(
      test::error_of([&] { import_corpus("fer2013", dir / "fer2013.csv", dir / "s2"); }, ErrorCode::kData),
      HasSubstr("3 pixels; expected 2304"));
  write_text(dir / "fer2013.csv", "emotion,pixels,Usage\n9,1 2 3,Training\n");
  EXPECT_THAT(
      test::error_of([&] { import_corpus("fer2013", dir / "fer2013.csv", dir / "s2"); }, ErrorCode::kData),
      HasSubstr("label 9 is out of range"));
}

/// A corpus as `limbic simulate` lays it out: grey frames with a moving bar instead of faces.
void write_simulated(const std::string& root) {
  write_text(root + "/corpus.json", R"({"version": 1, "seed": 5, "classes": ["neutral", "happy"]})");
  write_text(root + "/subjects.csv", "subject,sex\ns01,female\ns02,male\n");
  for (const std::string name : {"s01_a", "s02_a"}) {
    const std::string session = root + "/sessions/" + name;
    fs::create_directories(session);
    media::VideoWriterOptions options;
    options.width = 64;
    options.height = 48;
    options.nominal_fps = 25;
    options.audio_sample_rate = 16000;
    options.audio_channels = 1;
    media::VideoWriter video(session + "/video.mp4", options);
    std::vector<uint8_t> rgb(64 * 48 * 3, 90);
    std::vector<float> sound(3 * 16000);
    for (size_t i = 0; i < sound.size(); ++i)
      sound[i] = 0.2f * static_cast<float>(std::sin(0.1 * static_cast<double>(i)));
    for (int i = 0; i < 75; ++i) {
      rgb[static_cast<size_t>(i) * 10] = 255;
      video.write_frame(core::Timestamp::from_seconds(i / 25.0), rgb.data());
    }
    video.write_audio(sound.data(), static_cast<int64_t>(sound.size()));
    video.finish();
    std::string eda = "t_s,eda_us\n";
    for (int i = 0; i < 12; ++i)
      eda += std::to_string(i * 0.25) + "," + (i == 5 ? "" : std::to_string(2.0 + i)) + "\n";
    write_text(session + "/eda.csv", eda);
    write_text(
        session + "/labels.csv",
        "start_s,end_s,valence,arousal,felt,shown\n0,1,0.5,-0.25,happy,neutral\n1,2.5,0,0,neutral,neutral\n");
  }
}

TEST(SimulatedImport, WindowsBecomeSamplesWithTheirPartOfEveryStream) {
  const test::TempDir dir;
  write_simulated(dir / "corpus");
  ImportOptions options;
  options.face_size = 16;
  const auto report = import_corpus("simulated", dir / "corpus", dir / "store", options);
  EXPECT_EQ(report.num_samples, 4);
  const auto store = Store::open(dir / "store");
  EXPECT_EQ(store->label_space("emotion").classes, (std::vector<std::string>{"neutral", "happy"}));
  const auto& sample = store->samples()[1];
  EXPECT_EQ(sample.id, "s01_a_0001");
  EXPECT_EQ(sample.subject, "s01");
  EXPECT_EQ(sample.session, "a");
  EXPECT_EQ(sample.attributes.at("sex"), "female");
  EXPECT_EQ(sample.labels.at("emotion"), "neutral");
  EXPECT_EQ(store->samples()[0].labels.at("shown"), "neutral");
  EXPECT_EQ(store->samples()[0].values.at("arousal"), -0.25);
  EXPECT_EQ(sample.t0.seconds(), 1.0);
  EXPECT_EQ(sample.duration.seconds(), 1.5);
  const auto eda = store->read_stream(1, "eda");
  EXPECT_EQ(eda.rate_hz, 4.0);
  EXPECT_EQ(eda.t0.seconds(), 1.0);
  ASSERT_EQ(eda.values.size(0), 6);
  EXPECT_EQ(eda.values[0][0].item<float>(), 6.0f);
  EXPECT_FALSE(eda.valid_T[1].item<bool>());  // the empty field
  EXPECT_TRUE(eda.valid_T[2].item<bool>());
  const auto face = store->read_stream(1, "face");
  EXPECT_EQ(face.values.sizes(), (std::vector<int64_t>{15, 1, 16, 16}));
  EXPECT_FALSE(face.valid_T.any().item<bool>());  // nobody is seen
  EXPECT_EQ(store->read(1, "audio_wave").size(0), 24000);
}

TEST(SimulatedImport, AnUnevenGridIsAnError) {
  const test::TempDir dir;
  write_simulated(dir / "corpus");
  write_text(dir / "corpus/sessions/s01_a/eda.csv", "t_s,eda_us\n0,1\n0.25,1\n0.9,1\n1.0,1\n");
  EXPECT_THAT(
      test::error_of([&] { import_corpus("simulated", dir / "corpus", dir / "store"); }, ErrorCode::kData),
      HasSubstr("eda.csv: row"));
  write_text(dir / "corpus/sessions/s01_a/labels.csv",
             "start_s,end_s,valence,arousal,felt,shown\n2,1,0,0,a,b\n");
  EXPECT_THAT(
      test::error_of([&] { import_corpus("simulated", dir / "corpus", dir / "store"); }, ErrorCode::kData),
      HasSubstr("labels.csv:2: window [2, 1)"));
}

/// One person with an E4: `minutes` of every sensor from unix time `start` on.
void write_wrist(const std::string& folder, double start, int minutes) {
  const auto series = [&](const char* name, double rate_hz, const std::function<std::string(double)>& row) {
    const size_t commas = static_cast<size_t>(std::count(row(0).begin(), row(0).end(), ','));
    std::string head, rates;
    for (size_t c = 0; c <= commas; ++c) {
      head += (c == 0 ? "" : ",") + fmt::format("{:.6f}", start);
      rates += (c == 0 ? "" : ",") + fmt::format("{:.6f}", rate_hz);
    }
    std::string text = head + "\n" + rates + "\n";
    for (int i = 0; i < static_cast<int>(minutes * 60 * rate_hz); ++i) text += row(i / rate_hz) + "\n";
    write_text(folder + "/" + name, text);
  };
  series("EDA.csv", 4, [](double t) { return fmt::format("{}", 1 + 0.1 * std::sin(t / 7)); });
  series("TEMP.csv", 4, [](double t) { return fmt::format("{:.2f}", 32 + 0.2 * std::sin(t / 50)); });
  series("HR.csv", 1, [](double t) { return fmt::format("{:.2f}", 70 + 5 * std::sin(t / 9)); });
  series("ACC.csv", 32,
         [](double t) { return fmt::format("{:.0f},{:.0f},{:.0f}", 5 * std::sin(t), 3.0, 63.0); });
  std::string ibi = fmt::format("{:.6f}, IBI\n", start);
  for (double t = 1; t < minutes * 60; t += 0.85) ibi += fmt::format("{:.6f},0.850000\n", t);
  write_text(folder + "/IBI.csv", ibi);
  write_text(folder + "/tags.csv", "");
}

TEST(StressPredictImport, PhasesBecomeWindowsWithTheFeaturesOfEverySensor) {
  test::TempDir dir;
  const std::string source = dir / "corpus";
  write_wrist(source + "/S01", 1600000000, 8);
  write_wrist(source + "/S02", 1600100000, 4);
  write_text(source + "/intervals.csv",
             "participant,phase,start_unix,end_unix,stress\n"
             "S01,Relax,1600000030,1600000180,0\n"
             "S01,Stroop,1600000180,1600000300,1\n"
             "S02,Stroop,1600099970,1600100120,1\n"  // begins before the recording
             "S03,Relax,1,100,0\n");                 // has no folder
  const auto report = import_corpus("stress_predict", source, dir / "store");
  EXPECT_EQ(report.num_samples, 2 + 2 + 1);
  const auto store = Store::open(dir / "store");
  EXPECT_EQ(store->info().modalities.at("eda").columns.size(),
            static_cast<size_t>(store->info().modalities.at("eda").frame_shape[0]));
  const auto& first = store->samples()[0];
  EXPECT_EQ(first.subject, "S01");
  EXPECT_EQ(first.labels.at("stress"), "rest");
  EXPECT_EQ(first.attributes.at("phase"), "Relax");
  EXPECT_DOUBLE_EQ(first.t0.seconds(), 30);
  EXPECT_EQ(store->samples()[2].labels.at("stress"), "stress");
  for (const char* kind : {"eda", "heart", "temperature", "imu"})
    EXPECT_EQ(first.streams.count(kind), 1u) << kind;
  const auto& columns = store->info().modalities.at("heart").columns;
  const auto column = std::find(columns.begin(), columns.end(), "device_hr_mean_bpm") - columns.begin();
  EXPECT_NEAR(store->read(0, "heart")[0][column].item<double>(), 70, 5);
  EXPECT_TRUE(check_store(dir / "store").ok());
  // Again: the same bytes.
  EXPECT_EQ(import_corpus("stress_predict", source, dir / "again").content_hash, report.content_hash);
  write_text(source + "/intervals.csv", "participant,phase,start_unix,end_unix,stress\nS01,Relax,100,30,0\n");
  EXPECT_THAT(test::error_of([&] { import_corpus("stress_predict", source, dir / "bad"); }, ErrorCode::kData),
              HasSubstr("intervals.csv:2: the phase ends before it begins"));
}

TEST(RealStressPredict, EveryPersonLoads) {
  LIMBIC_REQUIRE_DATA("stress_predict");
  test::TempDir dir;
  import_corpus("stress_predict", test::real_data() + "/stress_predict", dir / "store");
  const auto store = Store::open(dir / "store");
  std::map<std::string, int> windows;
  int num_stress = 0;
  for (const auto& sample : store->samples()) {
    ++windows[sample.subject];
    num_stress += sample.labels.at("stress") == "stress" ? 1 : 0;
  }
  EXPECT_EQ(windows.size(), 25u);
  for (const auto& [person, count] : windows) EXPECT_GE(count, 40) << person;
  EXPECT_NEAR(static_cast<double>(num_stress) / static_cast<double>(store->size()), 0.336, 0.02);
}

TEST(RealRavdess, ClipsAndClassesAreAsTheReadmeSays) {
  LIMBIC_REQUIRE_DATA("ravdess_speech16k");
  const test::TempDir dir;
  ImportOptions options;
  options.limit = 24;  // the whole corpus takes longer than a unit test may; counts of all names are below
  const auto report =
      import_corpus("ravdess", test::real_data() + "/ravdess_speech16k", dir / "store", options);
  EXPECT_EQ(report.num_samples, 24);
  const auto checked = check_store(dir / "store");
  for (const auto& problem : checked.problems) EXPECT_EQ(problem.code, "empty_class") << problem.message;

  std::map<std::string, int64_t> per_emotion;
  std::map<int64_t, int64_t> per_actor;
  int64_t num_clips = 0;
  for (const auto& entry : fs::recursive_directory_iterator(test::real_data() + "/ravdess_speech16k")) {
    if (entry.path().extension() != ".flac") continue;
    const auto name = parse_ravdess_name(entry.path().string());
    ++per_emotion[name.emotion];
    ++per_actor[name.actor];
    ++num_clips;
  }
  EXPECT_EQ(num_clips, 1200);  // actors 1 to 20 of the README's 1440
  EXPECT_EQ(per_emotion["neutral"], 80);
  EXPECT_EQ(per_emotion.size(), 8u);
  for (const auto& [emotion, count] : per_emotion)
    EXPECT_EQ(count, emotion == "neutral" ? 80 : 160) << emotion;
  EXPECT_EQ(per_actor.size(), 20u);
}

TEST(RealRavdess, AVideoGivesFacesAndSound) {
  LIMBIC_REQUIRE_DATA("face_videos/ravdess_01-01-01-01-01-01-01.mp4");
  const test::TempDir dir;
  fs::create_directories(dir / "corpus/Actor_01");
  fs::copy_file(test::real_data() + "/face_videos/ravdess_01-01-01-01-01-01-01.mp4",
                dir / "corpus/Actor_01/01-01-01-01-01-01-01.mp4");
  const auto report = import_corpus("ravdess", dir / "corpus", dir / "store");
  ASSERT_EQ(report.num_samples, 1);
  const auto store = Store::open(dir / "store");
  const auto face = store->read_stream(0, "face");
  EXPECT_EQ(face.values.size(0), 33);  // 98 frames of 1001/30000 s at 10 Hz, from 0 on
  EXPECT_EQ(face.values.size(2), 64);
  EXPECT_GE(face.valid_T.to(at::kFloat).mean().item<double>(), 0.9);
  EXPECT_NEAR(static_cast<double>(store->read(0, "audio_wave").size(0)) / 16000, 3.30, 0.05);
  EXPECT_EQ(store->samples()[0].labels.at("emotion"), "neutral");
  EXPECT_EQ(store->samples()[0].subject, "actor_01");
}

TEST(RealFer2013, PicturesAndSplitsAreAsTheReadmeSays) {
  LIMBIC_REQUIRE_DATA("fer2013");
  const test::TempDir dir;
  const auto report = import_corpus("fer2013", test::real_data() + "/fer2013", dir / "store");
  EXPECT_EQ(report.num_samples, 28709 + 3589);
  const auto store = Store::open(dir / "store");
  const auto summary = summarize(*store);
  EXPECT_EQ(summary.samples_per_split.at("train"), 28709);
  EXPECT_EQ(summary.samples_per_split.at("public_test"), 3589);
  // Class counts of the challenge's csv (Goodfellow et al. 2013, Kaggle).
  EXPECT_EQ(summary.class_counts.at("emotion").at("train"),
            (std::vector<int64_t>{3995, 436, 4097, 7215, 4830, 3171, 4965, 0}));
  EXPECT_EQ(summary.class_counts.at("emotion").at("public_test"),
            (std::vector<int64_t>{467, 56, 496, 895, 653, 415, 607, 0}));
  OfficialProtocol protocol;
  protocol.test = {"public_test"};
  // The corpus has pictures twice, some of them in two parts.
  protocol.leaks.allow_leaks = {LeakKind::kSource, LeakKind::kContent};
  const auto split = make_split(store->samples(), protocol);
  // The contract of a stratified carve, class by class: within half a picture of a tenth.
  const auto val_counts = class_counts(*store, split.val, {store->label_space("emotion")}).at("emotion");
  for (size_t c = 0; c < val_counts.size(); ++c) {
    const auto total = static_cast<double>(summary.class_counts.at("emotion").at("train")[c]);
    EXPECT_LE(std::abs(static_cast<double>(val_counts[c]) - 0.1 * total), 0.5 + 1e-9) << c;
  }
  EXPECT_EQ(split.test.size(), 3589u);
}

}  // namespace
}  // namespace limbic::data
