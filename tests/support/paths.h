#pragma once
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"

namespace limbic::test {

/// An empty directory that goes with the test.
class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "limbic-test-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TempDir() {
    std::error_code ec;
    std::filesystem::remove_all(path_, ec);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// $LIMBIC_DATA, by default ../shared/data beside the repository (tests run in the repository's root).
inline std::string real_data() {
  const char* dir = std::getenv("LIMBIC_DATA");
  return dir != nullptr ? dir : "../shared/data";
}

/// The text of the Error that `action` throws; empty and a failure when it throws none.
template <class Action>
std::string error_of(Action&& action, ErrorCode expected_code) {
  try {
    action();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), expected_code) << e.what();
    return e.what();
  }
  ADD_FAILURE() << "expected an Error";
  return "";
}

}  // namespace limbic::test

/// Skips the test, with a message, when a folder or file of the real corpora is absent.
#define LIMBIC_REQUIRE_DATA(name)                                                                   \
  do {                                                                                              \
    if (!std::filesystem::exists(limbic::test::real_data() + "/" + (name)))                         \
      GTEST_SKIP() << limbic::test::real_data() << "/" << (name) << " is absent (set LIMBIC_DATA)"; \
  } while (false)
