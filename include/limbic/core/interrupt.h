#pragma once

namespace limbic::core {

/// SIGINT, SIGTERM and SIGUSR1 ask for a stop: the running step ends, state is saved, the process exits 128+n.
/// A second one exits at once. Call in main, before threads start.
void install_stop_handlers();
/// The signal that asked for a stop, or 0. Long loops look at it between steps.
int stop_signal();

}  // namespace limbic::core
