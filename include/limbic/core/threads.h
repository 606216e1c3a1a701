#pragma once

namespace limbic::core {

/// Sets LibTorch's intra-op threads, explicitly: Debian's LibTorch starts with 1 whatever the machine has.
/// `num_threads` 0 means every core this process may run on. Also sets OpenCV to one thread of its own.
void set_num_threads(int num_threads);
int num_threads();
/// Cores this process may run on (affinity respected), at least 1.
int num_cores();

/// Call first in main: keeps glibc from giving big tensors back to the kernel at every step (6-16 % of a
/// training step, performance notes §3), bounds oneDNN's primitive cache, switches core dumps off (they hold
/// people's data).
void tune_process();

}  // namespace limbic::core
