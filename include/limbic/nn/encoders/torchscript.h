#pragma once
#include <cstdint>
#include <string>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"
#include "limbic/nn/pooling.h"

namespace limbic::nn {

/// A TorchScript file as a frozen encoder. It is code of someone else: it runs in a sandboxed process of its
/// own, only after allow_torchscript() (`--allow-torchscript`), and only when its hash is the recipe's.
/// Its forward takes (x, mask): x (B, T, F) or (B, T, C, H, W) float32 with zeros in padded frames, mask
/// (B, T) bool; it returns tokens (B, T, D) float32.
struct TorchScriptConfig {
  static constexpr const char* kType = "torchscript";
  static constexpr const char* kDoc = "a TorchScript file in a sandboxed process (--allow-torchscript)";
  std::string path;
  std::string sha256;               ///< of the file, lower-case hex
  int64_t width = 0;                ///< D of what it returns
  double time_limit_s = 30.0;       ///< of loading, and of each call: wall clock and processor time
  int64_t memory_limit_mib = 4096;  ///< beyond what LibTorch itself takes
  FramePooling pooling = FramePooling::kMean;
  int64_t attention_hidden = 64;

  template <class Visitor>
  void visit(Visitor& v) {
    v("path", path, "the TorchScript file");
    v("sha256", sha256, "its SHA-256, lower-case hex (sha256sum FILE)");
    v("width", width, "D of the tokens that it returns", config::at_least(0));
    v("time_limit_s", time_limit_s, "seconds that a call may take", config::above(0));
    v("memory_limit_mib", memory_limit_mib, "MiB that it may take", config::at_least(1));
    v("pooling", pooling, "over frames: mean, mean_std, attention or attention_std");
    v("attention_hidden", attention_hidden, "hidden units of the attention pool", config::at_least(1));
  }
  void validate(config::Checks& checks) const;
};

}  // namespace limbic::nn
