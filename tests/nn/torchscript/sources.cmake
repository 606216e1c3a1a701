list(APPEND sources
  torchscript/torchscript_test.cpp
)
