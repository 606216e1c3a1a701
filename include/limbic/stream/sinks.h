#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "limbic/model/bundle.h"
#include "limbic/stream/analysis.h"

namespace limbic::stream {

/// One row a decoded frame, about the most prominent person in it: frame, timestamp (s), face_id, success,
/// face_score, face_x, face_y, face_width, face_height (pixels), num_faces, then for every task <task> (where
/// it has classes) and <task>_<class>: the probability of a class or label, or the value of a dimension.
/// Cells without a value are empty, never 0.
void write_frames_csv(const std::string& path, const Analysis& analysis, const model::BundleInfo& model);
/// One line a frame with everybody in it.
void write_frames_jsonl(const std::string& path, const Analysis& analysis, const model::BundleInfo& model);
/// Counts, persons with their mean probabilities, what went wrong in the media, the model.
nlohmann::json summary_json(const std::string& input, const Analysis& analysis,
                            const model::BundleInfo& model);
/// The recording again with boxes, labels and probability bars; its sound is kept.
void write_annotated_video(const std::string& path, const std::string& input, const Analysis& analysis,
                           const model::BundleInfo& model);

}  // namespace limbic::stream
