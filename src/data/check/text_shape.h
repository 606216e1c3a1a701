#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace limbic::data {

/// 64 bits of FNV-1a, mixed.
uint64_t hash_of_bytes(const void* data, size_t num_bytes);
/// Letters and digits in lower case (ASCII; other bytes stay), words apart by one blank.
std::string normalised_text(std::string_view text);
/// 96 minhashes of the 5-letter pieces of a normalised text.
std::vector<uint32_t> minhashes_of(const std::string& text);
/// Share of 5-letter pieces that two normalised texts have in common.
double similarity_of(const std::string& a, const std::string& b);

}  // namespace limbic::data
