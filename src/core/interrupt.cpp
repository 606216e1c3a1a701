#include "limbic/core/interrupt.h"

#include <unistd.h>

#include <csignal>

namespace limbic::core {
namespace {

volatile std::sig_atomic_t g_stop_signal = 0;

extern "C" void on_stop_signal(int number) {
  if (g_stop_signal != 0) _exit(128 + number);
  g_stop_signal = number;
}

}  // namespace

void install_stop_handlers() {
  struct sigaction action {};
  action.sa_handler = on_stop_signal;
  sigemptyset(&action.sa_mask);
  for (const int number : {SIGINT, SIGTERM, SIGUSR1}) sigaction(number, &action, nullptr);
  // A closed pipe or a size limit is an error return of write(), not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

int stop_signal() {
  return g_stop_signal;
}

void throw_if_stopped() {
  if (g_stop_signal != 0) throw Interrupted(g_stop_signal);
}

}  // namespace limbic::core
