// numpy's part of pickles: dtypes, scalars and arrays, and the arrays of joblib, which lie outside the
// opcodes.
#include <fmt/format.h>

#include <algorithm>

#include "byte_source.h"
#include "pickle_machine.h"

namespace limbic::formats::detail {

std::vector<uint64_t> PickleCalls::shape(PickleId id, uint64_t at) const {
  std::vector<uint64_t> out;
  if (node(id).kind == NodeKind::kInt) {
    out.push_back(0);
    if (node(id).integer >= 0) out[0] = static_cast<uint64_t>(node(id).integer);
  } else if (node(id).kind == NodeKind::kTuple && document_.items(id).ids.size() <= 64) {
    for (const PickleId dim : document_.items(id).ids) {
      const int64_t size = integer(dim, at, "a shape");
      if (size < 0) fail(at, "a shape with a negative size");
      out.push_back(static_cast<uint64_t>(size));
    }
  } else {
    fail(at, "a shape: expected a tuple of up to 64 ints, found " + shown(id));
  }
  return out;
}

PickleId PickleCalls::new_dtype(const std::vector<PickleId>& arguments, uint64_t at) {
  if (arguments.empty() || !is_text(arguments[0])) fail(at, "a dtype without its name");
  const std::string_view name = document_.text(arguments[0]);
  auto type = parse_numpy_type(name);
  if (!type) fail(at, "an unknown dtype " + detail::shown(name));
  if (type->size == 1 || type->kind == 'S' || type->kind == 'V') type->descr[0] = '|';
  if (type->kind == 'O') type->descr = "|O";
  return document_.add_dtype(std::move(*type));
}

void PickleCalls::build_dtype(PickleId id, const std::vector<PickleId>& state, uint64_t at) {
  // (version, byte order, subarray, names, fields, size, alignment, flags[, metadata])
  if (state.size() < 8 || !is_text(state[1]) || document_.text(state[1]).size() != 1)
    fail(at, "a dtype in an old or damaged form");
  const int64_t version = integer(state[0], at, "the version of a dtype");
  if (version != 3 && version != 4) fail(at, fmt::format("a dtype of version {}; 3 and 4 are read", version));
  NumpyType& type = document_.dtype(id);
  const char order = document_.text(state[1])[0];
  if (std::string_view("<>|=").find(order) == std::string_view::npos)
    fail(at, "a dtype of unknown byte order");
  type.is_big = order == '>';
  if (type.kind != 'O') type.descr[0] = order == '=' ? '<' : order;
  if (node(state[2]).kind == NodeKind::kNone && node(state[3]).kind == NodeKind::kNone) return;
  // Records and arrays within elements: their bytes are passed over.
  const int64_t size = integer(state[5], at, "the size of a dtype");
  if (size >= 0) type.size = static_cast<uint64_t>(std::min<int64_t>(size, UINT32_MAX));
  type.kind = 'V';
  type.descr = fmt::format("|V{}", type.size);
}

PickleId PickleCalls::new_scalar(PickleId dtype, PickleId data, uint64_t at) {
  if (node(dtype).kind != NodeKind::kDtype) fail(at, "a scalar: expected a dtype, found " + shown(dtype));
  const NumpyType type = document_.dtype(dtype);
  if (type.kind == 'O') return data;
  const std::string_view bytes = raw_bytes(data, at, "a scalar");
  if (bytes.size() != type.size)
    fail(at, fmt::format("a scalar of type {} with {} bytes", detail::shown(type.descr), bytes.size()));
  if (type.kind == 'U') return document_.add_owned(NodeKind::kText, type.text(bytes.data()));
  if (type.kind == 'S') return document_.add_text(NodeKind::kBytes, bytes);
  if (!type.is_number()) {
    PickleArrayData array;
    array.type = type;
    array.bytes = bytes;
    array.num_elements = 1;
    return document_.add_array(std::move(array));
  }
  if (type.kind == 'b') return document_.add_integer(NodeKind::kBool, bytes[0] != 0);
  if (type.kind == 'f') return document_.add_real(type.number(bytes.data()));
  const bool is_negative = type.kind == 'i' && (bytes[type.is_big ? 0 : bytes.size() - 1] & 0x80) != 0;
  uint64_t value = is_negative ? ~uint64_t{0} : 0;
  for (size_t i = 0; i < bytes.size(); ++i)
    value = value << 8 | static_cast<unsigned char>(bytes[type.is_big ? i : bytes.size() - 1 - i]);
  if (type.kind == 'u' && value > INT64_MAX)
    return document_.add_owned(NodeKind::kBigInt, fmt::format("{}", value));
  return document_.add_integer(NodeKind::kInt, static_cast<int64_t>(value));
}

void PickleCalls::fill(PickleArrayData& array, PickleId data, uint64_t at) const {
  const bool has_objects = array.type.kind == 'O';
  const auto num_bytes = numpy_bytes(array.shape, has_objects ? 1 : array.type.size, array.num_elements);
  if (!num_bytes) fail(at, "a shape beyond 64 bits");
  if (has_objects) {
    if (node(data).kind != NodeKind::kList && node(data).kind != NodeKind::kTuple)
      fail(at, "an array of objects: expected a list, found " + shown(data));
    const auto& ids = document_.items(data).ids;
    if (ids.size() != array.num_elements)
      fail(at, fmt::format("an array of {} objects, {} are there", array.num_elements, ids.size()));
    document_.charge_copy(ids.size() * sizeof(PickleId));
    array.objects = ids;
    array.is_fortran = false;  // numpy lists objects row after row, whatever their order in memory
    return;
  }
  array.bytes = raw_bytes(data, at, "an array");
  if (array.bytes.size() != *num_bytes)
    fail(at,
         fmt::format("an array of {} elements of type {} needs {} bytes, {} are there", array.num_elements,
                     detail::shown(array.type.descr), *num_bytes, array.bytes.size()));
  if (array.type.size == 0 && array.num_elements > 0) fail(at, "an array of elements without size");
}

PickleId PickleCalls::from_buffer(const std::vector<PickleId>& arguments, uint64_t at) {
  if (arguments.size() < 4 || node(arguments[1]).kind != NodeKind::kDtype || !is_text(arguments[3]))
    fail(at, "an array whose buffer, dtype, shape or order is missing");
  const std::string_view order = document_.text(arguments[3]);
  if (order != "C" && order != "F")
    fail(at,
         "an array in order " + detail::shown(order) + "; C and F are read (save numpy.ascontiguousarray)");
  PickleArrayData array;
  array.type = document_.dtype(arguments[1]);
  array.shape = shape(arguments[2], at);
  array.is_fortran = order == "F";
  fill(array, arguments[0], at);
  return document_.add_array(std::move(array));
}

void PickleCalls::build(PickleId id, PickleId state, uint64_t at) {
  const NodeKind kind = node(id).kind;
  // Subclasses of dict carry an empty state of attributes.
  const bool is_empty = node(state).kind == NodeKind::kNone ||
                        (node(state).kind == NodeKind::kDict && document_.items(state).ids.empty());
  if (kind == NodeKind::kDict && is_empty) return;
  if ((kind != NodeKind::kArray && kind != NodeKind::kDtype) || node(state).kind != NodeKind::kTuple)
    fail(at, fmt::format("{} is given the attributes of {}", shown(id), shown(state)));
  const std::vector<PickleId>& values = document_.items(state).ids;
  if (kind == NodeKind::kDtype) return build_dtype(id, values, at);
  // ([version,] shape, dtype, is in Fortran order, content)
  if (values.size() < 4 || values.size() > 5) fail(at, "an array in an unknown form");
  const PickleId* last = &values.back();
  if (node(last[-2]).kind != NodeKind::kDtype)
    fail(at, "an array: expected a dtype, found " + shown(last[-2]));
  PickleArrayData& array = document_.array(id);
  array.objects.clear();
  array.type = document_.dtype(last[-2]);
  array.shape = shape(last[-3], at);
  array.is_fortran = integer(last[-1], at, "the order of an array") != 0;
  document_.charge(array.shape.size() * sizeof(uint64_t));
  fill(array, last[0], at);
}

PickleId PickleCalls::read_wrapped(PickleId state, uint64_t& at) {
  if (node(state).kind != NodeKind::kDict)
    fail(at, "an array of joblib: expected a dict, found " + shown(state));
  const auto& ids = document_.items(state).ids;
  const auto attribute = [&](std::string_view name) -> const PickleId* {
    for (size_t i = 0; i < ids.size(); i += 2) {
      if (is_text(ids[i]) && document_.text(ids[i]) == name) return &ids[i + 1];
    }
    return nullptr;
  };
  const PickleId* dims = attribute("shape");
  const PickleId* dtype = attribute("dtype");
  const PickleId* order = attribute("order");
  if (dims == nullptr || dtype == nullptr || order == nullptr || node(*dtype).kind != NodeKind::kDtype ||
      !is_text(*order))
    fail(at, "an array of joblib without shape, dtype or order");
  PickleArrayData array;
  array.type = document_.dtype(*dtype);
  array.shape = shape(*dims, at);
  array.is_fortran = document_.text(*order) == "F";
  if (array.type.kind == 'O') {
    const PickleId id = run_pickle(document_, at, /*is_inside_joblib=*/true);
    if (node(id).kind != NodeKind::kArray) fail(at, "an array of joblib: its pickle holds " + shown(id));
    return id;
  }
  const std::string_view bytes = document_.bytes();
  const PickleId* alignment = attribute("numpy_array_alignment_bytes");
  if (alignment != nullptr && node(*alignment).kind != NodeKind::kNone) {
    const uint64_t padding = at < bytes.size() ? 1 + static_cast<unsigned char>(bytes[at]) : 1;
    if (padding > bytes.size() - at) fail(at, "the file ends before an array does");
    at += padding;
  }
  const auto num_bytes = numpy_bytes(array.shape, array.type.size, array.num_elements);
  if (!num_bytes || *num_bytes > bytes.size() - at)
    fail(at, fmt::format("an array of joblib of type {} is longer than the file",
                         detail::shown(array.type.descr)));
  if (array.type.size == 0 && array.num_elements > 0) fail(at, "an array of elements without size");
  array.bytes = bytes.substr(at, *num_bytes);
  at += *num_bytes;
  return document_.add_array(std::move(array));
}

}  // namespace limbic::formats::detail
