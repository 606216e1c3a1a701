list(APPEND sources
  heads/head.cpp
)
