#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <filesystem>
#include <set>

#include "limbic/core/rng.h"
#include "limbic/media/audio.h"
#include "limbic/media/video_writer.h"
#include "support/command.h"
#include "support/level_store.h"
#include "support/paths.h"
#include "support/untrained_bundle.h"

namespace limbic::cli {
namespace {

namespace fs = std::filesystem;

/// Damages a file: cut at a random place, or some random bits flipped.
std::string damaged(std::string bytes, core::Rng& rng, bool cut) {
  const auto size = static_cast<int64_t>(bytes.size());
  if (cut) {
    bytes.resize(static_cast<size_t>(rng.below(size)));
  } else {
    for (int i = 0; i < 20; ++i)
      bytes[static_cast<size_t>(rng.below(size))] ^= static_cast<char>(1 << rng.below(8));
  }
  return bytes;
}

/// What any input may lead to: one of the documented codes, at most a line for each error, no signal, no
/// hang.
void expect_defined(const test::Outcome& outcome, const std::set<int>& codes, const std::string& what) {
  EXPECT_TRUE(codes.count(outcome.exit_code) == 1) << what << ": exit " << outcome.exit_code << "\n"
                                                   << outcome.err;
  if (outcome.exit_code == 0) return;
  const bool is_partial = outcome.err.find("truncated") != std::string::npos;
  EXPECT_TRUE(is_partial || outcome.err.rfind("error: ", 0) == 0 ||
              outcome.err.find("\nerror: ") != std::string::npos)
      << what << "\n"
      << outcome.err;
}

class Hostile : public ::testing::Test {
 protected:
  void SetUp() override {
    write_clip(dir_ / "clip.mp4");
    write_tone(dir_ / "tone.wav");
    test::untrained_bundle(dir_ / "bundle", /*sees=*/false, /*hears=*/true);
  }

  static void write_clip(const std::string& path) {
    media::VideoWriterOptions options;
    options.width = 96;
    options.height = 64;
    options.audio_sample_rate = 16000;
    media::VideoWriter writer(path, options);
    core::Rng rng(2);
    std::vector<uint8_t> rgb(96 * 64 * 3);
    for (int i = 0; i < 40; ++i) {
      for (auto& value : rgb) value = static_cast<uint8_t>(rng.below(255));
      writer.write_frame(core::Timestamp::from_seconds(0.04 * i), rgb.data());
    }
    const std::vector<float> sound(16000, 0.1f);
    writer.write_audio(sound.data(), 16000);
    writer.finish();
  }

  static void write_tone(const std::string& path) {
    media::AudioBuffer tone{{}, 16000, std::vector<float>(24000)};
    for (size_t i = 0; i < tone.samples.size(); ++i)
      tone.samples[i] = 0.2f * std::sin(0.1f * static_cast<float>(i));
    media::write_wav(path, tone);
  }

  test::Outcome infer(const std::string& input) const {
    return test::run_limbic(
        "infer " + input + " --no-video --model " + (dir_ / "bundle") + " --out " + (dir_ / "out"), 30);
  }

