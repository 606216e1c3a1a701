#pragma once
#include <optional>
#include <string>

namespace limbic::core {

/// Where pretrained weights lie (tools/models puts them there): $LIMBIC_MODELS, else
/// $XDG_DATA_HOME/limbic/models, else ~/.local/share/limbic/models; empty when none of these is set.
std::string models_folder();
/// Path of a file of data/models.tsv in that folder ("silero_vad_v6.onnx"); nothing when it is not there.
std::optional<std::string> find_model_file(const std::string& file);

}  // namespace limbic::core
