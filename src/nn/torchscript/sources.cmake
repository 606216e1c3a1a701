list(APPEND sources
  torchscript/encoder.cpp
  torchscript/host.cpp
  torchscript/pipe.cpp
  torchscript/process.cpp
  torchscript/sandbox.cpp
)
