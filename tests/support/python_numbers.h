#pragma once
// A script for Debian's python3 (numpy, scipy, sklearn) as the judge of numbers, in double precision.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "limbic/core/atomic_file.h"
#include "support/paths.h"

namespace limbic::test {

using Numbers = std::map<std::string, std::vector<double>>;

/// What `script` puts into the dictionary y, lists of numbers or arrays by name; s['name'] has the inputs as
/// float64 arrays. None when the machine lacks one of the modules that `imports` names.
inline std::optional<Numbers> numbers_of_python(const Numbers& inputs, const std::string& imports,
                                                const std::string& script) {
  const TempDir dir;
  core::write_file(dir / "in.json", nlohmann::json(inputs).dump());
  core::write_file(dir / "judge.py", R"(
import json, os, sys
os.environ['OMP_NUM_THREADS'] = '1'
try:
    import numpy as np
)" + imports + R"(
except ImportError: sys.exit(77)
s = {k: np.array(v, float) for k, v in json.load(open(sys.argv[1] + '/in.json')).items()}
y = {}
)" + script + R"(
json.dump({k: np.asarray(v, float).ravel().tolist() for k, v in y.items()}, open(sys.argv[1] + '/y.json', 'w'))
)");
  const auto command =
      "/usr/bin/python3 " + (dir / "judge.py") + " " + dir.path() + " 2> " + (dir / "stderr");
  const int status = std::system(command.c_str());
  if (WIFEXITED(status) && (WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 127)) return std::nullopt;
  if (status != 0) {
    ADD_FAILURE() << core::read_file(dir / "stderr");
    return Numbers{};
  }
  return nlohmann::json::parse(core::read_file(dir / "y.json")).get<Numbers>();
}

}  // namespace limbic::test
