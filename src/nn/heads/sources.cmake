list(APPEND sources
  heads/crf.cpp
  heads/frame_head.cpp
  heads/head.cpp
  heads/hmm.cpp
)
