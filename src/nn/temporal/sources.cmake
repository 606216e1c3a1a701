list(APPEND sources
  temporal/recurrent.cpp
  temporal/temporal.cpp
)
