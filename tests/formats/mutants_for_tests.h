#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "limbic/core/error.h"
#include "limbic/core/rng.h"
#include "support/paths.h"

namespace limbic::test {

/// 2,000, or more when LIMBIC_MUTANTS says so (a long run under a sanitizer).
inline int num_mutants() {
  const char* count = std::getenv("LIMBIC_MUTANTS");
  return count != nullptr ? std::atoi(count) : 2000;
}

/// A text file with random damage: flipped bits, other bytes, pieces lost, doubled or moved, numbers changed,
/// ends cut off.
inline std::string damaged_text(std::string bytes, core::Rng& rng) {
  const auto below = [&](size_t n) { return static_cast<size_t>(rng.uniform() * static_cast<double>(n)); };
  const size_t num_changes = 1 + below(4);
  for (size_t k = 0; k < num_changes && !bytes.empty(); ++k) {
    const size_t at = below(bytes.size());
    switch (below(7)) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        break;
      case 1:
        bytes[at] = static_cast<char>(below(256));
        break;
      case 2:
        bytes.erase(at, 1 + below(40));
        break;
      case 3:
        bytes.insert(at, bytes.substr(below(bytes.size()), below(200)));
        break;
      case 4:
        if (rng.chance(0.2)) bytes.resize(at);
        break;
      case 5: {  // a whole line elsewhere
        const size_t begin = bytes.rfind('\n', at) + 1;
        const size_t end = std::min(bytes.find('\n', at), bytes.size() - 1) + 1;
        const std::string line = bytes.substr(begin, end - begin);
        bytes.erase(begin, end - begin);
        const size_t to = bytes.empty() ? 0 : bytes.rfind('\n', below(bytes.size())) + 1;
        bytes.insert(to, line);
        break;
      }
      default: {  // another number
        const size_t digit = bytes.find_first_of("0123456789", at);
        if (digit == std::string::npos) break;
        const size_t end = std::min(bytes.find_first_not_of("0123456789", digit), bytes.size());
        constexpr const char* kNumbers[] = {"0",          "-1",    "1",   "7",   "999999999999999999999",
                                            "4294967296", "1e308", "nan", "0.5", ""};
        bytes.replace(digit, end - digit, kNumbers[below(std::size(kNumbers))]);
      }
    }
  }
  return bytes;
}

struct MutantOutcome {
  int num_read = 0;
  int num_refused = 0;
};

/// Damages `good` in `count` ways and reads each; anything but success or an Error(kData) that names the file
/// fails the test.
inline MutantOutcome read_mutants(const std::string& name, const std::string& good, int count,
                                  const std::function<void(const std::string& path)>& read) {
  TempDir dir;
  // Thousands of small files: in memory where there is such a place.
  const std::string folder = std::filesystem::is_directory("/dev/shm")
                                 ? "/dev/shm/" + std::filesystem::path(dir.path()).filename().string()
                                 : dir.path();
  std::filesystem::create_directories(folder);
  const std::string path = folder + "/" + name;
  core::Rng rng(11);
  MutantOutcome outcome;
  for (int i = 0; i < count; ++i) {
    std::ofstream(path, std::ios::binary) << damaged_text(good, rng);
    try {
      read(path);
      ++outcome.num_read;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kData) << error.what();
      EXPECT_NE(std::string(error.what()).find(path), std::string::npos) << error.what();
      ++outcome.num_refused;
    }
  }
  std::filesystem::remove_all(folder);
  return outcome;
}

}  // namespace limbic::test
