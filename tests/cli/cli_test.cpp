#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "limbic/eval/report.h"
#include "limbic/formats/csv.h"
#include "support/command.h"
#include "support/dialogue_store.h"
#include "support/level_store.h"
#include "support/paths.h"

namespace limbic::cli {
namespace {

namespace fs = std::filesystem;

using test::expect_error;

test::Outcome limbic(const std::string& arguments) {
  return test::run_limbic(arguments);
}

TEST(Cli, HelpAndVersionAreDataOnStdout) {
  const auto help = limbic("--help");
  EXPECT_EQ(help.exit_code, 0);
  for (const char* name :
       {"simulate", "data", "train", "eval", "decode", "infer", "features", "config", "doctor"}) {
    EXPECT_NE(help.out.find(name), std::string::npos) << name;
    EXPECT_EQ(limbic(std::string(name) + " --help").exit_code, 0) << name;
  }
  EXPECT_EQ(limbic("--version").out.rfind("limbic 0.", 0), 0u);
  EXPECT_EQ(limbic("").exit_code, 2);
}

TEST(Cli, TyposGetASuggestion) {
  expect_error(limbic("trian x.yaml"), 2, "unknown command 'trian'; did you mean 'train'?");
  expect_error(limbic("train --resum x"), 2, "unknown option '--resum'; did you mean '--resume'?");
  expect_error(limbic("data chek x"), 2, "did you mean 'check'?");
}

TEST(Cli, TheOntologyIsShownMappedAndChecked) {
  const auto tree = limbic("ontology show");
  EXPECT_EQ(tree.exit_code, 0) << tree.err;
  EXPECT_NE(tree.out.find("\n      fear "), std::string::npos) << tree.out;
  const auto fear = limbic("ontology show scared");
  EXPECT_EQ(fear.out.rfind("fear\n  level      basic\n", 0), 0u) << fear.out;
  expect_error(limbic("ontology show scaerd"), 2, "did you mean 'scared'?");
  EXPECT_EQ(limbic("ontology map crema_d FEA --to emotion7").out, "FEA -> fear\n");
  EXPECT_EQ(limbic("ontology map ravdess calm --to emotion7").out,
            "calm -> none: calm lies below nothing of emotion7\n");
  EXPECT_EQ(limbic("ontology map ravdess calm --to valence").out, "calm -> positive\n");
  expect_error(limbic("ontology map ravdess calm --to emotion77"), 2, "did you mean 'emotion7'?");
  EXPECT_EQ(limbic("ontology map iemocap xxx").out, "xxx -> none: the annotators did not agree\n");
  EXPECT_NE(limbic("ontology map meld --to sentiment3").out.find("joy -> positive\n"), std::string::npos);
  expect_error(limbic("ontology map crema_d FAE --to emotion7"), 2, "did you mean 'FEA'?");
  expect_error(limbic("ontology map sewa"), 2, "sewa has no labels");
  EXPECT_EQ(limbic("ontology check data/ontology.yaml").out.rfind("data/ontology.yaml: well-formed, ", 0),
            0u);
  test::TempDir dir;
  core::write_file(dir / "mine.yaml", "base: " + fs::absolute("data/ontology.yaml").string() +
                                          "\nconcepts:\n  glee: {level: fine, parents: [jyo]}\n");
  expect_error(limbic("ontology check " + (dir / "mine.yaml")), 2,
               "concepts.glee.parents: there is no concept 'jyo'; did you mean 'joy'?");
  EXPECT_EQ(limbic("ontology show --plot " + (dir / "plane.svg")).exit_code, 0);
  EXPECT_NE(core::read_file(dir / "plane.svg").find(">anger<"), std::string::npos);
}

TEST(Cli, DialoguesOfAStoreAndOfARunAreDecoded) {
  test::TempDir dir;
  const auto store = test::write_dialogues(dir / "store");
  const auto of_store = limbic("decode " + (dir / "store") + " --json --out " + (dir / "decoded.jsonl"));
  ASSERT_EQ(of_store.exit_code, 0) << of_store.err;
  const auto json = nlohmann::json::parse(of_store.out);
  EXPECT_EQ(json["num_dialogues"], 4);
  EXPECT_EQ(json["num_turns"], 24);
  EXPECT_DOUBLE_EQ(json["shift_probability"]["s0"].get<double>(), 5.0 / 6);
  EXPECT_EQ(json["before"]["num_samples"], 20);
  EXPECT_EQ(eval::read_predictions(dir / "decoded.jsonl", test::mood_labels()).size(), 20u);

  // A run of which nothing but what decoding reads is there.
  core::write_file(dir / "run/config.yaml", test::level_recipe(dir / "store", 1));
  expect_error(limbic("decode " + (dir / "run")), 3,
               "`limbic eval " + (dir / "run") + " --split test` writes it");
  std::vector<eval::Prediction> predictions;
  for (const char* id : {"d3_0", "d3_1", "d3_2", "d3_3"})
    predictions.push_back(eval::make_prediction(id, "ann", 0, {0.3, 0.7}));
  eval::write_predictions(dir / "run/eval/test/predictions.jsonl", test::mood_labels(), predictions);
  const auto of_run = limbic("decode " + (dir / "run") + " --beam 3");
  EXPECT_EQ(of_run.exit_code, 0) << of_run.err;
  EXPECT_EQ(of_run.out.rfind("4 turns of 1 dialogues; ", 0), 0u) << of_run.out;
  EXPECT_NE(of_run.out.find("probability of a shift in s1: 0.7778\n"), std::string::npos) << of_run.out;

  expect_error(limbic("decode " + (dir / "decoded.jsonl")), 2, "--on names the store");
  expect_error(limbic("decode " + (dir / "decoded.jsonl") + " --on " + (dir / "store")), 3,
               "has no probabilities");
  expect_error(limbic("decode " + (dir / "store") + " --shift 1"), 2, "must be in (0, 1), got 1");
  expect_error(limbic("decode " + (dir / "store") + " --task emotoin"), 3, "emotion");
  expect_error(limbic("decode " + (dir / "nothing")), 3, "neither a run folder nor a store");
}

TEST(Cli, EveryShippedRecipeIsWellFormed) {
  std::string recipes;
  for (const auto& entry : fs::directory_iterator("configs")) {
    if (entry.is_regular_file()) recipes += " " + entry.path().string();
  }
  const auto outcome = limbic("config validate" + recipes);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  // Parts, to be named in a recipe's `base:`.
  test::TempDir dir;
  for (const auto& entry : fs::directory_iterator("configs/encoders")) {
    core::write_file(
        dir / "recipe.yaml",
        "base: " + fs::absolute(entry.path()).string() +
            "\ndata: {store: s, split: {type: fraction}, features: {face: {type: face_crop}}}\n");
    const auto with_part = limbic("config validate " + (dir / "recipe.yaml"));
    EXPECT_EQ(with_part.exit_code, 0) << with_part.err;
  }
}

TEST(Cli, SentimentOfMosiIsTrainedAsARegressionAndReportedByItsConventions) {
  LIMBIC_REQUIRE_DATA("mosi_poria");
  test::TempDir dir;
  const auto imported =
      limbic("data import mosi_poria " + test::real_data() + "/mosi_poria --out " + (dir / "store"));
  ASSERT_EQ(imported.exit_code, 0) << imported.err;
  core::write_file(dir / "mosi.yaml", "name: mosi\ndata:\n  store: " + (dir / "store") + R"(
  tasks: [intensity]
  targets: {intensity: {kind: continuous, values: [sentiment], range: [-3, 3]}}
  split: {type: official, val: {type: carve, fraction: 0.15, by: dialogue}}
  features: {text_features: {type: values}}
  loader: {batch_size: 64, num_workers: 0}
model:
  encoders: {text_features: {type: gru, projection: 0, hidden: 16, dropout: 0.1}}
train:
  epochs: 1
  num_threads: 1
)");
  const auto trained = limbic("train " + (dir / "mosi.yaml") + " --out " + (dir / "run") +
                              " --set train.epochs=4 --set train.early_stopping.metric=mae "
                              "--set model.heads.intensity.bound=tanh");
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const auto metrics = nlohmann::json::parse(core::read_file(dir / "run/eval/test/metrics.json"));
  const auto& measured = metrics.at("tasks").at("intensity").at("metrics");
  EXPECT_LT(measured.at("mae").at("value").get<double>(), 1.5);
  EXPECT_GT(measured.at("pearson").at("value").get<double>(), 0.3);
  for (const char* name : {"acc2_has0", "acc2_non0", "f1_non0", "acc7", "acc5", "acc3"})
    EXPECT_TRUE(measured.at(name).at("value").is_number()) << name;
}

TEST(Cli, ResolvedRecipesReloadToThemselves) {
  test::TempDir dir;
  const auto first = limbic("config show configs/demo.yaml --set seed=7");
  ASSERT_EQ(first.exit_code, 0) << first.err;
  core::write_file(dir / "resolved.yaml", first.out);
  EXPECT_EQ(limbic("config show " + (dir / "resolved.yaml")).out, first.out);
  const auto origin = limbic("config show configs/demo.yaml --set seed=7 --origin");
  EXPECT_NE(origin.out.find("--set"), std::string::npos);
  EXPECT_NE(origin.out.find("configs/demo.yaml:"), std::string::npos);
}

TEST(Cli, TheSchemaIsDraft07) {
  const auto schema = nlohmann::json::parse(limbic("config schema").out);
  EXPECT_EQ(schema.at("$schema"), "http://json-schema.org/draft-07/schema#");
  EXPECT_TRUE(schema.at("properties").contains("train"));
  const auto features = nlohmann::json::parse(limbic("config schema features").out);
  EXPECT_TRUE(features.at("properties").contains("eda"));
  EXPECT_NE(limbic("config describe features").out.find("eda.decompose.cvxeda.alpha"), std::string::npos);
}

TEST(Cli, RecipeErrorsNameFileLineAndColumn) {
  test::TempDir dir;
  core::write_file(dir / "bad.yaml", "seed: 1\ntrain:\n  epohcs: 3\n");
  expect_error(limbic("train " + (dir / "bad.yaml")), 2, "bad.yaml:3:3: error: unknown key 'epohcs'");
  expect_error(limbic("train configs/demo.yaml --set train.epohcs=3"), 2, "epochs");
  expect_error(limbic("train " + (dir / "none.yaml")), 2, "none.yaml");
}

TEST(Cli, ListsWhatARecipeCanBeMadeOf) {
  const auto kinds = limbic("list");
  ASSERT_EQ(kinds.exit_code, 0) << kinds.err;
  std::istringstream lines(kinds.out);
  for (std::string line; std::getline(lines, line);) {
    const std::string kind = line.substr(0, line.find(' '));
    const auto entries = nlohmann::json::parse(limbic("list " + kind + " --json").out);
    EXPECT_FALSE(entries.empty()) << kind;
    for (const auto& entry : entries)
      EXPECT_NE(entry.at("doc").get<std::string>(), "") << kind << " " << entry.at("name");
  }
  EXPECT_NE(limbic("list fusions").out.find("concat  "), std::string::npos);
  expect_error(limbic("list encodres"), 2, "did you mean 'encoders'?");
}

TEST(Cli, MissingThingsHaveTheirExitCodes) {
  test::TempDir dir;
  expect_error(limbic("data show " + (dir / "nothing")), 3, "nothing");
  expect_error(limbic("eval " + (dir / "nothing")), 4, "not a run folder");
  expect_error(limbic("train --resume " + (dir / "nothing")), 4, "not a run folder");
  expect_error(limbic("infer x.mp4 --model " + (dir / "nothing") + " --out " + (dir / "out")), 4,
               "neither a bundle");
  fs::create_directories(dir / "corpus");
  expect_error(limbic("simulate " + (dir / "corpus")), 7, "corpus");
  expect_error(limbic("data import ravdes x --out " + (dir / "s")), 2, "ravdess");
}

/// The demo's path in small: simulate, import, check, train, resume, evaluate, infer.
TEST(Cli, TheWholePathRunsOnASimulatedCorpus) {
  test::TempDir dir;
  const std::string corpus = dir / "corpus";
  const std::string store = dir / "store";
  const std::string run = dir / "run";
  auto step = limbic("simulate " + corpus + " --subjects 3 --minutes 0.3 --seed 5");
  ASSERT_EQ(step.exit_code, 0) << step.err;
  step = limbic("data import simulated " + corpus + " --out " + store + " --face-size 48");
  ASSERT_EQ(step.exit_code, 0) << step.err;
  step = limbic("data check " + store);
  EXPECT_EQ(step.exit_code, 0) << step.out << step.err;
  const std::string recipe =
      "train configs/demo.yaml --out " + run + " --set data.store=" + store +
      " --set train.epochs=2 --set 'data.split={type: groups, train: [1], val: [\"2\"], test: [\"3\"]}'" +
      " --set data.loader.batch_size=2";
  step = limbic(recipe + " --dry-run");
  EXPECT_EQ(step.exit_code, 0) << step.err;
  EXPECT_NE(step.out.find("MACs/sample"), std::string::npos) << step.out;
  EXPECT_FALSE(fs::exists(run));
  step = limbic(recipe + " --stop-after 1");
  ASSERT_EQ(step.exit_code, 0) << step.err;
  EXPECT_NE(step.err.find("--resume"), std::string::npos) << step.err;
  step = limbic("train --resume " + run);
  ASSERT_EQ(step.exit_code, 0) << step.err;
  for (const char* name : {"config.yaml", "manifest.json", "train.log", "metrics.jsonl", "results.csv",
                           "ckpt/best/model.safetensors", "eval/test/metrics.json", "bundle/bundle.yaml"}) {
    EXPECT_TRUE(fs::exists(run + "/" + name)) << name;
  }
  step = limbic("eval " + run + " --split val --json");
  ASSERT_EQ(step.exit_code, 0) << step.err;
  EXPECT_NO_THROW(nlohmann::json::parse(step.out)) << step.out;
  step = limbic("ablate " + run + " --split val --json");
  ASSERT_EQ(step.exit_code, 0) << step.err;
  const auto ablation = nlohmann::json::parse(step.out);
  const auto& subsets = ablation.at("subsets");
  EXPECT_EQ(subsets.size(), size_t{1} << ablation.at("shapley").size());
  EXPECT_TRUE(subsets.back().at("modalities").empty());
  for (const auto& row : subsets) EXPECT_TRUE(row.at("value").is_number()) << row;
  step = limbic("cluster " + run + " --split all --k auto --max-k 3 --json");
  ASSERT_EQ(step.exit_code, 0) << step.err;
  EXPECT_FALSE(nlohmann::json::parse(step.out).at("spaces").empty()) << step.out;
  expect_error(limbic("cluster " + run + " --k 0"), 2, "--k 0: wants a number of clusters");
  expect_error(limbic("cluster " + run + " --method kmean"), 2, "kmean");
  std::string video;
  for (const auto& entry : fs::directory_iterator(corpus + "/sessions"))
    video = entry.path().string() + "/video.mp4";
  step = limbic("infer " + video + " --model " + run + " --out " + (dir / "out") + " --json");
  ASSERT_EQ(step.exit_code, 0) << step.err;
  const auto summary = nlohmann::json::parse(step.out);
  EXPECT_GT(summary.at("num_frames_with_face").get<int>(), 0.9 * summary.at("num_frames").get<int>());
  for (const char* name : {"frames.csv", "frames.jsonl", "summary.json", "annotated.mp4"}) {
    EXPECT_TRUE(fs::exists(dir / "out/" + name)) << name;
  }
  // The same folder again is refused, and nothing of it is lost.
  expect_error(limbic(recipe), 7, "never overwritten");
}

/// A PCM or float WAV file of a voice-like tone at 16 kHz.
std::string wav_of(int num_samples, int format, int bits, int rate_hz, double gain) {
  std::string data;
  for (int i = 0; i < num_samples; ++i) {
    const double t = i / 16000.0;
    double x = 0;
    for (int h = 1; h < 12; ++h) x += std::sin(2 * M_PI * 150 * h * t) / h;
    x = std::clamp(gain * x, -1.0, 1.0);
    const auto put = [&data](const auto value) {
      data.append(reinterpret_cast<const char*>(&value), sizeof(value));
    };
    if (format == 3) {
      put(static_cast<float>(x));
    } else if (bits == 8) {
      put(static_cast<uint8_t>(std::lround(127 * x) + 128));
    } else {
      const auto value = static_cast<int32_t>(std::lround(((1 << (bits - 1)) - 1) * x));
      data.append(reinterpret_cast<const char*>(&value), static_cast<size_t>(bits / 8));
    }
  }
  std::string file = "RIFF";
  const auto put = [&file](const auto value) {
    file.append(reinterpret_cast<const char*>(&value), sizeof(value));
  };
  put(static_cast<uint32_t>(36 + data.size()));
  file += "WAVEfmt ";
  put(uint32_t{16});
  put(static_cast<uint16_t>(format));
  put(uint16_t{1});
  put(static_cast<uint32_t>(rate_hz));
  put(static_cast<uint32_t>(rate_hz * bits / 8));
  put(static_cast<uint16_t>(bits / 8));
  put(static_cast<uint16_t>(bits));
  file += "data";
  put(static_cast<uint32_t>(data.size()));
  return file + data;
}

/// A value of the only row of a table, by column name.
double value_in(const std::string& path, const std::string& column) {
  formats::CsvReader csv(path);
  formats::CsvRow row;
  csv.next(row);
  return row.optional_real(column).value_or(NAN);
}

TEST(Cli, FeaturesOfAVoiceDoNotDependOnTheSampleFormat) {
  test::TempDir dir;
  const std::string out = dir / "v.csv";
  for (const auto& [format, bits] : {std::pair{1, 16}, {1, 24}, {3, 32}, {1, 8}}) {
    SCOPED_TRACE(bits);
    core::write_file(dir / "v.wav", wav_of(32000, format, bits, 16000, 0.2));
    const auto outcome =
        limbic("features voice " + (dir / "v.wav") + " --out " + out + " --plot " + (dir / "v.png"));
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_NEAR(value_in(out, "f0_mean_hz_praat_ac"), 150, 0.1);
    EXPECT_NEAR(value_in(out, "F0semitoneFrom27.5Hz_sma3nz_amean"), 12 * std::log2(150 / 27.5), 0.1);
    EXPECT_LT(value_in(out, "jitter_local_praat"), 0.002);
    EXPECT_TRUE(fs::exists(dir / "v.png"));
  }
}

TEST(Cli, FeaturesOfManyFilesAreOneTableAndABadFileCostsOnlyItself) {
  test::TempDir dir;
  for (const char* name : {"a.wav", "b.wav"}) core::write_file(dir / name, wav_of(16000, 1, 16, 16000, 0.2));
  core::write_file(dir / "broken.wav", "RIFF");
  const auto outcome = limbic("features egemaps " + (dir / "a.wav") + " " + (dir / "broken.wav") + " " +
                              (dir / "b.wav") + " --out " + (dir / "all.csv"));
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_NE(outcome.err.find("broken.wav"), std::string::npos);
  EXPECT_NE(outcome.out.find("2 of 3 files: 2 rows"), std::string::npos) << outcome.out;
  formats::CsvReader csv(dir / "all.csv");
  EXPECT_EQ(csv.columns().size(), 3u + 88u);
  formats::CsvRow row;
  ASSERT_TRUE(csv.next(row));
  EXPECT_EQ(row.text("file"), dir / "a.wav");
  ASSERT_TRUE(csv.next(row));
  EXPECT_EQ(row.text("file"), dir / "b.wav");
  EXPECT_FALSE(csv.next(row));
}

TEST(Cli, FeaturesOfBadSoundsAreMissingOrAnError) {
  test::TempDir dir;
  const std::string wav = dir / "x.wav";
  const std::string command = "features voice " + wav + " --out " + (dir / "x.csv");
  core::write_file(wav, wav_of(1, 1, 16, 16000, 0.2));
  EXPECT_EQ(limbic(command).exit_code, 0);
  EXPECT_TRUE(std::isnan(value_in(dir / "x.csv", "f0_mean_hz_praat_ac")));
  core::write_file(wav, wav_of(16000, 1, 16, 16000, 50));  // clipped
  EXPECT_EQ(limbic(command).exit_code, 0);
  EXPECT_NEAR(value_in(dir / "x.csv", "f0_mean_hz_praat_ac"), 150, 0.5);
  fs::remove(dir / "x.csv");
  core::write_file(wav, wav_of(16000, 1, 16, 0, 0.2));
  expect_error(limbic(command), 3, "x.wav");
  core::write_file(wav, wav_of(0, 1, 16, 16000, 0.2));
  expect_error(limbic(command), 3, "x.wav");
  EXPECT_FALSE(fs::exists(dir / "x.csv"));
}

TEST(Cli, FeaturesOfSensorsHaveWindowsEventsAndClearErrors) {
  test::TempDir dir;
  std::string csv = "time,EDA\n";
  for (int i = 0; i < 4 * 120; ++i) {
    const double since = std::fmod(i / 4.0, 15.0) - 3;
    csv += std::to_string(i / 4.0 - 10) + "," +
           std::to_string(1.5 + (since > 0 ? 0.6 * (std::exp(-since / 2) - std::exp(-since / 0.7)) : 0.0)) +
           "\n";
  }
  core::write_file(dir / "e.csv", csv);  // times from -10 s on
  const std::string command = "features eda " + (dir / "e.csv");
  auto outcome =
      limbic(command + " --out " + (dir / "w.csv") + " --window 60 --step 30 --events " + (dir / "scr.tsv"));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("3 rows"), std::string::npos) << outcome.out;
  EXPECT_NE(core::read_file(dir / "scr.tsv").find("\tscr\t"), std::string::npos);
  EXPECT_NE(core::read_file(dir / "w.json").find("\"Units\""), std::string::npos);
  EXPECT_EQ(limbic(command + " --out " + (dir / "f.npz") + " --frame").exit_code, 0);

