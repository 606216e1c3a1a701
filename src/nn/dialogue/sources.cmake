list(APPEND sources
  dialogue/context.cpp
  dialogue/dialogue_grid.cpp
  dialogue/sequence_context.cpp
)
