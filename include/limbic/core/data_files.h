#pragma once
#include <string>

namespace limbic::core {

/// Path of a small file that comes with limbic ("ontology.yaml"). Looked for in $LIMBIC_SHARE and nowhere
/// else when that is set; else in share/limbic beside the program's bin/, where it was installed, and in
/// data/ of the sources it was built from. @throws Error(kConfig) with the places looked at
std::string data_file(const std::string& file);

}  // namespace limbic::core
