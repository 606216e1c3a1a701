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
#include <vector>

#include "limbic/core/atomic_file.h"
#include "support/paths.h"

namespace limbic::test {

/// The largest difference between each of `got` and its fellow in the list y that `script` computes from the
/// tensors s['name'] (float32; bool and integers arrive as float); none when the machine has no
/// python3-torch. One script for several networks: importing torch costs more than computing them.
inline std::optional<std::vector<double>> differences_to_python(
    const std::map<std::string, at::Tensor>& tensors, const std::vector<at::Tensor>& got,
    const std::string& script) {
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
  constexpr const char* kWrite =
      "\ntorch.cat([one.detach().flatten() for one in y]).numpy().tofile(sys.argv[1] + '/y.bin')\n";
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
    return std::vector<double>(got.size(), 1e9);
  }
  const auto bytes = core::read_file(dir / "y.bin");
  std::vector<double> differences;
  size_t offset = 0;
  for (const auto& one : got) {
    auto want = at::full_like(one, 1e9, at::MemoryFormat::Contiguous);
    if (offset + want.nbytes() <= bytes.size())
      std::memcpy(want.data_ptr(), bytes.data() + offset, want.nbytes());
    offset += want.nbytes();
    differences.push_back((want - one).abs().max().item<double>());
  }
  EXPECT_EQ(bytes.size(), offset);
  return differences;
}

/// The same for one network, whose y is a tensor.
inline std::optional<double> difference_to_python(const std::map<std::string, at::Tensor>& tensors,
                                                  const at::Tensor& got, const std::string& script) {
  const auto differences = differences_to_python(tensors, {got}, script + "\ny = [y]\n");
  return differences ? std::optional<double>(differences->front()) : std::nullopt;
}

}  // namespace limbic::test
