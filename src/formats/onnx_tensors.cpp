#include "limbic/formats/onnx_tensors.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <array>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "protobuf_wire.h"

namespace limbic::formats {
namespace {

using detail::MemorySource;
using detail::WireField;
using detail::WireReader;

/// Where TensorProto keeps the values of a type when it has no raw_data.
enum class OnnxList { kFloat32, kInt32, kInt64, kFloat64 };
struct OnnxType {
  uint64_t code;  // TensorProto.DataType
  c10::ScalarType type;
  size_t num_bytes;
  OnnxList list;
};
constexpr std::array<OnnxType, 10> kOnnxTypes = {{{1, c10::kFloat, 4, OnnxList::kFloat32},
                                                  {2, c10::kByte, 1, OnnxList::kInt32},
                                                  {3, c10::kChar, 1, OnnxList::kInt32},
                                                  {5, c10::kShort, 2, OnnxList::kInt32},
                                                  {6, c10::kInt, 4, OnnxList::kInt32},
                                                  {7, c10::kLong, 8, OnnxList::kInt64},
                                                  {9, c10::kBool, 1, OnnxList::kInt32},
                                                  {10, c10::kHalf, 2, OnnxList::kInt32},
                                                  {11, c10::kDouble, 8, OnnxList::kFloat64},
                                                  {16, c10::kBFloat16, 2, OnnxList::kInt32}}};
constexpr size_t kMostDimensions = 64;

const OnnxType* onnx_type_of(uint64_t code) {
  for (const auto& row : kOnnxTypes) {
    if (row.code == code) return &row;
  }
  return nullptr;
}

class OnnxWalker {
 public:
  OnnxWalker(const MemorySource& source, std::string_view file, const OnnxLimits& limits)
      : source_(source), file_(file), limits_(limits) {}

  TensorMap walk() {
    bool has_graph = false;
    WireReader model(source_, file_, file_);
    for (WireField field; model.next(field);) {
      if (field.number == 7) {
        if (has_graph) model.fail(field.offset, "a second graph");
        has_graph = true;
        walk_graph(bytes_of(model, field), "", 0);
      }
    }
    if (!has_graph) source_.fail("no graph in it; this is not an ONNX model");
    return std::move(tensors_);
  }

 private:
  std::string_view bytes_of(const WireReader& reader, const WireField& field) const {
    if (field.kind != WireField::Kind::kBytes) {
      reader.fail(field.offset, fmt::format("field {} has the wrong wire type", field.number));
    }
    return field.bytes;
  }
  uint64_t number_of(const WireReader& reader, const WireField& field) const {
    if (field.kind != WireField::Kind::kVarint) {
      reader.fail(field.offset, fmt::format("field {} has the wrong wire type", field.number));
    }
    return field.value;
  }

  void walk_graph(std::string_view message, const std::string& scope, size_t depth) {
    WireReader graph(source_, file_, message);
    for (WireField field; graph.next(field);) {
      if (field.number == 1) {
        walk_node(bytes_of(graph, field), scope, depth);
      } else if (field.number == 5) {
        std::string name;
        const at::Tensor tensor = read_tensor(bytes_of(graph, field), &name);
        if (name.empty()) graph.fail(field.offset, "an initializer without a name");
        add(graph, field, scope + name, tensor);
      } else if (field.number == 15) {
        graph.fail(field.offset, "sparse initializers are not supported");
      }
    }
  }

  void walk_node(std::string_view message, const std::string& scope, size_t depth) {
    // The name may follow the attributes, so fields are seen twice.
    std::string_view name;
    std::string_view output;
    std::string_view op;
    WireReader head(source_, file_, message);
    for (WireField field; head.next(field);) {
      if (field.number == 2 && output.empty()) output = bytes_of(head, field);
      if (field.number == 3) name = bytes_of(head, field);
      if (field.number == 4) op = bytes_of(head, field);
    }
    WireReader node(source_, file_, message);
    for (WireField field; node.next(field);) {
      if (field.number != 5) continue;
      if (op == "Constant") {
        read_constant(node, field, scope, output);
      } else {
        walk_attribute(node, field, scope, name.empty() ? output : name, depth);
      }
    }
  }

  /// Sub-graphs of an attribute (fields 6 and 11).
  void walk_attribute(const WireReader& node, const WireField& of_node, const std::string& scope,
                      std::string_view node_name, size_t depth) {
    std::string_view name;
    WireReader head(source_, file_, bytes_of(node, of_node));
    bool has_graph = false;
    for (WireField field; head.next(field);) {
      if (field.number == 1) name = bytes_of(head, field);
      has_graph = has_graph || field.number == 6 || field.number == 11;
    }
    if (!has_graph) return;
    if (depth + 1 > limits_.max_depth) {
      node.fail(of_node.offset, fmt::format("sub-graphs more than {} deep", limits_.max_depth));
    }
    if (scope.size() + node_name.size() + name.size() > limits_.max_name_bytes) {
      node.fail(of_node.offset, "the path of a sub-graph is too long");
    }
    WireReader attribute(source_, file_, bytes_of(node, of_node));
    size_t num_listed = 0;
    for (WireField field; attribute.next(field);) {
      if (field.number != 6 && field.number != 11) continue;
      std::string inner = scope + std::string(node_name) + "/" + std::string(name);
      if (field.number == 11) inner += fmt::format("[{}]", num_listed++);
      walk_graph(bytes_of(attribute, field), inner + "/", depth + 1);
    }
  }

