#include "limbic/formats/onnx_tensors.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "support/paths.h"

namespace limbic::formats {
namespace {

using ::testing::HasSubstr;

// A writer of protobuf in ten lines: the judge of the reader is the format's description.
std::string pb_varint(uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>((value & 0x7f) | 0x80);
  return out + static_cast<char>(value);
}
std::string pb_number(uint64_t field, uint64_t value) {
  return pb_varint(field << 3) + pb_varint(value);
}
std::string pb_bytes(uint64_t field, const std::string& bytes) {
  return pb_varint(field << 3 | 2) + pb_varint(bytes.size()) + bytes;
}
template <class T>
std::string raw_of(const std::vector<T>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}
std::string pb_float(uint64_t field, float value) {
  return pb_varint(field << 3 | 5) + raw_of<float>({value});
}

std::string tensor_head(const std::string& name, uint64_t type, const std::vector<uint64_t>& shape) {
  std::string out;
  for (const uint64_t size : shape) out += pb_number(1, size);
  return out + pb_number(2, type) + (name.empty() ? "" : pb_bytes(8, name));
}
std::string initializer(const std::string& tensor) {
  return pb_bytes(5, tensor);
}
std::string constant(const std::string& output, const std::string& attribute) {
  return pb_bytes(1, pb_bytes(2, output) + pb_bytes(4, "Constant") + pb_bytes(5, attribute));
}
std::string value_attribute(const std::string& tensor) {
  return pb_bytes(1, "value") + pb_bytes(5, tensor);
}
std::string model_of(const std::string& graph) {
  return pb_number(1, 8) + pb_bytes(2, "a test") + pb_bytes(7, graph);
}

const std::string kTwoFloats = tensor_head("w", 1, {2}) + pb_bytes(9, raw_of<float>({1.5f, -2.0f}));

/// Every kind of thing that the reader knows, in about 600 bytes.
std::string small_model() {
  const std::string branch =
      initializer(kTwoFloats) + constant("k", value_attribute(tensor_head("", 7, {1}) + pb_number(7, 5)));
  const std::string other = constant("k", value_attribute(tensor_head("", 7, {}) + pb_number(7, 6)));
  const std::string branching = pb_bytes(1, pb_bytes(5, pb_bytes(1, "then_branch") + pb_bytes(6, branch)) +
                                                pb_bytes(5, pb_bytes(1, "else_branch") + pb_bytes(6, other)) +
                                                pb_bytes(2, "out") + pb_bytes(3, "If_0") + pb_bytes(4, "If"));
  std::string graph = pb_bytes(2, "graph") + initializer(kTwoFloats) + branching;
  graph += initializer(tensor_head("i8", 3, {3}) + pb_bytes(9, raw_of<int8_t>({-1, 0, 1})));
  graph += initializer(tensor_head("flags", 9, {2}) + pb_bytes(5, pb_varint(1) + pb_varint(0)));
  graph += initializer(tensor_head("half", 10, {2}) + pb_bytes(5, pb_varint(0x3C00) + pb_varint(0xC000)));
  graph += initializer(tensor_head("bf", 16, {1}) + pb_bytes(9, raw_of<uint16_t>({0x3FC0})));
  graph +=
      initializer(tensor_head("floats", 1, {2, 2}) + pb_bytes(4, raw_of<float>({1, 2, 3})) + pb_float(4, 4));
  graph += initializer(tensor_head("doubles", 11, {1}) + pb_bytes(10, raw_of<double>({0.125})));
  graph += initializer(tensor_head("negative", 6, {2}) +
                       pb_bytes(5, pb_varint(static_cast<uint64_t>(-7)) + pb_varint(7)));
  graph += initializer(tensor_head("empty", 1, {0, 3}));
  graph += constant("one", pb_bytes(1, "value_float") + pb_float(2, 0.5f));
  graph += constant("list", pb_bytes(1, "value_ints") + pb_bytes(8, pb_varint(3) + pb_varint(4)));
  // A loop's body in the list form, and a node without a name.
  graph += pb_bytes(1, pb_bytes(2, "looped") + pb_bytes(4, "Custom") +
                           pb_bytes(5, pb_bytes(1, "bodies") + pb_bytes(11, initializer(kTwoFloats)) +
                                           pb_bytes(11, initializer(kTwoFloats))));
  return model_of(graph);
}

TEST(OnnxTensors, ReadsInitializersAndConstantsOfEverySubgraph) {
  const auto tensors = parse_onnx_tensors(small_model(), "m");
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors) names.push_back(name);
  EXPECT_EQ(names,
            (std::vector<std::string>{"If_0/else_branch/k", "If_0/then_branch/k", "If_0/then_branch/w", "bf",
                                      "doubles", "empty", "flags", "floats", "half", "i8", "list",
                                      "looped/bodies[0]/w", "looped/bodies[1]/w", "negative", "one", "w"}));
  EXPECT_TRUE(at::equal(tensors.at("w"), at::tensor({1.5f, -2.0f})));
  EXPECT_TRUE(at::equal(tensors.at("If_0/then_branch/k"), at::tensor({5}, at::kLong)));
  EXPECT_EQ(tensors.at("If_0/else_branch/k").dim(), 0);
  EXPECT_EQ(tensors.at("If_0/else_branch/k").item<int64_t>(), 6);
  EXPECT_TRUE(at::equal(tensors.at("i8"), at::tensor({-1, 0, 1}, at::kChar)));
  EXPECT_TRUE(at::equal(tensors.at("flags"), at::tensor({1, 0}, at::kInt).to(at::kBool)));
  EXPECT_TRUE(at::equal(tensors.at("half"), at::tensor({1.0f, -2.0f}).to(at::kHalf)));
  EXPECT_EQ(tensors.at("bf").item<float>(), 1.5f);
  EXPECT_TRUE(at::equal(tensors.at("floats"), at::tensor({1.f, 2.f, 3.f, 4.f}).view({2, 2})));
  EXPECT_EQ(tensors.at("doubles").item<double>(), 0.125);
  EXPECT_TRUE(at::equal(tensors.at("negative"), at::tensor({-7, 7}, at::kInt)));
  EXPECT_EQ(tensors.at("empty").sizes(), (at::IntArrayRef{0, 3}));
  EXPECT_EQ(tensors.at("one").item<float>(), 0.5f);
  EXPECT_TRUE(at::equal(tensors.at("list"), at::tensor({3, 4}, at::kLong)));
}

TEST(OnnxTensors, ReadsWhatNothingElseIsIn) {
  EXPECT_TRUE(parse_onnx_tensors(model_of(""), "m").empty());
  const test::TempDir dir;
  core::write_file(dir / "m.onnx", small_model());
  EXPECT_EQ(read_onnx_tensors(dir / "m.onnx").size(), 16u);
}

struct OnnxAttack {
  std::string bytes;
  std::string message;
};

TEST(OnnxTensors, RefusalsSayWhereAndWhy) {
  const auto of_tensor = [](const std::string& tensor) { return model_of(initializer(tensor)); };
  std::string deep = initializer(kTwoFloats);
  for (int i = 0; i < 17; ++i) {
    deep = pb_bytes(1, pb_bytes(3, "n") + pb_bytes(5, pb_bytes(1, "body") + pb_bytes(6, deep)));
  }
  const std::vector<OnnxAttack> attacks = {
      {"", "m: no graph in it; this is not an ONNX model"},
      {"PK\x03\x04zip", "m: at byte"},
      {pb_number(1, 8), "no graph in it"},
      {model_of("") + pb_bytes(7, ""), "at byte 12: a second graph"},
      {pb_number(7, 3), "at byte 0: field 7 has the wrong wire type"},
      {std::string("\x00\x01", 2), "at byte 0: field number 0; this is not a protobuf file"},
      {"\x3b", "at byte 0: wire type 3; this is not a protobuf file of today"},
      {std::string(11, '\xff'), "at byte 0: a number of more than 64 bits"},
      {"\x3a\xff", "at byte 1: a number that does not end"},
      {"\x3a\x05xy", "at byte 2: a field of 5 bytes where only 2 are left"},
      {of_tensor(tensor_head("w", 1, {3}) + pb_bytes(9, raw_of<float>({1, 2}))),
       "a tensor of shape [3] wants 3 values and has 2"},
      {of_tensor(tensor_head("w", 1, {2}) + pb_bytes(9, "abc")), "raw data that is cut short"},
      {of_tensor(tensor_head("w", 1, {2}) + pb_bytes(4, "abc")), "a list of numbers that is cut short"},
      {of_tensor(tensor_head("w", 1, {1'000'000'000'000})), "wants 1000000000000 values and has 0"},
      {of_tensor(tensor_head("w", 1, {UINT64_C(1) << 62, 0, 8})), "a tensor whose shape overflows"},
      {of_tensor(tensor_head("w", 1, {static_cast<uint64_t>(-1)})), "a dimension of -1"},
      {of_tensor(tensor_head("w", 1, std::vector<uint64_t>(65, 1))), "more than 64 dimensions"},
      {of_tensor(tensor_head("w", 8, {1})), "element type 8 is not supported"},
      {of_tensor(tensor_head("w", 9, {1}) + pb_number(5, 2)), "a bool that is neither 0 nor 1"},
      {of_tensor(tensor_head("w", 1, {1}) + pb_number(14, 1)), "keeps its data in another file"},
      {of_tensor(tensor_head("", 1, {0})), "an initializer without a name"},
      {of_tensor(tensor_head(std::string(2000, 'x'), 1, {0})), "a name of more than 1024 bytes"},
      {model_of(initializer(kTwoFloats) + initializer(kTwoFloats)), "a second tensor named 'w'"},
      {model_of(pb_bytes(15, "")), "sparse initializers are not supported"},
      {model_of(constant("c", pb_bytes(1, "value_string") + pb_bytes(4, "x"))),
       "a constant given as 'value_string' is not supported"},
      {model_of(constant("c", pb_bytes(1, "value"))), "a constant without a value"},
      {model_of(constant("", value_attribute(kTwoFloats))), "a constant without an output"},
      {model_of(constant("c", pb_bytes(1, "value_int"))), "a scalar constant without one value"},
      {model_of(deep), "sub-graphs more than 16 deep"},
  };
  for (const auto& attack : attacks) {
    EXPECT_THAT(test::error_of([&] { parse_onnx_tensors(attack.bytes, "m"); }, ErrorCode::kModel),
                HasSubstr(attack.message));
  }
  OnnxLimits limits;
  limits.max_tensors = 2;
  EXPECT_THAT(test::error_of([&] { parse_onnx_tensors(small_model(), "m", limits); }, ErrorCode::kModel),
              HasSubstr("more than 2 tensors"));
  limits.max_file_bytes = 9;
  EXPECT_THAT(test::error_of([&] { parse_onnx_tensors(small_model(), "m", limits); }, ErrorCode::kModel),
              HasSubstr("bytes; at most 9"));
  EXPECT_THAT(test::error_of([] { read_onnx_tensors("/dev/zero"); }, ErrorCode::kModel),
              HasSubstr("not a regular file"));
}

TEST(OnnxTensors, ATruncatedFileIsAnErrorAtEveryLength) {
  const std::string whole = small_model();
  for (size_t length = 0; length < whole.size(); ++length) {
    // A copy of exactly this length: AddressSanitizer sees a read beyond it.
    const std::vector<char> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_THROW(parse_onnx_tensors({cut.data(), cut.size()}, "m"), Error) << length;
  }
}

/// Tensors or an Error(kModel), whatever the bytes; and no more data than the file can hold.
TEST(OnnxTensors, MutationsGiveTensorsOrAClearError) {
  const std::string whole = small_model();
  std::mt19937 random(20261122);
  const auto below = [&](size_t end) { return static_cast<size_t>(random()) % end; };
  int num_refused = 0;
  int num_read = 0;
  for (int round = 0; round < 6000; ++round) {
    std::string bytes = whole;
    for (size_t edits = 1 + below(4); edits > 0; --edits) {
      const size_t place = below(bytes.size());
      switch (below(5)) {
        case 0:
          bytes[place] = static_cast<char>(random());
          break;
        case 1:
          bytes[place] = static_cast<char>(bytes[place] ^ (1 << below(8)));
          break;
        case 2:
          bytes.insert(place, pb_varint(UINT64_C(1) << below(64)));
          break;
        case 3:
          bytes.erase(place, 1 + below(8));
          break;
        default:
          bytes.insert(below(bytes.size()), bytes.substr(place, 1 + below(32)));
          break;
      }
      if (bytes.empty()) bytes = "x";
    }
    const std::vector<char> exact(bytes.begin(), bytes.end());
    try {
      size_t num_bytes = 0;
      for (const auto& [name, tensor] : parse_onnx_tensors({exact.data(), exact.size()}, "m")) {
        num_bytes += tensor.nbytes();
        EXPECT_LE(name.size(), 1024u);
      }
      EXPECT_LE(num_bytes, 8 * bytes.size());
      ++num_read;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kModel);
      EXPECT_EQ(std::string(e.what()).rfind("m: ", 0), 0u) << e.what();
      ++num_refused;
    }
  }
  // Both happen, or the mutations test nothing.
  EXPECT_GT(num_read, 300);
  EXPECT_GT(num_refused, 3000);
}

}  // namespace
}  // namespace limbic::formats
