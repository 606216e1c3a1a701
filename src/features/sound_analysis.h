#pragma once
#include <memory>
#include <string>

#include "limbic/features/signal_analysis.h"

namespace limbic::features {

/// The kinds audio, voice and egemaps of the sound of a file.
std::unique_ptr<SignalAnalysis> open_sound(const std::string& kind, const std::string& path,
                                           const SignalConfig& config);

}  // namespace limbic::features
