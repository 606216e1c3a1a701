#pragma once
// A network in Python's torch (Debian: python3-torch) as the judge of one of ours.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>
#include <string>

#include "limbic/core/atomic_file.h"
#include "support/paths.h"

namespace limbic::test {

/// The largest difference between `got` and the y that `script` computes from the tensors s['name'] (float32;
/// bool and integers arrive as float); none when the machine has no python3-torch.
inline std::optional<double> difference_to_python(const std::map<std::string, at::Tensor>& tensors,
                                                  const at::Tensor& got, const std::string& script) {
  constexpr const char* kRead = R"(
import sys
try: import numpy as np, torch, torch.nn.functional as F
except ImportError: sys.exit(77)
torch.set_num_threads(1)
s = {}
for line in open(sys.argv[1] + '/index.txt'):
    name, offset, *shape = line.split()
    shape = [int(v) for v in shape]
    n = int(np.prod(shape))
    s[name] = torch.from_numpy(np.fromfile(sys.argv[1] + '/data.bin', np.float32, n, offset=4 * int(offset)).reshape(shape))
)";
  constexpr const char* kWrite = "\ny.detach().contiguous().numpy().tofile(sys.argv[1] + '/y.bin')\n";
  const TempDir dir;
  std::string index;
  std::string data;
  for (const auto& [name, tensor] : tensors) {
    const auto values = tensor.detach().to(at::kFloat).contiguous();
    index += name + " " + std::to_string(data.size() / sizeof(float));
    for (const int64_t size : values.sizes()) index += " " + std::to_string(size);
    index += "\n";
    data.append(static_cast<const char*>(values.data_ptr()), values.nbytes());
  }
  core::write_file(dir / "index.txt", index);
  core::write_file(dir / "data.bin", data);
  core::write_file(dir / "net.py", kRead + script + kWrite);
  const auto command = "/usr/bin/python3 " + (dir / "net.py") + " " + dir.path() + " 2> " + (dir / "stderr");
  const int status = std::system(command.c_str());
  if (WIFEXITED(status) && (WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 127)) return std::nullopt;
  if (status != 0) {
    ADD_FAILURE() << core::read_file(dir / "stderr");
    return 1e9;
  }
  const auto bytes = core::read_file(dir / "y.bin");
  EXPECT_EQ(bytes.size(), got.nbytes());
  if (bytes.size() != got.nbytes()) return 1e9;
  auto want = at::empty_like(got, at::MemoryFormat::Contiguous);
  std::memcpy(want.data_ptr(), bytes.data(), bytes.size());
  return (want - got).abs().max().item<double>();
}

}  // namespace limbic::test
