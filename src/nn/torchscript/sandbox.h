#pragma once

#include <cstdint>
#include <string>

namespace limbic::nn {

/// Gives up, for good, what this process does not need to compute: see Note [TorchScript sandbox].
/// @param memory_mib  address space beyond what is mapped now
/// @return what failed, empty when all is done: then, and only then, may code of others run here
std::string enter_sandbox(int64_t memory_mib);

}  // namespace limbic::nn
