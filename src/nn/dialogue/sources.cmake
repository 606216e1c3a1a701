list(APPEND sources
  dialogue/context.cpp
  dialogue/dialogue_grid.cpp
  dialogue/dialogue_rnn.cpp
  dialogue/sequence_context.cpp
  dialogue/turns.cpp
)
