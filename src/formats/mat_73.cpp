// MATLAB 7.3 files: HDF5 behind a user block of 512 bytes. MathWorks publishes no description; what is relied
// on here is seen in such files and in the programs that read them (h5py's users, mat73, hdf5storage): the
// class stands in the attribute MATLAB_class, dimensions are stored in reverse, cells and arrays of structs
// are datasets of references into the group #refs#, and an empty array is the list of its dimensions marked
// by MATLAB_empty.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "limbic/core/error.h"
#include "limbic/formats/hdf5.h"
#include "mat_parts.h"

namespace limbic::formats::detail {
namespace {

constexpr int kMaxMat73Depth = 32;
constexpr uint64_t kMaxMat73Names = 64 << 20;  ///< bytes of all names: nesting must not multiply them

class Mat73Reader {
 public:
  Mat73Reader(const std::string& path, uint64_t max_bytes) : path_(path), budget_(max_bytes) {}

  MatFile read() {
    Hdf5Options options;
    options.max_bytes = budget_;
    const Hdf5Node root = open_hdf5(path_, options);
    file_.version = "7.3";
    for (const std::string& name : root.names()) {
      // #refs# is what cells refer to, #subsystem# belongs to objects.
      if (name[0] != '#') read_value(mat_printable(name), root.child(name), 0);
    }
    return std::move(file_);
  }

 private:
  struct Marks {
    std::string matlab_class;
    bool is_empty = false;
    bool is_sparse = false;
    bool is_object = false;
    std::vector<std::string> fields;
  };

  [[noreturn]] void fail(const Hdf5Node& node, const std::string& what) const {
    throw Error(ErrorCode::kData, fmt::format("{}: {}: {}", path_, node.path(), what));
  }

  void skip(const std::string& name, const char* why) {
    file_.skipped.push_back(fmt::format("{} ({})", name, why));
  }

  static Marks marks_of(const Hdf5Node& node) {
    Marks marks;
    for (const std::string& name : node.attribute_names()) {
      if (name == "MATLAB_class") {
        const NpyArray value = node.attribute(name);
        if (value.text.size() == 1) marks.matlab_class = value.text[0];
      } else if (name == "MATLAB_empty") {
        const NpyArray value = node.attribute(name);
        marks.is_empty = value.values.size() == 1 && value.values[0] != 0;
      } else if (name == "MATLAB_fields") {
        marks.fields = node.attribute(name).text;
      } else if (name == "MATLAB_sparse") {
        marks.is_sparse = true;
      } else if (name == "MATLAB_object_decode") {
        marks.is_object = true;
      }
    }
    return marks;
  }

  void read_value(const std::string& name, const Hdf5Node& node, int depth) {
    if (depth > kMaxMat73Depth) fail(node, fmt::format("nested deeper than {}", kMaxMat73Depth));
    num_name_bytes_ += name.size() + sizeof(MatVariable);
    if (num_name_bytes_ > kMaxMat73Names) fail(node, "too many variables");
    const Marks marks = marks_of(node);
    if (marks.is_sparse) return skip(name, "sparse");
    if (marks.is_object || marks.matlab_class == "function_handle")
      return skip(name, "an object or function handle");
    if (marks.is_empty) return skip(name, "empty");
    if (node.is_group()) return read_struct(name, node, marks, depth);
    if (!node.is_dataset()) return;  // a named type
    if (node.dtype() == "|R") return read_cell(name, node, depth);
    read_numbers(name, node, marks);
  }

  void read_cell(const std::string& name, const Hdf5Node& node, int depth) {
    spend(num_elements(node));
    const auto cells = node.references();
    if (cells.empty()) skip(name, "empty");
    for (size_t i = 0; i < cells.size(); ++i)
      read_cell_at(fmt::format("{}{{{}}}", name, i + 1), cells[i], depth);
  }

  void read_cell_at(const std::string& name, const std::optional<Hdf5Node>& cell, int depth) {
    if (cell)
      read_value(name, *cell, depth + 1);
    else
      skip(name, "empty");
  }

