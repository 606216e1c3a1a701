list(APPEND sources
  fusion/concat.cpp
  fusion/fusion.cpp
  fusion/score.cpp
)
