#include "hdf5_type.h"

#include <fmt/format.h>

#include <algorithm>

#include "limbic/core/suggest.h"

namespace limbic::formats::hdf5 {
namespace {

constexpr int kMaxTypeDepth = 12;

/// Numbers are read when they fill their bytes; others (nbit, x87's 80 bits) are named.
void parse_integer(Cursor& cursor, uint32_t bits, Type& type) {
  type.is_big_endian = (bits & 1) != 0;
  type.is_signed = (bits & 8) != 0;
  const uint16_t offset = cursor.u16();
  const uint16_t precision = cursor.u16();
  const bool is_whole = type.size == 1 || type.size == 2 || type.size == 4 || type.size == 8;
  if (!is_whole || offset != 0 || precision != 8 * type.size)
    type.unread = fmt::format("integers of {} bits in {} bytes", precision, type.size);
}

void parse_real(Cursor& cursor, uint32_t bits, Type& type) {
  type.is_big_endian = (bits & 1) != 0;
  const uint32_t sign = bits >> 8 & 0xFF;
  const uint16_t offset = cursor.u16();
  const uint16_t precision = cursor.u16();
  const uint8_t exponent_at = cursor.u8();
  const uint8_t exponent_size = cursor.u8();
  const uint8_t mantissa_at = cursor.u8();
  const uint8_t mantissa_size = cursor.u8();
  const uint32_t bias = cursor.u32();
  const uint32_t size = 8 * type.size;
  const bool is_known = (size == 16 && exponent_size == 5 && mantissa_size == 10 && bias == 15) ||
                        (size == 32 && exponent_size == 8 && mantissa_size == 23 && bias == 127) ||
                        (size == 64 && exponent_size == 11 && mantissa_size == 52 && bias == 1023);
  if (!is_known || offset != 0 || precision != size || mantissa_at != 0 || exponent_at != mantissa_size ||
      sign != size - 1 || (bits & 0x40) != 0)
    type.unread = fmt::format(
        "floating-point numbers of {} bits with an exponent of {}; IEEE's of 16, 32 and 64 "
        "bits are read",
        precision, exponent_size);
}

/// Versions 1 and 2 pad names to multiples of 8 bytes.
std::string parse_name(Cursor& cursor, int version) {
  const uint64_t begin = cursor.at();
  const std::string name(cursor.text());
  if (version < 3) cursor.skip((8 - (cursor.at() - begin) % 8) % 8);
  return name;
}

void parse_array_dims(Cursor& cursor, int num_dims, Type& type) {
  for (int d = 0; d < num_dims; ++d) {
    type.dims.push_back(cursor.u32());
    if (__builtin_mul_overflow(type.num_items, type.dims.back(), &type.num_items))
      cursor.fail("an array type beyond 64 bits");
  }
}

void parse_compound(Cursor& cursor, int version, uint32_t num_members, Type& type, int depth) {
  for (uint32_t i = 0; i < num_members; ++i) {
    Type::Member member;
    member.name = parse_name(cursor, version);
    member.offset = cursor.number(version < 3 ? 4 : num_bytes_for(type.size));
    Type dims;
    if (version == 1) {
      const uint8_t num_dims = cursor.u8();
      if (num_dims > 4) cursor.fail(fmt::format("a member of {} dimensions; at most 4", num_dims));
      cursor.skip(11);
      parse_array_dims(cursor, num_dims, dims);
      cursor.skip(4 * (4 - num_dims));
    }
    member.type = parse_type(cursor, depth + 1);
    if (!dims.dims.empty()) {
      dims.type_class = TypeClass::kArray;
      uint64_t size = 0;
      if (__builtin_mul_overflow(dims.num_items, member.type.size, &size) || size > type.size)
        cursor.fail("an array beyond the size of its compound");
      dims.size = static_cast<uint32_t>(size);
      dims.base = std::make_shared<const Type>(std::move(member.type));
      member.type = std::move(dims);
    }
    if (member.offset > type.size || member.type.size > type.size - member.offset)
      cursor.fail(fmt::format("member {} of {} bytes at {} of a compound of {}", detail::shown(member.name),
                              member.type.size, member.offset, type.size));
    type.members.push_back(std::move(member));
  }
}

void parse_enumeration(Cursor& cursor, int version, uint32_t num_names, Type& type, int depth) {
  const Type base = parse_type(cursor, depth + 1);
  if (base.type_class != TypeClass::kInteger || base.size != type.size)
    cursor.fail("an enumeration that is not of integers");
  type.unread = base.unread;
  type.is_big_endian = base.is_big_endian;
  type.is_signed = base.is_signed;
  std::vector<std::string> names;
  for (uint32_t i = 0; i < num_names; ++i) names.push_back(parse_name(cursor, version));
  for (std::string& name : names) {
    const std::string_view raw = cursor.take(type.size);
    uint64_t value = 0;
    for (size_t i = 0; i < std::min<size_t>(8, raw.size()); ++i)
      value |= static_cast<uint64_t>(static_cast<uint8_t>(raw[type.is_big_endian ? raw.size() - 1 - i : i]))
               << 8 * i;
    if (type.is_signed && type.size < 8 && (value >> (8 * type.size - 1) & 1) != 0)
      value |= ~UINT64_C(0) << 8 * type.size;
    type.names.emplace_back(static_cast<int64_t>(value), std::move(name));
  }
}

bool is_boolean(const Type& type) {
  return type.size == 1 && type.names.size() == 2 &&
         type.names[0] == std::pair<int64_t, std::string>(0, "FALSE") &&
         type.names[1] == std::pair<int64_t, std::string>(1, "TRUE");
}

}  // namespace

Type parse_type(Cursor& cursor, int depth) {
  if (depth > kMaxTypeDepth) cursor.fail(fmt::format("a type nested deeper than {}", kMaxTypeDepth));
  const uint8_t head = cursor.u8();
  const int version = head >> 4;
  const auto bits = static_cast<uint32_t>(cursor.number(3));
  Type type;
  type.size = cursor.u32();
  if (version < 1 || version > 5 || (head & 15) > 10)
    cursor.fail(fmt::format("a type of class {} version {}; classes 0 to 10 and versions 1 to 5 are known",
                            head & 15, version));
  type.type_class = static_cast<TypeClass>(head & 15);
  if (type.size == 0) cursor.fail("a type of 0 bytes");
  switch (type.type_class) {
    case TypeClass::kInteger:
    case TypeClass::kBits:
      parse_integer(cursor, bits & (type.type_class == TypeClass::kBits ? 1 : ~0U), type);
      break;
    case TypeClass::kReal:
      parse_real(cursor, bits, type);
      break;
    case TypeClass::kTime:
      cursor.skip(2);
      type.unread = "HDF5's time type";
      break;
    case TypeClass::kText:
      type.is_space_padded = (bits & 15) == 2;
      break;
    case TypeClass::kOpaque:
      cursor.skip(bits & 0xFF);
      type.unread = "opaque bytes";
      break;
    case TypeClass::kCompound:
      parse_compound(cursor, version, bits & 0xFFFF, type, depth);
      break;
    case TypeClass::kReference:
      type.is_region = (bits & 15) != 0;
      if (type.is_region || type.size != cursor.image().num_address_bytes())
        type.unread = "references to regions or of HDF5 1.12; object references are read";
      break;
    case TypeClass::kEnumeration:
      parse_enumeration(cursor, version, bits & 0xFFFF, type, depth);
      break;
    case TypeClass::kVariable: {
      type.base = std::make_shared<const Type>(parse_type(cursor, depth + 1));
      type.is_space_padded = (bits >> 4 & 15) == 2;
      // MATLAB writes names as sequences of one-letter texts.
      type.is_text = (bits & 15) == 1 || (type.base->type_class == TypeClass::kText && type.base->size == 1);
      if (!type.is_text) type.unread = "sequences of variable length";
      if (type.size != 8 + cursor.image().num_address_bytes())
        cursor.fail(fmt::format("elements of variable length of {} bytes", type.size));
      break;
    }
    case TypeClass::kArray: {
      const uint8_t num_dims = cursor.u8();
      if (version < 3) cursor.skip(3);
      if (num_dims > 32) cursor.fail(fmt::format("an array type of {} dimensions; at most 32", num_dims));
      parse_array_dims(cursor, num_dims, type);
      if (version < 3) cursor.skip(4 * num_dims);
      type.base = std::make_shared<const Type>(parse_type(cursor, depth + 1));
      uint64_t size = 0;
      if (__builtin_mul_overflow(type.num_items, type.base->size, &size) || size != type.size)
        cursor.fail(fmt::format("an array type of {} elements of {} bytes in {}", type.num_items,
                                type.base->size, type.size));
      break;
    }
  }
  return type;
}

std::string Type::dtype() const {
  const auto numeric = [&](char kind) {
    return fmt::format("{}{}{}", size == 1 ? '|' : is_big_endian ? '>' : '<', kind, size);
  };
  switch (type_class) {
    case TypeClass::kInteger:
      return numeric(is_signed ? 'i' : 'u');
    case TypeClass::kBits:
      return numeric('u');
    case TypeClass::kReal:
      return numeric('f');
    case TypeClass::kEnumeration:
      return is_boolean(*this) ? "|b1" : numeric(is_signed ? 'i' : 'u');
    case TypeClass::kText:
      return fmt::format("|S{}", size);
    case TypeClass::kCompound:
      return "compound";
    case TypeClass::kReference:
      return "|R";
    case TypeClass::kVariable:
      return is_text ? "|T" : "|O";
    case TypeClass::kArray:
      return base->dtype();
    default:
      return fmt::format("|V{}", size);
  }
}

Field find_field(const Image& image, const Type& type, std::string_view path, const std::string& where) {
  Field field{0, &type};
  while (!path.empty() || field.type->type_class == TypeClass::kCompound) {
    const Type& from = *field.type;
    std::vector<std::string> names;
    for (const Type::Member& member : from.members) names.push_back(member.name);
    if (from.type_class != TypeClass::kCompound)
      image.fail(fmt::format("{}: no field {}: its elements are single values", where, detail::shown(path)));
    if (path.empty())
      image.fail(fmt::format("{}: its elements have several parts; name one: {}", where, core::join(names)));
    // A name may itself hold dots: the longest that fits.
    const Type::Member* best = nullptr;
    for (const Type::Member& member : from.members) {
      const bool fits = path.substr(0, member.name.size()) == member.name &&
                        (path.size() == member.name.size() || path[member.name.size()] == '.');
      if (fits && (best == nullptr || member.name.size() > best->name.size())) best = &member;
    }
    if (best == nullptr) {
      image.fail(fmt::format("{}: no field {}{}; fields: {}", where, detail::shown(path),
                             core::did_you_mean(std::string(path), names), core::join(names)));
    }
    path.remove_prefix(std::min(path.size(), best->name.size() + 1));
    field = {field.offset + best->offset, &best->type};
  }
  return field;
}

}  // namespace limbic::formats::hdf5
