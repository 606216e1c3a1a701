#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "hdf5_object.h"

namespace limbic::formats::hdf5 {

/// The block [first, first + count) of every dimension of a dataset.
NpyArray read_block(const Image& image, const Object& dataset, const std::vector<uint64_t>& first,
                    const std::vector<uint64_t>& count, std::string_view field, const std::string& where);

}  // namespace limbic::formats::hdf5
