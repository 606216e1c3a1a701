#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pickle_document.h"

namespace limbic::formats::detail {

/// The classes and functions that a pickle may name. Nothing of Python is behind them: each is a few lines of
/// PickleCalls that build the value which Python would have got.
enum class PickleGlobal : uint32_t {
  kType,  ///< may only lie in the data: numpy.float32, builtins.int
  kList,
  kTuple,
  kDict,
  kSet,
  kDeque,
  kDefaultDict,
  kBytes,
  kByteArray,
  kComplex,
  kObject,
  kReconstructor,  ///< copyreg._reconstructor
  kEncode,         ///< _codecs.encode
  kNdarray,
  kDtype,
  kNewArray,    ///< numpy.core.multiarray._reconstruct
  kScalar,      ///< numpy.core.multiarray.scalar
  kFromBuffer,  ///< numpy.core.numeric._frombuffer
  kWrapper,     ///< joblib.numpy_pickle.NumpyArrayWrapper
};

/// Builds what the globals of a pickle would have built.
class PickleCalls {
 public:
  explicit PickleCalls(PickleDocument& document) : document_(document) {}

  /// @throws Error(kData) naming the global when it is not one of data
  PickleId global(std::string_view module, std::string_view name, uint64_t at);
  PickleId call(PickleId function, const std::vector<PickleId>& arguments, uint64_t at);
  /// BUILD: fills the value `id` in place.
  void build(PickleId id, PickleId state, uint64_t at);
  /// joblib: the array whose bytes, or whose own pickle, follow byte `at`, which moves behind them.
  PickleId read_wrapped(PickleId state, uint64_t& at);

  [[noreturn]] void fail(uint64_t at, const std::string& what) const;
  /// A value in words: "a list", "'os.system'".
  std::string shown(PickleId id) const;

 private:
  const PickleNode& node(PickleId id) const { return document_.node(id); }
  PickleGlobal global_of(PickleId id) const { return static_cast<PickleGlobal>(node(id).integer); }
  bool is_global(PickleId id, PickleGlobal global) const {
    return node(id).kind == NodeKind::kGlobal && global_of(id) == global;
  }
  bool is_text(PickleId id) const;
  std::string_view raw_bytes(PickleId id, uint64_t at, const char* what) const;
  int64_t integer(PickleId id, uint64_t at, const char* what) const;
  std::vector<uint64_t> shape(PickleId id, uint64_t at) const;
  std::vector<PickleId> copied_items(PickleId id, uint64_t at);
  PickleId dict_of(const std::vector<PickleId>& arguments, size_t first, uint64_t at);
  PickleId encode(PickleId text, PickleId encoding, NodeKind kind, uint64_t at);
  PickleId new_dtype(const std::vector<PickleId>& arguments, uint64_t at);
  PickleId new_scalar(PickleId dtype, PickleId data, uint64_t at);
  PickleId from_buffer(const std::vector<PickleId>& arguments, uint64_t at);
  void build_dtype(PickleId id, const std::vector<PickleId>& state, uint64_t at);
  void fill(PickleArrayData& array, PickleId data, uint64_t at) const;

  PickleDocument& document_;
};

/// The stack machine of one pickle.
class PickleMachine {
 public:
  PickleMachine(PickleDocument& document, uint64_t at, bool is_inside_joblib)
      : document_(document),
        calls_(document),
        bytes_(document.bytes()),
        at_(at),
        is_inside_joblib_(is_inside_joblib) {}
  PickleId run();
  uint64_t at() const { return at_; }

 private:
  void step(unsigned char opcode);
  bool step_number(unsigned char opcode);
  bool step_text(unsigned char opcode);
  bool step_container(unsigned char opcode);
  bool step_memo(unsigned char opcode);
  bool step_call(unsigned char opcode);
  [[noreturn]] void fail(const std::string& what) const { calls_.fail(opcode_at_, what); }

  std::string_view take(uint64_t num_bytes);
  std::string_view take_line();
  uint64_t take_unsigned(size_t num_bytes);

  void push(PickleId id);
  PickleId pop();
  PickleId& top();
  std::vector<PickleId> pop_to_mark();
  void push_text(std::string_view utf8);
  void push_long(std::string_view little_endian);
  void push_decimal(std::string_view digits);
  void append(const std::vector<PickleId>& values, NodeKind kind, const char* what);
  void remember(uint64_t index);
  void recall(uint64_t index);

  PickleDocument& document_;
  PickleCalls calls_;
  std::string_view bytes_;
  uint64_t at_;
  uint64_t opcode_at_ = 0;
  bool is_inside_joblib_;
  std::vector<PickleId> stack_;
  std::vector<size_t> marks_;                        ///< sizes of the stack
  std::vector<PickleId> memo_;                       ///< indices 0, 1, 2... as every pickler numbers them
  std::unordered_map<uint64_t, PickleId> far_memo_;  ///< other indices
};

/// Python's escapes: of a quoted str ("\x00\n"), or of raw-unicode-escape text ("\u00e9").
std::string unescaped_python2(std::string_view quoted, bool& is_well_formed);
std::string unescaped_unicode(std::string_view line, bool& is_well_formed);

}  // namespace limbic::formats::detail
