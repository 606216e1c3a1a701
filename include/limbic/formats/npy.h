#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace limbic::formats {

/// An array of numpy, row after row. Numbers are doubles whatever the file's type (int64 beyond 2^53 round).
struct NpyArray {
  std::vector<uint64_t> shape;    ///< empty: one number
  std::string dtype;              ///< as in the file: "<f4", "|b1", "<U5"
  std::vector<double> values;     ///< numbers and booleans
  std::vector<std::string> text;  ///< of U and S arrays, UTF-8

  uint64_t num_elements() const;
};

/// Reads .npy versions 1 to 3: f2 f4 f8, i and u of 1 to 8 bytes, bool, U, S; either byte order, C or Fortran
/// order. Object arrays hold pickles, which run code: they are refused.
/// @param max_bytes  of the file, and of its elements in memory (8 bytes a number). @throws Error(kData)
NpyArray read_npy(const std::string& path, uint64_t max_bytes = UINT64_C(4) << 30);
/// Arrays of an .npz (stored or deflated, zip64) by name without ".npy". @throws Error(kData)
std::map<std::string, NpyArray> read_npz(const std::string& path, uint64_t max_bytes = UINT64_C(4) << 30);

/// One array as .npy, atomically. @throws Error(kStorage)
void write_npy(const std::string& path, const std::vector<uint64_t>& shape,
               const std::vector<double>& values);

/// Streams an .npz that numpy.load reads: one array in memory at a time; the file appears at finish(). The
/// same arrays give the same bytes.
///
///   NpzWriter npz("features.npz");
///   npz.add("values", {rows, columns}, values_RC);
///   npz.add("columns", names);
///   npz.finish();
class NpzWriter {
 public:
  /// @param is_compressed  deflate (numpy.savez_compressed) instead of stored (numpy.savez)
  /// @throws Error(kStorage)
  explicit NpzWriter(const std::string& path, bool is_compressed = false);
  ~NpzWriter();
  NpzWriter(const NpzWriter&) = delete;
  NpzWriter& operator=(const NpzWriter&) = delete;

  /// @throws Error(kInternal) when the shape does not fit the values or the name is taken or no file name
  void add(const std::string& name, const std::vector<uint64_t>& shape, const std::vector<double>& values);
  void add(const std::string& name, const std::vector<uint64_t>& shape, const std::vector<float>& values);
  void add(const std::string& name, const std::vector<uint64_t>& shape, const std::vector<int64_t>& values);
  /// A one-dimensional array of text (numpy's U).
  void add(const std::string& name, const std::vector<std::string>& text);
  /// Makes the file appear; without it nothing is left behind.
  void finish();

 private:
  void add_bytes(const std::string& name, const char* dtype, const std::vector<uint64_t>& shape,
                 const void* data, uint64_t num_bytes);

  struct Zip;
  std::unique_ptr<Zip> zip_;
};

}  // namespace limbic::formats
