#include "limbic/model/bundle.h"

#include <fmt/format.h>
#include <torch/nn/module.h>

#include <filesystem>

#include "limbic/config/config.h"
#include "limbic/core/atomic_file.h"
#include "limbic/core/build_info.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/core/suggest.h"
#include "limbic/formats/safetensors.h"
#include "limbic/nn/folding.h"
#include "limbic/nn/state.h"

namespace limbic::model {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kBundleSchema = 1;

std::string model_card(const BundleInfo& info) {
  std::string card = "# " + info.name + "\n\n";
  std::vector<std::string> modalities;
  for (const auto& [modality, shape] : info.inputs) modalities.push_back(modality);
  card += "An emotion recognition model made with limbic " + info.limbic_version + " (" + info.git_revision +
          ").\n\n";
  card += "- Inputs: " + core::join(modalities) + "\n";
  for (const auto& task : info.tasks)
    card += "- Predicts " + task.task + ": " + core::join(task.classes) + "\n";
  card += "- Trained on: " + core::join(info.trained_on) + "\n";
  card +=
      "- Terms of the training data, which hold for these weights too: " + core::join(info.licences, "; ") +
      "\n";
  if (!info.validation.empty()) {
    card += "\n| validation metric of the kept epoch | value |\n|---|---|\n";
    for (const auto& [name, value] : info.validation) card += fmt::format("| {} | {:.4f} |\n", name, value);
  }
  card +=
      "\n## Intended use and limits\n\n"
      "Research on expressed emotion in recordings whose subjects consented. The scores describe expression "
      "as "
      "annotators of the training data saw it, not what a person feels; they are no diagnosis. Accuracy on "
      "other "
      "people, cameras, languages and cultures than the training data's is unknown until it is measured. Law "
      "may "
      "forbid emotion inference where you want to use it (in the EU at work and in schools since February "
      "2025).\n";
  return card;
}

std::string find_bundle(const std::string& path) {
  for (const auto& candidate : {path, path + "/bundle"}) {
    if (fs::exists(candidate + "/bundle.yaml")) return candidate;
  }
  throw Error(ErrorCode::kModel, path +
                                     ": neither a bundle (no bundle.yaml) nor a run folder with one; "
                                     "`limbic train` writes RUN/bundle when it ends");
}

/// Copies what the features read (a file, or a folder) into the bundle and names it from there.
void take_feature_files(features::FeatureConfig& config, const std::string& directory) {
  for (const auto& [modality, path] : features::feature_files(config)) {
    const fs::path from = fs::path(*path).has_filename() ? fs::path(*path) : fs::path(*path).parent_path();
    const fs::path name = fs::path("features") / modality / from.filename();
    fs::create_directories((fs::path(directory) / name).parent_path());
    fs::copy(from, fs::path(directory) / name, fs::copy_options::recursive);
    *path = name.string();
  }
}

/// A bundle names files of its own alone.
void find_feature_files(features::FeatureConfig& config, const std::string& directory) {
  for (const auto& [modality, path] : features::feature_files(config)) {
    const fs::path name = fs::path(*path).lexically_normal();
    require(name.is_relative() && name.begin()->string() == "features", ErrorCode::kModel,
            directory + "/bundle.yaml: features." + modality + ": '" + *path +
                "' is not a file of the bundle; expected features/...");
    *path = (fs::path(directory) / name).string();
  }
}

}  // namespace

void write_bundle(BundleInfo info, const std::map<std::string, at::Tensor>& weights,
                  const std::string& directory) {
  info.schema_version = kBundleSchema;
  info.limbic_version = core::version();
  for (const auto& task : info.tasks) info.task_traits[task.task] = task.traits;
  info.git_revision = core::git_revision();
  const std::string temp = core::temp_name_for(directory);
  std::error_code ec;
  try {
    formats::write_safetensors(temp + "/model.safetensors", weights, {{"format", "pt"}});
    info.weights_sha256 = core::sha256_file(temp + "/model.safetensors");
    take_feature_files(info.features, temp);
    core::write_file(temp + "/bundle.yaml", config::dump(info));
    core::write_file(temp + "/README.md", model_card(info));
    const std::string old = core::temp_name_for(directory + "-old");
    if (fs::exists(directory)) fs::rename(directory, old);
    core::publish_directory(temp, directory);
    fs::remove_all(old, ec);
  } catch (const fs::filesystem_error& e) {
    fs::remove_all(temp, ec);
    throw Error(ErrorCode::kStorage, directory + ": cannot replace the bundle: " + e.what());
  } catch (...) {
    fs::remove_all(temp, ec);
    throw;
  }
}

std::map<std::string, double> temperatures(const BundleInfo& info) {
  std::map<std::string, double> by_task;
  for (const auto& [task, calibration] : info.calibration) by_task[task] = calibration.temperature;
  return by_task;
}

Bundle load_bundle(const std::string& path) {
  const std::string directory = find_bundle(path);
  const std::string weights_path = directory + "/model.safetensors";
  Bundle bundle;
  try {
    bundle.info = config::load_file<BundleInfo>(directory + "/bundle.yaml");
  } catch (const Error& e) {
    throw Error(ErrorCode::kModel, e.what());
  }
  require(
      bundle.info.schema_version <= kBundleSchema, ErrorCode::kModel,
      fmt::format("{}/bundle.yaml: layout {} is newer than this limbic reads ({}); use limbic {} or later",
                  directory, bundle.info.schema_version, kBundleSchema, bundle.info.limbic_version));
  for (auto& task : bundle.info.tasks) {
    const auto traits = bundle.info.task_traits.find(task.task);
    if (traits != bundle.info.task_traits.end()) task.traits = traits->second;
  }
  find_feature_files(bundle.info.features, directory);
  const auto weights = formats::read_safetensors(weights_path).tensors;
  bundle.model = build_model(bundle.info.model, bundle.info.tasks, bundle.info.inputs);
  try {
    nn::load_state(*bundle.model->as_module(), weights);
  } catch (const Error& e) {
    throw e.in(weights_path);
  }
  bundle.model->as_module()->eval();
  nn::fold_normalization(*bundle.model->as_module());
  return bundle;
}

}  // namespace limbic::model
