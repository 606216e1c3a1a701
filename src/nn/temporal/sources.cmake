list(APPEND sources
  temporal/recurrent.cpp
  temporal/temporal.cpp
  temporal/token_temporal.cpp
)
