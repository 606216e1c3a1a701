// MATLAB "MAT-File Format" (R2019b) levels 4 and 5, from the published description. An own reader, because
// files come from strangers: nothing is allocated that the file's size (or what really inflates) does not
// warrant.
#include "limbic/formats/mat.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>

#include "byte_source.h"
#include "limbic/core/error.h"
#include "mat_parts.h"
#include "sensor_files.h"
#include "text_input.h"

namespace limbic::formats {
namespace {

constexpr int kMaxMatDepth = 32;
constexpr uint64_t kMaxMatNames = 64 << 20;  ///< bytes of all names: nesting must not multiply them

// Types of data elements.
enum : uint32_t {
  kMiInt8 = 1,
  kMiUint8 = 2,
  kMiInt16 = 3,
  kMiUint16 = 4,
  kMiInt32 = 5,
  kMiUint32 = 6,
  kMiSingle = 7,
  kMiDouble = 9,
  kMiInt64 = 12,
  kMiUint64 = 13,
  kMiMatrix = 14,
  kMiCompressed = 15,
  kMiUtf8 = 16,
  kMiUtf16 = 17,
  kMiUtf32 = 18,
};
// Classes of arrays.
enum : uint32_t {
  kMxCell = 1,
  kMxStruct = 2,
  kMxObject = 3,
  kMxChar = 4,
  kMxSparse = 5,
  kMxDouble = 6,
  kMxLast = 15
};

size_t mat_type_bytes(uint32_t type) {
  switch (type) {
    case kMiInt8:
    case kMiUint8:
    case kMiUtf8:
      return 1;
    case kMiInt16:
    case kMiUint16:
    case kMiUtf16:
      return 2;
    case kMiInt32:
    case kMiUint32:
    case kMiSingle:
    case kMiUtf32:
      return 4;
    case kMiInt64:
    case kMiUint64:
    case kMiDouble:
      return 8;
    default:
      return 0;
  }
}

template <class Number>
Number mat_load(const char* from, bool is_swapped) {
  char bytes[sizeof(Number)];
  std::memcpy(bytes, from, sizeof bytes);
  if (is_swapped) std::reverse(bytes, bytes + sizeof bytes);
  Number value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

double mat_number(const char* from, uint32_t type, bool is_swapped) {
  switch (type) {
    case kMiInt8:
      return mat_load<int8_t>(from, is_swapped);
    case kMiUint8:
    case kMiUtf8:
      return mat_load<uint8_t>(from, is_swapped);
    case kMiInt16:
      return mat_load<int16_t>(from, is_swapped);
    case kMiUint16:
    case kMiUtf16:
      return mat_load<uint16_t>(from, is_swapped);
    case kMiInt32:
      return mat_load<int32_t>(from, is_swapped);
    case kMiUint32:
    case kMiUtf32:
      return mat_load<uint32_t>(from, is_swapped);
    case kMiInt64:
      return static_cast<double>(mat_load<int64_t>(from, is_swapped));
    case kMiUint64:
      return static_cast<double>(mat_load<uint64_t>(from, is_swapped));
    case kMiSingle:
      return mat_load<float>(from, is_swapped);
    default:
      return mat_load<double>(from, is_swapped);
  }
}

class MatReader {
 public:
  MatReader(const std::string& path, uint64_t max_bytes) : path_(path), budget_(max_bytes) {
    const detail::FileSource source(path, ErrorCode::kData);
    if (source.size() > max_bytes)
      source.fail(fmt::format("{} bytes; at most {} are read", source.size(), max_bytes));
    bytes_.resize(source.size());
    source.read(0, bytes_.data(), bytes_.size());
  }

  MatFile read() {
    const std::string_view all = bytes_;
    if (all.size() >= 128 && (all.substr(126, 2) == "IM" || all.substr(126, 2) == "MI"))
      read_5();
    else
      read_4();
    return std::move(file_);
  }

 private:
  struct Element {
    uint32_t type = 0;
    std::string_view data;
  };

  [[noreturn]] void fail(uint64_t at, const std::string& what) const {
    throw Error(ErrorCode::kData,
                fmt::format("{}: {}: {}", path_,
                            in_compressed_ ? fmt::format("byte {} of the variable compressed at byte {}", at,
                                                         compressed_at_)
                                           : fmt::format("byte {}", at),
                            what));
  }

  void spend(uint64_t num_bytes) {
    if (num_bytes > budget_)
      throw Error(ErrorCode::kData, path_ + ": its values need more memory than is allowed");
    budget_ -= num_bytes;
  }

  void keep(MatVariable variable, uint64_t at) {
    num_name_bytes_ += variable.name.size() + sizeof(MatVariable);
    if (num_name_bytes_ > kMaxMatNames) fail(at, "too many variables");
    file_.variables.push_back(std::move(variable));
  }
  void skip(const std::string& name, const char* why, uint64_t at) {
    num_name_bytes_ += name.size() + 32;
    if (num_name_bytes_ > kMaxMatNames) fail(at, "too many variables");
    file_.skipped.push_back(fmt::format("{} ({})", name, why));
  }

  /// Tag and data of the element at `at`, which moves past it and its padding.
  Element next_element(std::string_view bytes, uint64_t& at) {
    if (bytes.size() < 8 || at > bytes.size() - 8)
      fail(at, "a tag of 8 bytes is cut off; the file ends early");
    const auto first = mat_load<uint32_t>(bytes.data() + at, is_swapped_);
    Element element;
    if (first >> 16 != 0) {  // small: size and type in four bytes, data in the next four
      element.type = first & 0xFFFF;
      const uint32_t size = first >> 16;
      if (size > 4) fail(at, fmt::format("a small element of {} bytes; at most 4", size));
      element.data = bytes.substr(at + 4, size);
      at += 8;
      return element;
    }
    element.type = first;
    const auto size = mat_load<uint32_t>(bytes.data() + at + 4, is_swapped_);
    if (size > bytes.size() - at - 8)
      fail(at, fmt::format("an element of {} bytes, but {} follow; the file was cut off", size,
                           bytes.size() - at - 8));
    element.data = bytes.substr(at + 8, size);
    at += 8 + uint64_t{size};
    // Compressed elements are not padded; the last one of a file may lack its padding.
    if (element.type != kMiCompressed) at = std::min<uint64_t>(bytes.size(), (at + 7) / 8 * 8);
    return element;
  }

  void read_5() {
    file_.version = "5";
    // "MI" written by a machine of our byte order reads "IM".
    is_swapped_ = bytes_[126] == 'M';
    uint64_t at = 128;
    while (at < bytes_.size()) {
      const uint64_t begin = at;
      const Element element = next_element(bytes_, at);
      if (element.type == kMiCompressed) {
        compressed_at_ = begin;
        in_compressed_ = true;
        const std::string inflated = inflate_element(element.data);
        uint64_t inner = 0;
        const Element matrix = next_element(inflated, inner);
        if (matrix.type == kMiMatrix) read_matrix(inflated, matrix, nullptr, 0);
        in_compressed_ = false;
      } else if (element.type == kMiMatrix) {
        read_matrix(bytes_, element, nullptr, 0);
      } else if (mat_type_bytes(element.type) == 0) {
        fail(begin, fmt::format("an element of unknown type {}", element.type));
      }
    }
  }

  std::string inflate_element(std::string_view data) {
    z_stream stream{};
    if (inflateInit(&stream) != Z_OK) throw Error(ErrorCode::kResource, path_ + ": zlib has no memory");
    const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, inflateEnd);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
    stream.avail_in = static_cast<uInt>(data.size());
    std::string out;
    std::string piece(1 << 16, '\0');
    for (;;) {
      stream.next_out = reinterpret_cast<Bytef*>(piece.data());
      stream.avail_out = static_cast<uInt>(piece.size());
      const int result = inflate(&stream, Z_NO_FLUSH);
      const size_t num_out = piece.size() - stream.avail_out;
      if (out.size() + num_out > budget_)
        throw Error(ErrorCode::kData, path_ + ": it inflates to more than is allowed");
      out.append(piece.data(), num_out);
      if (result == Z_STREAM_END) return out;
      if (result != Z_OK || (stream.avail_in == 0 && num_out == 0))
        fail(stream.total_in, fmt::format("damaged compressed data ({})",
                                          stream.msg == nullptr ? "it ends early" : stream.msg));
    }
  }

  /// @param name  of the field or cell that this is; null: the array's own
  void read_matrix(std::string_view whole, const Element& matrix, const std::string* name, int depth) {
    const auto offset = static_cast<uint64_t>(matrix.data.data() - whole.data());
    const auto here = [&](uint64_t at) { return offset + at; };
    if (matrix.data.empty()) {
      if (name != nullptr) skip(*name, "empty", offset);
      return;
    }
    if (depth > kMaxMatDepth) fail(offset, fmt::format("nested deeper than {}", kMaxMatDepth));
    // Places in messages count from the whole element.
    const std::string_view bytes = matrix.data;
    uint64_t at = 0;
    const Element flags = next_element(bytes, at);
    if (flags.type != kMiUint32 || flags.data.size() < 8) fail(here(0), "an array without its flags");
    const uint32_t flag_word = mat_load<uint32_t>(flags.data.data(), is_swapped_);
    const uint32_t mx_class = flag_word & 0xFF;
    const bool is_complex = (flag_word & 0x800) != 0;
    if (mx_class > kMxLast) {  // function handles and opaque objects have no dimensions
      skip(name == nullptr ? "?" : *name, "an object or function handle", here(0));
      return;
    }
    const Element dims = next_element(bytes, at);
    if (dims.type != kMiInt32 || dims.data.size() < 8 || dims.data.size() % 4 != 0 ||
        dims.data.size() > 4 * 32)
      fail(here(at), "an array without its dimensions");
    MatVariable variable;
    uint64_t count = 1;
    for (size_t i = 0; i < dims.data.size(); i += 4) {
      const auto dim = mat_load<int32_t>(dims.data.data() + i, is_swapped_);
      if (dim < 0) fail(here(at), fmt::format("a dimension of {}", dim));
      variable.shape.push_back(static_cast<uint64_t>(dim));
      if (__builtin_mul_overflow(count, static_cast<uint64_t>(dim), &count))
        fail(here(at), "dimensions beyond 64 bits");
    }
    const Element own_name = next_element(bytes, at);
    if (own_name.type != kMiInt8 && own_name.type != kMiUint8 && own_name.type != kMiUtf8)
      fail(here(at), "an array without its name");
    variable.name = name != nullptr ? *name : detail::mat_printable(own_name.data);
    if (mx_class == kMxCell) {
      for (uint64_t i = 0; i < count; ++i) {
        const Element cell = next_element(bytes, at);
        if (cell.type != kMiMatrix) fail(here(at), "a cell that is not an array");
        const std::string cell_name = fmt::format("{}{{{}}}", variable.name, i + 1);
        read_matrix(whole, cell, &cell_name, depth + 1);
      }
    } else if (mx_class == kMxStruct || mx_class == kMxObject) {
      read_struct(whole, bytes, at, variable.name, count, mx_class == kMxObject, depth);
    } else if (mx_class == kMxSparse) {
      skip(variable.name, "sparse", here(0));
    } else {
      const Element real = next_element(bytes, at);
      read_numbers(real, count, mx_class == kMxChar, variable, here(at));
      if (is_complex && mx_class != kMxChar) {
        const Element imaginary = next_element(bytes, at);
        MatVariable part;
        read_numbers(imaginary, count, false, part, here(at));
        variable.imaginary = std::move(part.values);
      }
      if (count == 0)
        skip(variable.name, "empty", here(0));
      else
        keep(std::move(variable), here(0));
    }
  }

  void read_struct(std::string_view whole, std::string_view bytes, uint64_t at, const std::string& name,
                   uint64_t count, bool is_object, int depth) {
    const auto offset = static_cast<uint64_t>(bytes.data() - whole.data());
    if (is_object) next_element(bytes, at);  // the name of its class
    const Element length = next_element(bytes, at);
    if (length.type != kMiInt32 || length.data.size() != 4)
      fail(offset + at, "a struct without the length of its names");
    const auto name_size = mat_load<int32_t>(length.data.data(), is_swapped_);
    const Element names = next_element(bytes, at);
    if (name_size < 1 || name_size > 256 || names.data.size() % static_cast<size_t>(name_size) != 0)
      fail(offset + at,
           fmt::format("names of fields of {} bytes each in {} bytes", name_size, names.data.size()));
    const size_t num_fields = names.data.size() / static_cast<size_t>(name_size);
    for (uint64_t i = 0; i < (num_fields > 0 ? count : 0); ++i) {
      for (size_t f = 0; f < num_fields; ++f) {
        const Element field = next_element(bytes, at);
        if (field.type != kMiMatrix) fail(offset + at, "a field that is not an array");
        const std::string_view raw =
            names.data.substr(f * static_cast<size_t>(name_size), static_cast<size_t>(name_size));
        const std::string index = count > 1 ? fmt::format("({})", i + 1) : "";
        const std::string field_name =
            name + index + "." + detail::mat_printable(raw.substr(0, raw.find('\0')));
        read_matrix(whole, field, &field_name, depth + 1);
      }
    }
  }

  void read_numbers(const Element& element, uint64_t count, bool is_text, MatVariable& variable,
                    uint64_t at) {
    const size_t size = mat_type_bytes(element.type);
    if (size == 0) fail(at, fmt::format("numbers of unknown type {}", element.type));
    uint64_t num_stored = element.data.size() / size;
    const bool is_utf8_text = is_text && element.type == kMiUtf8;
    if (element.data.size() % size != 0 || (num_stored != count && !is_utf8_text))
      fail(at, fmt::format("{} values for an array of {}", num_stored, count));
    spend(num_stored * 8);
    if (!is_text) {
      variable.values.resize(num_stored);
      for (uint64_t i = 0; i < num_stored; ++i)
        variable.values[i] = mat_number(element.data.data() + i * size, element.type, is_swapped_);
      return;
    }
    variable.is_text = true;
    if (is_utf8_text && variable.shape.size() == 2 && variable.shape[0] == 1) {
      variable.text = detail::mat_printable(element.data);
      return;
    }
    std::vector<uint32_t> codes(num_stored);
    for (uint64_t i = 0; i < num_stored; ++i) {
      const double code = mat_number(element.data.data() + i * size, element.type, is_swapped_);
      codes[i] = code >= 0 && code <= 0x10FFFF ? static_cast<uint32_t>(code) : 0xFFFD;
    }
    variable.text = detail::mat_text(codes, variable.shape);
  }

  /// Level 4: a 20-byte header and column-major numbers for each matrix.
  void read_4() {
    file_.version = "4";
    uint64_t at = 0;
    if (bytes_.size() < 20) fail(0, fmt::format("{} bytes; not a MATLAB file", bytes_.size()));
    while (at < bytes_.size()) {
      if (bytes_.size() - at < 20) fail(at, "a matrix header of 20 bytes is cut off");
      // Type 1000 M + 100 O + 10 P + T: a small number in the right byte order.
      auto type = mat_load<uint32_t>(bytes_.data() + at, false);
      const bool is_swapped = type > 9999;
      if (is_swapped) type = mat_load<uint32_t>(bytes_.data() + at, true);
      const uint32_t machine = type / 1000, zero = type / 100 % 10, precision = type / 10 % 10,
                     kind = type % 10;
      if (type > 9999 || machine > 1 || zero != 0 || precision > 5 || kind > 2)
        fail(at, at == 0 ? "not a MATLAB file of version 4 to 7" : "not the header of a matrix");
      const auto field = [&](uint64_t index) {
        return mat_load<int32_t>(bytes_.data() + at + 4 * index, is_swapped);
      };
      const int32_t rows = field(1), columns = field(2), is_complex = field(3), name_size = field(4);
      if (rows < 0 || columns < 0 || is_complex < 0 || is_complex > 1 || name_size < 1 || name_size > 4096)
        fail(at, fmt::format("a matrix of {} x {} with a name of {} bytes", rows, columns, name_size));
      static constexpr std::array<uint32_t, 6> kTypes = {kMiDouble, kMiSingle, kMiInt32,
                                                         kMiInt16,  kMiUint16, kMiUint8};
      const uint32_t number = kTypes[precision];
      const uint64_t count = static_cast<uint64_t>(rows) * static_cast<uint64_t>(columns);
      const uint64_t part = count * mat_type_bytes(number);
      const uint64_t need = static_cast<uint64_t>(name_size) + part * (is_complex != 0 ? 2 : 1);
      if (need > bytes_.size() - at - 20)
        fail(at, fmt::format("a matrix of {} x {} needs {} bytes, {} follow; the file was cut off", rows,
                             columns, need, bytes_.size() - at - 20));
      MatVariable variable;
      const std::string_view name(bytes_.data() + at + 20, static_cast<size_t>(name_size));
      variable.name = detail::mat_printable(name.substr(0, name.find('\0')));
      variable.shape = {static_cast<uint64_t>(rows), static_cast<uint64_t>(columns)};
      const uint64_t data = at + 20 + static_cast<uint64_t>(name_size);
      is_swapped_ = is_swapped;
      if (kind == 2)
        skip(variable.name, "sparse", at);
      else if (count == 0)
        skip(variable.name, "empty", at);
      else {
        const std::string_view all = bytes_;
        if (kind == 1) {
          std::vector<uint32_t> codes(count);
          spend(count * 8);
          for (uint64_t i = 0; i < count; ++i) {
            const double code =
                mat_number(bytes_.data() + data + i * mat_type_bytes(number), number, is_swapped);
            codes[i] = code >= 0 && code <= 0x10FFFF ? static_cast<uint32_t>(code) : 0xFFFD;
          }
          variable.is_text = true;
          variable.text = detail::mat_text(codes, variable.shape);
        } else {
          read_numbers({number, all.substr(data, part)}, count, false, variable, at);
          MatVariable second;
          if (is_complex != 0)
            read_numbers({number, all.substr(data + part, part)}, count, false, second, at);
          variable.imaginary = std::move(second.values);
        }
        keep(std::move(variable), at);
      }
      at += 20 + need;
    }
  }

  std::string path_;
  std::string bytes_;
  uint64_t budget_;
  MatFile file_;
  bool is_swapped_ = false;
  bool in_compressed_ = false;
  uint64_t compressed_at_ = 0;
  uint64_t num_name_bytes_ = 0;
};

/// Behind MATLAB's user block, or at once.
bool is_hdf5(const std::string& path) {
  const detail::FileSource source(path, ErrorCode::kData);
  std::string head(std::min<uint64_t>(source.size(), 520), '\0');
  source.read(0, head.data(), head.size());
  constexpr std::string_view kSignature("\x89HDF\r\n\x1a\n", 8);
  return head.compare(0, 19, "MATLAB 7.3 MAT-file") == 0 || head.compare(0, 8, kSignature) == 0 ||
         (head.size() == 520 && head.compare(512, 8, kSignature) == 0);
}

}  // namespace

const MatVariable* MatFile::find(const std::string& name) const {
  const auto found =
      std::find_if(variables.begin(), variables.end(), [&](const MatVariable& v) { return v.name == name; });
  return found == variables.end() ? nullptr : &*found;
}

MatFile read_mat(const std::string& path, uint64_t max_bytes) {
  if (is_hdf5(path)) return detail::read_mat_73(path, max_bytes);
  return MatReader(path, max_bytes).read();
}

}  // namespace limbic::formats
