#pragma once
#include <memory>
#include <string>
#include <string_view>

namespace limbic::core {

/// A regular file's bytes through a read-only mapping; copies share it. The file must not be changed in place
/// while it is open (a truncation would raise SIGBUS); limbic's writers replace files, which is safe.
class MappedFile {
 public:
  /// @throws Error(kData) missing or not a regular file, Error(kResource) cannot be mapped
  explicit MappedFile(const std::string& path);
  std::string_view bytes() const;

 private:
  struct Mapping;
  std::shared_ptr<const Mapping> mapping_;
};

}  // namespace limbic::core
