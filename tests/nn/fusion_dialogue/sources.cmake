list(APPEND sources
  fusion_dialogue/dialogue_fusion_cases.cpp
  fusion_dialogue/dialogue_rules_test.cpp
  fusion_dialogue/published_fusions_test.cpp
)
