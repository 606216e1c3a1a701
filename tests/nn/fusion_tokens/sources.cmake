list(APPEND sources
  fusion_tokens/token_fusion_cases.cpp
  fusion_tokens/token_fusions_test.cpp
)
