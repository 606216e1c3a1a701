#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cstring>
#include <functional>
#include <set>

#include "limbic/formats/safetensors.h"
#include "support/paths.h"

namespace limbic::formats {
namespace {

using ::testing::HasSubstr;

std::string file_of(const std::string& header, size_t num_data_bytes, std::optional<uint64_t> length = {}) {
  const uint64_t n = length.value_or(header.size());
  return std::string(reinterpret_cast<const char*>(&n), 8) + header + std::string(num_data_bytes, '\0');
}

std::string entry(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return fmt::format(R"({{"dtype":"{}","shape":{},"data_offsets":{}}})", dtype, shape, offsets);
}

struct Attack {
  std::string bytes;
  std::string message;
};

const std::string kOk = entry("U8", "[4]", "[0,4]");

std::vector<Attack> attacks() {
  using namespace std::string_literals;
  return {
      {"", "only 0 bytes"},
      {"1234567", "only 7 bytes"},
      {file_of("{}", 0, 1), "a header of 1 bytes"},
      {file_of("{}", 0, 3), "its header would be 3 bytes, but only 2 follow"},
      {file_of("{}", 0, 100'000'001), "its header would be 100000001 bytes; at most 100000000"},
      {file_of("{}", 0, UINT64_C(1) << 63), "its header would be 9223372036854775808 bytes"},
      {file_of("[]", 0), "does not start with '{'"},
      {file_of(" {}", 0), "does not start with '{'"},
      {file_of("{\"a\"", 0), "not JSON at byte 12: syntax error"},
      {file_of("{}x", 0), "padded with something else than spaces"},
      {file_of("{}\n", 0), "padded with something else than spaces"},
      {file_of("{\"\xff\":" + kOk + "}", 4), "not JSON at byte 10"},
      {file_of("{\"a\":" + kOk + ",\"a\":" + kOk + "}", 4), "duplicate key 'a' in the header"},
      {file_of("{\"__metadata__\":{},\"__metadata__\":{}}", 0), "duplicate key '__metadata__'"},
      {file_of(R"({"__metadata__":{"k":"1","k":"2"}})", 0), "duplicate key 'k' in __metadata__"},
      {file_of(R"({"__metadata__":{"k":1}})", 0), "values of __metadata__ must be text, not a number"},
      {file_of(R"({"__metadata__":{"k":{}}})", 0), "values of __metadata__ must be text, not an object"},
      {file_of(R"({"__metadata__":null})", 0), "__metadata__ must be an object, not null"},
      {file_of(R"({"a":[1]})", 0), "its entry must be an object, not a list"},
      {file_of(R"({"a":{}})", 0), "dtype is missing"},
      {file_of(R"({"a":{"dtype":"U8","data_offsets":[0,0]}})", 0), "shape is missing"},
      {file_of(R"({"a":{"dtype":"U8","shape":[0]}})", 0), "data_offsets is missing"},
      {file_of(R"({"a":{"dtype":"U8","dtype":"U8"}})", 0), "duplicate field 'dtype'"},
      {file_of(R"({"a":{"stride":1}})", 0), "unknown field 'stride'"},
      {file_of(R"({"a":{"dtype":7}})", 0), "dtype must be text, not a number"},
      {file_of("{\"a\":" + entry("U16", "[2]", "[0,4]") + "}", 4),
       "dtype 'U16' is not supported; LibTorch 1.13"},
      {file_of("{\"a\":" + entry("F8_E4M3", "[4]", "[0,4]") + "}", 4), "dtype 'F8_E4M3' is not supported"},
      {file_of("{\"a\":" + entry("U8", "4", "[0,4]") + "}", 4),
       "shape must be a list of integers, not a number"},
      {file_of("{\"a\":" + entry("U8", "[[4]]", "[0,4]") + "}", 4),
       "shape must be a list of integers, not a list"},
      {file_of("{\"a\":" + entry("U8", "[-4]", "[0,4]") + "}", 4), "negative number -4 in shape"},
      {file_of("{\"a\":" + entry("U8", "[4.0]", "[0,4]") + "}", 4), "'4.0' in shape is not a 64-bit integer"},
      {file_of("{\"a\":" + entry("U8", "[18446744073709551616]", "[0,4]") + "}", 4),
       "is not a 64-bit integer"},
      {file_of("{\"a\":" + entry("U8", "[9223372036854775808]", "[0,4]") + "}", 4), "is too large"},
      {file_of("{\"a\":" + entry("F32", "[4294967296,4294967296]", "[0,0]") + "}", 0), "overflows 63 bits"},
      {file_of("{\"a\":" + entry("F32", "[0,4294967296,4294967296]", "[0,0]") + "}", 0), "overflows 63 bits"},
      {file_of("{\"a\":" + entry("F64", "[2305843009213693952]", "[0,0]") + "}", 0), "overflows 63 bits"},
      {file_of(
           "{\"a\":" +
               entry("U8", "[" + fmt::format("{}", fmt::join(std::vector<int>(65, 1), ",")) + "]", "[0,1]") +
               "}",
           1),
       "more than 64 dimensions"},
      {file_of("{\"a\":" + entry("U8", "[4]", "[0]") + "}", 4), "data_offsets has fewer than two numbers"},
      {file_of("{\"a\":" + entry("U8", "[4]", "[0,4,4]") + "}", 4), "data_offsets has more than two numbers"},
      {file_of("{\"a\":" + entry("U8", "[4]", "[-1,3]") + "}", 4), "negative number -1 in data_offsets"},
      {file_of("{\"a\":" + entry("U8", "[4]", "[4,0]") + "}", 4), "data_offsets [4, 0] go backwards"},
      {file_of("{\"a\":" + entry("U8", "[5]", "[0,4]") + "}", 4), "need 5 bytes, data_offsets give 4"},
      {file_of("{\"a\":" + entry("U8", "[8]", "[0,8]") + "}", 4), "ends at byte 8 of 4 bytes of data"},
      {file_of("{\"a\":" + entry("U8", "[4]", "[1,5]") + "}", 5), "a hole of 1 bytes before it"},
      {file_of("{\"a\":" + kOk + ",\"b\":" + entry("U8", "[2]", "[6,8]") + "}", 8), "a hole of 2 bytes"},
      {file_of("{\"a\":" + kOk + ",\"b\":" + entry("U8", "[4]", "[2,6]") + "}", 6), "tensor 'b': overlaps"},
      {file_of("{\"a\":" + kOk + ",\"b\":" + kOk + "}", 4), "tensor 'b': overlaps"},
      {file_of("{\"a\":" + kOk + "}", 5), "1 bytes after the last tensor"},
      {file_of("{}", 3), "3 bytes after the last tensor"},
      {file_of("{\"a\":" + std::string(100000, '[') + "}", 0), "its entry must be an object, not a list"},
      {file_of("{\"" + std::string(1100000, 'n') + "\":" + kOk + "}", 4), "is longer than 1048576 bytes"},
      {file_of("{\"a\":" + entry("BOOL", "[1]", "[0,1]") + "}", 0) + "\2", "element 0 of a BOOL tensor is 2"},
      {file_of("{\"__metadata__\":{\"limbic.crc32.a\":\"00000000\"},\"a\":" + kOk + "}", 4),
       "the header has none"},
      {file_of("{\"__metadata__\":{\"limbic.header_crc32\":\"zz\"},\"a\":" + kOk + "}", 4),
       "not 8 hex digits"},
      {file_of("{\"__metadata__\":{\"limbic.header_crc32\":\"00000000\"},\"a\":" + kOk + "}", 4),
       "its checksum is missing"},
      {file_of("{\"__metadata__\":{\"limbic.header_crc32\":\"00000000\",\"limbic.crc32.b\":\"00000000\"}}",
               0),
       "checksum of a tensor 'b' that is not there"},
      {file_of("{\"__metadata__\":{\"limbic.header_crc32\":\"00000000\",\"k\":\"v\"}}", 0),
       "the header does not match its checksum"},
      {"PK\x03\x04"s + std::string(100, 'x'),
       "not a safetensors file: it is a zip archive (PyTorch .pt or TorchScript)"},
      {"\x80\x02}q"s + std::string(100, 'x'), "not a safetensors file: it is a Python pickle"},
      {"\x93NUMPY\x01\0"s + std::string(100, 'x'), "it is a NumPy .npy file"},
      {"GGUF\3\0\0\0"s + std::string(100, '\0'), "it is a GGUF file"},
      {"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"},
      {"<!DOCTYPE html><html>", "it is a web page"},
  };
}

TEST(SafetensorsAttack, EveryBadHeaderIsRefusedWithItsOwnMessage) {
  EXPECT_GE(attacks().size(), 50U);
  for (const Attack& attack : attacks()) {
    const std::string message =
        test::error_of([&] { parse_safetensors(attack.bytes, "w.st"); }, ErrorCode::kModel);
    EXPECT_THAT(message, ::testing::StartsWith("w.st: "));
    EXPECT_THAT(message, HasSubstr(attack.message));
    EXPECT_LT(message.size(), 300U);
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

TEST(SafetensorsAttack, TheHeadersAroundTheAttacksAreFine) {
  EXPECT_NO_THROW(parse_safetensors(file_of("{}", 0), "x"));
  EXPECT_NO_THROW(parse_safetensors(file_of("{\"a\":" + kOk + "}   ", 4), "x"));
  EXPECT_NO_THROW(parse_safetensors(file_of("{\"a\":" + kOk + ",\"b\":" + entry("U8", "[0,7]", "[4,4]") +
                                                ",\"c\":" + entry("F16", "[]", "[4,6]") + "}",
                                            6),
                                    "x"));
}

std::string sample_bytes(const test::TempDir& dir) {
  const TensorMap map = {{"a", at::arange(3).to(at::kFloat)},
                         {"b.w", at::arange(4).to(at::kByte).view({2, 2})},
                         {"none", at::empty({0, 2}, at::kFloat)},
                         {"none2", at::empty({2, 0}, at::kChar)},
                         {"flag", at::ones({3}, at::kBool)}};
  write_safetensors(dir / "a", map, {{"config", "lr: 1e-3"}, {"m\xc3\xa9ta", "x"}});
  return core::read_file(dir / "a");
}

// See Note [Safetensors integrity]: with a tensor in the file and no \u escape in its header, every flip is
// found.
TEST(SafetensorsAttack, EverySingleBitFlipIsFound) {
  const test::TempDir dir;
  std::string bytes = sample_bytes(dir);
  ASSERT_NO_THROW(parse_safetensors(bytes, "x"));
  size_t num_silent = 0;
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
    try {
      parse_safetensors(bytes, "x");
      ++num_silent;
      ADD_FAILURE() << "bit " << bit % 8 << " of byte " << bit / 8 << " flipped without notice";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kModel);
    }
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
  }
  EXPECT_EQ(num_silent, 0U);
}

TEST(SafetensorsAttack, EveryTruncationIsFound) {
  const test::TempDir dir;
  const std::string bytes = sample_bytes(dir);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(parse_safetensors(std::string_view(bytes).substr(0, size), "x"), Error) << size;
  }
  EXPECT_THROW(parse_safetensors(bytes + '\0', "x"), Error);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kIsSanitized = true;
#else
constexpr bool kIsSanitized = false;
#endif

TEST(SafetensorsAttack, HostileHeadersTakeLittleMemory) {
  if (kIsSanitized) GTEST_SKIP() << "an address space limit does not work under sanitizers";
  const test::TempDir dir;
  constexpr size_t kSize = 95'000'000;
  const std::vector<std::pair<std::string, std::function<std::string()>>> cases = {
      {"longer than", [] { return "{\"" + std::string(kSize, 'n'); }},
      {"MiB",
       [] {
         std::string header = "{";
         for (int i = 0; header.size() < kSize; ++i) {
           header += fmt::format("\"{}\":{{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}},", i);
         }
         return header;
       }},
      {"MiB",
       [] {
         std::string header = "{\"__metadata__\":{";
         for (int i = 0; header.size() < kSize; ++i) header += fmt::format("\"{}\":\"\",", i);
         return header;
       }},
      {"cut short", [] { return "{\"a\":" + entry("F32", "[250000000000]", "[0,1000000000000]") + "}"; }},
  };
  for (const auto& [message, make] : cases) {
    core::write_file(dir / "a", file_of(make(), 0));
    malloc_trim(0);  // what the header's making left on the heap would hide use
    const pid_t child = fork();
    if (child == 0) {
      const auto vm_bytes = [] {
        std::ifstream statm("/proc/self/statm");
        rlim_t pages = 0;
        statm >> pages;
        return pages * 4096;
      };
      const rlim_t limit = vm_bytes() + (64 << 20);
      const rlimit as_limit{limit, limit};
      if (setrlimit(RLIMIT_AS, &as_limit) != 0) _exit(3);
      try {
        read_safetensors(dir / "a");
      } catch (const Error& e) {
        _exit(std::string(e.what()).find(message) != std::string::npos && e.code() == ErrorCode::kModel ? 0
                                                                                                        : 1);
      } catch (...) {
        _exit(2);
      }
      _exit(4);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0) << message;
  }
}

}  // namespace
}  // namespace limbic::formats
