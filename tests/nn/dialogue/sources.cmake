list(APPEND sources
  dialogue/context_test.cpp
  dialogue/dialogue_grid_test.cpp
)
