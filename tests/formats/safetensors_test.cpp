#include "limbic/formats/safetensors.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <thread>

#include "support/paths.h"

namespace limbic::formats {
namespace {

using test::error_of;
using test::TempDir;
using ::testing::HasSubstr;

/// One tensor of every dtype, with scalars and empty ones.
TensorMap every_kind() {
  TensorMap map;
  map["bool"] = at::tensor({1, 0, 1, 1}).to(at::kBool).view({2, 2});
  map["u8"] = at::arange(7).to(at::kByte);
  map["i8"] = (at::arange(5) - 3).to(at::kChar);
  map["i16"] = (at::arange(6) * 1000 - 3000).to(at::kShort).view({2, 3});
  map["i32"] = (at::arange(3) * 100000).to(at::kInt);
  map["i64"] = at::arange(4) * int64_t{10000000000};
  map["f16"] = at::arange(3).to(at::kHalf) / 3;
  map["bf16"] = at::arange(3).to(at::kBFloat16) / 7;
  map["f32"] = at::arange(24).to(at::kFloat).view({2, 3, 4}) / 9;
  map["f64"] = at::arange(2).to(at::kDouble) / 11;
  map["scalar"] = at::scalar_tensor(2.5, at::kFloat);
  map["empty"] = at::empty({0, 3}, at::kFloat);
  map["empty_wide"] = at::empty({2, 0}, at::kDouble);
  map["empty_narrow"] = at::empty({0}, at::kByte);
  return map;
}

void expect_same(const TensorMap& a, const TensorMap& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, tensor] : a) {
    ASSERT_EQ(b.count(name), 1U) << name;
    EXPECT_EQ(tensor.scalar_type(), b.at(name).scalar_type()) << name;
    EXPECT_EQ(tensor.sizes(), b.at(name).sizes()) << name;
    EXPECT_TRUE(tensor.equal(b.at(name))) << name;
  }
}

TEST(Safetensors, RoundTripsEveryDtypeAndShape) {
  const TempDir dir;
  const Metadata metadata = {{"format", "pt"}, {"note", "caf\xc3\xa9 \"quoted\"\n\x01"}, {"", ""}};
  write_safetensors(dir / "a.safetensors", every_kind(), metadata);
  const Safetensors read = read_safetensors(dir / "a.safetensors");
  expect_same(every_kind(), read.tensors);
  EXPECT_EQ(read.metadata, metadata);
}

TEST(Safetensors, AFileWithoutTensorsKeepsItsMetadata) {
  const TempDir dir;
  write_safetensors(dir / "a", {}, {{"k", "v"}});
  const Safetensors read = read_safetensors(dir / "a");
  EXPECT_TRUE(read.tensors.empty());
  EXPECT_EQ(read.metadata, (Metadata{{"k", "v"}}));
}

TEST(Safetensors, TheSameTensorsGiveTheSameBytesWidestFirst) {
  const TempDir dir;
  write_safetensors(dir / "a", every_kind(), {{"k", "v"}});
  write_safetensors(dir / "b", every_kind(), {{"k", "v"}});
  const std::string bytes = core::read_file(dir / "a");
  EXPECT_EQ(bytes, core::read_file(dir / "b"));
  uint64_t header = 0;
  std::memcpy(&header, bytes.data(), 8);
  EXPECT_EQ(header % 8, 0U);
  const auto at = [&](const char* name) { return bytes.find(std::string("\"") + name + "\":{\"dtype\""); };
  EXPECT_LT(at("i64"), at("f32"));
  EXPECT_LT(at("f64"), at("i64"));
  EXPECT_LT(at("scalar"), at("bf16"));
  EXPECT_LT(at("i16"), at("bool"));
}

