#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <set>

#include "import/pipeline.h"
#include "import/words.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/formats/bvh.h"

namespace limbic::data {
namespace bvh_styles_import {

/// What a file's name says: Bandai Namco "dataset-1_<content>_<style>_<n>", Xia et al.
/// "<style>_<content>_<n>".
struct Motion {
  std::string file;
  std::string content;
  std::string style;
  std::string corpus;
};

std::optional<Motion> parse_name(const std::string& file) {
  if (extension_of(file) != "bvh") return std::nullopt;
  const auto parts = split_text(stem_of(file), '_');
  if (parts.size() == 4 && parts[0].rfind("dataset-", 0) == 0)
    return Motion{file, parts[1], parts[2], "bandai_namco"};
  if (parts.size() == 3) return Motion{file, parts[1], parts[0], "xia"};
  throw Error(
      ErrorCode::kData,
      file + ": no name of a styled motion; expected dataset-N_CONTENT_STYLE_NNN or STYLE_CONTENT_NNN");
}

/// Joints, without the ends of limbs, which turn nothing.
std::vector<size_t> joints_of(const formats::BvhMotion& bvh) {
  std::vector<size_t> joints;
  for (size_t j = 0; j < bvh.joints.size(); ++j)
    if (!bvh.is_end_site(j)) joints.push_back(j);
  return joints;
}

/// Skeletons differ, and so does the width of a frame: one modality a number of joints.
std::string pose_name(const formats::BvhMotion& bvh) {
  return fmt::format("pose_{}", joints_of(bvh).size());
}

RawStream pose_of(const formats::BvhMotion& bvh) {
  const auto joints = joints_of(bvh);
  const auto positions = bvh.positions_TJ3();
  std::vector<double> kept;
  kept.reserve(bvh.num_frames() * joints.size() * 3);
  for (size_t t = 0; t < bvh.num_frames(); ++t) {
    for (const size_t j : joints)
      for (size_t c = 0; c < 3; ++c) kept.push_back(positions[(t * bvh.joints.size() + j) * 3 + c]);
  }
  return series_stream(kept, 3 * joints.size(), 1 / bvh.frame_time_s);
}

}  // namespace bvh_styles_import

// Body motion in affective styles: Bandai Namco Research Motiondataset, Xia et al. 2015.
ImportReport import_bvh_styles(const std::string& source, const std::string& out,
                               const ImportOptions& options) {
  using namespace bvh_styles_import;
  DatasetInfo info;
  info.name = "bvh_styles";
  info.licence = "Bandai Namco: CC BY-NC 4.0; Xia: see its licence";
  info.citation =
      "Bandai Namco Research Motiondataset, 2022; S. Xia et al., Realtime Style Transfer for Unlabeled "
      "Heterogeneous Human Motion, SIGGRAPH 2015";
  info.importer = "bvh_styles";
  info.known_defects = {"three actors whose files do not name them: splits cannot be grouped by subject",
                        "acted styles; skeletons and units differ between the two sets"};
  std::set<std::string> styles;
  std::vector<ImportItem> items;
  for (const auto& file : list_files(source)) {
    const auto motion = parse_name(file);
    if (!motion) continue;
    styles.insert(motion->style);
    const auto skeleton = formats::read_bvh(source + "/" + file);
    auto& modality = info.modalities[pose_name(skeleton)];
    std::vector<std::string> columns;
    for (const size_t j : joints_of(skeleton))
      for (const char* axis : {".x", ".y", ".z"}) columns.push_back(skeleton.joints[j].name + axis);
    require(modality.columns.empty() || modality.columns == columns, ErrorCode::kData,
            source + "/" + file + ": another skeleton with as many joints as the files before it");
    if (modality.columns.empty()) {
      modality = series_modality(columns, 0.0, "as the file gives (centimetres in Bandai Namco's)");
      modality.role = "body";
    }
    items.push_back({file, [source, motion = *motion](ImportWorker&) {
                       const std::string path = source + "/" + motion.file;
                       const auto bvh = formats::read_bvh(path);
                       std::vector<RawSample> samples(1);
                       Sample& sample = samples[0].sample;
                       sample.id = stem_of(motion.file);
                       sample.corpus = motion.corpus;
                       sample.clip = sample.id;
                       sample.labels["style"] = motion.style;
                       sample.attributes["content"] = motion.content;
                       sample.source_path = motion.file;
                       sample.source_sha256 = core::sha256_file(path);
                       auto& pose = samples[0].streams[pose_name(bvh)];
                       pose = pose_of(bvh);
                       sample.duration = length_of(pose);
                       return samples;
                     }});
  }
  info.label_spaces = {{"style", {styles.begin(), styles.end()}}};
  return run_import(source, out, info, std::move(items), options);
}

}  // namespace limbic::data
