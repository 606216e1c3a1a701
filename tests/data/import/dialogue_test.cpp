// MELD, EmoryNLP and CMU-MOSI, on files made to the published layout and on the real packs.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include <ATen/ATen.h>

#include "import/corpus_files.h"
#include "limbic/media/video_writer.h"
#include "support/paths.h"

namespace limbic::data {
namespace {

using ::testing::HasSubstr;
using testing::import_error;
using testing::imported_twice;
using testing::text_of;
using testing::write_text;

/// Imports twice: not a byte may change. The official splits of television series share their speakers, and
/// the check says so; nothing else may be wrong.
std::shared_ptr<const Store> imported_series(const std::string& kind, const std::string& source,
                                             const std::string& out, const ImportOptions& options = {}) {
  const auto report = import_corpus(kind, source, out, options);
  const auto time = std::filesystem::last_write_time(out + "/manifest.jsonl");
  EXPECT_EQ(import_corpus(kind, source, out, options).content_hash, report.content_hash);
  EXPECT_EQ(std::filesystem::last_write_time(out + "/manifest.jsonl"), time);
  for (const Problem& problem : check_store(out).problems) {
    const bool is_shared = problem.code == "subject_in_two_splits" || problem.code == "clip_in_two_splits";
    EXPECT_TRUE(problem.severity != Severity::kError || is_shared)
        << problem.where << ": " << problem.message;
  }
  return Store::open(out);
}

constexpr const char* kMeldHeader =
    "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime\n";

/// Half a second of grey video with sound.
void write_talking_clip(const std::string& path) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  media::VideoWriterOptions options;
  options.width = 32;
  options.height = 32;
  options.nominal_fps = 10;
  options.audio_sample_rate = 16000;
  media::VideoWriter writer(path, options);
  const std::vector<uint8_t> grey(32 * 32 * 3, 100);
  for (int i = 0; i < 5; ++i) writer.write_frame({int64_t{i} * 100'000'000}, grey.data());
  const std::vector<float> sound(8000, 0.25f);
  writer.write_audio(sound.data(), static_cast<int64_t>(sound.size()));
  writer.finish();
}

void write_meld(const std::string& root) {
  write_text(root + "/train_sent_emo.csv",
             std::string(kMeldHeader) +
                 "1,\"Oh, \"\"no\"\"! That\xE2\x80\x99s "
                 "it.\",Ann,surprise,negative,0,0,4,7,\"00:20:57,256\",\"00:21:00,049\"\n"
                 "2,Fine.,Bob,neutral,neutral,0,1,4,7,\"0:21:01,000\",\"0:21:01,500\"\n"
                 "3,Bye.,Ann,joy,positive,125,3,4,8,\"00:00:01,000\",\"00:00:02,000\"\n");
  write_text(root + "/dev_sent_emo.csv",
             std::string(kMeldHeader) + "1,Hi.,Eve,joy,positive,0,0,5,1,\"00:00:01,000\",\"00:00:01,000\"\n");
  write_text(
      root + "/test_sent_emo.csv",
      std::string(kMeldHeader) + "1,No.,Bob,anger,negative,0,0,6,1,\"01:00:01,000\",\"01:00:02,250\"\n");
}

TEST(MeldImport, RowsBecomeTurnsOfDialoguesWithTheirOfficialSplit) {
  const test::TempDir dir;
  write_meld(dir / "c");
  const auto store = imported_series("meld", dir / "c", dir / "s");
  ASSERT_EQ(store->size(), 5);
  const int64_t index = store->index_of("train_dia0_utt0");
  const Sample sample = store->samples()[index];
  EXPECT_EQ(text_of(*store, index), "Oh, \"no\"! That\xE2\x80\x99s it.");
  EXPECT_EQ(sample.corpus, "meld");
  EXPECT_EQ(sample.subject, "Ann");
  EXPECT_EQ(sample.dialogue, "train_dia0");
  EXPECT_EQ(sample.turn, 0);
  EXPECT_EQ(sample.session, "s04e07");
  EXPECT_EQ(sample.clip, "s04e07");
  EXPECT_EQ(sample.split, "train");
  EXPECT_EQ(sample.t0.ticks, INT64_C(1257'256'000'000));
  EXPECT_NEAR(sample.duration.seconds(), 2.793, 1e-9);
  EXPECT_EQ(sample.labels.at("emotion"), "surprise");
  EXPECT_EQ(sample.labels.at("sentiment"), "negative");
  EXPECT_EQ(store->samples()[store->index_of("dev_dia0_utt0")].duration.ticks, 0)
      << "ends when it starts: unknown";
  EXPECT_EQ(store->samples()[store->index_of("test_dia0_utt0")].split, "test");
  EXPECT_EQ(store->info().modalities.size(), 1u) << "no clips lie beside the tables";
}

TEST(MeldImport, ClipsBesideTheTablesGiveSoundAndFaceAndMissingOnesAreReported) {
  const test::TempDir dir;
  write_meld(dir / "c");
  write_talking_clip(dir / "c/MELD.Raw/train/train_splits/dia0_utt0.mp4");
  write_text(dir / "c/MELD.Raw/train/train_splits/._dia0_utt0.mp4", "a file of macOS");
  write_text(dir / "c/MELD.Raw/train/train_splits/dia125_utt3.mp4", "damaged, as published");
  write_talking_clip(dir / "c/MELD.Raw/output_repeated_splits_test/dia0_utt0.mp4");
  write_talking_clip(dir / "c/MELD.Raw/output_repeated_splits_test/final_videos_testdia0_utt0.mp4");
  ImportOptions options;
  options.face_size = 16;
  const auto store = imported_series("meld", dir / "c", dir / "s", options);
  ASSERT_EQ(store->size(), 5);
  const Sample seen = store->samples()[store->index_of("train_dia0_utt0")];
  ASSERT_EQ(seen.streams.size(), 3u);
  // The clip's zero is where the utterance starts in the episode.
  EXPECT_EQ(seen.streams.at("audio_wave").t0, seen.t0);
  EXPECT_NEAR(static_cast<double>(seen.streams.at("audio_wave").num_frames), 8000, 1024);
  EXPECT_EQ(seen.streams.at("face").num_frames, 5);
  EXPECT_EQ(seen.source_path, "MELD.Raw/train/train_splits/dia0_utt0.mp4");
  const Sample damaged = store->samples()[store->index_of("train_dia125_utt3")];
  EXPECT_EQ(damaged.streams.size(), 1u) << "text is left";
  EXPECT_EQ(damaged.attributes.at("defect"), "the clip cannot be decoded");
  EXPECT_EQ(store->samples()[store->index_of("train_dia0_utt1")].streams.size(), 1u);
  EXPECT_EQ(store->samples()[store->index_of("test_dia0_utt0")].streams.size(), 3u);
  EXPECT_EQ(store->info().known_defects.back(),
            "2 of 5 clips were not there when this store was made: train_dia0_utt1, dev_dia0_utt0");
  // Any other clip that cannot be decoded is a bad file.
  write_text(dir / "c/MELD.Raw/train/train_splits/dia0_utt1.mp4", "no video");
  EXPECT_THAT(import_error("meld", dir / "c"), HasSubstr("train_splits/dia0_utt1.mp4"));
}

TEST(MeldImport, WrongRowsAreNamed) {
  const test::TempDir dir;
  const auto error = [&](const std::string& row) {
    write_text(
        dir / "c/train_sent_emo.csv",
        std::string(kMeldHeader) + "1,Hi.,Ann,joy,positive,0,0,4,7,\"00:00:01,0\",\"00:00:02,0\"\n" + row);
    return import_error("meld", dir / "c");
  };
  EXPECT_THAT(error("2,Hi.,Ann,hope,positive,0,1,4,7,\"00:00:01,0\",\"00:00:02,0\"\n"),
              HasSubstr("train_sent_emo.csv:3: emotion 'hope' is unknown; known: neutral, surprise"));
  EXPECT_THAT(error("2,Hi.,Ann,joy,positive,0,0,4,7,\"00:00:01,0\",\"00:00:02,0\"\n"),
              HasSubstr(":3: dialogue 0 has a second utterance 0"));
  EXPECT_THAT(error("2,Hi.,Ann,joy,positive,0,1,4,7,soon,\"00:00:02,0\"\n"),
              HasSubstr(":3: StartTime is 'soon'; expected a time such as"));
  EXPECT_THAT(error("2,Hi.,Ann,joy,positive,0,1,4,7,\"00:61:00,0\",\"00:00:02,0\"\n"),
              HasSubstr("StartTime is"));
  EXPECT_THAT(error("2,Hi.,Ann,joy,positive,-1,1,4,7,\"00:00:01,0\",\"00:00:02,0\"\n"),
              HasSubstr("a negative Dialogue_ID"));
  std::filesystem::remove(dir / "c/train_sent_emo.csv");
  EXPECT_THAT(import_error("meld", dir / "c"), HasSubstr("none of train_sent_emo.csv"));
}

/// Samples by official split.
std::map<std::string, int64_t> split_sizes(const Store& store) {
  std::map<std::string, int64_t> sizes;
  for (int64_t i = 0; i < store.size(); ++i) ++sizes[store.samples()[i].split];
  return sizes;
}

TEST(MeldImport, CountsOfTheRealTablesEqualTheReadme) {
  LIMBIC_REQUIRE_DATA("meld_text/MELD");
  const test::TempDir dir;
  const auto store = imported_series("meld", test::real_data() + "/meld_text/MELD", dir / "s");
  EXPECT_EQ(split_sizes(*store),
            (std::map<std::string, int64_t>{{"train", 9989}, {"dev", 1109}, {"test", 2610}}));
  std::map<std::string, int64_t> dialogues;
  std::map<std::string, int64_t> emotions;
  for (int64_t i = 0; i < store->size(); ++i) {
    const Sample sample = store->samples()[i];
    if (sample.split == "test") ++emotions[sample.labels.at("emotion")];
    dialogues[sample.dialogue] = 1;
  }
  EXPECT_EQ(dialogues.size(), 1038u + 114u + 280u);
  EXPECT_EQ(emotions.at("neutral"), 1256);
  EXPECT_EQ(emotions.at("fear"), 50);
}

TEST(EmoryNlpImport, SpeakersAreListsAndScenesAreDialogues) {
  const test::TempDir dir;
  const std::string header =
      "Utterance,Speaker,Emotion,Scene_ID,Utterance_ID,Season,Episode,Start_Time,End_Time\n";
  write_text(dir / "c/emorynlp_train_final.csv",
             header +
                 "Coffee.,['Ann Ames'],Neutral,1,1,1,15,00:00:03.795,00:00:05.004\n"
                 "\"Both, now!\",\"['Ann Ames', 'Bob']\",Joyful,1,4,1,15,00:00:06.000,00:00:07.500\n");
  write_text(dir / "c/emorynlp_test_final.csv",
             header + "Hm,\"[\"\"Ann's Aunt\"\"]\",Scared,2,1,9,3,00:00:03.795,00:00:05.004\n");
  const auto store = imported_series("emorynlp", dir / "c", dir / "s");
  ASSERT_EQ(store->size(), 3);
  const Sample first = store->samples()[0];
  EXPECT_EQ(first.id, "s01e15_c01_u001");
  EXPECT_EQ(first.dialogue, "s01e15_c01");
  EXPECT_EQ(first.turn, 1);
  EXPECT_EQ(first.subject, "Ann Ames");
  EXPECT_EQ(first.labels.at("emotion"), "neutral");
  EXPECT_NEAR(first.t0.seconds(), 3.795, 1e-9);
  const Sample both = store->samples()[1];
  EXPECT_EQ(both.subject, "Ann Ames & Bob");
  EXPECT_EQ(both.attributes.at("speakers"), "2");
  EXPECT_EQ(text_of(*store, 1), "Both, now!");
  EXPECT_EQ(store->samples()[2].subject, "Ann's Aunt");
  EXPECT_EQ(store->samples()[2].split, "test");
  write_text(dir / "c/emorynlp_dev_final.csv", header + "Hm,Ann,Scared,2,1,9,3,00:00:03.795,00:00:05.004\n");
  EXPECT_THAT(import_error("emorynlp", dir / "c"),
              HasSubstr("emorynlp_dev_final.csv:2: Speaker is Ann; expected a list"));
  write_text(dir / "c/emorynlp_dev_final.csv",
             header + "Hm,['Ann],Scared,2,1,9,3,00:00:03.795,00:00:05.004\n");
  EXPECT_THAT(import_error("emorynlp", dir / "c"), HasSubstr("expected a list such as"));
  write_text(dir / "c/emorynlp_dev_final.csv",
             header + "Hm,['Ann'],Scary,2,1,9,3,00:00:03.795,00:00:05.004\n");
  EXPECT_THAT(import_error("emorynlp", dir / "c"),
              HasSubstr("emotion 'scary' is unknown; known: joyful, mad"));
}

TEST(EmoryNlpImport, CountsOfTheRealTablesEqualTheReadme) {
  LIMBIC_REQUIRE_DATA("meld_text/emorynlp");
  const test::TempDir dir;
  const auto store = imported_series("emorynlp", test::real_data() + "/meld_text/emorynlp", dir / "s");
  EXPECT_EQ(split_sizes(*store),
            (std::map<std::string, int64_t>{{"train", 7551}, {"dev", 954}, {"test", 984}}));
}

/// Two videos for training and one to test, with one number of each modality that says whose it is.
struct MosiFiles {
  struct Row {
    std::string id, split;
    int64_t row;
    double sentiment;
  };
  std::vector<Row> rows{{"vidA_1", "train", 1, 2.6},
                        {"vidA_10", "train", 0, -0.4},
                        {"vidB_2", "train", 2, 0.0},
                        {"vidC_1", "test", 0, -3.0},
                        {"vidC_2", "test", 1, 1.0}};

  static int label(const Row& row) { return row.sentiment >= 0 ? 1 : 0; }
  static std::string features(size_t count, double mark) {
    std::string out;
    for (size_t i = 0; i < count; ++i) out += fmt::format("\"{}\",", i == 0 ? mark : 0.5);
    return out;
  }
  std::map<std::string, std::string> tables() const {
    std::map<std::string, std::string> files;
    files["utterances.csv"] = "id,video,segment,split,row,label,sentiment,standard_split\n";
    int transcript = 0;
    std::map<std::string, std::map<int64_t, std::string>> lines;  // file -> row -> text
    for (const Row& row : rows) {
      const size_t bar = row.id.rfind('_');
      files["utterances.csv"] +=
          fmt::format("{},{},{},{},{},{},{},val\n", row.id, row.id.substr(0, bar), row.id.substr(bar + 1),
                      row.split, row.row, label(row), row.sentiment);
      files["transcripts.csv"] +=
          fmt::format("\"{}\",\"WORDS OF {}\",\"1\",\"{}\"\n", row.id, row.id, label(row));
      const double mark = 100 + transcript;
      lines[fmt::format("text/text_{}0.csv", row.split)][row.row] =
          features(100, mark) + fmt::format("\"{}\"\n", label(row));
      lines[fmt::format("audio/audio_{}0.csv", row.split)][row.row] =
          features(73, mark) + fmt::format("\"{}\"\n", label(row));
      lines[fmt::format("video/video_{}0.csv", row.split)][row.row] =
          features(100, mark) + fmt::format("\"{}\"\n", label(row));
      std::string by_key = fmt::format("\"{}\",", transcript) + features(100, mark);
      by_key.back() = '\n';
      lines[fmt::format("text_{}.csv", row.split)][row.row] = by_key;
      ++transcript;
    }
    for (const auto& [file, of_file] : lines) {
      for (const auto& [row, text] : of_file) files[file] += text;
    }
    return files;
  }
  void write(const std::string& root, const std::map<std::string, std::string>& changes = {}) const {
    auto files = tables();
    for (const auto& [name, text] : changes) files[name] = text;
    for (const auto& [name, text] : files) write_text(root + "/" + name, text);
  }
};

TEST(MosiPoriaImport, TablesAreJoinedByTheRowsThatUtterancesName) {
  const test::TempDir dir;
  MosiFiles().write(dir / "c");
  const auto store = imported_twice("mosi_poria", dir / "c", dir / "s");
  ASSERT_EQ(store->size(), 5);
  const int64_t index = store->index_of("vidA_10");
  const Sample sample = store->samples()[index];
  EXPECT_EQ(sample.corpus, "mosi");
  EXPECT_EQ(sample.dialogue, "vidA");
  EXPECT_EQ(sample.clip, "vidA_10")
      << "without times, the clip is what keeps the keys of a video's utterances apart";
  EXPECT_EQ(sample.subject, "vidA");
  EXPECT_EQ(sample.turn, 10);
  EXPECT_EQ(sample.split, "train");
  EXPECT_EQ(sample.values.at("sentiment"), -0.4);
  EXPECT_EQ(sample.labels.at("sentiment"), "negative");
  EXPECT_EQ(sample.labels.at("polarity"), "negative");
  EXPECT_EQ(sample.attributes.at("standard_split"), "val");
  EXPECT_EQ(text_of(*store, index), "WORDS OF vidA_10");
  for (const char* stream : {"text_features", "audio_features", "video_features"})
    EXPECT_EQ(store->read(index, stream)[0][0].item<float>(), 101.0f)
        << stream << ": its own row, which is row 0 of the table";
  EXPECT_EQ(store->read(index, "audio_features").sizes(), (std::vector<int64_t>{1, 73}));
  EXPECT_EQ(store->samples()[store->index_of("vidB_2")].labels.at("sentiment"), "neutral");
  EXPECT_EQ(store->samples()[store->index_of("vidB_2")].labels.at("polarity"), "not_negative");
}

TEST(MosiPoriaImport, SwappedRowsAreAnErrorThatListsThem) {
  const test::TempDir dir;
  const MosiFiles files;
  const auto swapped = [&](const std::string& name, size_t a, size_t b) {
    std::vector<std::string> lines;
    std::istringstream in(files.tables().at(name));
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    std::swap(lines[a], lines[b]);
    std::string text;
    for (const auto& line : lines) text += line + "\n";
    return text;
  };
  // Rows 0 and 1 of train have labels 0 and 1.
  for (const char* name : {"text/text_train0.csv", "audio/audio_train0.csv", "video/video_train0.csv"}) {
    files.write(dir / "c", {{name, swapped(name, 0, 1)}});
    const std::string error = import_error("mosi_poria", dir / "c");
    EXPECT_THAT(error, HasSubstr(name));
    EXPECT_THAT(error, HasSubstr("rows contradict utterances.csv: row 1 has label 0, vidA_1 "
                                 "(utterances.csv:2) has 1; row 0 has label 1, vidA_10 "
                                 "(utterances.csv:3) has 0"));
  }
  // Rows 1 and 2 have one label: only the key of the text tables tells.
  files.write(dir / "c", {{"text/text_train0.csv", swapped("text/text_train0.csv", 1, 2)}});
  EXPECT_THAT(
      import_error("mosi_poria", dir / "c"),
      HasSubstr(
          "text_train.csv: 2 rows contradict utterances.csv: row 1 of text/text_train0.csv is not vidA_1"));
  files.write(dir / "c", {{"transcripts.csv", [&] {
                             std::string text = files.tables().at("transcripts.csv");
                             return text.replace(text.find("\"1\"\n"), 4, "\"0\"\n");
                           }()}});
  EXPECT_THAT(import_error("mosi_poria", dir / "c"), HasSubstr("vidA_1 has label 1, its transcript 0"));
}

TEST(MosiPoriaImport, TablesThatDoNotFitAreRefused) {
  const test::TempDir dir;
  const MosiFiles files;
  const auto error = [&](const std::string& name, const std::string& from, const std::string& to) {
    std::string text = files.tables().at(name);
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    files.write(dir / "c", {{name, text.replace(at, from.size(), to)}});
    return import_error("mosi_poria", dir / "c");
  };
  EXPECT_THAT(error("utterances.csv", "train,2,1,0,", "train,7,1,0,"),
              HasSubstr("vidB_2 is row 7, but there are 3 rows"));
  EXPECT_THAT(error("utterances.csv", "train,2,1,0,", "train,1,1,0,"),
              HasSubstr("utterances.csv:4: row 1 of train is another utterance's, too"));
  EXPECT_THAT(error("utterances.csv", "train,1,1,2.6", "train,1,0,2.6"),
              HasSubstr("label 0 and sentiment 2.6 contradict each other"));
  EXPECT_THAT(error("utterances.csv", "2.6", "26"), HasSubstr("sentiment 26; expected -3 to 3"));
  EXPECT_THAT(error("utterances.csv", "vidA_1,vidA,1,", "vidA_1,vidB,1,"),
              HasSubstr("id vidA_1 is not video vidB and segment 1"));
  EXPECT_THAT(error("audio/audio_test0.csv", "\"0.5\",", ""),
              HasSubstr("audio_test0.csv:1: 73 fields; expected 74"));
  EXPECT_THAT(error("text_test.csv", "\"3\",", "\"9\","), HasSubstr("row 9 of transcripts.csv; it has 5"));
}

TEST(MosiPoriaImport, CountsOfTheRealTablesEqualTheReadme) {
  LIMBIC_REQUIRE_DATA("mosi_poria/utterances.csv");
  const test::TempDir dir;
  const auto store = imported_twice("mosi_poria", test::real_data() + "/mosi_poria", dir / "s");
  EXPECT_EQ(store->size(), 2199);
  EXPECT_EQ(split_sizes(*store), (std::map<std::string, int64_t>{{"train", 1447}, {"test", 752}}));
  std::map<std::string, std::map<std::string, int>> videos;
  int64_t num_negative = 0;
  for (int64_t i = 0; i < store->size(); ++i) {
    const Sample sample = store->samples()[i];
    EXPECT_EQ(sample.streams.size(), 4u) << sample.id;
    ++videos[sample.split][sample.dialogue];
    num_negative += sample.split == "test" && sample.labels.at("polarity") == "negative" ? 1 : 0;
  }
  EXPECT_EQ(videos.at("train").size(), 62u);
  EXPECT_EQ(videos.at("test").size(), 31u);
  EXPECT_EQ(num_negative, 285) << "the rest, 62.1 %, is the majority";
}

}  // namespace
}  // namespace limbic::data