  /// What a Constant node's attribute holds: `value`, or one of value_float(s) and value_int(s).
  void read_constant(const WireReader& node, const WireField& of_node, const std::string& scope,
                     std::string_view output) {
    std::string_view name;
    std::vector<float> floats;
    std::vector<int64_t> ints;
    at::Tensor tensor;
    WireReader attribute(source_, file_, bytes_of(node, of_node));
    for (WireField field; attribute.next(field);) {
      switch (field.number) {
        case 1:
          name = bytes_of(attribute, field);
          break;
        case 2:
        case 7:
          append_fixed(attribute, field, floats);
          break;
        case 3:
        case 8:
          append_varints(attribute, field, ints);
          break;
        case 5:
          tensor = read_tensor(bytes_of(attribute, field), nullptr);
          break;
        default:
          break;
      }
    }
    if (name == "value_float" || name == "value_floats") {
      tensor = tensor_of(attribute, of_node, c10::kFloat, floats, name == "value_float");
    } else if (name == "value_int" || name == "value_ints") {
      tensor = tensor_of(attribute, of_node, c10::kLong, ints, name == "value_int");
    } else if (name != "value") {
      node.fail(of_node.offset, fmt::format("a constant given as {} is not supported", detail::shown(name)));
    }
    if (!tensor.defined()) node.fail(of_node.offset, "a constant without a value");
    if (output.empty()) node.fail(of_node.offset, "a constant without an output");
    add(node, of_node, scope + std::string(output), tensor);
  }

  template <class T>
  at::Tensor tensor_of(const WireReader& reader, const WireField& field, c10::ScalarType type,
                       const std::vector<T>& values, bool is_scalar) const {
    if (is_scalar && values.size() != 1) reader.fail(field.offset, "a scalar constant without one value");
    std::vector<int64_t> shape;
    if (!is_scalar) shape.push_back(static_cast<int64_t>(values.size()));
    at::Tensor tensor = at::empty(shape, type);
    if (!values.empty()) std::memcpy(tensor.data_ptr(), values.data(), values.size() * sizeof(T));
    return tensor;
  }

  /// A repeated float or double, packed or one by one.
  template <class T>
  void append_fixed(const WireReader& reader, const WireField& field, std::vector<T>& values) const {
    constexpr auto kOne = sizeof(T) == 4 ? WireField::Kind::kFixed32 : WireField::Kind::kFixed64;
    if (field.kind == kOne) {
      T value;
      std::memcpy(&value, &field.value, sizeof(T));
      values.push_back(value);
      return;
    }
    const std::string_view bytes = bytes_of(reader, field);
    if (bytes.size() % sizeof(T) != 0) reader.fail(field.offset, "a list of numbers that is cut short");
    const size_t old_size = values.size();
    values.resize(old_size + bytes.size() / sizeof(T));
    if (!bytes.empty()) std::memcpy(values.data() + old_size, bytes.data(), bytes.size());
  }

  void append_varints(const WireReader& reader, const WireField& field, std::vector<int64_t>& values) const {
    if (field.kind == WireField::Kind::kVarint) {
      values.push_back(static_cast<int64_t>(field.value));
      return;
    }
    WireReader list(source_, file_, bytes_of(reader, field));
    while (!list.at_end()) values.push_back(static_cast<int64_t>(list.varint()));
  }

