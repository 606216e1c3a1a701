list(APPEND sources
  fusion/attention_weights.cpp
  fusion/concat.cpp
  fusion/fusion.cpp
  fusion/gated.cpp
  fusion/misa.cpp
  fusion/mmim.cpp
  fusion/parts.cpp
  fusion/score.cpp
  fusion/tensor.cpp
)
