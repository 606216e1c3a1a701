#pragma once
#include <string>

namespace limbic::core {

// All differences between LibTorch versions (1.13 of Debian 12 to current) live in this header and its
// source.

/// Accelerators that LibTorch sees: "none (CPU only)", "cuda x1".
std::string accelerator_text();
/// @param device  "cpu", "cuda", "cuda:1". @throws Error(kResource) when it is not there
void require_device(const std::string& device);

}  // namespace limbic::core
