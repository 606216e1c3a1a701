#pragma once
#include <vector>

#include "limbic/data/importer.h"

namespace limbic::data {

// The corpora that limbic reads, one list a folder. Names of one importer lie in a namespace of its kind.
std::vector<Importer> acted_importers();     ///< acted clips and pictures of faces, by file name or folder
std::vector<Importer> dialogue_importers();  ///< conversations, films and reviews, utterance by utterance
std::vector<Importer> physio_importers();    ///< recordings of body sensors, gaze and movement
std::vector<Importer> generic_importers();   ///< anybody's own corpus

}  // namespace limbic::data
