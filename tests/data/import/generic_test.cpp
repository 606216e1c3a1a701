#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include "import/corpus_files.h"
#include "limbic/core/rng.h"
#include "limbic/formats/npy.h"
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

void write_openface(const std::string& path, int num_frames, int failed_frame) {
  // Blanks after commas and times of three digits, as the tool writes them; 30 frames a second.
  std::string text = "frame, face_id, timestamp, confidence, success, gaze_angle_x, AU12_r\n";
  for (int i = 0; i < num_frames; ++i) {
    const bool fails = i == failed_frame;
    text += fmt::format("{}, 0, {:.3f}, {}, {}, {}, {}\n", i + 1, i / 30.0, fails ? 0.0 : 0.98, fails ? 0 : 1,
                        fails ? 0.0 : 0.1 * i, fails ? 0.0 : 1.5);
  }
  write_text(path, text);
}

constexpr const char* kMap = R"(name: mine
licence: CC0
table: clips.tsv
columns: {id: key, subject: person, dialogue: talk, turn: nr, start_s: from, end_s: to, text: words, media: file}
labels:
  mood: {column: feeling, classes: [good, bad], rename: {ok: good}, missing: [none]}
values:
  valence: {column: v, scale: 0.5, offset: -1}
attributes: [room]
features:
  openface: {path: "of/{file}.csv"}
  prosody: {path: "prosody/{key}.npy"}
)";

void write_own_corpus(const std::string& folder) {
  write_text(folder + "/map.yaml", kMap);
  write_text(folder + "/clips.tsv",
             "key\tperson\ttalk\tnr\tfrom\tto\twords\tfile\tfeeling\tv\troom\n"
             "a\tann\tt1\t0\t0.0\t0.5\thello there\tone.wav\tok\t3\tred\n"
             "b\tbob\tt1\t1\t0.5\t1.0\tgrüß dich\tone.wav\tbad\t\tred\n"
             "c\tann\tt2\t0\t0.0\t0.5\t\ttwo.wav\tnone\t1\t\n");
  write_tone(folder + "/one.wav", 1.0, 300);
  write_tone(folder + "/two.wav", 0.5, 200);
  write_openface(folder + "/of/one.wav.csv", 30, 20);
  for (const char* key : {"a", "b", "c"}) {
    std::filesystem::create_directories(folder + "/prosody");
    formats::write_npy(fmt::format("{}/prosody/{}.npy", folder, key), {3},
                       {1, 2, static_cast<double>(key[0])});
  }
}

TEST(TableImport, AMapMakesACorpusOfOnesOwn) {
  const test::TempDir dir;
  write_own_corpus(dir / "c");
  const auto store = imported_twice("table", dir / "c/map.yaml", dir / "s");
  ASSERT_EQ(store->size(), 3);
  EXPECT_EQ(store->info().licence, "CC0");
  EXPECT_EQ(store->label_space("mood").classes, (std::vector<std::string>{"good", "bad"}));
  const Sample a = store->samples()[store->index_of("a")];
  EXPECT_EQ(a.subject, "ann");
  EXPECT_EQ(a.dialogue, "t1");
  EXPECT_EQ(a.turn, 0);
  EXPECT_EQ(a.labels.at("mood"), "good");
  EXPECT_EQ(a.values.at("valence"), 0.5);
  EXPECT_EQ(a.attributes.at("room"), "red");
  EXPECT_EQ(a.clip, "one.wav");
  const int64_t b = store->index_of("b");
  EXPECT_EQ(store->samples()[b].values.count("valence"), 0u);
  EXPECT_EQ(store->samples()[b].turn, 1);
  EXPECT_EQ(store->read(b, "audio_wave").size(0), 8000);
  EXPECT_EQ(store->read_stream(b, "audio_wave").t0.seconds(), 0.5);
  EXPECT_EQ(text_of(*store, b), "grüß dich");
  // The second half of the recording's OpenFace frames; the sixth of them failed.
  const auto face = store->read_stream(b, "openface");
  ASSERT_EQ(face.values.size(0), 15);
  EXPECT_EQ(face.rate_hz, 30.0);
  EXPECT_NEAR(face.values[0][1].item<float>(), 1.5, 1e-5);
  EXPECT_FALSE(face.valid_T[5].item<bool>());
  EXPECT_TRUE(face.valid_T[6].item<bool>());
  EXPECT_EQ(store->info().modalities.at("openface").columns,
            (std::vector<std::string>{"confidence", "gaze_angle_x", "AU12_r"}));
  EXPECT_EQ(store->read(b, "prosody")[0][2].item<float>(), static_cast<float>('b'));
  const int64_t c = store->index_of("c");
  EXPECT_TRUE(store->samples()[c].labels.empty());
  EXPECT_FALSE(store->samples().has_stream("openface", c));
  EXPECT_FALSE(store->samples().has_stream("text", c));
}

