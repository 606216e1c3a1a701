// Elements to numbers and texts; "III.E. Disk Format: Level 1E - Global Heap" holds texts of variable length.
#include <fmt/format.h>

#include <algorithm>

#include "hdf5_type.h"
#include "numpy_type.h"

namespace limbic::formats::hdf5 {
namespace {

/// Text without its padding.
std::string unpadded(std::string_view raw, bool is_space_padded) {
  if (is_space_padded) {
    while (!raw.empty() && raw.back() == ' ') raw.remove_suffix(1);
  } else {
    raw = raw.substr(0, raw.find('\0'));
  }
  return std::string(raw);
}

}  // namespace

/// Objects of one heap collection by their number.
struct Decoder::Collection {
  std::string bytes;
  std::map<uint64_t, std::pair<uint64_t, uint64_t>> objects;  ///< place and size
};

Decoder::Decoder(const Image& image, Field field)
    : image_(image),
      offset_(field.offset),
      item_(field.type),
      heap_(image.allowance()),
      text_left_(image.size()) {
  while (item_->type_class == TypeClass::kArray) {
    item_shape_.insert(item_shape_.end(), item_->dims.begin(), item_->dims.end());
    num_items_ = times(image, num_items_, item_->num_items, 0);
    item_ = item_->base.get();
  }
  if (item_->type_class == TypeClass::kCompound) image.fail("arrays of compounds are not read");
  if (!item_->unread.empty()) image.fail(item_->unread + ": these are not read");
  if (item_->type_class != TypeClass::kText && item_->type_class != TypeClass::kVariable) {
    number_.kind = item_->type_class == TypeClass::kReal ? 'f' : item_->is_signed ? 'i' : 'u';
    number_.size = item_->size;
    number_.is_big = item_->is_big_endian;
  }
}

void Decoder::prepare(NpyArray& array, const std::vector<uint64_t>& shape) {
  array.shape = shape;
  array.dtype = item_->dtype();
  array.shape.insert(array.shape.end(), item_shape_.begin(), item_shape_.end());
  uint64_t count = 1;
  for (const uint64_t dim : array.shape) count = times(image_, count, dim, 0);
  const bool is_text = number_.kind == 0;
  const uint64_t need = times(image_, count, is_text ? sizeof(std::string) : sizeof(double), 0);
  if (need > image_.options().max_bytes)
    image_.fail(fmt::format("{} values need {} bytes of memory, allowed are {}; read fewer rows at a time",
                            count, need, image_.options().max_bytes));
  if (is_text)
    array.text.resize(count);
  else
    array.values.resize(count);
}

void Decoder::decode(const char* from, uint64_t stride, uint64_t count, NpyArray& array, uint64_t to) {
  from += offset_;
  to *= num_items_;
  const bool is_text = number_.kind == 0;
  for (uint64_t i = 0; i < count; ++i, from += stride) {
    const char* item = from;
    for (uint64_t k = 0; k < num_items_; ++k, item += item_->size) {
      if (is_text)
        array.text[to++] = text(item);
      else
        array.values[to++] = number_.number(item);
    }
  }
}

std::string Decoder::text(const char* from) {
  if (item_->type_class == TypeClass::kText)
    return unpadded(std::string_view(from, item_->size), item_->is_space_padded);
  Cursor cursor(image_, std::string_view(from, item_->size), 0);
  const uint64_t length = cursor.u32();
  const uint64_t address = cursor.address();
  const uint32_t index = cursor.u32();
  // What was never written is all zeros; an empty text has no object.
  if (length == 0 || address == 0 || address == kUndefined) return "";
  const Collection& heap = collection(address);
  const auto object = heap.objects.find(index);
  if (object == heap.objects.end())
    image_.fail(address, fmt::format("no object {} in this global heap; the file is damaged", index));
  if (length > object->second.second)
    image_.fail(address,
                fmt::format("a text of {} bytes in object {} of {}", length, index, object->second.second));
  if (length > text_left_) image_.fail(address, "its texts would be more than the whole file; it is damaged");
  text_left_ -= length;
  return unpadded(std::string_view(heap.bytes).substr(object->second.first, length), item_->is_space_padded);
}

const Decoder::Collection& Decoder::collection(uint64_t address) {
  const auto known = collections_.find(address);
  if (known != collections_.end()) return *known->second;
  constexpr const char* kWhat = "a global heap collection";
  const uint64_t head_size = 8 + image_.num_length_bytes();
  const std::string head = image_.block(address, head_size, kWhat, heap_);
  image_.expect_signature(head, "GCOL", address);
  Cursor sizes(image_, head, address);
  sizes.skip(8);
  const uint64_t size = sizes.length();
  if (size < head_size) sizes.fail(fmt::format("{} of {} bytes", kWhat, size));
  auto heap = std::make_shared<Collection>();
  heap->bytes = image_.block(address, size, kWhat, heap_);
  Cursor cursor(image_, heap->bytes, address);
  cursor.skip(head_size);
  cursor.align(8);  // as are all heads and objects
  while (cursor.left() >= 8 + image_.num_length_bytes()) {
    const uint16_t index = cursor.u16();
    cursor.skip(6);
    const uint64_t object_size = cursor.length();
    if (index == 0) break;  // the rest is free
    cursor.align(8);
    heap->objects[index] = {cursor.at(), object_size};
    cursor.skip(object_size);
    cursor.align(8);
  }
  return *collections_.emplace(address, std::move(heap)).first->second;
}

}  // namespace limbic::formats::hdf5
