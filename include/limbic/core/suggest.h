#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace limbic::core {

/// The known name nearest to `word` (restricted Damerau-Levenshtein, at most a third of its length away, at
/// least 1), or empty. Ties go to the first.
std::string nearest(std::string_view word, const std::vector<std::string>& known);
/// "; did you mean 'x'?" or empty, for the end of an error message.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& known);
/// "a, b, c"
std::string join(const std::vector<std::string>& words, std::string_view separator = ", ");

}  // namespace limbic::core
