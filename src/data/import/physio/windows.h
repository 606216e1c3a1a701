#pragma once
#include <string>
#include <vector>

#include "import/pipeline.h"

namespace limbic::data {

/// Cuts [0, length_s) into windows of options.window_s every options.step_s. A last window that lacks up to a
/// tenth of its length counts; a recording shorter than that is one window.
std::vector<std::pair<double, double>> windows_of_length(double length_s, const ImportOptions& options);

/// One sample a window of `whole`: ids "<id>_0000"..., streams cut, times on the recording's clock.
std::vector<RawSample> cut_into_windows(const RawSample& whole, const ImportOptions& options);

/// The window options as they are noted in dataset.yaml.
void note_windows(const ImportOptions& options, DatasetInfo& info);

}  // namespace limbic::data