  test::TempDir dir_;
};

TEST_F(Hostile, FortyDamagedRecordingsGiveResultsOrOneClearLine) {
  core::Rng rng(3);
  for (const char* name : {"clip.mp4", "tone.wav"}) {
    const std::string whole = core::read_file(dir_ / name);
    ASSERT_EQ(infer(dir_ / name).exit_code, 0);
    for (int i = 0; i < 20; ++i) {
      const std::string path = dir_ / ("bad_" + std::string(name));
      core::write_file(path, damaged(whole, rng, i % 2 == 0));
      expect_defined(infer(path), {0, 3, 5}, std::string(name) + " " + std::to_string(i));
    }
  }
}

TEST_F(Hostile, PlaylistsPipesAndDevicesAreRefusedAtOnce) {
  const std::vector<std::string> texts{
      "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n",
      "#EXTM3U\n#EXTINF:1,\n" + (dir_ / "clip.mp4") + "\n",
      "ffconcat version 1.0\nfile 'clip.mp4'\n",
      "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n",
      "<?xml "
      "version=\"1.0\"?><MPD><Period><AdaptationSet><BaseURL>clip.mp4</BaseURL></AdaptationSet></Period></"
      "MPD>",
      "",
      std::string(4096, '\0'),
      "RIFF"};
  for (const auto& text : texts) {
    core::write_file(dir_ / "fake.mp4", text);
    test::expect_error(infer(dir_ / "fake.mp4"), 3, "fake.mp4");
  }
  ASSERT_EQ(mkfifo((dir_ / "pipe.mp4").c_str(), 0600), 0);
  for (const std::string& path :
       {dir_ / "pipe.mp4", std::string("/dev/zero"), dir_.path(), dir_ / "none.mp4",
        std::string("http://127.0.0.1:9/x.mp4"), "concat:" + (dir_ / "clip.mp4"), dir_ / "img%03d.png"}) {
    const auto outcome = infer(path);
    EXPECT_EQ(outcome.exit_code, 3) << path << "\n" << outcome.err;
    EXPECT_EQ(outcome.err.rfind("error: ", 0), 0u) << outcome.err;
  }
}

TEST_F(Hostile, TwentyDamagedBundlesAreModelErrors) {
  core::Rng rng(5);
  for (const char* name : {"model.safetensors", "bundle.yaml"}) {
    const std::string path = dir_ / ("bundle/" + std::string(name));
    const std::string whole = core::read_file(path);
    for (int i = 0; i < 10; ++i) {
      core::write_file(path, damaged(whole, rng, i % 2 == 0));
      // A cut or flipped comment or number of the YAML may still be a legal bundle.
      const bool may_pass = std::string(name) == "bundle.yaml";
      expect_defined(infer(dir_ / "tone.wav"), may_pass ? std::set<int>{0, 4} : std::set<int>{4},
                     std::string(name) + " " + std::to_string(i));
    }
    core::write_file(path, whole);
  }
  core::write_file(dir_ / "bundle/model.safetensors", std::string("PK\x03\x04", 4) + std::string(100, 'x'));
  test::expect_error(infer(dir_ / "tone.wav"), 4, "not a safetensors file");
}

TEST_F(Hostile, TwentyDamagedManifestsAreDataErrors) {
  test::write_level_store(dir_ / "store", 1);
  core::Rng rng(7);
  const std::string path = dir_ / "store/manifest.jsonl";
  const std::string whole = core::read_file(path);
  for (int i = 0; i < 20; ++i) {
    core::write_file(path, damaged(whole, rng, i % 2 == 0));
    // A flipped letter of a free text changes what is said, not whether it can be read.
    expect_defined(test::run_limbic("data show " + (dir_ / "store"), 30), {0, 3},
                   "manifest " + std::to_string(i));
  }
  for (const auto& [from, to] : {std::pair<std::string, std::string>{"\"shard\":\"00000.safetensors\"",
                                                                     "\"shard\":\"../x.safetensors\""},
                                 {"\"s001\"", "\"s000\""}}) {
    std::string text = whole;
    const auto at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    core::write_file(path, text);
    test::expect_error(test::run_limbic("data show " + (dir_ / "store"), 30), 3, "manifest.jsonl:");
  }
}

TEST_F(Hostile, RecipesThatTryToHurtEndInConfigErrors) {
  std::string bomb = "a: &a [x]\n";
  for (char name = 'b'; name < 'j'; ++name) {
    bomb += std::string(1, name) + ": &" + name + " [*" + static_cast<char>(name - 1) + ", *" +
            static_cast<char>(name - 1) + "]\n";
  }
  const std::vector<std::string> texts{bomb,
                                       "a: &a [*a]\n",
                                       std::string(1000000, '['),
                                       std::string(2 << 20, 'x'),
                                       "seed: 010\n",
                                       "seed: yes\n",
                                       "seed: 1\nseed: 2\n",
                                       "seed: .nan\n",
                                       "\xff\xfe\n",
                                       "seed: -1\n",
                                       "train: {epochs: 1e99}\n",
                                       "--- 1\n--- 2\n",
                                       "seed: 99999999999999999999\n"};
  for (const auto& text : texts) {
    core::write_file(dir_ / "bad.yaml", text);
    test::expect_error(test::run_limbic("train " + (dir_ / "bad.yaml"), 20), 2, "bad.yaml");
  }
}

}  // namespace
}  // namespace limbic::cli
