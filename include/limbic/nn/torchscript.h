#pragma once
#include <string>

namespace limbic::nn {

// Note [TorchScript sandbox]
// A TorchScript file is a program. Encoders of type `torchscript` (nn/encoders/torchscript.h) never load one
// into this process: they start a process of their own (fork and exec of a host program, an empty
// environment, no other open file) and send it the file's bytes, after their SHA-256 was compared with the
// recipe's. Before the host looks at them it gives up what it can: no core dump, no file growth, bounded
// memory and processor time, dies with its parent, and a seccomp filter after which the kernel ends it when
// it asks for a socket, a file to write, another program or another process, and answers EACCES when it opens
// a file to read. A call that takes too long is ended by the parent; an ended host is an Error(kModel) that
// says how it ended.

/// The first argument of a program that is to be a host: `limbic torchscript-host`.
constexpr const char* kTorchScriptHostArgument = "torchscript-host";

/// From now on this process may build TorchScript encoders.
/// @param host  a program that calls torchscript_host_main() when its first argument is
///              kTorchScriptHostArgument
void allow_torchscript(const std::string& host = "/proc/self/exe");

/// The sandboxed side: serves its parent over inherited descriptors until it closes them.
/// @return the exit code
int torchscript_host_main(int argc, char** argv);

}  // namespace limbic::nn
