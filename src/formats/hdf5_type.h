#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hdf5_image.h"
#include "limbic/formats/npy.h"
#include "numpy_type.h"

// "IV.A.2.d. The Datatype Message": what an element is, and how its bytes become numbers or text.
namespace limbic::formats::hdf5 {

enum class TypeClass : uint8_t {
  kInteger = 0,
  kReal = 1,
  kTime = 2,
  kText = 3,
  kBits = 4,
  kOpaque = 5,
  kCompound = 6,
  kReference = 7,
  kEnumeration = 8,
  kVariable = 9,
  kArray = 10,
};

struct Type {
  struct Member;

  TypeClass type_class = TypeClass::kInteger;
  uint32_t size = 0;  ///< bytes of one element
  bool is_big_endian = false;
  bool is_signed = false;
  bool is_space_padded = false;                        ///< of text
  bool is_region = false;                              ///< of references
  bool is_text = false;                                ///< of variable length
  std::vector<uint64_t> dims;                          ///< of arrays
  uint64_t num_items = 1;                              ///< of arrays: their product
  std::shared_ptr<const Type> base;                    ///< of arrays, enumerations and variable length
  std::vector<Member> members;                         ///< of compounds
  std::vector<std::pair<int64_t, std::string>> names;  ///< of enumerations
  std::string unread;                                  ///< why its elements cannot be read; empty: they can

  /// In the manner of numpy.
  std::string dtype() const;
};

struct Type::Member {
  std::string name;
  uint64_t offset = 0;
  Type type;
};

/// Takes a type from the bytes of its message.
Type parse_type(Cursor& cursor, int depth = 0);

/// What of every element is read.
struct Field {
  uint64_t offset = 0;
  const Type* type = nullptr;
};

/// @param path  "outer.inner" of compounds. @throws Error(kData) with the names that there are
Field find_field(const Image& image, const Type& type, std::string_view path, const std::string& where);

/// Turns elements into the values or texts of an array.
class Decoder {
 public:
  Decoder(const Image& image, Field field);

  /// Sets `array` up for `shape` elements: its shape, type and memory. @throws past max_bytes
  void prepare(NpyArray& array, const std::vector<uint64_t>& shape);
  /// @param from  `count` elements that lie `stride` bytes apart
  /// @param to    index of the first in the array, in elements of the dataset
  void decode(const char* from, uint64_t stride, uint64_t count, NpyArray& array, uint64_t to);

 private:
  struct Collection;
  std::string text(const char* from);
  const Collection& collection(uint64_t address);

  const Image& image_;
  uint64_t offset_;
  uint64_t num_items_ = 1;
  const Type* item_;          ///< of what the array holds
  detail::NumpyType number_;  ///< of numbers; kind 0: text
  std::vector<uint64_t> item_shape_;
  Allowance heap_;
  uint64_t text_left_;  ///< bytes of variable-length text: no object of a heap is used twice
  std::map<uint64_t, std::shared_ptr<const Collection>> collections_;
};

}  // namespace limbic::formats::hdf5