  /// Fields of one struct are what they hold; those of an array of structs are datasets of references that,
  /// unlike cells, have no class.
  void read_struct(const std::string& name, const Hdf5Node& node, const Marks& marks, int depth) {
    std::vector<std::string> fields = node.names();
    // In MATLAB's order rather than the alphabet's.
    std::map<std::string, size_t> ranks;
    for (const std::string& field : marks.fields) ranks.emplace(field, ranks.size());
    const auto rank = [&](const std::string& field) {
      const auto found = ranks.find(field);
      return found == ranks.end() ? ranks.size() : found->second;
    };
    std::stable_sort(fields.begin(), fields.end(),
                     [&](const std::string& a, const std::string& b) { return rank(a) < rank(b); });
    std::vector<Hdf5Node> values;
    bool is_array = !fields.empty();
    for (const std::string& field : fields) {
      values.push_back(node.child(field));
      const Hdf5Node& value = values.back();
      is_array =
          is_array && value.is_dataset() && value.dtype() == "|R" && !value.has_attribute("MATLAB_class");
    }
    if (!is_array) {
      for (size_t f = 0; f < fields.size(); ++f)
        read_value(name + "." + mat_printable(fields[f]), values[f], depth + 1);
      return;
    }
    std::vector<std::vector<std::optional<Hdf5Node>>> elements;
    for (const Hdf5Node& value : values) {
      spend(num_elements(value));
      elements.push_back(value.references());
      if (elements.back().size() != elements.front().size())
        fail(value, fmt::format("a field of {} structs in an array of {}", elements.back().size(),
                                elements.front().size()));
    }
    for (size_t i = 0; i < elements.front().size(); ++i) {
      const std::string index = elements.front().size() > 1 ? fmt::format("({})", i + 1) : "";
      for (size_t f = 0; f < fields.size(); ++f)
        read_cell_at(name + index + "." + mat_printable(fields[f]), elements[f][i], depth);
    }
  }

  void read_numbers(const std::string& name, const Hdf5Node& node, const Marks& marks) {
    MatVariable variable;
    variable.name = name;
    variable.shape = node.shape();
    // What other programs write may have fewer than MATLAB's two dimensions.
    std::reverse(variable.shape.begin(), variable.shape.end());
    while (variable.shape.size() < 2) variable.shape.push_back(1);
    const std::vector<std::string> parts = node.fields();
    const bool is_complex = parts == std::vector<std::string>{"real", "imag"};
    if (!parts.empty() && !is_complex) return skip(name, "a compound");
    spend(num_elements(node) * (is_complex ? 2 : 1));
    NpyArray real = node.read(is_complex ? "real" : "");
    if (!real.text.empty()) {  // of other programs; MATLAB's text is numbers
      variable.is_text = true;
      for (size_t i = 0; i < real.text.size(); ++i) variable.text += (i > 0 ? "\n" : "") + real.text[i];
    } else if (real.values.empty()) {
      return skip(name, "empty");
    } else if (marks.matlab_class == "char") {
      std::vector<uint32_t> codes;
      for (const double code : real.values)
        codes.push_back(code >= 0 && code <= 0x10FFFF ? static_cast<uint32_t>(code) : 0xFFFD);
      variable.is_text = true;
      variable.text = mat_text(codes, variable.shape);
    } else {
      variable.values = std::move(real.values);
      if (is_complex) variable.imaginary = node.read("imag").values;
    }
    file_.variables.push_back(std::move(variable));
  }

  static uint64_t num_elements(const Hdf5Node& node) {
    uint64_t count = 1;
    for (const uint64_t dim : node.shape()) count *= dim;  // within 64 bits, the reader has seen to it
    return count;
  }

  void spend(uint64_t count) {
    if (count > budget_ / 8)
      throw Error(ErrorCode::kData, path_ + ": its values need more memory than is allowed");
    budget_ -= count * 8;
  }

  std::string path_;
  uint64_t budget_;
  uint64_t num_name_bytes_ = 0;
  MatFile file_;
};

}  // namespace

MatFile read_mat_73(const std::string& path, uint64_t max_bytes) {
  return Mat73Reader(path, max_bytes).read();
}

}  // namespace limbic::formats::detail