TEST(Safetensors, ViewsAliasesAndTransposesAreWrittenAsTheyLook) {
  const TempDir dir;
  const at::Tensor base = at::arange(12).to(at::kFloat).view({3, 4});
  TensorMap map = {{"base", base},
                   {"alias", base},
                   {"t", base.t()},
                   {"strided", base.slice(1, 0, 4, 2)},
                   {"expanded", base[0].expand({5, 4})}};
  map["leaf"] = base.clone().requires_grad_();
  write_safetensors(dir / "a", map);
  const TensorMap read = read_safetensors(dir / "a").tensors;
  for (const auto& [name, tensor] : map) EXPECT_TRUE(tensor.equal(read.at(name))) << name;
  EXPECT_TRUE(read.at("t").is_contiguous());
  EXPECT_FALSE(read.at("leaf").requires_grad());
}

TEST(Safetensors, WhatTheFormatCannotHoldIsRefusedAndLeavesNoFile) {
  const TempDir dir;
  const auto error = [&](const std::string& name, const at::Tensor& tensor) {
    return error_of([&] { write_safetensors(dir / "a", {{name, tensor}}); }, ErrorCode::kInternal);
  };
  EXPECT_THAT(error("x", at::Tensor()), HasSubstr("undefined"));
  EXPECT_THAT(error("x", at::zeros({2}, at::kComplexFloat)),
              HasSubstr("dtype ComplexFloat (supported: BOOL U8"));
  EXPECT_THAT(error("x", at::zeros({2, 2}).to_sparse()), HasSubstr("sparse"));
  EXPECT_THAT(error("__metadata__", at::zeros({2})), HasSubstr("reserved"));
  EXPECT_THAT(error("\xff", at::zeros({2})), HasSubstr("not UTF-8"));
  EXPECT_THAT(error_of(
                  [&] {
                    write_safetensors(dir / "a", {}, {{"limbic.crc32.x", "0"}});
                  },
                  ErrorCode::kInternal),
              HasSubstr("reserved for checksums"));
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

TEST(Safetensors, NonFiniteValuesAreNamedUnlessAllowed) {
  const TempDir dir;
  constexpr float kInf = std::numeric_limits<float>::infinity();
  for (const auto type : {at::kHalf, at::kBFloat16, at::kFloat, at::kDouble}) {
    for (const float bad : {kInf, -kInf, std::nanf("")}) {
      at::Tensor x = at::ones({9});
      x[7] = bad;
      write_safetensors(dir / "a", {{"w", x.to(type)}});
      EXPECT_THAT(error_of([&] { read_safetensors(dir / "a"); }, ErrorCode::kModel),
                  HasSubstr("tensor 'w': element 7 is not finite"));
      ReadOptions options;
      options.allow_nonfinite = true;
      EXPECT_FALSE(std::isfinite(read_safetensors(dir / "a", options).tensors.at("w")[7].item<double>()));
    }
    at::Tensor largest = at::full({2}, type == at::kHalf ? 65504.0 : 1e38).to(type);
    write_safetensors(dir / "a", {{"w", largest}});
    EXPECT_NO_THROW(read_safetensors(dir / "a"));
  }
}

TEST(Safetensors, FifosDirectoriesAndMissingFilesAreRefusedAtOnce) {
  const TempDir dir;
  ASSERT_EQ(mkfifo((dir / "fifo").c_str(), 0600), 0);
  EXPECT_THAT(error_of([&] { read_safetensors(dir / "fifo"); }, ErrorCode::kModel),
              HasSubstr("not a regular file"));
  EXPECT_THAT(error_of([&] { read_safetensors(dir.path()); }, ErrorCode::kModel),
              HasSubstr("not a regular file"));
  EXPECT_THAT(error_of([&] { read_safetensors(dir / "none"); }, ErrorCode::kModel), HasSubstr("cannot open"));
}

TEST(SafetensorsShard, ReadsCopiesAndViewsThatOutliveTheShard) {
  const TempDir dir;
  write_safetensors(dir / "a", every_kind(), {{"k", "v"}});
  TensorMap copies;
  TensorMap views;
  {
    const SafetensorsShard shard(dir / "a");
    EXPECT_EQ(shard.names().size(), every_kind().size());
    EXPECT_TRUE(std::is_sorted(shard.names().begin(), shard.names().end()));
    EXPECT_EQ(shard.metadata(), (Metadata{{"k", "v"}}));
    EXPECT_EQ(shard.info("f32").dtype, "F32");
    EXPECT_EQ(shard.info("f32").shape, (std::vector<int64_t>{2, 3, 4}));
    EXPECT_EQ(shard.info("f32").num_bytes, 96U);
    EXPECT_TRUE(shard.verify());
    for (const std::string& name : shard.names()) {
      copies[name] = shard.read(name);
      views[name] = shard.view(name);
    }
    EXPECT_EQ(shard.view("f32").data_ptr(), views.at("f32").data_ptr());  // no copy
    EXPECT_NE(shard.read("f32").data_ptr(), copies.at("f32").data_ptr());
  }
  std::filesystem::remove(dir / "a");
  expect_same(every_kind(), copies);
  expect_same(every_kind(), views);
}

TEST(SafetensorsShard, NamesTheNearestTensorAndIsADataError) {
  const TempDir dir;
  write_safetensors(dir / "a", {{"clip7.audio", at::ones({2})}});
  const SafetensorsShard shard(dir / "a");
  EXPECT_TRUE(shard.contains("clip7.audio"));
  EXPECT_FALSE(shard.contains("clip7.adio"));
  EXPECT_THAT(error_of([&] { shard.read("clip7.adio"); }, ErrorCode::kData),
              HasSubstr("no tensor 'clip7.adio'; did you mean 'clip7.audio'?"));
}

TEST(SafetensorsShard, VerifyFindsADamagedTensorByName) {
  const TempDir dir;
  write_safetensors(dir / "a", {{"good", at::ones({100})}, {"rotten", at::ones({100}, at::kByte)}});
  std::string bytes = core::read_file(dir / "a");
  bytes[bytes.size() - 50] ^= 4;
  core::write_file(dir / "a", bytes);
  const SafetensorsShard shard(dir / "a");
  EXPECT_TRUE(shard.verify("good"));
  EXPECT_THAT(error_of([&] { shard.verify(); }, ErrorCode::kData),
              ::testing::AllOf(HasSubstr("tensor 'rotten': checksum "), HasSubstr("the file is damaged")));
}

TEST(SafetensorsShard, ManyThreadsMayReadOneShard) {
  const TempDir dir;
  TensorMap map;
  for (int i = 0; i < 50; ++i) map["t" + std::to_string(i)] = at::full({64}, i, at::kInt);
  write_safetensors(dir / "a", map);
  const SafetensorsShard shard(dir / "a");
  std::array<int, 4> num_wrong{};
  std::vector<std::thread> threads;
  for (size_t worker = 0; worker < num_wrong.size(); ++worker) {
    threads.emplace_back([&, worker] {
      for (int round = 0; round < 20; ++round) {
        for (const auto& [name, tensor] : map) num_wrong[worker] += shard.read(name).equal(tensor) ? 0 : 1;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(num_wrong, (std::array<int, 4>{}));
}

TEST(SafetensorsWriter, WritesTensorByTensorWhatReadGivesBack) {
  const TempDir dir;
  SafetensorsWriter writer(dir / "sub/a");
  uint64_t num_bytes = 0;
  for (const auto& [name, tensor] : every_kind()) {
    writer.add(name, tensor);
    num_bytes += tensor.nbytes();
  }
  EXPECT_EQ(writer.num_bytes(), num_bytes);
  EXPECT_EQ(writer.num_tensors(), every_kind().size());
  EXPECT_FALSE(std::filesystem::exists(dir / "sub/a"));
  writer.finish({{"k", "v"}});
  const Safetensors read = read_safetensors(dir / "sub/a");
  expect_same(every_kind(), read.tensors);
  EXPECT_EQ(read.metadata, (Metadata{{"k", "v"}}));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir / "sub"), {}), 1);  // no spool files
  const SafetensorsShard shard(dir / "sub/a");
  EXPECT_TRUE(shard.verify());
  for (const auto& [name, tensor] : every_kind()) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(shard.view(name).data_ptr()) % tensor.element_size(), 0U) << name;
  }
}

