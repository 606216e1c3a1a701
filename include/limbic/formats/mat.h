#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace limbic::formats {

/// An array of a MATLAB file. Structs and cells are opened: "data.eda", "run(2).ecg", "c{3}".
struct MatVariable {
  std::string name;
  std::vector<uint64_t> shape;    ///< two numbers or more
  std::vector<double> values;     ///< first index fastest, as MATLAB stores; empty for text
  std::vector<double> imaginary;  ///< of complex arrays
  bool is_text = false;
  std::string text;  ///< UTF-8, rows joined by line ends
};

struct MatFile {
  std::string version;  ///< "4", "5" (also 6 and 7), "7.3"
  std::vector<MatVariable> variables;
  std::vector<std::string>
      skipped;  ///< "name (sparse)": objects, function handles, sparse arrays, empty ones

  const MatVariable* find(const std::string& name) const;
};

/// Reads MATLAB files of versions 4, 5, 6, 7 (also Octave's and scipy's) of either byte order, and 7.3, which
/// is HDF5. @throws Error(kData) `path: byte N: ...`
/// @param max_bytes  of all values in memory
MatFile read_mat(const std::string& path, uint64_t max_bytes = UINT64_C(4) << 30);

}  // namespace limbic::formats
