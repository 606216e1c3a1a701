#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "limbic/formats/npy.h"

namespace limbic::formats {

struct Hdf5Options {
  uint64_t max_bytes = UINT64_C(4) << 30;  ///< that one read may take in memory
  bool verify_checksums = true;            ///< false: read what a damaged file still holds
};

namespace hdf5 {
class Image;
struct Object;
}  // namespace hdf5

/// A group or a dataset of an HDF5 file; keeps the file open. Copies are cheap; const methods may run in
/// several threads.
///
///   const Hdf5Node root = open_hdf5("features.hdf5");
///   for (const std::string& video : root.child("FACET/data").names())
///     use(root.child("FACET/data/" + video + "/features").read_rows(0, 100));
///
/// Arrays come as `NpyArray`, first index slowest: dtype "<f4" ">i2" "|u1"; "|b1" of numpy's booleans (an
/// enumeration of FALSE and TRUE); "|S5" of fixed and "|T" of variable-length text; "|R" of references,
/// whose values are only good for `references()`. Elements never written hold the file's fill value.
class Hdf5Node {
 public:
  bool is_group() const;
  bool is_dataset() const;
  /// "/group/name", or "/#1234" for what a reference led to.
  const std::string& path() const { return path_; }

  /// Names in a group, sorted by bytes. @throws Error(kData) for a dataset
  std::vector<std::string> names() const;
  /// Whether a path, from here or from the root when it begins with '/', leads to something in this file.
  bool has(std::string_view path) const;
  /// What the path leads to; soft links are followed. @throws Error(kData) with the nearest name
  Hdf5Node child(std::string_view path) const;

  std::vector<std::string> attribute_names() const;
  bool has_attribute(std::string_view name) const;
  /// @param field  of a compound type, "outer.inner" for nested ones. @throws Error(kData)
  NpyArray attribute(std::string_view name, std::string_view field = "") const;

  /// Of a dataset; empty for one number.
  std::vector<uint64_t> shape() const;
  /// As in NpyArray; "compound" where `fields` names the parts.
  std::string dtype() const;
  /// Names of a compound type's parts; empty for others.
  std::vector<std::string> fields() const;
  /// Values and names of an enumeration.
  std::vector<std::pair<int64_t, std::string>> enumeration() const;

  /// The whole dataset. @throws Error(kData) `path: byte N: ...`
  NpyArray read(std::string_view field = "") const;
  /// Rows [first, first + count) of the first dimension; only what they need is read from the file.
  NpyArray read_rows(uint64_t first, uint64_t count, std::string_view field = "") const;
  /// The block [first, first + count) of every dimension.
  NpyArray read_block(const std::vector<uint64_t>& first, const std::vector<uint64_t>& count,
                      std::string_view field = "") const;
  /// What the object references of a dataset lead to, in its order; nullopt for null references.
  std::vector<std::optional<Hdf5Node>> references() const;

 private:
  friend Hdf5Node open_hdf5(const std::string&, const Hdf5Options&);
  Hdf5Node(std::shared_ptr<const hdf5::Image> image, std::shared_ptr<const hdf5::Object> object,
           std::string path)
      : image_(std::move(image)), object_(std::move(object)), path_(std::move(path)) {}
  const hdf5::Object& dataset() const;
  std::optional<Hdf5Node> find(std::string_view path, int num_links, std::string* missing) const;

  std::shared_ptr<const hdf5::Image> image_;
  std::shared_ptr<const hdf5::Object> object_;
  std::string path_;
};

/// The root group of an HDF5 file, also behind a user block. Our own reader of the published format
/// (superblocks 0 to 3; every index of groups, attributes and chunks that HDF5 1.10 writes), because the C
/// library crashes on damaged files. Filters: deflate, shuffle, fletcher32, lzf. Refused by name: szip, nbit
/// and other filters, virtual and external datasets, external links, shared message tables, ragged
/// sequences of numbers, region references. @throws Error(kData)
Hdf5Node open_hdf5(const std::string& path, const Hdf5Options& options = {});

}  // namespace limbic::formats
