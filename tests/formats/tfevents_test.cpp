#include "limbic/formats/tfevents.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "limbic/formats/jsonl.h"
#include "support/paths.h"

namespace limbic::formats {
namespace {

/// Reads an event file with nothing of ours: TFRecord framing, crcs (bit by bit) and protocol buffer fields,
/// by struct.
constexpr const char* kReader = R"py(
import json, struct, sys

def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF

def unmasked(stored):
    rot = (stored - 0xA282EAD8) & 0xFFFFFFFF
    return ((rot >> 17) | (rot << 15)) & 0xFFFFFFFF

def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at

def fields(data):
    at, found = 0, {}
    while at < len(data):
        key, at = varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = varint(data, at)
        elif wire == 1:
            (value,), at = struct.unpack_from('<d', data, at), at + 8
        elif wire == 2:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
            assert len(value) == size
        elif wire == 5:
            (value,), at = struct.unpack_from('<f', data, at), at + 4
        else:
            raise ValueError(wire)
        assert number not in found
        found[number] = value
    return found

data = open(sys.argv[1], 'rb').read()
at = 0
with open(sys.argv[2], 'w') as out:
    while at < len(data):
        length, crc = struct.unpack_from('<QI', data, at)
        assert unmasked(crc) == crc32c(data[at:at + 8]), 'crc of a length'
        event = data[at + 12:at + 12 + length]
        (crc,) = struct.unpack_from('<I', data, at + 12 + length)
        assert unmasked(crc) == crc32c(event), 'crc of an event'
        at += length + 16
        event = fields(event)
        row = {'wall_time': event[1], 'step': event.get(2)}
        if row['step'] is not None and row['step'] >= 1 << 63:
            row['step'] -= 1 << 64
        if 3 in event:
            row['version'] = event[3].decode()
        if 5 in event:
            value = fields(fields(event[5])[1])
            row['tag'], row['value'] = value[1].decode(), repr(value[2])
        if 7 in event:
            row['session'] = fields(event[7])[1]
        out.write(json.dumps(row) + '\n')
)py";

std::vector<nlohmann::json> read_events(const test::TempDir& dir, const std::string& path) {
  core::write_file(dir / "reader.py", kReader);
  const std::string command =
      "python3 '" + (dir / "reader.py") + "' '" + path + "' '" + (dir / "events.jsonl") + "'";
  EXPECT_EQ(std::system(command.c_str()), 0);
  std::vector<nlohmann::json> events;
  JsonlReader reader(dir / "events.jsonl");
  for (nlohmann::json event; reader.next(event);) events.push_back(event);
  return events;
}

#define LIMBIC_REQUIRE_PYTHON()                                   \
  if (std::system("python3 -c 'import struct' 2>/dev/null") != 0) \
  GTEST_SKIP() << "no python3 to judge the file"

TEST(Crc32c, HasTheKnownValues) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);  // the catalogue's check value
  EXPECT_EQ(crc32c(""), 0U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);  // RFC 3720, B.4
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43U);
}

TEST(TfeventsWriter, ScalarsComeBackFromAnotherReader) {
  LIMBIC_REQUIRE_PYTHON();
  const test::TempDir dir;
  TfeventsWriter writer(dir / "run/tb");
  writer.scalar("train/loss", 1.25, 30);
  writer.scalar("val/\xc3\xa9motion/uar", 1.0 / 3, (int64_t{1} << 40) + 1);
  writer.scalar("lr", std::numeric_limits<double>::quiet_NaN(), 0);
  writer.scalar("lr", -INFINITY, -1);
  writer.scalar(std::string(300, 'x'), 1e-30, 127);  // lengths of more than one varint byte
  writer.flush();
  const auto events = read_events(dir, writer.path());
  ASSERT_EQ(events.size(), 6U);
  EXPECT_EQ(events[0]["version"], "brain.Event:2");
  EXPECT_GT(events[0]["wall_time"].get<double>(), 1.7e9);  // seconds since 1970
  EXPECT_EQ(events[1]["tag"], "train/loss");
  EXPECT_EQ(events[1]["value"], "1.25");
  EXPECT_EQ(events[1]["step"], 30);
  EXPECT_EQ(events[2]["tag"], "val/\xc3\xa9motion/uar");
  EXPECT_EQ(events[2]["value"], "0.3333333432674408");  // numpy.float32(1 / 3)
  EXPECT_EQ(events[2]["step"], (int64_t{1} << 40) + 1);
  EXPECT_EQ(events[3]["value"], "nan");
  EXPECT_EQ(events[4]["value"], "-inf");
  EXPECT_EQ(events[4]["step"], -1);
  EXPECT_EQ(events[5]["tag"], std::string(300, 'x'));
}

TEST(TfeventsWriter, AResumedRunOpensANewFileAndForgetsLaterSteps) {
  LIMBIC_REQUIRE_PYTHON();
  const test::TempDir dir;
  TfeventsWriter first(dir / "tb");
  first.scalar("a", 1, 10);
  first.flush();
  const auto size = std::filesystem::file_size(first.path());
  TfeventsWriter second(dir / "tb");
  EXPECT_NE(first.path(), second.path());
  second.start_session(11);
  second.scalar("a", 2, 20);
  second.flush();
  EXPECT_EQ(std::filesystem::file_size(first.path()), size);
  const auto events = read_events(dir, second.path());
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[1]["session"], 1);  // SessionLog.START
  EXPECT_EQ(events[1]["step"], 11);
  EXPECT_EQ(events[2]["step"], 20);
}

TEST(TfeventsWriter, NamesItsFileAsTensorBoardLooksForIt) {
  const test::TempDir dir;
  const TfeventsWriter writer(dir / "tb");
  const std::string name = std::filesystem::path(writer.path()).filename();
  EXPECT_EQ(name.rfind("events.out.tfevents.", 0), 0U) << name;
  EXPECT_EQ(name.substr(20, 10).find_first_not_of("0123456789"), std::string::npos) << name;
  EXPECT_NE(name.find("." + std::to_string(getpid()) + "."), std::string::npos) << name;
}

TEST(TfeventsWriter, ADestroyedWriterLeavesWholeRecordsAndNothingTwice) {
  const test::TempDir dir;
  std::string path;
  {
    TfeventsWriter writer(dir / "tb");
    path = writer.path();
    writer.flush();
    writer.scalar("a", 1, 1);
  }
  // One record each of 16 bytes around it: the head's 9 + 15 + 10, the scalar's 9 + 2 + 2 + 2 + 3 + 5.
  EXPECT_EQ(std::filesystem::file_size(path), 16U + 34U + 16U + 23U);
}

TEST(TfeventsWriter, ADirectoryThatCannotBeIsAStorageError) {
  const test::TempDir dir;
  core::write_file(dir / "file", "x");
  const auto text = test::error_of([&] { TfeventsWriter(dir / "file/tb"); }, ErrorCode::kStorage);
  EXPECT_NE(text.find("cannot make the directory"), std::string::npos) << text;
}

}  // namespace
}  // namespace limbic::formats
