list(APPEND sources
  heads/crf_test.cpp
  heads/hmm_test.cpp
  heads/head_test.cpp
)
