#include "limbic/formats/pickle.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "byte_source.h"
#include "limbic/core/suggest.h"
#include "pickle_document.h"

namespace limbic::formats {
namespace {

using detail::NodeKind;

PickleKind kind_of(NodeKind kind) {
  static constexpr std::array kKinds = {
      PickleKind::kNone,    PickleKind::kBool, PickleKind::kInt,  PickleKind::kInt,   PickleKind::kFloat,
      PickleKind::kComplex, PickleKind::kText, PickleKind::kText, PickleKind::kBytes, PickleKind::kList,
      PickleKind::kTuple,   PickleKind::kDict, PickleKind::kSet,  PickleKind::kArray, PickleKind::kType,
      PickleKind::kType,    PickleKind::kType};
  return kKinds[static_cast<size_t>(kind)];
}

std::shared_ptr<detail::PickleDocument> parsed(std::unique_ptr<detail::PickleBytes> bytes,
                                               const std::string& name, uint64_t max_bytes, uint32_t& root) {
  auto document = std::make_shared<detail::PickleDocument>(std::move(bytes), name, max_bytes);
  uint64_t at = 0;
  root = detail::run_pickle(*document, at, /*is_inside_joblib=*/false);
  if (at != document->bytes().size())
    document->fail(
        fmt::format("byte {}: {} bytes follow the pickle; several pickles in one file are not read", at,
                    document->bytes().size() - at));
  document->finish();
  return document;
}

}  // namespace

const char* name_of(PickleKind kind) {
  static constexpr std::array kNames = {"none", "bool",  "int",  "float", "complex", "text", "bytes",
                                        "list", "tuple", "dict", "set",   "array",   "type"};
  return kNames[static_cast<size_t>(kind)];
}

PickleValue read_pickle(const std::string& path, uint64_t max_bytes) {
  uint32_t root = 0;
  auto document = parsed(std::make_unique<detail::PickleBytes>(path, max_bytes), path, max_bytes, root);
  return PickleValue(std::move(document), root, "");
}

PickleValue parse_pickle(std::string bytes, const std::string& name, uint64_t max_bytes) {
  uint32_t root = 0;
  auto document =
      parsed(std::make_unique<detail::PickleBytes>(std::move(bytes), name, max_bytes), name, max_bytes, root);
  return PickleValue(std::move(document), root, "");
}

PickleKind PickleValue::kind() const {
  return kind_of(document_->node(id_).kind);
}

std::string PickleValue::where() const {
  return path_.empty() ? document_->name() : document_->name() + ": " + path_;
}

void PickleValue::fail(const std::string& what) const {
  throw Error(ErrorCode::kData, where() + ": " + what);
}

void PickleValue::expected(const char* what) const {
  fail(fmt::format("expected {}, found {}", what, name_of(kind())));
}

PickleValue PickleValue::child(uint32_t id, const std::string& step) const {
  return PickleValue(document_, id, path_.empty() || step[0] == '[' ? path_ + step : path_ + "." + step);
}

bool PickleValue::boolean() const {
  if (kind() != PickleKind::kBool) expected("a bool");
  return document_->node(id_).integer != 0;
}

int64_t PickleValue::integer() const {
  if (kind() != PickleKind::kInt) expected("an int");
  if (document_->node(id_).kind == NodeKind::kBigInt)
    fail(fmt::format("the int {} does not fit 64 bits", detail::shown(document_->text(id_))));
  return document_->node(id_).integer;
}

double PickleValue::real() const {
  const detail::PickleNode& node = document_->node(id_);
  if (node.kind == NodeKind::kFloat) return node.real;
  if (node.kind == NodeKind::kInt) return static_cast<double>(node.integer);
  if (node.kind != NodeKind::kBigInt) expected("a number");
  const std::string_view digits = document_->text(id_);
  double value = 0;
  if (std::from_chars(digits.data(), digits.data() + digits.size(), value).ec != std::errc())
    fail("an int beyond the range of doubles");
  return value;
}

std::complex<double> PickleValue::complex() const {
  if (kind() != PickleKind::kComplex) expected("a complex number");
  const auto& parts = document_->items(id_).ids;
  return {document_->node(parts[0]).real, document_->node(parts[1]).real};
}

std::string PickleValue::text() const {
  if (kind() != PickleKind::kText) expected("text");
  return document_->utf8(id_);
}

std::string_view PickleValue::bytes() const {
  if (kind() != PickleKind::kBytes && document_->node(id_).kind != NodeKind::kPython2Text) expected("bytes");
  return document_->text(id_);
}

PickleArray PickleValue::array() const {
  return PickleArray(*this);
}

uint64_t PickleValue::size() const {
  switch (kind()) {
    case PickleKind::kList:
    case PickleKind::kTuple:
    case PickleKind::kSet:
      return document_->items(id_).ids.size();
    case PickleKind::kDict:
      return document_->items(id_).ids.size() / 2;
    case PickleKind::kArray:
      if (array().is_object()) return array().num_elements();
      [[fallthrough]];
    default:
      expected("a list, tuple, set, dict or array of objects");
  }
}

PickleValue PickleValue::item(uint64_t index) const {
  if (kind() == PickleKind::kArray) return array().object(index);
  if (kind() != PickleKind::kList && kind() != PickleKind::kTuple && kind() != PickleKind::kSet)
    expected("a list, tuple, set or array of objects");
  const auto& ids = document_->items(id_).ids;
  if (index >= ids.size()) fail(fmt::format("item {} is asked for, {} are there", index, ids.size()));
  return child(ids[index], fmt::format("[{}]", index));
}

std::optional<PickleValue> PickleValue::find(std::string_view key) const {
  if (kind() != PickleKind::kDict) expected("a dict");
  const int64_t index = document_->find(id_, key);
  if (index < 0) return std::nullopt;
  return child(document_->items(id_).ids[2 * static_cast<size_t>(index) + 1], std::string(key));
}

PickleValue PickleValue::at(std::string_view key) const {
  if (auto value = find(key)) return *value;
  constexpr size_t kMostNames = 100;
  std::vector<std::string> names;
  const auto& ids = document_->items(id_).ids;
  for (size_t i = 0; i < ids.size() && names.size() < kMostNames; i += 2) {
    if (document_->node(ids[i]).kind == NodeKind::kText) names.emplace_back(document_->text(ids[i]));
  }
  fail(fmt::format("no key {}{}", detail::shown(key), core::did_you_mean(std::string(key), names)));
}

PickleValue PickleValue::key(uint64_t index) const {
  if (index >= size()) fail(fmt::format("key {} is asked for, {} are there", index, size()));
  if (kind() != PickleKind::kDict) expected("a dict");
  return child(document_->items(id_).ids[2 * index], fmt::format("key {}", index));
}

PickleValue PickleValue::value(uint64_t index) const {
  const PickleValue its_key = key(index);
  const PickleKind key_kind = its_key.kind();
  std::string step = fmt::format("value {}", index);
  if (key_kind == PickleKind::kText) step = document_->text(its_key.id_);
  if (document_->node(its_key.id_).kind == NodeKind::kInt) step = fmt::format("[{}]", its_key.integer());
  return child(document_->items(id_).ids[2 * index + 1], step.empty() ? "''" : step);
}

std::vector<double> PickleValue::reals() const {
  if (kind() == PickleKind::kArray && !array().is_object()) {
    const PickleArray numbers = array();
    std::vector<double> values(numbers.num_elements());
    numbers.read(0, values.size(), values.data());
    return values;
  }
  std::vector<double> values;
  const uint64_t count = size();
  values.reserve(count);
  for (uint64_t i = 0; i < count; ++i) values.push_back(item(i).real());
  return values;
}

std::vector<std::string> PickleValue::texts() const {
  if (kind() == PickleKind::kArray && !array().is_object()) return array().to_text();
  std::vector<std::string> values;
  const uint64_t count = size();
  values.reserve(count);
  for (uint64_t i = 0; i < count; ++i) values.push_back(item(i).text());
  return values;
}

PickleArray::PickleArray(PickleValue value) : value_(std::move(value)), data_(nullptr) {
  if (value_.kind() != PickleKind::kArray) value_.expected("an array");
  data_ = &value_.document_->array(value_.id_);
}

const std::string& PickleArray::dtype() const {
  return data_->type.descr;
}
const std::vector<uint64_t>& PickleArray::shape() const {
  return data_->shape;
}
uint64_t PickleArray::num_elements() const {
  return data_->num_elements;
}
bool PickleArray::is_number() const {
  return data_->type.is_number();
}
bool PickleArray::is_text() const {
  return data_->type.is_text();
}
bool PickleArray::is_object() const {
  return data_->type.kind == 'O';
}

void PickleArray::check_range(uint64_t first, uint64_t count) const {
  if (first > num_elements() || count > num_elements() - first)
    value_.fail(
        fmt::format("elements {} to {} are asked for, {} are there", first, first + count, num_elements()));
}

template <class Number>
void PickleArray::read_as(uint64_t first, uint64_t count, Number* to) const {
  if (!is_number())
    value_.fail(fmt::format("expected numbers (f2 f4 f8 i1-i8 u1-u8 b1), found an array of {}",
                            detail::shown(dtype())));
  check_range(first, count);
  detail::for_each_place(data_->shape, data_->is_fortran, first, count, [&](uint64_t place) {
    *to++ = static_cast<Number>(data_->type.number(data_->bytes.data() + place * data_->type.size));
  });
}

void PickleArray::read(uint64_t first, uint64_t count, float* to) const {
  read_as(first, count, to);
}
void PickleArray::read(uint64_t first, uint64_t count, double* to) const {
  read_as(first, count, to);
}

PickleValue PickleArray::object(uint64_t index) const {
  if (!is_object())
    value_.fail(fmt::format("expected objects, found an array of {}", detail::shown(dtype())));
  check_range(index, 1);
  uint64_t place = 0;
  detail::for_each_place(data_->shape, data_->is_fortran, index, 1, [&](uint64_t p) { place = p; });
  return value_.child(data_->objects[place], fmt::format("[{}]", index));
}

std::vector<std::string> PickleArray::to_text() const {
  if (!is_text())
    value_.fail(fmt::format("expected text (S or U), found an array of {}", detail::shown(dtype())));
  std::vector<std::string> out;
  out.reserve(num_elements());
  detail::for_each_place(data_->shape, data_->is_fortran, 0, num_elements(), [&](uint64_t place) {
    out.push_back(data_->type.text(data_->bytes.data() + place * data_->type.size));
  });
  return out;
}

NpyArray PickleArray::to_npy() const {
  NpyArray out;
  out.shape = shape();
  out.dtype = dtype();
  if (is_text())
    out.text = to_text();
  else
    out.values = value_.reals();
  return out;
}

}  // namespace limbic::formats
