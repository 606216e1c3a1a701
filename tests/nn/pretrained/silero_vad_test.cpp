#include "limbic/nn/silero_vad.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <limits>
#include <sstream>

#include "limbic/core/model_files.h"
#include "support/paths.h"

#define LIMBIC_REQUIRE_MODEL(file)                                                        \
  do {                                                                                    \
    if (!limbic::core::find_model_file(file))                                             \
      GTEST_SKIP() << file << " is not in '" << limbic::core::models_folder()             \
                   << "' (tools/models get silero_vad; $LIMBIC_MODELS names the folder)"; \
  } while (false)

namespace limbic::nn {
namespace {

constexpr double kPi = 3.14159265358979323846;

/// Four seconds: vowel-like syllables (harmonics of a gliding voice under three resonances) at 0.5-1.5 s and
/// 2.2-3.2 s over faint noise of a linear congruential generator. The same numbers in any language.
std::vector<float> synthetic_speech(int64_t rate_hz) {
  std::vector<float> x;
  uint32_t state = 12345;
  for (int64_t i = 0; i < 4 * rate_hz; ++i) {
    const double t = static_cast<double>(i) / static_cast<double>(rate_hz);
    const double phase = 120 * t - 30 / (2 * kPi * 0.7) * (std::cos(2 * kPi * 0.7 * t) - 1);
    double voice = 0;
    for (int k = 1; k <= 25; ++k) {
      double height = 0.02;
      for (const double formant : {500, 1500, 2500}) {
        height += std::exp(-std::pow((120 * k - formant) / 150, 2));
      }
      voice += height * std::sin(2 * kPi * k * phase);
    }
    const bool is_on = (t >= 0.5 && t < 1.5) || (t >= 2.2 && t < 3.2);
    state = state * 1664525u + 1013904223u;
    const double noise = static_cast<double>(state >> 16) / 65536.0 - 0.5;
    x.push_back(static_cast<float>((is_on ? 0.15 : 0.0) * std::max(0.0, std::sin(2 * kPi * 2 * t)) * voice +
                                   0.002 * noise));
  }
  return x;
}

std::vector<double> probabilities_of(const std::shared_ptr<SileroVad>& model, const std::vector<float>& x,
                                     size_t piece = SIZE_MAX) {
  SileroVadStream stream(model);
  std::vector<double> p;
  for (size_t at = 0; at < x.size();) {
    const size_t count = std::min(piece, x.size() - at);
    stream.accept(x.data() + at, static_cast<int64_t>(count), p);
    at += count;
  }
  stream.finish(p);
  return p;
}

double max_difference(const std::vector<double>& a, const std::vector<double>& b) {
  EXPECT_EQ(a.size(), b.size());
  double most = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

struct SileroGolden {
  const char* file;
  int64_t rate_hz;
  std::vector<double> probabilities;  ///< of chunks 0 15 16 20 26 32 60 95
};

// Made with onnxruntime-node 1.30.0 on synthetic_speech, the script below.
std::vector<SileroGolden> silero_goldens() {
  return {
      {"silero_vad_v5.onnx",
       16000,
       {0.0252152085, 0.551225424, 0.768686533, 0.794540048, 0.320245862, 0.238481581, 0.00140222907,
        0.196328580}},
      {"silero_vad_v5.onnx",
       8000,
       {0.0246834457, 0.302271485, 0.757657528, 0.393000513, 0.293668747, 0.357410252, 0.000365853310,
        0.462688655}},
      {"silero_vad_v6.onnx",
       16000,
       {0.0318347216, 0.0788819194, 0.925750256, 0.933200598, 0.256652474, 0.467024326, 0.00401824713,
        0.210186571}},
      {"silero_vad_v6.onnx",
       8000,
       {0.0426127613, 0.336627185, 0.727508307, 0.827232718, 0.459587127, 0.314066648, 0.00391924381,
        0.0146337748}},
  };
}

TEST(SileroVad, GivesTheProbabilitiesOfOnnxRuntime) {
  LIMBIC_REQUIRE_MODEL("silero_vad_v5.onnx");
  LIMBIC_REQUIRE_MODEL("silero_vad_v6.onnx");
  const std::vector<size_t> chunks = {0, 15, 16, 20, 26, 32, 60, 95};
  for (const auto& golden : silero_goldens()) {
    const auto model = build_silero_vad(*core::find_model_file(golden.file), golden.rate_hz);
    const auto p = probabilities_of(model, synthetic_speech(golden.rate_hz));
    ASSERT_EQ(p.size(), 125u);
    for (size_t i = 0; i < chunks.size(); ++i) {
      EXPECT_NEAR(p[chunks[i]], golden.probabilities[i], 1e-5) << golden.file << " chunk " << chunks[i];
    }
  }
}

TEST(SileroVad, PiecesOfAnyLengthGiveWhatTheWholeGives) {
  LIMBIC_REQUIRE_MODEL("silero_vad_v6.onnx");
  const auto model = build_silero_vad(*core::find_model_file("silero_vad_v6.onnx"));
  auto x = synthetic_speech(16000);
  x.resize(x.size() - 100);
  const auto whole = probabilities_of(model, x);
  EXPECT_EQ(whole.size(), 125u);  // the last chunk is short by 100 samples and filled up
  for (const size_t piece : {size_t{1}, size_t{160}, size_t{512}, size_t{5000}}) {
    EXPECT_LE(max_difference(probabilities_of(model, x, piece), whole), 2e-6) << piece;
  }
  // A stream that was finished is at the start of another recording.
  SileroVadStream stream(model);
  std::vector<double> first;
  std::vector<double> second;
  stream.accept(x.data(), static_cast<int64_t>(x.size()), first);
  stream.finish(first);
  stream.accept(x.data(), static_cast<int64_t>(x.size()), second);
  stream.finish(second);
  EXPECT_EQ(first, second);
}

TEST(SileroVad, StreamsOfABatchDoNotMix) {
  LIMBIC_REQUIRE_MODEL("silero_vad_v6.onnx");
  const auto model = build_silero_vad(*core::find_model_file("silero_vad_v6.onnx"));
  const at::NoGradGuard no_grad;
  auto x = synthetic_speech(16000);
  const auto speech = at::from_blob(x.data(), {1, 125, 512}, at::kFloat);
  const auto both = at::cat({speech, at::zeros_like(speech)});
  auto state = model->initial_state(2);
  auto alone = model->initial_state(1);
  const auto p_BT = model->forward(both, state);
  EXPECT_LE((p_BT[0] - model->forward(speech, alone)[0]).abs().max().item<float>(), 2e-6f);
  EXPECT_LT(p_BT[1].max().item<float>(), 0.3f);
  EXPECT_LE((state.hidden_BD[0] - alone.hidden_BD[0]).abs().max().item<float>(), 1e-5f);
  EXPECT_THROW(model->forward(both, alone), c10::Error);
  EXPECT_THROW(model->forward(both.slice(2, 0, 256), state), c10::Error);
}

TEST(SileroVad, BadSamplesAreSilenceAndSpoilNothing) {
  LIMBIC_REQUIRE_MODEL("silero_vad_v6.onnx");
  const auto model = build_silero_vad(*core::find_model_file("silero_vad_v6.onnx"));
  auto x = synthetic_speech(16000);
  auto quiet = x;
  for (size_t i = 1000; i < 1100; ++i) {
    x[i] = i % 2 == 0 ? std::numeric_limits<float>::quiet_NaN() : std::numeric_limits<float>::infinity();
    quiet[i] = 0;
  }
  EXPECT_EQ(probabilities_of(model, x), probabilities_of(model, quiet));
  EXPECT_TRUE(probabilities_of(model, {}).empty());
  EXPECT_EQ(probabilities_of(model, {0.5f}).size(), 1u);
  for (const double p : probabilities_of(model, std::vector<float>(8000, 1.0f))) {
    EXPECT_GE(p, 0);
    EXPECT_LE(p, 1);
  }
}

TEST(SileroVad, RefusesOtherRatesAndFiles) {
  EXPECT_EQ(test::error_of([] { build_silero_vad("x.onnx", 44100); }, ErrorCode::kConfig),
            "silero_vad: sample_rate_hz must be 16000 or 8000, got 44100");
  const test::TempDir dir;
  // An ONNX model (field 7, a graph) without a tensor.
  core::write_file(dir / "empty.onnx", std::string("\x08\x08\x3a\x00", 4));
  EXPECT_THAT(test::error_of([&] { build_silero_vad(dir / "empty.onnx"); }, ErrorCode::kModel),
              testing::HasSubstr("no Silero VAD weights for 16000 Hz in it; expected version 5 or 6"));
  core::write_file(dir / "text.onnx", "hello");
  EXPECT_THAT(test::error_of([&] { build_silero_vad(dir / "text.onnx"); }, ErrorCode::kModel),
              testing::HasSubstr("text.onnx: at byte 2: wire type 4"));
  LIMBIC_REQUIRE_MODEL("silero_vad_v6.onnx");
  auto bytes = core::read_file(*core::find_model_file("silero_vad_v6.onnx"));
  bytes.resize(bytes.size() / 2);
  core::write_file(dir / "cut.onnx", bytes);
  EXPECT_THAT(test::error_of([&] { build_silero_vad(dir / "cut.onnx"); }, ErrorCode::kModel),
              testing::HasSubstr("the file is cut short"));
}

// onnxruntime-node as the judge: it runs the network chunk by chunk, as Silero's own code does.
constexpr const char* kJudge = R"(
const ort = require(process.env.LIMBIC_ONNXRUNTIME);
const fs = require('fs');
const [,, model, rate_text, input, output] = process.argv;
const rate = Number(rate_text), chunk = rate / 16000 * 512, context = chunk / 8;
(async () => {
  const bytes = fs.readFileSync(input);
  const x = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const session = await ort.InferenceSession.create(model, {intraOpNumThreads: 1});
  const sr = new ort.Tensor('int64', BigInt64Array.from([BigInt(rate)]), []);
  let state = new ort.Tensor('float32', new Float32Array(256), [2, 1, 128]);
  let before = new Float32Array(context);
  const p = [];
  for (let i = 0; i < x.length; i += chunk) {
    const block = new Float32Array(context + chunk);
    block.set(before);
    block.set(x.subarray(i, Math.min(i + chunk, x.length)), context);
    const r = await session.run({input: new ort.Tensor('float32', block, [1, context + chunk]), state, sr});
    p.push(r.output.data[0]);
    state = r.stateN;
    before = block.slice(chunk);
  }
  fs.writeFileSync(output, p.map(v => v.toPrecision(9)).join('\n') + '\n');
})();
)";

TEST(SileroVad, AgreesWithOnnxRuntimeOnRealSpeech) {
  LIMBIC_REQUIRE_MODEL("silero_vad_v5.onnx");
  LIMBIC_REQUIRE_MODEL("silero_vad_v6.onnx");
  LIMBIC_REQUIRE_DATA("ravdess_speech16k");
  if (std::getenv("LIMBIC_ONNXRUNTIME") == nullptr) {
    GTEST_SKIP() << "LIMBIC_ONNXRUNTIME is not set (npm install onnxruntime-node; the path of that folder)";
  }
  const test::TempDir dir;
  core::write_file(dir / "judge.js", kJudge);
  for (const int rate_hz : {16000, 8000}) {
    // Three people one after the other, 10 s: a pause, speech, a pause, over and over.
    const std::string clips = test::real_data() + "/ravdess_speech16k/Actor_";
    const std::string command =
        "ffmpeg -v error -i " + clips + "01/03-01-01-01-01-02-01.flac -i " + clips +
        "02/03-01-05-02-01-01-02.flac -i " + clips +
        "07/03-01-06-01-02-01-07.flac -filter_complex '[0][1][2]concat=n=3:v=0:a=1' -ac 1 -ar " +
        std::to_string(rate_hz) + " -f f32le '" + (dir / "x.f32") + "' -y";
    if (std::system(command.c_str()) != 0) GTEST_SKIP() << "ffmpeg could not read the clips";
    const std::string bytes = core::read_file(dir / "x.f32");
    std::vector<float> x(bytes.size() / sizeof(float));
    std::memcpy(x.data(), bytes.data(), x.size() * sizeof(float));
    for (const char* file : {"silero_vad_v5.onnx", "silero_vad_v6.onnx"}) {
      const std::string path = *core::find_model_file(file);
      const std::string judge = "node '" + (dir / "judge.js") + "' '" + path + "' " +
                                std::to_string(rate_hz) + " '" + (dir / "x.f32") + "' '" + (dir / "p.txt") +
                                "'";
      ASSERT_EQ(std::system(judge.c_str()), 0);
      std::istringstream lines(core::read_file(dir / "p.txt"));
      std::vector<double> expected;
      for (double p = 0; lines >> p;) expected.push_back(p);
      ASSERT_GT(expected.size(), 300u);
      EXPECT_GT(*std::max_element(expected.begin(), expected.end()), 0.9);
      const double difference =
          max_difference(probabilities_of(build_silero_vad(path, rate_hz), x), expected);
      EXPECT_LE(difference, 1e-5) << file << " " << rate_hz;
      std::printf("%s %d Hz: %zu chunks, largest difference %.2e\n", file, rate_hz, expected.size(),
                  difference);
    }
  }
}

}  // namespace
}  // namespace limbic::nn
