#include "limbic/nn/torchscript.h"

#include <ATen/ATen.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/nn/module.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "limbic/core/atomic_file.h"
#include "limbic/core/hash.h"
#include "limbic/nn/encoder.h"
#include "support/paths.h"
#include "torchscript/pipe.h"
#include "torchscript/sandbox.h"

namespace limbic::nn {
namespace {

/// This test program is its own host: when it is started as one it never gets to its tests.
const bool kIsHost = [] {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> arguments;
  for (std::string one; std::getline(file, one, '\0');) arguments.push_back(one);
  if (arguments.size() < 2 || arguments[1] != kTorchScriptHostArgument) return false;
  std::vector<char*> pointers;
  for (auto& argument : arguments) pointers.push_back(argument.data());
  std::_Exit(torchscript_host_main(static_cast<int>(pointers.size()), pointers.data()));
}();

constexpr int64_t kFeatures = 3;

class TorchScriptTest : public testing::Test {
 protected:
  void SetUp() override { allow_torchscript(); }

  /// A TorchScript file whose forward(x, mask) has this body, and an encoder's config for it.
  TorchScriptConfig script(const std::string& body) {
    const torch::jit::Module module = [&] {
      torch::jit::Module made("Encoder");
      made.register_parameter("weight", at::full({1}, 2.0), /*is_buffer=*/false);
      made.define("def forward(self, x, mask):\n" + body);
      return made;
    }();
    TorchScriptConfig config;
    config.path = dir_ / "encoder.pt";
    module.save(config.path);
    config.sha256 = core::sha256_file(config.path);
    config.width = kFeatures;
    config.memory_limit_mib = 256;
    return config;
  }

  static std::string encode_error(const TorchScriptConfig& config) {
    const auto encoder = build_encoder(config, {{kFeatures}});
    return test::error_of(
        [&] {
          encoder->encode(at::ones({1, 2, kFeatures}), at::ones({1, 2}, at::kBool));
        },
        ErrorCode::kModel);
  }

