list(APPEND sources
  heads/crf.cpp
  heads/head.cpp
  heads/hmm.cpp
)
