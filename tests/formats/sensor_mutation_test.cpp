// Files with random damage: every one is read or refused with limbic::Error; nothing crashes, hangs or takes
// memory that the file does not warrant.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "limbic/core/rng.h"
#include "limbic/formats/npy.h"
#include "limbic/formats/sensor_recording.h"
#include "sensor_files_for_tests.h"

namespace limbic::formats {
namespace {

std::string mutated(std::string bytes, core::Rng& rng) {
  const auto below = [&](size_t n) { return static_cast<size_t>(rng.uniform() * static_cast<double>(n)); };
  const size_t num_changes = 1 + below(6);
  for (size_t k = 0; k < num_changes && !bytes.empty(); ++k) {
    // Headers are where the lies are.
    const size_t at = rng.chance(0.5) ? below(std::min<size_t>(bytes.size(), 600)) : below(bytes.size());
    switch (below(7)) {
      case 0:
        bytes[at] = static_cast<char>(below(256));
        break;
      case 1:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        break;
      case 2:
        bytes.erase(at, 1 + below(8));
        break;
      case 3:
        bytes.insert(at, 1 + below(8), static_cast<char>(below(256)));
        break;
      case 4:
        bytes.resize(at);
        break;
      case 5:
        for (size_t i = at; i < std::min(bytes.size(), at + 1 + below(8)); ++i)
          bytes[i] = rng.chance(0.5) ? '\xff' : '9';
        break;
      default:
        bytes.insert(at, bytes.substr(below(bytes.size()), below(64)));
        break;
    }
  }
  return bytes;
}

/// Thousands of small files: in memory where there is such a place.
class SensorMutants : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* before = std::getenv("TMPDIR");
    if (before != nullptr) before_ = before;
    if (std::filesystem::is_directory("/dev/shm")) setenv("TMPDIR", "/dev/shm", 1);
  }
  void TearDown() override {
    if (before_.empty())
      unsetenv("TMPDIR");
    else
      setenv("TMPDIR", before_.c_str(), 1);
  }

 private:
  std::string before_;
};

struct Outcome {
  int num_read = 0;
  int num_refused = 0;
};

/// Without the fsync of core::write_file.
void write_plainly(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

Outcome read_mutants(const std::string& name, const std::string& good, int count) {
  test::TempDir dir;
  core::Rng rng(11);
  Outcome outcome;
  const std::string path = dir / name;
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < count; ++i) {
    const std::string bytes = mutated(good, rng);
    write_plainly(path, bytes);
    SensorReadOptions options;
    options.max_bytes = 64 << 20;
    try {
      const SensorRecording recording = read_sensors(path, options);
      for (const SensorStream& stream : recording.streams) {
        EXPECT_EQ(stream.rate_hz > 0 ? 0 : stream.num_samples(), stream.time_s.size());
        find_gaps(stream);
      }
      ++outcome.num_read;
    } catch (const Error& error) {
      EXPECT_TRUE(error.code() == ErrorCode::kData || error.code() == ErrorCode::kConfig) << error.what();
      EXPECT_NE(std::string(error.what()).find(dir.path()), std::string::npos) << error.what();
      ++outcome.num_refused;
    }
  }
  const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  EXPECT_LT(took, 60);
  ::testing::Test::RecordProperty(
      name, fmt::format("{} read, {} refused, {:.1f} s", outcome.num_read, outcome.num_refused, took));
  return outcome;
}

constexpr int kMutants = 2000;

TEST_F(SensorMutants, Edf) {
  test_files::EdfFile file;
  file.channels = {{"GSR", "uS", 0, 40, 4}, {"EKG", "mV", -5, 5, 8}};
  file.starts = {0, 1, 5, 6};
  file.kind = "EDF+D";
  using namespace std::string_literals;
  file.annotations = {
      "+0.5\x15"
      "1\x14"
      "a\x14\0"s,
      "",
      "+5.5\x14"
      "b\x14\0"s};
  const Outcome outcome = read_mutants("a.edf", file.bytes(), kMutants);
  EXPECT_GT(outcome.num_read, 100);
  EXPECT_GT(outcome.num_refused, 100);
  file.is_bdf = true;
  file.kind = "BDF+C";
  file.starts = {0, 1, 2, 3};
  EXPECT_GT(read_mutants("a.bdf", file.bytes(), kMutants).num_read, 100);
}

