// numpy's .npy (NEP 1) and .npz. The zip writer is our own, because libzip writes a file of its own name and
// keeps every array until the end; reading goes through libzip.
#include "limbic/formats/npy.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "byte_source.h"
#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "numpy_type.h"
#include "sensor_files.h"
#include "text_input.h"

namespace limbic::formats {
namespace {

/// The header's Python dictionary: {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }
class NpyHeader {
 public:
  NpyHeader(std::string_view text, const std::string& name) : rest_(text), name_(name) {
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted_text();
      expect(':');
      skip_blanks();
      if (key == "descr") {
        if (rest_.empty() || rest_[0] != '\'') fail("records and other structured types are not read");
        descr = quoted_text();
      } else if (key == "fortran_order") {
        is_fortran = take_word() == "True";
      } else if (key == "shape") {
        read_shape();
      } else {
        fail("unknown key '" + key + "'");
      }
      accept(',');
    }
    if (descr.empty() || !has_shape_) fail("descr or shape is missing");
  }

  std::string descr;
  bool is_fortran = false;
  std::vector<uint64_t> shape;

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorCode::kData, name_ + ": header: " + what);
  }
  void skip_blanks() {
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\n')) rest_.remove_prefix(1);
  }
  bool accept(char c) {
    skip_blanks();
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail(fmt::format("expected '{}' before {}", c, detail::shown(rest_.substr(0, 20))));
  }
  std::string quoted_text() {
    expect('\'');
    const size_t end = rest_.find('\'');
    if (end == std::string_view::npos) fail("a quote is never closed");
    const std::string out(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return out;
  }
  std::string take_word() {
    size_t size = 0;
    while (size < rest_.size() && ((rest_[size] | 32) >= 'a' && (rest_[size] | 32) <= 'z')) ++size;
    const std::string out(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return out;
  }
  void read_shape() {
    expect('(');
    while (!accept(')')) {
      skip_blanks();
      uint64_t value = 0;
      size_t size = 0;
      for (; size < rest_.size() && rest_[size] >= '0' && rest_[size] <= '9'; ++size) {
        if (value > (uint64_t{1} << 58)) fail("a dimension beyond 2^58");
        value = value * 10 + static_cast<uint64_t>(rest_[size] - '0');
      }
      if (size == 0 || shape.size() == 32) fail("a shape that is not up to 32 whole numbers");
      rest_.remove_prefix(size);
      accept('L');  // Python 2
      shape.push_back(value);
      accept(',');
    }
    has_shape_ = true;
  }

  std::string_view rest_;
  std::string name_;
  bool has_shape_ = false;
};

template <class Number>
Number npy_load(const char* from) {
  Number value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

/// @param budget  bytes that the elements may take in memory; less by what they took
NpyArray parse_npy(std::string_view bytes, const std::string& name, uint64_t& budget) {
  const auto fail = [&](uint64_t at, const std::string& what) {
    throw Error(ErrorCode::kData, fmt::format("{}: byte {}: {}", name, at, what));
  };
  if (bytes.substr(0, 6) != "\x93NUMPY") fail(0, "not an .npy array; it begins with byte 147 and NUMPY");
  if (bytes.size() < 12) fail(bytes.size(), "cut off within the header");
  const int major = bytes[6];
  if (major < 1 || major > 3) fail(6, fmt::format("version {}; 1 to 3 are read", major));
  const size_t text_at = major == 1 ? 10 : 12;
  const size_t text_size =
      major == 1 ? npy_load<uint16_t>(bytes.data() + 8) : npy_load<uint32_t>(bytes.data() + 8);
  if (text_size > bytes.size() - text_at)
    fail(8, fmt::format("a header of {} bytes, but {} follow", text_size, bytes.size() - text_at));
  const NpyHeader header(bytes.substr(text_at, text_size), name);
  const std::string_view data = bytes.substr(text_at + text_size);

  NpyArray array;
  array.shape = header.shape;
  array.dtype = header.descr;
  const auto type = detail::parse_numpy_type(header.descr);
  if (type && type->kind == 'O')
    fail(text_at, "an array of Python objects; these are pickles, which run code; save numbers");
  if (!type || (!type->is_number() && !(type->is_text() && type->size <= 1 << 22)))
    fail(text_at,
         fmt::format("type {}; read are f2 f4 f8 i1-i8 u1-u8 b1 U and S", detail::shown(header.descr)));
  uint64_t count = 0;
  const auto needed = detail::numpy_bytes(array.shape, std::max<uint64_t>(type->size, 1), count);
  if (!needed) fail(text_at, "a shape beyond 64 bits");
  const uint64_t num_bytes = *needed;
  // Text of no characters takes no bytes; numpy writes <U0 for nothing but empty arrays.
  if (type->size == 0 && count > 0) fail(text_at, "texts of no characters");
  if (num_bytes != data.size())
    fail(text_at + text_size,
         fmt::format("{} elements need {} bytes, {} follow", count, num_bytes, data.size()));
  // One byte of the file may become a double, or a string.
  const uint64_t in_memory = count * (type->is_number() ? sizeof(double) : sizeof(std::string) + type->size);
  if (in_memory > budget) fail(text_at, fmt::format("{} elements need more memory than is allowed", count));
  budget -= in_memory;
  if (type->is_number())
    array.values.reserve(count);
  else
    array.text.reserve(count);
  detail::for_each_place(array.shape, header.is_fortran, 0, count, [&](uint64_t place) {
    const char* from = data.data() + place * type->size;
    if (type->is_number())
      array.values.push_back(type->number(from));
    else
      array.text.push_back(type->text(from));
  });
  return array;
}

/// Magic, version 1 and dictionary, padded so that the data begins at a multiple of 64.
std::string npy_header(const char* dtype, const std::vector<uint64_t>& shape) {
  std::string dims;
  for (const uint64_t dim : shape) dims += fmt::format("{}, ", dim);
  if (shape.size() > 1) dims.resize(dims.size() - 2);
  if (shape.size() == 1) dims.pop_back();
  std::string text = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", dtype, dims);
  text.append(63 - (10 + text.size()) % 64, ' ');
  text += '\n';
  std::string out("\x93NUMPY\x01\x00", 8);
  out += static_cast<char>(text.size() & 0xFF);
  out += static_cast<char>(text.size() >> 8);
  return out + text;
}

void check_shape(const std::string& name, const std::vector<uint64_t>& shape, size_t num_values) {
  uint64_t count = 1;
  for (const uint64_t dim : shape) {
    if (__builtin_mul_overflow(count, dim, &count)) count = UINT64_MAX;
  }
  require(count == num_values, ErrorCode::kInternal,
          fmt::format("npy: {} values for an array '{}' of {}", num_values, name, count));
}

template <class Number>
void put(std::string& out, Number value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace

uint64_t NpyArray::num_elements() const {
  return values.size() + text.size();
}

NpyArray read_npy(const std::string& path, uint64_t max_bytes) {
  std::string bytes;
  {
    const detail::FileSource file(path, ErrorCode::kData);
    if (file.size() > max_bytes)
      file.fail(fmt::format("{} bytes; at most {} are read", file.size(), max_bytes));
    bytes.resize(file.size());
    file.read(0, bytes.data(), bytes.size());
  }
  return parse_npy(bytes, path, max_bytes);
}

std::map<std::string, NpyArray> read_npz(const std::string& path, uint64_t max_bytes) {
  const FileBundle files(path, max_bytes);
  std::map<std::string, NpyArray> arrays;
  for (const std::string& name : files.names()) {
    if (!detail::ends_with(name, ".npy"))
      throw Error(ErrorCode::kData, files.where(name) + ": not an .npy array; is this an .npz?");
    const std::string bytes = files.read(name);
    if (!arrays.emplace(name.substr(0, name.size() - 4), parse_npy(bytes, files.where(name), max_bytes))
             .second)
      throw Error(ErrorCode::kData, files.where(name) + ": is there twice");
  }
  return arrays;
}

void write_npy(const std::string& path, const std::vector<uint64_t>& shape,
               const std::vector<double>& values) {
  check_shape(path, shape, values.size());
  core::AtomicFile file(path);
  file.write(npy_header("<f8", shape));
  file.write(values.data(), values.size() * sizeof(double));
  file.commit();
}

struct NpzWriter::Zip {
  Zip(const std::string& path, bool compressed) : file(path), is_compressed(compressed) {}
  struct Entry {
    std::string name;
    uint32_t crc;
    uint64_t packed, size, at;
  };
  core::AtomicFile file;
  bool is_compressed;
  std::vector<Entry> entries;
  std::set<std::string> names;
};

NpzWriter::NpzWriter(const std::string& path, bool is_compressed)
    : zip_(std::make_unique<Zip>(path, is_compressed)) {}
NpzWriter::~NpzWriter() = default;

namespace {

// 1 January 1980, the first date of zip: the same arrays give the same bytes.
constexpr uint16_t kZipTime = 0, kZipDate = 33;
constexpr uint32_t kZip32 = 0xFFFFFFFF;

/// What local and central headers share after their signatures and versions.
void put_zip_facts(std::string& out, bool is_deflated, uint32_t crc, uint32_t packed, uint32_t size,
                   const std::string& name, uint16_t extra) {
  put<uint16_t>(out, 0);  // flags
  put<uint16_t>(out, is_deflated ? 8 : 0);
  put<uint16_t>(out, kZipTime);
  put<uint16_t>(out, kZipDate);
  put<uint32_t>(out, crc);
  put<uint32_t>(out, packed);
  put<uint32_t>(out, size);
  put<uint16_t>(out, static_cast<uint16_t>(name.size()));
  put<uint16_t>(out, extra);
}

/// Raw deflate of header and data.
std::string deflated(const std::string& header, const void* data, uint64_t num_bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw Error(ErrorCode::kResource, "zlib has no memory");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, deflateEnd);
  std::string out;
  std::string piece(1 << 16, '\0');
  const auto push = [&](const char* from, uint64_t size, bool is_last) {
    do {
      const auto now = static_cast<uInt>(std::min<uint64_t>(size, 1U << 30));
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(from));
      stream.avail_in = now;
      from += now;
      size -= now;
      do {
        stream.next_out = reinterpret_cast<Bytef*>(piece.data());
        stream.avail_out = static_cast<uInt>(piece.size());
        deflate(&stream, is_last && size == 0 ? Z_FINISH : Z_NO_FLUSH);
        out.append(piece.data(), piece.size() - stream.avail_out);
      } while (stream.avail_out == 0);
    } while (size > 0);
  };
  push(header.data(), header.size(), false);
  push(static_cast<const char*>(data), num_bytes, true);
  return out;
}

}  // namespace

void NpzWriter::add_bytes(const std::string& name, const char* dtype, const std::vector<uint64_t>& shape,
                          const void* data, uint64_t num_bytes) {
  require(zip_ != nullptr, ErrorCode::kInternal, "NpzWriter: an array after finish");
  require(!name.empty() && name.size() < 60000 && name.find_first_of("/\\\0") == std::string::npos &&
              zip_->names.insert(name).second,
          ErrorCode::kInternal, "NpzWriter: the name '" + name + "' is taken or cannot be a file's");
  const std::string header = npy_header(dtype, shape);
  Zip::Entry entry{name + ".npy", 0, header.size() + num_bytes, header.size() + num_bytes,
                   zip_->file.num_bytes()};
  const auto crc_header = ::crc32_z(0, reinterpret_cast<const Bytef*>(header.data()), header.size());
  entry.crc = static_cast<uint32_t>(
      num_bytes == 0 ? crc_header : ::crc32_z(crc_header, static_cast<const Bytef*>(data), num_bytes));
  const std::string packed = zip_->is_compressed ? deflated(header, data, num_bytes) : std::string();
  if (zip_->is_compressed) entry.packed = packed.size();
  std::string out;
  put<uint32_t>(out, 0x04034b50);
  // Sizes always in the zip64 field, as numpy writes them.
  put<uint16_t>(out, 45);
  put_zip_facts(out, zip_->is_compressed, entry.crc, kZip32, kZip32, entry.name, 20);
  out += entry.name;
  put<uint16_t>(out, 1);
  put<uint16_t>(out, 16);
  put<uint64_t>(out, entry.size);
  put<uint64_t>(out, entry.packed);
  zip_->file.write(out);
  if (zip_->is_compressed) {
    zip_->file.write(packed);
  } else {
    zip_->file.write(header);
    if (num_bytes > 0) zip_->file.write(data, num_bytes);
  }
  zip_->entries.push_back(std::move(entry));
}

void NpzWriter::add(const std::string& name, const std::vector<uint64_t>& shape,
                    const std::vector<double>& values) {
  check_shape(name, shape, values.size());
  add_bytes(name, "<f8", shape, values.data(), values.size() * sizeof(double));
}
void NpzWriter::add(const std::string& name, const std::vector<uint64_t>& shape,
                    const std::vector<float>& values) {
  check_shape(name, shape, values.size());
  add_bytes(name, "<f4", shape, values.data(), values.size() * sizeof(float));
}
void NpzWriter::add(const std::string& name, const std::vector<uint64_t>& shape,
                    const std::vector<int64_t>& values) {
  check_shape(name, shape, values.size());
  add_bytes(name, "<i8", shape, values.data(), values.size() * sizeof(int64_t));
}

void NpzWriter::add(const std::string& name, const std::vector<std::string>& text) {
  std::vector<std::vector<uint32_t>> codes;
  size_t longest = 1;
  for (const std::string& item : text) {
    require(detail::is_utf8(item), ErrorCode::kInternal, "NpzWriter: text that is not UTF-8");
    auto& out = codes.emplace_back();
    for (size_t i = 0; i < item.size();) {
      const auto first = static_cast<unsigned char>(item[i]);
      const size_t size = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
      uint32_t code = size == 1 ? first : first & (0xFFU >> (size + 1));
      for (size_t k = 1; k < size; ++k) code = code << 6 | (static_cast<unsigned char>(item[i + k]) & 0x3FU);
      out.push_back(code);
      i += size;
    }
    longest = std::max(longest, out.size());
  }
  std::string bytes;
  bytes.reserve(text.size() * longest * 4);
  for (auto& item : codes) {
    item.resize(longest, 0);
    bytes.append(reinterpret_cast<const char*>(item.data()), longest * 4);
  }
  add_bytes(name, fmt::format("<U{}", longest).c_str(), {text.size()}, bytes.data(), bytes.size());
}

void NpzWriter::finish() {
  require(zip_ != nullptr, ErrorCode::kInternal, "NpzWriter: finished twice");
  const auto zip = std::move(zip_);
  const uint64_t directory_at = zip->file.num_bytes();
  for (const auto& entry : zip->entries) {
    std::string out;
    put<uint32_t>(out, 0x02014b50);
    put<uint16_t>(out, 45 | 3 << 8);  // made by Unix
    put<uint16_t>(out, 45);
    put_zip_facts(out, zip->is_compressed, entry.crc, kZip32, kZip32, entry.name, 28);
    put<uint16_t>(out, 0);
    put<uint16_t>(out, 0);
    put<uint16_t>(out, 0);
    put<uint32_t>(out, 0100644U << 16);
    put<uint32_t>(out, kZip32);
    out += entry.name;
    put<uint16_t>(out, 1);
    put<uint16_t>(out, 24);
    put<uint64_t>(out, entry.size);
    put<uint64_t>(out, entry.packed);
    put<uint64_t>(out, entry.at);
    zip->file.write(out);
  }
  const uint64_t end_at = zip->file.num_bytes();
  std::string out;
  put<uint32_t>(out, 0x06064b50);  // zip64 end of central directory
  put<uint64_t>(out, 44);
  put<uint16_t>(out, 45 | 3 << 8);
  put<uint16_t>(out, 45);
  put<uint32_t>(out, 0);
  put<uint32_t>(out, 0);
  put<uint64_t>(out, zip->entries.size());
  put<uint64_t>(out, zip->entries.size());
  put<uint64_t>(out, end_at - directory_at);
  put<uint64_t>(out, directory_at);
  put<uint32_t>(out, 0x07064b50);  // its locator
  put<uint32_t>(out, 0);
  put<uint64_t>(out, end_at);
  put<uint32_t>(out, 1);
  put<uint32_t>(out, 0x06054b50);
  put<uint16_t>(out, 0);
  put<uint16_t>(out, 0);
  const auto short_count = static_cast<uint16_t>(std::min<size_t>(zip->entries.size(), 0xFFFF));
  put<uint16_t>(out, short_count);
  put<uint16_t>(out, short_count);
  put<uint32_t>(out, kZip32);
  put<uint32_t>(out, kZip32);
  put<uint16_t>(out, 0);
  zip->file.write(out);
  zip->file.commit();
}

}  // namespace limbic::formats
