#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "limbic/formats/file_bundle.h"

namespace limbic::formats::detail {

/// A file's bytes, unpacked when they are gzip. @throws Error(kData) past max_bytes
std::string read_unpacked(const std::string& path, uint64_t max_bytes);
/// Up to `num_bytes` from the start, unpacked when they are gzip; does not fail on a damaged tail.
std::string read_head(const std::string& path, size_t num_bytes);
bool is_gzip(std::string_view bytes);
/// @throws Error(kData) truncated, damaged, more than max_bytes
std::string gunzip(std::string_view bytes, const std::string& name, uint64_t max_bytes);

std::string lower_case(std::string_view text);
bool ends_with(std::string_view text, std::string_view end);
/// The last part of a path.
std::string base_name(std::string_view path);

}  // namespace limbic::formats::detail
