#pragma once
#include <ATen/core/Tensor.h>
#include <sys/types.h>

#include <string>

#include "limbic/nn/encoders/torchscript.h"
#include "torchscript/pipe.h"

namespace limbic::nn {

/// The program that allow_torchscript() named; empty before.
const std::string& torchscript_host();

/// A sandboxed process with one TorchScript file in it. Every failure ends it and is an Error(kModel) that
/// says how; then it is of no more use.
class HostProcess {
 public:
  /// Starts the host and sends it the file. @throws Error(kModel) also for another hash
  explicit HostProcess(const TorchScriptConfig& config);
  ~HostProcess();
  HostProcess(const HostProcess&) = delete;
  HostProcess& operator=(const HostProcess&) = delete;

  at::Tensor call(const at::Tensor& x, const at::Tensor& mask_BT);

 private:
  void start();
  void limit_processor_time() const;
  /// Sends a message, waits for the answer and returns its bytes.
  std::string ask(HostMessage kind, const std::string& bytes);
  std::string await(HostMessage kind, double deadline_s);
  void expect_ok(PipeEnd end);
  /// Ends the process, or lets it end by itself for a moment. @return how it ended
  std::string stop(bool at_once = false);

  TorchScriptConfig config_;
  PipeEndpoint endpoint_;
  pid_t pid_ = -1;
};

}  // namespace limbic::nn
