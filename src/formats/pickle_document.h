#pragma once
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limbic/core/error.h"
#include "limbic/core/mapped_file.h"
#include "limbic/formats/pickle.h"
#include "numpy_type.h"

namespace limbic::formats::detail {

/// The bytes of a pickle: a mapped file, or what was unpacked from one.
class PickleBytes {
 public:
  /// @throws Error(kData) when the file is empty, packed in a way that is not read or larger unpacked than
  /// max_bytes
  PickleBytes(const std::string& path, uint64_t max_bytes);
  PickleBytes(std::string bytes, const std::string& name, uint64_t max_bytes);
  PickleBytes(const PickleBytes&) = delete;
  PickleBytes& operator=(const PickleBytes&) = delete;
  std::string_view view() const { return view_; }

 private:
  void unpack(const std::string& name, uint64_t max_bytes);

  std::optional<core::MappedFile> mapping_;
  std::string owned_;
  std::string_view view_;
};

/// A value's number in its document.
using PickleId = uint32_t;

/// What a value is while a pickle is read; what is not in PickleKind is seen as the kind in brackets.
enum class NodeKind : uint8_t {
  kNone,
  kBool,
  kInt,
  kBigInt,  ///< (int) decimal digits
  kFloat,
  kComplex,
  kText,
  kPython2Text,  ///< (text) raw bytes: the content of arrays too
  kBytes,
  kList,
  kTuple,
  kDict,
  kSet,
  kArray,
  kDtype,    ///< (type) of numpy; its index in `dtypes`
  kGlobal,   ///< (type) a PickleGlobal
  kWrapper,  ///< (type) joblib's NumpyArrayWrapper before its array is read
};

struct PickleNode {
  NodeKind kind;
  uint32_t ref = 0;  ///< index into what the kind needs
  union {
    int64_t integer = 0;
    double real;
  };
};

struct PickleArrayData {
  NumpyType type;
  std::vector<uint64_t> shape;
  bool is_fortran = false;
  std::string_view bytes;         ///< of all but objects
  std::vector<PickleId> objects;  ///< of type O, row after row
  uint64_t num_elements = 0;
};

struct PickleItems {
  std::vector<PickleId> ids;    ///< of a dict: key, value, key, value...
  std::vector<uint32_t> order;  ///< of a dict: its items sorted by key
};

/// All values of a pickle and the bytes that they point into.
class PickleDocument {
 public:
  PickleDocument(std::unique_ptr<PickleBytes> bytes, std::string name, uint64_t max_bytes)
      : bytes_(std::move(bytes)), name_(std::move(name)), memory_left_(max_bytes) {
    // What may be copied of a pickle: a reference takes two bytes in a file, and what it refers to can be
    // long.
    copies_left_ = 8 * bytes_->view().size() + (1 << 20);
  }

  const std::string& name() const { return name_; }
  std::string_view bytes() const { return bytes_->view(); }
  const PickleNode& node(PickleId id) const { return nodes_[id]; }
  PickleNode& node(PickleId id) { return nodes_[id]; }
  std::string_view text(PickleId id) const { return texts_[nodes_[id].ref]; }
  const PickleItems& items(PickleId id) const { return items_[nodes_[id].ref]; }
  PickleItems& items(PickleId id) { return items_[nodes_[id].ref]; }
  const PickleArrayData& array(PickleId id) const { return arrays_[nodes_[id].ref]; }
  PickleArrayData& array(PickleId id) { return arrays_[nodes_[id].ref]; }
  NumpyType& dtype(PickleId id) { return dtypes_[nodes_[id].ref]; }
  const NumpyType& dtype(PickleId id) const { return dtypes_[nodes_[id].ref]; }
  /// Text as UTF-8.
  std::string utf8(PickleId id) const;

  PickleId add(NodeKind kind, uint32_t ref = 0);
  PickleId add_integer(NodeKind kind, int64_t value);
  PickleId add_real(double value);
  PickleId add_text(NodeKind kind, std::string_view text);  ///< lies in bytes() or is owned
  PickleId add_owned(NodeKind kind, std::string text);      ///< counts as a copy
  PickleId add_items(NodeKind kind, std::vector<PickleId> ids);
  PickleId add_array(PickleArrayData array);
  PickleId add_dtype(NumpyType type);
  /// @throws Error(kData) when the values take more than max_bytes
  void charge(uint64_t num_bytes);
  /// @throws Error(kData) when far more is copied than the file holds
  void charge_copy(uint64_t num_bytes);

  /// Takes repeated keys and members out (the last value wins, as in Python) and sorts. Once, at the end.
  void finish();
  /// Index of the item with this text as key, or -1.
  int64_t find(PickleId dict, std::string_view key) const;

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorCode::kData, name_ + ": " + what);
  }

 private:
  std::unique_ptr<PickleBytes> bytes_;
  std::string name_;
  uint64_t memory_left_;
  uint64_t copies_left_;
  std::vector<PickleNode> nodes_;
  std::vector<std::string_view> texts_;
  std::deque<std::string> owned_;
  std::deque<PickleItems> items_;
  std::deque<PickleArrayData> arrays_;
  std::deque<NumpyType> dtypes_;
};

/// Reads one pickle into `document`, from byte `at` to its STOP. @returns the value
PickleId run_pickle(PickleDocument& document, uint64_t& at, bool is_inside_joblib);

}  // namespace limbic::formats::detail
