list(APPEND sources
  join/giveaways.cpp
  join/join.cpp
  join/join_stores.cpp)
