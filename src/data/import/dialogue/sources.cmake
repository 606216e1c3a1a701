list(APPEND sources
  import/dialogue/iemocap_ded.cpp
  import/dialogue/importers.cpp
  import/dialogue/mmsa.cpp
  import/dialogue/mosei_csd.cpp)
