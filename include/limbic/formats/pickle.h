#pragma once
#include <complex>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limbic/formats/npy.h"

namespace limbic::formats {

namespace detail {
class PickleDocument;
struct PickleArrayData;
}  // namespace detail

enum class PickleKind {
  kNone,
  kBool,
  kInt,  ///< of any size; see PickleValue::integer
  kFloat,
  kComplex,
  kText,   ///< also Python 2's str, whose bytes are read as Latin-1
  kBytes,  ///< also bytearray
  kList,   ///< also collections.deque
  kTuple,
  kDict,  ///< also OrderedDict, defaultdict, Counter; in the order of insertion
  kSet,   ///< also frozenset
  kArray,
  kType,  ///< a type such as numpy.float32 or the dtype of an array
};
/// "none", "bool", "int", "float", "complex", "text", "bytes", "list", "tuple", "dict", "set", "array",
/// "type"
const char* name_of(PickleKind kind);

class PickleArray;

/// A value of a pickle: a light handle that shares the file's contents and knows its path from the root,
/// which every error names: `a.pkl: train.text[3]: expected an array, found list`. Const methods are
/// thread-safe.
///
///   const auto root = formats::read_pickle("S2.pkl");
///   const auto eda = root.at("signal").at("wrist").at("EDA").array();     // shape (T, 1)
///   std::vector<double> values = eda.to_npy().values;
///
/// Values may be shared and, in a hostile file, contain themselves: walk with a limit.
class PickleValue {
 public:
  PickleKind kind() const;
  bool is_none() const { return kind() == PickleKind::kNone; }

  bool boolean() const;
  /// Of an int. @throws Error(kData) when it does not fit
  int64_t integer() const;
  /// Of an int or a float; the nearest double.
  double real() const;
  std::complex<double> complex() const;
  /// UTF-8.
  std::string text() const;
  /// Of bytes and of a Python 2 str. Lives as long as any value of the file.
  std::string_view bytes() const;
  PickleArray array() const;

  /// Items of a list, tuple, set, dict or array of objects.
  uint64_t size() const;
  /// Item of a list, tuple, set or array of objects. @throws Error(kData) past the end
  PickleValue item(uint64_t index) const;
  /// Item of a dict. @throws Error(kData) with the nearest key
  PickleValue at(std::string_view key) const;
  std::optional<PickleValue> find(std::string_view key) const;
  PickleValue key(uint64_t index) const;    ///< of a dict
  PickleValue value(uint64_t index) const;  ///< of a dict

  /// An array of numbers of any shape, row after row, or a list or tuple of numbers.
  std::vector<double> reals() const;
  /// An array of text, or a list, tuple or array of texts.
  std::vector<std::string> texts() const;

  /// "a.pkl: train.text[3]", the beginning of error messages.
  std::string where() const;
  [[noreturn]] void fail(const std::string& what) const;

 private:
  friend class PickleArray;
  friend PickleValue read_pickle(const std::string& path, uint64_t max_bytes);
  friend PickleValue parse_pickle(std::string bytes, const std::string& name, uint64_t max_bytes);
  PickleValue(std::shared_ptr<const detail::PickleDocument> document, uint32_t id, std::string path)
      : document_(std::move(document)), id_(id), path_(std::move(path)) {}
  PickleValue child(uint32_t id, const std::string& step) const;
  [[noreturn]] void expected(const char* what) const;

  std::shared_ptr<const detail::PickleDocument> document_;
  uint32_t id_;
  std::string path_;
};

/// An array of numpy as it lies in the (mapped) file: nothing is copied before it is read.
class PickleArray {
 public:
  explicit PickleArray(PickleValue value);  ///< @throws Error(kData) when it is not an array

  /// "<f4", "|b1", "<U5", "|O", as in .npy files; "|V16" of records.
  const std::string& dtype() const;
  const std::vector<uint64_t>& shape() const;  ///< empty: one number
  uint64_t num_elements() const;
  bool is_number() const;  ///< f2 f4 f8, i and u of 1 to 8 bytes, bool
  bool is_text() const;    ///< U or S
  bool is_object() const;

  /// Numbers [first, first + count) counted row after row, whatever their order in the file.
  void read(uint64_t first, uint64_t count, float* to) const;
  void read(uint64_t first, uint64_t count, double* to) const;
  /// Element of an array of objects, counted row after row.
  PickleValue object(uint64_t index) const;
  /// All elements of an array of text, row after row.
  std::vector<std::string> to_text() const;
  /// All numbers or texts.
  NpyArray to_npy() const;

 private:
  template <class Number>
  void read_as(uint64_t first, uint64_t count, Number* to) const;
  void check_range(uint64_t first, uint64_t count) const;

  PickleValue value_;
  const detail::PickleArrayData* data_;
};

/// Reads a Python pickle without running anything in it (protocols 0 to 5, Python 2's too, plain or
/// compressed with gzip or zlib, and those of joblib.dump). A pickle is a program; this reader knows the part
/// of it that plain data and numpy arrays need, and refuses every other class or function by name. Out of
/// scope: pandas, PyTorch, persistent ids, buffers kept in another file, several pickles in one file.
/// @param max_bytes  of what is unpacked and of the values' bookkeeping in memory (the file is mapped)
/// @throws Error(kData) `path: byte N: ...`; N counts within the unpacked pickle
PickleValue read_pickle(const std::string& path, uint64_t max_bytes = UINT64_C(4) << 30);
/// The same of bytes in memory. @param name  stands for the path in errors
PickleValue parse_pickle(std::string bytes, const std::string& name, uint64_t max_bytes = UINT64_C(4) << 30);

}  // namespace limbic::formats
