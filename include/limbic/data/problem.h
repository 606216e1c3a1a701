#pragma once
#include <string>

namespace limbic::data {

enum class Severity { kNote, kWarning, kError };

/// One thing that is wrong, or worth knowing, about a store.
struct Problem {
  Severity severity = Severity::kError;
  std::string code;     ///< stable key: "crc", "duplicate_content", "subject_in_two_splits"...
  std::string where;    ///< "manifest.jsonl:12", a sample id or a file
  std::string message;  ///< what; expected; hint
};

}  // namespace limbic::data
