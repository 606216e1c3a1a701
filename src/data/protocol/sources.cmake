list(APPEND sources
  protocol/assign.cpp
  protocol/carve.cpp
  protocol/groups.cpp
  protocol/leak_groups.cpp
  protocol/leak_windows.cpp
  protocol/leaks.cpp
  protocol/protocol_config.cpp
  protocol/split.cpp
  protocol/time_blocks.cpp)