  at::Tensor read_tensor(std::string_view message, std::string* name) {
    std::vector<int64_t> shape;
    std::vector<float> floats;
    std::vector<double> doubles;
    std::vector<int64_t> int32s;
    std::vector<int64_t> int64s;
    std::optional<std::string_view> raw;
    uint64_t code = 0;
    WireReader reader(source_, file_, message);
    const uint64_t start = reader.offset();
    for (WireField field; reader.next(field);) {
      switch (field.number) {
        case 1:
          append_varints(reader, field, shape);
          if (shape.size() > kMostDimensions) {
            reader.fail(field.offset, fmt::format("more than {} dimensions", kMostDimensions));
          }
          break;
        case 2:
          code = number_of(reader, field);
          break;
        case 3:
          reader.fail(field.offset, "a tensor in segments is not supported");
        case 4:
          append_fixed(reader, field, floats);
          break;
        case 5:
          append_varints(reader, field, int32s);
          break;
        case 7:
          append_varints(reader, field, int64s);
          break;
        case 8:
          if (name != nullptr) *name = bytes_of(reader, field).substr(0, limits_.max_name_bytes + 1);
          break;
        case 9:
          raw = bytes_of(reader, field);
          break;
        case 10:
          append_fixed(reader, field, doubles);
          break;
        case 13:
          reader.fail(field.offset, "a tensor keeps its data in another file; only whole files are read");
        case 14:
          if (number_of(reader, field) != 0) {
            reader.fail(field.offset, "a tensor keeps its data in another file; only whole files are read");
          }
          break;
        default:
          break;
      }
    }

    const OnnxType* type = onnx_type_of(code);
    if (type == nullptr) reader.fail(start, fmt::format("element type {} is not supported", code));
    const uint64_t num_elements = elements_of(reader, start, shape);
    const auto expect = [&](uint64_t have) {
      if (have == num_elements) return;
      reader.fail(start, fmt::format("a tensor of shape [{}] wants {} values and has {}",
                                     fmt::join(shape, ", "), num_elements, have));
    };
    // Raw data first: what the values take is known to be in the file before memory for them is.
    if (raw) {
      if (raw->size() % type->num_bytes != 0) reader.fail(start, "raw data that is cut short");
      expect(raw->size() / type->num_bytes);
    } else {
      expect(type->list == OnnxList::kFloat32   ? floats.size()
             : type->list == OnnxList::kFloat64 ? doubles.size()
             : type->list == OnnxList::kInt64   ? int64s.size()
                                                : int32s.size());
    }
    at::Tensor tensor = at::empty(shape, type->type);
    if (num_elements == 0) return tensor;
    auto* to = static_cast<char*>(tensor.data_ptr());
    if (raw) {
      std::memcpy(to, raw->data(), raw->size());
    } else if (type->list == OnnxList::kFloat32) {
      std::memcpy(to, floats.data(), num_elements * sizeof(float));
    } else if (type->list == OnnxList::kFloat64) {
      std::memcpy(to, doubles.data(), num_elements * sizeof(double));
    } else {
      // Narrow types and the bits of half floats sit in the low bytes of a number (little-endian, as we are).
      const auto& numbers = type->list == OnnxList::kInt64 ? int64s : int32s;
      for (size_t i = 0; i < numbers.size(); ++i)
        std::memcpy(to + i * type->num_bytes, &numbers[i], type->num_bytes);
    }
    if (type->type == c10::kBool) check_bools(reader, start, to, num_elements);
    return tensor;
  }

  uint64_t elements_of(const WireReader& reader, uint64_t start, const std::vector<int64_t>& shape) const {
    uint64_t product = 1;
    bool is_empty = false;
    for (const int64_t size : shape) {
      if (size < 0) reader.fail(start, fmt::format("a dimension of {}", size));
      is_empty = is_empty || size == 0;
      // Every dimension counts in the overflow check, also beside a zero.
      if (__builtin_mul_overflow(product, static_cast<uint64_t>(size == 0 ? 1 : size), &product) ||
          product > (UINT64_C(1) << 59)) {
        reader.fail(start, "a tensor whose shape overflows");
      }
    }
    return is_empty ? 0 : product;
  }

  void check_bools(const WireReader& reader, uint64_t start, const char* values, uint64_t count) const {
    for (uint64_t i = 0; i < count; ++i) {
      if (static_cast<uint8_t>(values[i]) > 1) reader.fail(start, "a bool that is neither 0 nor 1");
    }
  }

  void add(const WireReader& reader, const WireField& field, const std::string& name, at::Tensor tensor) {
    if (name.size() > limits_.max_name_bytes) {
      reader.fail(field.offset, fmt::format("a name of more than {} bytes", limits_.max_name_bytes));
    }
    if (tensors_.size() >= limits_.max_tensors) {
      reader.fail(field.offset, fmt::format("more than {} tensors", limits_.max_tensors));
    }
    if (!tensors_.emplace(name, std::move(tensor)).second) {
      reader.fail(field.offset, fmt::format("a second tensor named {}", detail::shown(name)));
    }
  }

  const MemorySource& source_;
  std::string_view file_;
  const OnnxLimits& limits_;
  TensorMap tensors_;
};

}  // namespace

TensorMap parse_onnx_tensors(std::string_view bytes, const std::string& name, const OnnxLimits& limits) {
  const MemorySource source(bytes, name, ErrorCode::kModel);
  if (bytes.size() > limits.max_file_bytes) {
    source.fail(fmt::format("{} bytes; at most {}", bytes.size(), limits.max_file_bytes));
  }
  return OnnxWalker(source, bytes, limits).walk();
}

TensorMap read_onnx_tensors(const std::string& path, const OnnxLimits& limits) {
  std::string bytes;
  {
    const detail::FileSource file(path, ErrorCode::kModel);
    if (file.size() > limits.max_file_bytes) {
      file.fail(fmt::format("{} bytes; at most {}", file.size(), limits.max_file_bytes));
    }
    bytes.resize(file.size());
    file.read(0, bytes.data(), bytes.size());
  }
  return parse_onnx_tensors(bytes, path, limits);
}

}  // namespace limbic::formats
