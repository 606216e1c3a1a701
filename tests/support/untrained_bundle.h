#pragma once
#include <ATen/ATen.h>

#include <string>
#include <utility>
#include <vector>

#include "limbic/model/bundle.h"
#include "limbic/nn/state.h"

namespace limbic::test {

/// A small untrained model: what it says is arbitrary, that it says it at the right place and time is the
/// test.
inline model::Bundle untrained_bundle(const std::string& directory, bool sees, bool hears,
                                      double window_s = 0,
                                      std::vector<affect::LabelSpace> tasks = {
                                          {"emotion", {"calm", "excited"}}}) {
  at::manual_seed(1);
  model::BundleInfo info;
  info.name = "untrained";
  info.tasks = std::move(tasks);
  if (sees) {
    features::FaceCropFeature face;
    face.size = 32;
    face.framing.size = 32;
    info.features["face"] = face;
    info.inputs["face"].frame = {1, 32, 32};
    info.window_s["face"] = window_s;
    info.input_rate_hz["face"] = window_s > 0 ? 10.0 : 0.0;
    nn::ResNetFaceConfig encoder;
    encoder.stem_channels = 8;
    encoder.stages = {{8, 1, 2}};
    info.model.encoders["face"] = encoder;
  }
  if (hears) {
    features::LogMelFeature audio;
    audio.mel.num_mels = 20;
    info.features["audio"] = audio;
    info.inputs["audio"].frame = {20};
    info.window_s["audio"] = 2.0;
    info.input_rate_hz["audio"] = 100;
    nn::ConvRecurrentConfig encoder;
    encoder.layers = {{8, 3, 2, false, 2, 2, 0.0}};
    encoder.projection = 8;
    encoder.hidden = 8;
    info.model.encoders["audio"] = encoder;
  }
  const auto model = model::build_model(info.model, info.tasks, info.inputs);
  model::write_bundle(info, nn::state_of(*model->as_module()), directory);
  return model::load_bundle(directory);
}

}  // namespace limbic::test