  test::TempDir dir_;
};

TEST_F(TorchScriptTest, TokensComeFromTheOtherProcessAndPaddingIsZeroThere) {
  const auto config = script("  print('never seen')\n  return x * self.weight + 1\n");
  const auto encoder = build_encoder(config, {{kFeatures}});
  auto x = at::randn({2, 4, kFeatures});
  const auto mask = at::arange(4).unsqueeze(0) < at::tensor(std::vector<int64_t>{4, 2}).unsqueeze(1);
  x.masked_fill_(mask.logical_not().unsqueeze(2), std::nan(""));
  for (int i = 0; i < 2; ++i) {
    const auto out = encoder->encode(x, mask);
    EXPECT_TRUE(at::allclose(out.tokens_BTD[0], x[0] * 2 + 1));
    EXPECT_TRUE(at::allclose(out.embedding_BD[1], (x[1].narrow(0, 0, 2) * 2 + 1).mean(0)));
    EXPECT_EQ(out.tokens_BTD[1].narrow(0, 2, 2).abs().sum().item<float>(), 0.0f);
  }
}

TEST_F(TorchScriptTest, WithoutTheFlagItSaysWhatToDo) {
  const auto config = script("  return x\n");
  allow_torchscript("");
  EXPECT_EQ(
      test::error_of([&] { build_encoder(config, {{kFeatures}}); }, ErrorCode::kConfig),
      "encoder 'torchscript': " + config.path +
          " is a program of someone else; check where it is from, then allow it with --allow-torchscript "
          "(it runs in a sandboxed process)");
}

TEST_F(TorchScriptTest, AnotherFileThanTheOneInTheRecipeIsRefused) {
  auto config = script("  return x\n");
  const auto hash = config.sha256;
  config.sha256 = std::string(64, '0');
  EXPECT_EQ(test::error_of([&] { build_encoder(config, {{kFeatures}}); }, ErrorCode::kModel),
            config.path + ": its SHA-256 is " + hash + ", but the recipe says " + config.sha256 +
                "; it is another file than the one that was checked");
}

TEST_F(TorchScriptTest, WhatItRaisesIsAnErrorAndTheNextCallStartsAnew) {
  const auto config = script("  assert float(x.sum()) < 100., 'too much'\n  return x\n");
  const auto encoder = build_encoder(config, {{kFeatures}});
  const auto mask = at::ones({1, 2}, at::kBool);
  const auto error = test::error_of(
      [&] {
        encoder->encode(at::full({1, 2, kFeatures}, 99.0), mask);
      },
      ErrorCode::kModel);
  EXPECT_NE(error.find("too much"), std::string::npos) << error;
  EXPECT_TRUE(
      at::equal(encoder->encode(at::ones({1, 2, kFeatures}), mask).tokens_BTD, at::ones({1, 2, kFeatures})));
}

TEST_F(TorchScriptTest, AFileIsNeitherWrittenNorRead) {
  const auto target = dir_ / "made";
  const auto config = script("  return torch.from_file('" + target + "', True, 8)\n");
  EXPECT_EQ(
      encode_error(config),
      config.path +
          ": the process of the TorchScript file was ended by the sandbox: it asked for a file to write, a "
          "socket or a process");
  EXPECT_NE(access(target.c_str(), F_OK), 0);
  const auto reading = encode_error(script("  return torch.from_file('/etc/passwd', False, 8)\n"));
  EXPECT_NE(reading.find("/etc/passwd"), std::string::npos) << reading;
  EXPECT_EQ(reading.find("returned"), std::string::npos) << reading;
}

TEST_F(TorchScriptTest, ALoopWithoutEndIsEndedByTheTimeLimit) {
  auto config = script("  while bool((x == x).all()):\n    x = x * 1.\n  return x\n");
  config.time_limit_s = 0.5;
  EXPECT_EQ(encode_error(config),
            config.path + ": the TorchScript file took longer than time_limit_s 0.5; its process was ended");
}

TEST_F(TorchScriptTest, MemoryWithoutBoundIsRefused) {
  const auto error = encode_error(script("  while True:\n    x = torch.cat([x, x])\n  return x\n"));
  EXPECT_NE(error.find("memory"), std::string::npos) << error;
}

TEST_F(TorchScriptTest, TokensOfAnotherShapeOrWithNanAreRefused) {
  auto config = script("  return x.sum(1)\n");
  EXPECT_EQ(encode_error(config),
            config.path + ": forward returned (1, 3), expected (B, T, width) = (1, 2, 3)");
  config = script("  return x / 0.\n");
  EXPECT_EQ(encode_error(config), config.path + ": forward returned NaN or infinite values");
}

TEST_F(TorchScriptTest, GarbageIsAnErrorOfTheHost) {
  auto config = script("  return x\n");
  core::write_file(config.path, "no TorchScript");
  config.sha256 = core::sha256_file(config.path);
  EXPECT_EQ(encode_error(config).rfind(config.path + ": in the TorchScript file: ", 0), 0u);
}

TEST_F(TorchScriptTest, AHostThatIsNoneIsNamed) {
  const auto config = script("  return x\n");
  allow_torchscript("/bin/false");
  EXPECT_EQ(encode_error(config),
            config.path + ": the process of the TorchScript file ended with exit code 1");
}

TEST(HostPipe, TensorsMakeTheRoundTripAndBytesThatAreNoneAreRefused) {
  const auto values = at::randn({2, 0, 3});
  const auto mask = at::rand({2, 3}) > 0.5;
  std::string bytes;
  append_tensor(bytes, values);
  append_tensor(bytes, mask.t());
  std::string_view rest = bytes;
  EXPECT_EQ(take_tensor(rest).sizes(), values.sizes());
  EXPECT_TRUE(at::equal(take_tensor(rest), mask.t()));
  EXPECT_TRUE(rest.empty());
  std::string one;
  append_tensor(one, at::randn({4, 2}));
  for (size_t size = 0; size < one.size(); ++size) {
    std::string_view part(one.data(), size);
    EXPECT_FALSE(take_tensor(part).defined()) << size;
  }
  constexpr size_t kFirstSize = 8;
  for (const int64_t lie : {int64_t{-1}, int64_t{1} << 33, int64_t{1} << 62}) {
    auto changed = one;
    std::memcpy(changed.data() + kFirstSize, &lie, sizeof(lie));
    std::string_view whole = changed;
    EXPECT_FALSE(take_tensor(whole).defined()) << lie;
  }
}

/// How a process ends that enters the sandbox and then does this: its exit code, or minus its signal.
template <class Action>
int ending_in_sandbox(const Action& action) {
  const pid_t pid = fork();
  if (pid == 0) {
    if (!enter_sandbox(64).empty()) _exit(99);
    _exit(action());
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST(Sandbox, EndsAProcessThatAsksForMoreThanComputing) {
  EXPECT_EQ(ending_in_sandbox([] { return 7; }), 7);
  EXPECT_EQ(ending_in_sandbox([] { return socket(AF_INET, SOCK_STREAM, 0); }), -SIGSYS);
  EXPECT_EQ(ending_in_sandbox([] { return socket(AF_UNIX, SOCK_STREAM, 0); }), -SIGSYS);
  EXPECT_EQ(ending_in_sandbox([] { return open("/tmp/limbic_never", O_CREAT | O_WRONLY, 0600); }), -SIGSYS);
  EXPECT_EQ(ending_in_sandbox([] { return open("/dev/null", O_RDWR); }), -SIGSYS);
  EXPECT_EQ(ending_in_sandbox([] { return execl("/bin/true", "true", nullptr); }), -SIGSYS);
  EXPECT_EQ(ending_in_sandbox([] { return kill(getppid(), 0); }), -SIGSYS);
  EXPECT_EQ(ending_in_sandbox([] { return unlink("/tmp/limbic_never"); }), -SIGSYS);
  EXPECT_EQ(ending_in_sandbox([] { return open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES ? 1 : 0; }),
            1);
  EXPECT_EQ(ending_in_sandbox([] { return fork() < 0 ? 1 : 0; }), 1);
  EXPECT_EQ(ending_in_sandbox([] { return std::malloc(size_t{1} << 30) == nullptr ? 1 : 0; }), 1);
}

}  // namespace
}  // namespace limbic::nn
