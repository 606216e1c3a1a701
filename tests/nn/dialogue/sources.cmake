list(APPEND sources
  dialogue/dialogue_grid_test.cpp
)
