list(APPEND sources
  fusion_dialogue/m2fnet.cpp
  fusion_dialogue/mmgcn.cpp
  fusion_dialogue/pairwise_attention.cpp
  fusion_dialogue/sdt.cpp
)
