#include "limbic/stream/infer.h"

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "limbic/core/error.h"
#include "limbic/formats/jsonl.h"
#include "limbic/stream/analysis.h"
#include "limbic/stream/sinks.h"

namespace limbic::stream {

InferOutputs infer_recording(const std::string& input, const model::Bundle& bundle,
                             const InferenceConfig& config, const std::string& out, bool has_overlay) {
  const auto start = std::chrono::steady_clock::now();
  std::error_code ec;
  std::filesystem::create_directories(out, ec);
  require(!ec, ErrorCode::kStorage, out + ": cannot make the directory: " + ec.message());

  const Analysis analysis = analyse(input, bundle, config);
  write_frames_csv(out + "/frames.csv", analysis, bundle.info);
  write_frames_jsonl(out + "/frames.jsonl", analysis, bundle.info);
  if (has_overlay && analysis.has_video && !analysis.frames.empty()) {
    write_annotated_video(out + "/annotated.mp4", input, analysis, bundle.info);
  }

  InferOutputs outputs;
  outputs.is_truncated = analysis.is_truncated();
  outputs.summary = std::make_shared<nlohmann::json>(summary_json(input, analysis, bundle.info));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const double last_s = analysis.frames.empty() ? 0.0 : analysis.frames.back().pts.seconds();
  (*outputs.summary)["processing"] = {{"seconds", seconds},
                                      {"real_time_factor", last_s > 0 ? seconds / last_s : 0.0}};
  formats::write_json(out + "/summary.json", *outputs.summary);
  return outputs;
}

}  // namespace limbic::stream
