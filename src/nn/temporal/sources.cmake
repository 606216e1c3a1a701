list(APPEND sources
  temporal/recurrent.cpp
  temporal/tcn.cpp
  temporal/temporal.cpp
  temporal/token_temporal.cpp
  temporal/transformer.cpp
)