TEST(SafetensorsWriter, WithoutFinishNothingIsLeft) {
  const TempDir dir;
  {
    SafetensorsWriter writer(dir / "a");
    writer.add("x", at::ones({1000}));
    EXPECT_THAT(error_of([&] { writer.add("x", at::ones({1})); }, ErrorCode::kInternal),
                HasSubstr("added twice"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

/// An independent reader and writer of the format in plain Python, from the format's description.
constexpr const char* kPythonJudge = R"py(
import json, struct, sys
raw = open(sys.argv[1], 'rb').read()
n = struct.unpack('<Q', raw[:8])[0]
assert n % 8 == 0 and raw[8:9] == b'{'
head, data = json.loads(raw[8:8 + n]), raw[8 + n:]
meta = head.pop('__metadata__')
size = dict(BOOL=1, U8=1, I8=1, I16=2, F16=2, BF16=2, I32=4, F32=4, I64=8, F64=8)
end = 0
for name, t in sorted(head.items(), key=lambda kv: kv[1]['data_offsets']):
    count = 1
    for d in t['shape']: count *= d
    b, e = t['data_offsets']
    assert b == end and e - b == count * size[t['dtype']] and b % size[t['dtype']] == 0, name
    end = e
assert end == len(data)
def values(name, code):
    b, e = head[name]['data_offsets']
    return list(struct.unpack('<%d%s' % ((e - b) // struct.calcsize(code), code), data[b:e]))
assert values('i16', 'h') == [-3000, -2000, -1000, 0, 1000, 2000]
assert values('i64', 'q') == [0, 10**10, 2 * 10**10, 3 * 10**10]
assert values('f64', 'd') == [0.0, 1 / 11]
assert values('bool', 'B') == [1, 0, 1, 1]
assert values('scalar', 'f') == [2.5] and head['scalar']['shape'] == []
assert values('f16', 'e')[1] == 0.333251953125
import zlib
b, e = head['f32']['data_offsets']
assert meta['limbic.crc32.f32'] == '%08x' % zlib.crc32(data[b:e])
# A foreign file: other key order, blanks, no padding, misaligned F32, extra metadata.
body = struct.pack('<B', 9) + struct.pack('<3f', 0.5, -1, 2)
header = json.dumps({'w': {'shape': [3, 1], 'data_offsets': [1, 13], 'dtype': 'F32'},
                     'b': {'data_offsets': [0, 1], 'dtype': 'U8', 'shape': [1]},
                     '__metadata__': {'format': 'pt'}}, indent=1).encode()
open(sys.argv[2], 'wb').write(struct.pack('<Q', len(header)) + header + body)
)py";

TEST(Safetensors, APythonProgramReadsOurFilesAndWeReadIts) {
  if (!std::filesystem::exists("/usr/bin/python3")) GTEST_SKIP() << "/usr/bin/python3 is absent";
  const TempDir dir;
  write_safetensors(dir / "ours", every_kind(), {{"k", "v"}});
  core::write_file(dir / "judge.py", kPythonJudge);
  ASSERT_EQ(
      std::system(("/usr/bin/python3 " + (dir / "judge.py ") + (dir / "ours ") + (dir / "theirs")).c_str()),
      0);
  const Safetensors theirs = read_safetensors(dir / "theirs");
  EXPECT_TRUE(theirs.tensors.at("w").equal(at::tensor({0.5f, -1.0f, 2.0f}).view({3, 1})));
  EXPECT_EQ(theirs.metadata, (Metadata{{"format", "pt"}}));
  const SafetensorsShard shard(dir / "theirs");
  EXPECT_FALSE(shard.verify());  // no checksums
  EXPECT_TRUE(shard.view("w").equal(theirs.tensors.at("w")));
}

}  // namespace
}  // namespace limbic::formats