TEST(TableImport, MistakesAreNamedWithTheirPlace) {
  const test::TempDir dir;
  write_own_corpus(dir / "c");
  const auto broken = [&](std::string from, const std::string& to, const char* file = "map.yaml") {
    write_own_corpus(dir / "c");
    std::ifstream in(dir / "c/" + file);
    std::string text((std::istreambuf_iterator<char>(in)), {});
    text.replace(text.find(from), from.size(), to);
    write_text(dir / "c/" + file, text);
    try {
      import_corpus("table", dir / "c/map.yaml", dir / "t");
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string("no error");
  };
  EXPECT_THAT(broken("person", "persn"), HasSubstr("no column 'persn' (columns.subject)"));
  EXPECT_THAT(broken("subject:", "sbject:"), HasSubstr("unknown key 'sbject'"));
  EXPECT_THAT(broken("of/{file}.csv", "of/{fil}.csv"), HasSubstr("names a column 'fil'"));
  EXPECT_THAT(broken("of/{file}.csv", "../{file}.csv"), HasSubstr("leaves its folder"));
  EXPECT_THAT(broken("\t0.5\t1.0\t", "\t1.5\t1.0\t", "clips.tsv"),
              HasSubstr("clips.tsv:3: ends before it begins"));
  EXPECT_THAT(broken("\t3\tred", "\tx\tred", "clips.tsv"), HasSubstr("column 'v': 'x' is no number"));
  EXPECT_THAT(broken("\tbad\t", "\tugly\t", "clips.tsv"), HasSubstr("ugly"));
  EXPECT_THAT(broken("b\tbob", "a\tbob", "clips.tsv"), HasSubstr("id used twice"));
  EXPECT_THAT(broken("two.wav", "gone.wav", "clips.tsv"), HasSubstr("clips.tsv:4: no file"));
}

TEST(TableImport, MutatedMapsAndTablesNeverCrash) {
  const test::TempDir dir;
  write_own_corpus(dir / "c");
  std::map<std::string, std::string> files;
  for (const char* file : {"map.yaml", "clips.tsv"}) {
    std::ifstream in(dir / "c/" + file);
    files[file] = std::string((std::istreambuf_iterator<char>(in)), {});
  }
  core::Rng rng(4);
  int num_errors = 0;
  ImportOptions options;
  options.replace = true;
  for (int i = 0; i < 400; ++i) {
    for (const auto& [file, text] : files) {
      std::string mutant = text;
      const bool is_changed = (file == "map.yaml") == (i % 2 == 0);
      for (int64_t k = is_changed ? 1 + rng.below(3) : 0; k > 0; --k)
        mutant[static_cast<size_t>(rng.below(static_cast<int64_t>(mutant.size())))] =
            static_cast<char>(rng.below(256));
      write_text(dir / "c/" + file, mutant);
    }
    try {
      import_corpus("table", dir / "c/map.yaml", dir / "t", options);
    } catch (const Error& e) {
      EXPECT_TRUE(e.code() == ErrorCode::kData || e.code() == ErrorCode::kConfig) << e.what();
      ++num_errors;
    }
  }
  EXPECT_GT(num_errors, 100);
}

TEST(MetadataImport, UsualColumnNamesNeedNoMap) {
  const test::TempDir dir;
  write_text(
      dir / "c/metadata.jsonl",
      "{\"file_name\": \"a.wav\", \"speaker\": \"s1\", \"label\": \"joy\", \"valence\": 0.25, \"age\": 30}\n"
      "{\"file_name\": \"b.wav\", \"speaker\": \"s2\", \"label\": \"anger\"}\n");
  write_tone(dir / "c/a.wav", 0.2, 300);
  write_tone(dir / "c/b.wav", 0.2, 200);
  const auto store = imported_twice("metadata", dir / "c", dir / "s");
  ASSERT_EQ(store->size(), 2);
  const Sample first = store->samples()[0];
  EXPECT_EQ(first.subject, "s1");
  EXPECT_EQ(first.labels.at("emotion"), "joy");
  EXPECT_EQ(first.values.at("valence"), 0.25);
  EXPECT_EQ(first.attributes.at("age"), "30");
  EXPECT_THAT(import_error("metadata", dir / "s", dir / "t"), HasSubstr("no metadata.csv"));
}

TEST(MediaImport, APictureWithoutAFaceIsASampleAllTheSame) {
  const test::TempDir dir;
  write_picture(dir / "c/noise.png", 64);
  write_tone(dir / "c/deep/tone.wav", 0.1, 300);
  const auto store = imported_twice("media", dir / "c", dir / "s");
  ASSERT_EQ(store->size(), 2);
  EXPECT_EQ(store->samples()[0].id, "deep/tone.wav");
  EXPECT_FALSE(store->read_stream(1, "face").valid_T.any().item<bool>());
}

TEST(FeatureFilesImport, EachToolsCsvIsReadByItsColumns) {
  const test::TempDir dir;
  write_openface(dir / "of/x.csv", 12, 3);
  const auto openface = imported_twice("openface", dir / "of", dir / "s1");
  EXPECT_EQ(openface->read(0, "openface").size(0), 12);
  EXPECT_EQ(openface->samples()[0].clip, "x");

  // Times of a long video, rounded to milliseconds, with frames that are not there.
  std::string rounded = "frame,face_id,timestamp,confidence,success,AU12_r\n";
  for (int i = 0; i < 3000; ++i)
    if (i < 1000 || i > 1004) rounded += fmt::format("{},0,{:.3f},0.9,1,{}\n", i + 1, i * 1001 / 30000.0, i);
  write_text(dir / "long/v.csv", rounded);
  import_corpus("openface", dir / "long", dir / "s0");
  const auto video = Store::open(dir / "s0")->read_stream(0, "openface");
  EXPECT_NEAR(video.rate_hz, 30000 / 1001.0, 1e-9);
  ASSERT_EQ(video.values.size(0), 3000);
  EXPECT_EQ(video.values[2999][1].item<float>(), 2999.0f);
  EXPECT_FALSE(video.valid_T[1002].item<bool>());

  write_text(dir / "os/y.csv",
             "name;frameTime;F0;Loudness\n'y';0.00;100;0.5\n'y';0.01;101;0.6\n'y';0.02;102;0.7\n");
  const auto descriptors = imported_twice("opensmile", dir / "os", dir / "s2");
  EXPECT_EQ(descriptors->read_stream(0, "opensmile").rate_hz, 100.0);
  EXPECT_NEAR(descriptors->read(0, "opensmile")[2][1].item<float>(), 0.7, 1e-6);
  write_text(dir / "of2/z.csv", "name;F0_mean;F0_std\n'z';100;5\n");
  const auto functionals = imported_twice("opensmile", dir / "of2", dir / "s3");
  EXPECT_EQ(functionals->read_stream(0, "opensmile").rate_hz, 0.0);
  // openSMILE appends to a summary that is there: two recordings in one file.
  write_text(dir / "of2/z.csv", "name;F0_mean;F0_std\n'z';100;5\n'w';90;4\n");
  EXPECT_THAT(import_error("opensmile", dir / "of2", dir / "t"), HasSubstr("was appended"));

  write_text(dir / "pf/v.csv",
             ",FaceRectX,FaceScore,AU01,happiness,input,frame,approx_time\n0,5,0.9,0.1,0.8,v.mp4,0,00:00\n"
             "1,,,,,v.mp4,1,00:00\n2,7,0.5,0.2,0.6,v.mp4,2,00:00\n3,9,0.8,0.3,0.7,v.mp4,2,00:00\n");
  ImportOptions options;
  options.feature_rate_hz = 25;
  const auto pyfeat = imported_twice("pyfeat", dir / "pf", dir / "s4", options);
  const auto frames = pyfeat->read_stream(0, "pyfeat");
  ASSERT_EQ(frames.values.size(0), 3);
  EXPECT_FALSE(frames.valid_T[1].item<bool>());
  EXPECT_EQ(frames.values[2][0].item<float>(), 9.0f);  // the surer of two faces

  write_text(dir / "of/other.csv", "frame,face_id,timestamp,confidence,success,AU01_r\n1,0,0,0.9,1,1\n");
  EXPECT_THAT(import_error("openface", dir / "of", dir / "t"), HasSubstr("differ from the"));
}

TEST(RealMediaPacks, PicturesAndVideosImportWithoutLabels) {
  LIMBIC_REQUIRE_DATA("face_images");
  const test::TempDir dir;
  const auto store = imported_twice("media", test::real_data() + "/face_images", dir / "s");
  EXPECT_EQ(store->size(), 19);
  int64_t num_faces = 0;
  for (int64_t i = 0; i < store->size(); ++i)
    num_faces += store->read_stream(i, "face").valid_T.any().item<bool>() ? 1 : 0;
  EXPECT_GE(num_faces, 14);
}

}  // namespace
}  // namespace limbic::data
