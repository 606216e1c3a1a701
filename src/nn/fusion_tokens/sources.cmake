list(APPEND sources
  fusion_tokens/mbt.cpp
  fusion_tokens/mult.cpp
  fusion_tokens/perceiver.cpp
  fusion_tokens/token_group.cpp
)
