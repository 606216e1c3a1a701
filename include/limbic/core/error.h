#pragma once
#include <stdexcept>
#include <string>

namespace limbic {

/// Why an operation ended. The values are the process exit codes that scripts rely on.
enum class ErrorCode {
  kInternal = 1,  ///< a bug of limbic
  kConfig = 2,    ///< wrong usage or configuration
  kData = 3,      ///< data missing, corrupt or contradictory (media files included)
  kModel = 4,     ///< weights, bundle or checkpoint
  kResource = 5,  ///< a limit, memory or a device
  kDiverged = 6,  ///< training produced non-finite values too often
  kStorage = 7,   ///< writing failed
};

/// The one exception type of limbic. The message says what, where (file, line, time), what was expected and
/// what to do, in one line: `path:line: what; expected; hint`.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}

  ErrorCode code() const noexcept { return code_; }
  /// The process exit code that this error maps to.
  int exit_code() const noexcept { return static_cast<int>(code_); }
  /// The same error with context in front, for rethrowing: `throw error.in("clip 42")`.
  Error in(const std::string& context) const { return Error(code_, context + ": " + what()); }

 private:
  ErrorCode code_;
};

/// Throws Error{code, message} unless `ok`.
inline void require(bool ok, ErrorCode code, const std::string& message) {
  if (!ok) throw Error(code, message);
}
inline void require(bool ok, ErrorCode code, const char* message) {
  if (!ok) throw Error(code, message);
}

}  // namespace limbic