  expect_error(limbic(command + " --out " + (dir / "x.txt")), 2, "expected a name ending in .csv or .npz");
  expect_error(limbic(command + " --out " + (dir / "x.csv") + " --frame --window 3"), 2,
               "exclude each other");
  expect_error(limbic(command + " --out " + (dir / "x.csv") + " --set eda.scr.rule=neurokitt"), 2,
               "neurokit");
  expect_error(limbic("features heart " + (dir / "e.csv") + " --out " + (dir / "x.csv")), 3,
               "no ecg or bvp or ppg or ibi");
  expect_error(limbic("features edaa x --out " + (dir / "x.csv")), 2, "did you mean 'eda'?");
  core::write_file(dir / "EDA.csv", "1644226061.0\n0.0\n0.1\n");
  expect_error(limbic("features eda " + dir.path() + " --out " + (dir / "x.csv")), 3,
               "EDA.csv:2: a sampling rate of 0 Hz");
}

TEST(Cli, HostileRecordingsEndInOneLineAtOnce) {
  test::TempDir dir;
  fs::create_directories(dir / "corpus/happy");
  const std::string clip = dir / "corpus/happy/clip.mp4";
  const std::vector<std::string> texts{"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n",
                                       "ffconcat version 1.0\nfile '/etc/passwd'\n",
                                       "v=0\no=- 0 0 IN IP4 127.0.0.1\n", "", std::string(4096, '\0')};
  for (const auto& text : texts) {
    core::write_file(clip, text);
    expect_error(limbic("data import folder " + (dir / "corpus") + " --out " + (dir / "store")), 3,
                 "clip.mp4");
    EXPECT_FALSE(fs::exists(dir / "store"));
  }
  fs::remove(clip);
  ASSERT_EQ(mkfifo(clip.c_str(), 0600), 0);
  // A pipe is no recording, so the folder holds none.
  expect_error(limbic("data import folder " + (dir / "corpus") + " --out " + (dir / "store")), 3,
               "nothing to import");
}

}  // namespace
}  // namespace limbic::cli
