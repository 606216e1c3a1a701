#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "limbic/formats/mat.h"

namespace limbic::formats::detail {

/// Characters of a char array, column by column as MATLAB stores them, to rows joined by line ends.
std::string mat_text(const std::vector<uint32_t>& codes, const std::vector<uint64_t>& shape);
/// A name or text of a file without control characters.
std::string mat_printable(std::string_view raw);
/// MATLAB's version 7.3, which is HDF5.
MatFile read_mat_73(const std::string& path, uint64_t max_bytes);

}  // namespace limbic::formats::detail
