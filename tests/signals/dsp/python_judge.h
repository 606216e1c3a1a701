#pragma once
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "support/paths.h"

namespace limbic::signals {

/// Runs Python code with scipy on `x`, as an independent opinion. The code finds numpy as np, the array x,
/// and gives any arrays with give(array); what it gives comes back joined. Empty when Python or a module is
/// absent (the caller skips). The code must not contain double quotes.
inline std::vector<double> judged(const std::string& code, const std::vector<double>& x) {
  const test::TempDir dir;
  std::ofstream(dir / "x", std::ios::binary)
      .write(reinterpret_cast<const char*>(x.data()),
             static_cast<std::streamsize>(x.size() * sizeof(double)));
  std::ofstream(dir / "judge.py") << "import sys, numpy as np\n"
                                  << "x = np.fromfile(sys.argv[1])\n"
                                  << "out = open(sys.argv[2], 'wb')\n"
                                  << "def give(a): np.asarray(a, dtype=np.float64).ravel().tofile(out)\n"
                                  << code << "\n";
  const std::string command = "OMP_NUM_THREADS=1 /usr/bin/python3 " + (dir / "judge.py") + " " + (dir / "x") +
                              " " + (dir / "y") + " > " + (dir / "log") + " 2>&1";
  if (std::system(command.c_str()) != 0) {
    std::ifstream log(dir / "log");
    const std::string text((std::istreambuf_iterator<char>(log)), std::istreambuf_iterator<char>());
    const bool is_absent = text.empty() || text.find("not found") != std::string::npos ||
                           text.find("ModuleNotFoundError") != std::string::npos;
    if (!is_absent) ADD_FAILURE() << "the judge failed: " << text;
    return {};
  }
  std::vector<double> y(std::filesystem::file_size(dir / "y") / sizeof(double));
  std::ifstream(dir / "y", std::ios::binary)
      .read(reinterpret_cast<char*>(y.data()), static_cast<std::streamsize>(y.size() * sizeof(double)));
  return y;
}

/// A sine of 40 samples, noise of a linear congruential generator and a drift: the same in any language.
inline std::vector<double> wavy(int64_t num_samples) {
  std::vector<double> x;
  uint32_t state = 12345;
  for (int64_t i = 0; i < num_samples; ++i) {
    state = state * 1664525u + 1013904223u;
    const auto t = static_cast<double>(i);
    x.push_back(std::sin(0.157 * t) + static_cast<double>(state >> 16) / 65536.0 + 0.001 * t);
  }
  return x;
}

/// The next values of a judge's answer, one expectation each.
class Verdict {
 public:
  explicit Verdict(std::vector<double> values) : values_(std::move(values)) {}
  bool is_absent() const { return values_.empty(); }
  void expect(const std::vector<double>& got, double tolerance, const std::string& what) {
    ASSERT_LE(at_ + got.size(), values_.size()) << what;
    const double* said = values_.data() + at_;
    at_ += got.size();
    for (size_t i = 0; i < got.size(); ++i) {
      if (std::isnan(said[i]) && std::isnan(got[i])) continue;
      ASSERT_NEAR(got[i], said[i], tolerance * std::max(1.0, std::abs(said[i]))) << what << " [" << i << "]";
    }
  }
  bool is_used_up() const { return at_ == values_.size(); }

 private:
  std::vector<double> values_;
  size_t at_ = 0;
};

}  // namespace limbic::signals

#define LIMBIC_REQUIRE_JUDGE(verdict) \
  if ((verdict).is_absent()) GTEST_SKIP() << "python3 with numpy, scipy (torchaudio) is absent"
