#pragma once
#include <string_view>
#include <utility>
#include <vector>

#include "limbic/data/sample.h"
#include "limbic/data/store.h"

namespace limbic::data {

/// Where the text of a shard's name stands in a line: [begin, end).
using TextSpan = std::pair<size_t, size_t>;

/// Reads a line as StoreWriter writes it: no blanks between tokens, plain ASCII without escapes, every key
/// known and once, everything in range. False for any other line, good or bad: the careful reader decides.
/// @param shards  where shard names stand, in the order of the line
bool parse_plain_line(std::string_view line, const DatasetInfo& info, Sample& sample,
                      std::vector<TextSpan>& shards);

}  // namespace limbic::data
