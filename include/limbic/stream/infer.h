#pragma once
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "limbic/model/bundle.h"
#include "limbic/stream/inference_config.h"

namespace limbic::stream {

struct InferOutputs {
  std::shared_ptr<nlohmann::json> summary;  ///< as in summary.json
  bool is_truncated = false;
};

/// Runs a model over one recording and writes frames.csv, frames.jsonl, summary.json and, with `has_overlay`,
/// annotated.mp4 into `out`. Files appear whole or not at all; summary.json comes last.
InferOutputs infer_recording(const std::string& input, const model::Bundle& bundle,
                             const InferenceConfig& config, const std::string& out, bool has_overlay);

}  // namespace limbic::stream
