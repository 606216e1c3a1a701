#pragma once
#include <map>
#include <string>
#include <vector>

#include "import/dialogue/conversation_config.h"
#include "import/pipeline.h"
#include "limbic/formats/eaf.h"

namespace limbic::data::conversation_import {

/// Whose recording is wanted.
struct Wanted {
  std::string source;
  std::string eaf;  ///< relative to the source, for messages
  std::string person;
  bool is_alone = false;  ///< nobody else is in the conversation
};

/// Sound and faces of one person, whole, on the clock of the annotations; empty where no file is theirs.
/// @param media  the conversation's files, relative to the source
/// @throws Error(kData) for a file that cannot be read, or when two files could be the person's
std::map<std::string, RawStream> read_recording(const Wanted& wanted, const ConversationConfig& config,
                                                const formats::EafFile& eaf,
                                                const std::vector<std::string>& media, ImportWorker& worker);

}  // namespace limbic::data::conversation_import
