#pragma once
#include <functional>
#include <optional>

#include "import/pipeline.h"
#include "import/words.h"

namespace limbic::data {

/// What a file's name says about an acted clip.
struct NamedClip {
  Sample sample;           ///< id empty: the file's stem; clip empty: the id
  std::string transcript;  ///< empty: unknown
};

/// Takes the name of a file apart, relative to the corpus. nullopt: the file is none of the corpus.
/// @throws Error(kData) naming the part that is wrong
using ParseClipName = std::function<std::optional<NamedClip>(const std::string& file)>;

/// Imports every sound, video and picture below `source` whose name `parse` understands: one sample a file.
/// Streams, their options and `text` (when a clip has a transcript) are declared here; `info` has the rest.
/// @throws Error(kData) when two files have one id
ImportReport import_named_clips(const std::string& source, const std::string& out,
                                const ImportOptions& options, DatasetInfo info, const ParseClipName& parse);

}  // namespace limbic::data
