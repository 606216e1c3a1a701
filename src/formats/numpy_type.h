#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace limbic::formats::detail {

/// What one element of a numpy array is, from its description: "<f4", "|S5", ">U3".
struct NumpyType {
  std::string descr;
  char kind = 0;        ///< f i u b: numbers; U S: text; O: Python objects; others are not read
  uint64_t size = 0;    ///< bytes of an element
  bool is_big = false;  ///< most significant byte first

  /// Of a kind and size that are read: f2 f4 f8 i1-i8 u1-u8 b1.
  bool is_number() const;
  bool is_text() const { return kind == 'U' || kind == 'S'; }
  double number(const char* from) const;
  /// UTF-8, up to the first NUL.
  std::string text(const char* from) const;
};

/// std::nullopt when it is not a byte order, a letter and a size below 2^32. Without a byte order: ours.
std::optional<NumpyType> parse_numpy_type(std::string_view descr);

/// Number of elements times bytes of each; std::nullopt beyond 64 bits. `num_elements` is 1 for an empty
/// shape.
std::optional<uint64_t> numpy_bytes(const std::vector<uint64_t>& shape, uint64_t element_bytes,
                                    uint64_t& num_elements);

/// Calls visit(place) for elements [first, first + count) in row-after-row order; `place` is where the
/// element lies among those of the file.
template <class Visit>
void for_each_place(const std::vector<uint64_t>& shape, bool is_fortran, uint64_t first, uint64_t count,
                    Visit&& visit) {
  if (!is_fortran || shape.size() < 2) {
    for (uint64_t i = first; i < first + count; ++i) visit(i);
    return;
  }
  const size_t num_dims = shape.size();
  std::vector<uint64_t> index(num_dims), stride(num_dims);
  uint64_t total = 1;
  for (size_t d = 0; d < num_dims; ++d) {
    stride[d] = total;
    total *= shape[d];
  }
  uint64_t rest = first, place = 0;
  for (size_t d = num_dims; d-- > 0 && count > 0;) {
    index[d] = rest % shape[d];
    rest /= shape[d];
    place += index[d] * stride[d];
  }
  for (; count > 0; --count) {
    visit(place);
    for (size_t d = num_dims; d-- > 0;) {
      place += stride[d];
      if (++index[d] < shape[d]) break;
      place -= stride[d] * shape[d];
      index[d] = 0;
    }
  }
}

}  // namespace limbic::formats::detail
