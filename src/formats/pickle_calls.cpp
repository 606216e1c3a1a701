#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "byte_source.h"
#include "pickle_machine.h"

namespace limbic::formats::detail {
namespace {

struct KnownGlobal {
  std::string_view name;
  PickleGlobal global;
};

/// Python 3's names, numpy 1's modules. See Note [Pickles run nothing].
constexpr std::array kKnownGlobals = {
    KnownGlobal{"_codecs.encode", PickleGlobal::kEncode},
    KnownGlobal{"builtins.bytearray", PickleGlobal::kByteArray},
    KnownGlobal{"builtins.bytes", PickleGlobal::kBytes},
    KnownGlobal{"builtins.complex", PickleGlobal::kComplex},
    KnownGlobal{"builtins.dict", PickleGlobal::kDict},
    KnownGlobal{"builtins.frozenset", PickleGlobal::kSet},
    KnownGlobal{"builtins.list", PickleGlobal::kList},
    KnownGlobal{"builtins.object", PickleGlobal::kObject},
    KnownGlobal{"builtins.set", PickleGlobal::kSet},
    KnownGlobal{"builtins.tuple", PickleGlobal::kTuple},
    KnownGlobal{"collections.Counter", PickleGlobal::kDict},
    KnownGlobal{"collections.OrderedDict", PickleGlobal::kDict},
    KnownGlobal{"collections.defaultdict", PickleGlobal::kDefaultDict},
    KnownGlobal{"collections.deque", PickleGlobal::kDeque},
    KnownGlobal{"copyreg._reconstructor", PickleGlobal::kReconstructor},
    KnownGlobal{"joblib.numpy_pickle.NumpyArrayWrapper", PickleGlobal::kWrapper},
    KnownGlobal{"numpy.core.memmap.memmap", PickleGlobal::kNdarray},
    KnownGlobal{"numpy.core.multiarray._reconstruct", PickleGlobal::kNewArray},
    KnownGlobal{"numpy.core.multiarray.scalar", PickleGlobal::kScalar},
    KnownGlobal{"numpy.core.numeric._frombuffer", PickleGlobal::kFromBuffer},
    KnownGlobal{"numpy.dtype", PickleGlobal::kDtype},
    KnownGlobal{"numpy.matrix", PickleGlobal::kNdarray},
    KnownGlobal{"numpy.matrixlib.defmatrix.matrix", PickleGlobal::kNdarray},
    KnownGlobal{"numpy.memmap", PickleGlobal::kNdarray},
    KnownGlobal{"numpy.ndarray", PickleGlobal::kNdarray},
    // Factories of defaultdict, and types that settings hold.
    KnownGlobal{"builtins.bool", PickleGlobal::kType},
    KnownGlobal{"builtins.float", PickleGlobal::kType},
    KnownGlobal{"builtins.int", PickleGlobal::kType},
    KnownGlobal{"builtins.long", PickleGlobal::kType},
    KnownGlobal{"builtins.str", PickleGlobal::kType},
    KnownGlobal{"builtins.unicode", PickleGlobal::kType},
    KnownGlobal{"numpy.bool_", PickleGlobal::kType},
    KnownGlobal{"numpy.float16", PickleGlobal::kType},
    KnownGlobal{"numpy.float32", PickleGlobal::kType},
    KnownGlobal{"numpy.float64", PickleGlobal::kType},
    KnownGlobal{"numpy.int16", PickleGlobal::kType},
    KnownGlobal{"numpy.int32", PickleGlobal::kType},
    KnownGlobal{"numpy.int64", PickleGlobal::kType},
    KnownGlobal{"numpy.int8", PickleGlobal::kType},
    KnownGlobal{"numpy.uint16", PickleGlobal::kType},
    KnownGlobal{"numpy.uint32", PickleGlobal::kType},
    KnownGlobal{"numpy.uint64", PickleGlobal::kType},
    KnownGlobal{"numpy.uint8", PickleGlobal::kType},
};

bool is_in(std::string_view name, std::string_view package) {
  return name.substr(0, package.size()) == package &&
         (name.size() == package.size() || name[package.size()] == '.');
}

/// What to do instead, by the package that a refused name belongs to.
const char* advice_on(std::string_view name) {
  if (is_in(name, "pandas")) return "; a pandas object: export it (DataFrame.to_csv)";
  if (is_in(name, "torch")) return "; a PyTorch object: save numpy arrays (tensor.numpy())";
  if (is_in(name, "scipy.sparse")) return "; a sparse matrix: save it dense (toarray())";
  if (is_in(name, "joblib")) return "; written by an old joblib: load it there and dump it again";
  return "; read are plain containers and numpy arrays, and nothing was run";
}

}  // namespace

void PickleCalls::fail(uint64_t at, const std::string& what) const {
  document_.fail(fmt::format("byte {}: {}", at, what));
}

std::string PickleCalls::shown(PickleId id) const {
  static constexpr std::array kNames = {
      "none",  "a bool",   "an int",  "an int", "a float",           "a complex number",
      "text",  "text",     "bytes",   "a list", "a tuple",           "a dict",
      "a set", "an array", "a dtype", "",       "an array of joblib"};
  if (node(id).kind == NodeKind::kGlobal) return detail::shown(document_.text(id));
  return kNames[static_cast<size_t>(node(id).kind)];
}

bool PickleCalls::is_text(PickleId id) const {
  return node(id).kind == NodeKind::kText || node(id).kind == NodeKind::kPython2Text;
}

std::string_view PickleCalls::raw_bytes(PickleId id, uint64_t at, const char* what) const {
  if (node(id).kind != NodeKind::kBytes && node(id).kind != NodeKind::kPython2Text)
    fail(at, fmt::format("{}: expected bytes, found {}", what, shown(id)));
  return document_.text(id);
}

int64_t PickleCalls::integer(PickleId id, uint64_t at, const char* what) const {
  if (node(id).kind != NodeKind::kInt && node(id).kind != NodeKind::kBool)
    fail(at, fmt::format("{}: expected an int, found {}", what, shown(id)));
  return node(id).integer;
}

PickleId PickleCalls::global(std::string_view module, std::string_view name, uint64_t at) {
  std::string full(module);
  if (full == "__builtin__") full = "builtins";
  if (full == "copy_reg") full = "copyreg";
  if (is_in(full, "numpy._core")) full.erase(6, 1);
  (full += '.') += name;
  const auto known = std::find_if(kKnownGlobals.begin(), kKnownGlobals.end(),
                                  [&](const KnownGlobal& entry) { return entry.name == full; });
  if (known == kKnownGlobals.end())
    fail(at,
         fmt::format("the pickle asks for {}, which is not data{}", detail::shown(full), advice_on(full)));
  const PickleId id = document_.add_text(NodeKind::kGlobal, known->name);
  document_.node(id).integer = static_cast<int64_t>(known->global);
  return id;
}

std::vector<PickleId> PickleCalls::copied_items(PickleId id, uint64_t at) {
  const NodeKind kind = node(id).kind;
  if (kind != NodeKind::kList && kind != NodeKind::kTuple && kind != NodeKind::kSet)
    fail(at, "expected a list, tuple or set, found " + shown(id));
  const auto& ids = document_.items(id).ids;
  document_.charge_copy(ids.size() * sizeof(PickleId));
  return ids;
}

PickleId PickleCalls::dict_of(const std::vector<PickleId>& arguments, size_t first, uint64_t at) {
  if (arguments.size() <= first) return document_.add_items(NodeKind::kDict, {});
  if (arguments.size() > first + 1) fail(at, "a dict of more than one value");
  const PickleId from = arguments[first];
  if (node(from).kind == NodeKind::kDict) {
    document_.charge_copy(document_.items(from).ids.size() * sizeof(PickleId));
    return document_.add_items(NodeKind::kDict, std::vector<PickleId>(document_.items(from).ids));
  }
  std::vector<PickleId> ids;
  for (const PickleId pair : copied_items(from, at)) {
    const auto key_value = copied_items(pair, at);
    if (key_value.size() != 2) fail(at, fmt::format("a dict of items of {} values", key_value.size()));
    ids.insert(ids.end(), key_value.begin(), key_value.end());
  }
  return document_.add_items(NodeKind::kDict, std::move(ids));
}

PickleId PickleCalls::encode(PickleId text, PickleId encoding, NodeKind kind, uint64_t at) {
  if (node(text).kind != NodeKind::kText || !is_text(encoding))
    fail(at, fmt::format("encode: expected two texts, found {} and {}", shown(text), shown(encoding)));
  const std::string_view name = document_.text(encoding);
  const std::string_view utf8 = document_.text(text);
  if (name == "utf-8" || name == "utf8" || name == "ascii") return document_.add_text(kind, utf8);
  if (name != "latin1" && name != "latin-1" && name != "iso-8859-1")
    fail(at, "encode: expected latin1 or utf-8, found " + detail::shown(name));
  std::string bytes;
  bytes.reserve(utf8.size());
  for (size_t i = 0; i < utf8.size(); ++i) {
    const auto byte = static_cast<unsigned char>(utf8[i]);
    if (byte < 0x80) {
      bytes += utf8[i];
    } else if (byte == 0xC2 || byte == 0xC3) {  // two bytes each: the text is valid UTF-8
      bytes += static_cast<char>((byte & 3) << 6 | (static_cast<unsigned char>(utf8[++i]) & 0x3F));
    } else {
      fail(at, "encode: a character that is not Latin-1");
    }
  }
  return document_.add_owned(kind, std::move(bytes));
}

PickleId PickleCalls::call(PickleId function, const std::vector<PickleId>& arguments, uint64_t at) {
  if (node(function).kind != NodeKind::kGlobal) fail(at, shown(function) + " is called");
  const auto need = [&](size_t least, size_t most) {
    if (arguments.size() < least || arguments.size() > most)
      fail(at, fmt::format("{} is called with {} values", shown(function), arguments.size()));
  };
  const auto items_of_first = [&] {
    need(0, 1);
    return arguments.empty() ? std::vector<PickleId>{} : copied_items(arguments[0], at);
  };
  switch (global_of(function)) {
    case PickleGlobal::kList:
      return document_.add_items(NodeKind::kList, items_of_first());
    case PickleGlobal::kTuple:
      return document_.add_items(NodeKind::kTuple, items_of_first());
    case PickleGlobal::kSet:
      return document_.add_items(NodeKind::kSet, items_of_first());
    case PickleGlobal::kDeque:
      need(0, 2);
      return document_.add_items(
          NodeKind::kList, arguments.empty() ? std::vector<PickleId>{} : copied_items(arguments[0], at));
    case PickleGlobal::kDict:
      return dict_of(arguments, 0, at);
    case PickleGlobal::kDefaultDict:
      return dict_of(arguments, 1, at);
    case PickleGlobal::kBytes:
    case PickleGlobal::kByteArray:
      need(0, 2);
      if (arguments.empty()) return document_.add_text(NodeKind::kBytes, {});
      if (arguments.size() == 2) return encode(arguments[0], arguments[1], NodeKind::kBytes, at);
      return document_.add_text(NodeKind::kBytes, raw_bytes(arguments[0], at, "bytes"));
    case PickleGlobal::kEncode:
      need(2, 2);
      return encode(arguments[0], arguments[1], NodeKind::kBytes, at);
    case PickleGlobal::kComplex: {
      need(2, 2);
      for (const PickleId part : arguments) {
        if (node(part).kind != NodeKind::kFloat)
          fail(at, "complex: expected two floats, found " + shown(part));
      }
      document_.charge_copy(2 * sizeof(PickleId));
      const PickleId id = document_.add_items(NodeKind::kTuple, std::vector<PickleId>(arguments));
      document_.node(id).kind = NodeKind::kComplex;
      return id;
    }
    case PickleGlobal::kReconstructor: {
      need(3, 3);
      const PickleId made = arguments[0];
      if (node(made).kind == NodeKind::kGlobal && global_of(made) != PickleGlobal::kReconstructor) {
        if (is_global(arguments[1], PickleGlobal::kObject)) return call(made, {}, at);
        return call(made, {arguments[2]}, at);
      }
      fail(at, "an object is made of " + shown(made));
    }
    case PickleGlobal::kWrapper:
      need(0, 0);
      return document_.add(NodeKind::kWrapper);
    case PickleGlobal::kDtype:
      return new_dtype(arguments, at);
    case PickleGlobal::kNewArray: {
      need(3, 3);
      if (!is_global(arguments[0], PickleGlobal::kNdarray))
        fail(at, "an array of class " + shown(arguments[0]));
      PickleArrayData array;  // empty until BUILD
      array.type = *parse_numpy_type("|i1");
      array.shape = {0};
      return document_.add_array(std::move(array));
    }
    case PickleGlobal::kScalar:
      need(2, 2);
      return new_scalar(arguments[0], arguments[1], at);
    case PickleGlobal::kFromBuffer:
      return from_buffer(arguments, at);
    case PickleGlobal::kType:
    case PickleGlobal::kObject:
    case PickleGlobal::kNdarray:
      break;
  }
  fail(at, shown(function) + " is called, which data do not need");
}

}  // namespace limbic::formats::detail
