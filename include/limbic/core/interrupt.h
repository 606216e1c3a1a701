#pragma once
#include <exception>

namespace limbic::core {

/// SIGINT, SIGTERM and SIGUSR1 ask for a stop: the running step ends, state is saved, the process exits
/// 128+n. A second one exits at once. Call in main, before threads start.
void install_stop_handlers();
/// The signal that asked for a stop, or 0. Long loops look at it between steps.
int stop_signal();

/// Ends an operation that a signal stopped; the program then exits 128+n. Not an Error: nothing went wrong.
class Interrupted : public std::exception {
 public:
  explicit Interrupted(int signal_number) : signal_number_(signal_number) {}
  const char* what() const noexcept override { return "stopped by a signal"; }
  int signal_number() const { return signal_number_; }

 private:
  int signal_number_;
};
/// @throws Interrupted
void throw_if_stopped();

}  // namespace limbic::core
