#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "limbic/affect/label_space.h"
#include "limbic/features/feature_config.h"
#include "limbic/model/multimodal.h"

namespace limbic::model {

/// How the probabilities of one task were made honest: temperature scaling (Guo et al. 2017) on the
/// validation part, with negative log-likelihood (nats) and expected calibration error there.
struct Calibration {
  double temperature = 1.0;  ///< divides the logits
  double nll_before = 0.0;
  double nll_after = 0.0;
  double ece_before = 0.0;
  double ece_after = 0.0;

  template <class Visitor>
  void visit(Visitor& v) {
    v("temperature", temperature, "divides the logits", config::above(0.0));
    v("nll_before", nll_before, "negative log-likelihood of the validation part before, nats");
    v("nll_after", nll_after, "and after");
    v("ece_before", ece_before, "expected calibration error of the validation part before");
    v("ece_after", ece_after, "and after");
  }
};

/// Everything that inference needs, and nothing of training: a folder of bundle.yaml (this description),
/// model.safetensors (weights and normalisation statistics) and README.md (the model card).
struct BundleInfo {
  int64_t schema_version = 1;
  std::string name;
  std::string limbic_version;  ///< that wrote it
  std::string git_revision;
  std::vector<affect::LabelSpace> tasks;
  /// By task, what `tasks` lacks on disk. write_bundle() fills it, load_bundle() puts it into `tasks`.
  std::map<std::string, affect::TaskTraits> task_traits{};
  std::map<std::string, Calibration> calibration{};  ///< by task; one that is not named has none
  std::map<std::string, StreamShape> inputs;
  features::FeatureConfig features;        ///< what made the inputs, so that inference makes the same
  std::map<std::string, double> window_s;  ///< modality -> seconds that one decision looks at; 0 = one frame
  std::map<std::string, double>
      input_rate_hz;  ///< modality -> frames per second that the model was trained on
  ModelConfig model;
  std::vector<std::string> trained_on;
  std::vector<std::string> licences;  ///< terms of the training data
  std::map<std::string, double> validation;
  std::string weights_sha256;  ///< of model.safetensors

  template <class Visitor>
  void visit(Visitor& v) {
    v("schema_version", schema_version, "version of the bundle's layout");
    v("name", name, "name of the model");
    v("limbic_version", limbic_version, "version of limbic that wrote it");
    v("git_revision", git_revision, "source revision of limbic that wrote it");
    v("tasks", tasks, "what the model predicts");
    v("task_traits", task_traits, "task -> what kind it is");
    v("calibration", calibration, "task -> temperature that the probabilities are made with");
    v("inputs", inputs, "shape of one frame of every modality");
    v("features", features, "what makes the inputs");
    v("window_s", window_s, "modality -> seconds that one decision looks at; 0 = one frame");
    v("input_rate_hz", input_rate_hz, "modality -> frames per second in training; 0 = stills");
    v("model", model, "the model's structure");
    v("trained_on", trained_on, "corpora");
    v("licences", licences, "terms of the corpora, which hold for the weights too");
    v("validation", validation, "metrics of the best epoch on the validation part");
    v("weights_sha256", weights_sha256, "digest of model.safetensors");
  }
};

/// Writes the folder `directory`, which appears whole or not at all; an older one gives way.
/// @throws Error(kStorage)
void write_bundle(BundleInfo info, const std::map<std::string, at::Tensor>& weights,
                  const std::string& directory);

/// By task, for eval::predict.
std::map<std::string, double> temperatures(const BundleInfo& info);

struct Bundle {
  BundleInfo info;
  std::shared_ptr<MultimodalModel> model;  ///< in evaluation mode, normalisation folded
};
/// @param path  a bundle folder, or a run folder that has one
/// @throws Error(kModel) no bundle, damaged, or of a newer layout
Bundle load_bundle(const std::string& path);

}  // namespace limbic::model