TEST_F(SensorMutants, Xdf) {
  test_files::XdfFile file;
  file.header(1, "c", "EDA", 2, 4, "float32");
  file.header(2, "m", "Markers", 1, 0, "string");
  for (int i = 0; i < 10; ++i) {
    file.samples(1, {i * 1.0, std::nan(""), i + 0.5}, {1, 2, 3, 4, 5, 6});
    file.text(2, i + 0.3, "label");
    file.offset(1, i, 100.0 + (i > 6 ? 50 : 0));
    if (i % 4 == 3) file.boundary();
  }
  const Outcome outcome = read_mutants("a.xdf", file.bytes(), kMutants);
  EXPECT_GT(outcome.num_read, 100);
  EXPECT_GT(outcome.num_refused, 20);
}

TEST_F(SensorMutants, EmpaticaZipAndGzip) {
  test::TempDir dir;
  test_files::write_zip(dir / "a.zip", test_files::e4_session(10));
  EXPECT_GT(read_mutants("a.zip", core::read_file(dir / "a.zip"), kMutants).num_refused, 100);
  std::string csv = "time,EDA,acc_x,acc_y\n";
  for (int i = 0; i < 50; ++i) csv += fmt::format("{},{},{},{}\n", 0.25 * i, i, -i, 3 * i);
  EXPECT_GT(read_mutants("a.csv.gz", test_files::gzipped(csv), kMutants).num_refused, 100);
  EXPECT_GT(read_mutants("a.csv", csv, kMutants).num_read, 50);
}

TEST_F(SensorMutants, EmpaticaCsv) {
  test::TempDir dir;
  core::Rng rng(5);
  const auto session = test_files::e4_session(10);
  Outcome outcome;
  for (int i = 0; i < kMutants; ++i) {
    const auto& [name, good] = session[static_cast<size_t>(i) % session.size()];
    const std::string folder = dir / "s";
    std::filesystem::create_directories(folder);
    for (const auto& [other, bytes] : session) {
      if (i < 10 || other == name)
        write_plainly(folder + "/" + other, other == name ? mutated(bytes, rng) : bytes);
    }
    try {
      read_sensors(folder);
      ++outcome.num_read;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kData) << error.what();
      ++outcome.num_refused;
    }
    write_plainly(folder + "/" + name, good);
  }
  EXPECT_GT(outcome.num_read, 50);
  EXPECT_GT(outcome.num_refused, 100);
}

TEST_F(SensorMutants, Arrays) {
  test::TempDir dir;
  for (const bool is_compressed : {false, true}) {
    NpzWriter npz(dir / "a.npz", is_compressed);
    npz.add("EDA", {40}, std::vector<double>(40, 1.5));
    npz.add("fs", {}, std::vector<int64_t>{4});
    npz.add("names", std::vector<std::string>{"a", "bc"});
    npz.finish();
    EXPECT_GT(read_mutants("a.npz", core::read_file(dir / "a.npz"), kMutants).num_refused, 100);
  }
  write_npy(dir / "eda_4hz.npy", {20, 2}, std::vector<double>(40, 2));
  EXPECT_GT(read_mutants("eda_4hz.npy", core::read_file(dir / "eda_4hz.npy"), kMutants).num_refused, 100);
  if (!test_files::python(R"(
import sys, numpy as np, scipy.io
data = {'EDA': np.arange(40) * 0.5, 'fs': 4.0, 's': {'ecg': np.arange(100, dtype='i2'), 'fs': 50, 't': {'x': 'text'}},
        'c': np.array([np.array([1, 2, 3]), 'two'], dtype=object)}
scipy.io.savemat(sys.argv[1] + '/plain.mat', data)
scipy.io.savemat(sys.argv[1] + '/packed.mat', data, do_compression=True)
scipy.io.savemat(sys.argv[1] + '/four.mat', {'EDA': data['EDA'], 'fs': 4.0}, format='4')
)",
                          "'" + dir.path() + "'")) {
    GTEST_SKIP() << "no python3 with scipy to write .mat";
  }
  for (const char* name : {"plain.mat", "packed.mat", "four.mat"})
    EXPECT_GT(read_mutants(name, core::read_file(dir / name), kMutants).num_refused, 100) << name;
}

}  // namespace
}  // namespace limbic::formats
