list(APPEND sources
  fusion/embedding_fusion_cases.cpp
  fusion/embedding_fusion_test.cpp
  fusion/fusion_contract_test.cpp
  fusion/fusion_test.cpp
)
