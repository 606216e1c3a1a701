list(APPEND sources
  import/acted_test.cpp
  import/continuous_test.cpp
  import/conversation_test.cpp
  import/dialogue_test.cpp
  import/generic_test.cpp
  import/importer_test.cpp
  import/mosei_csd_test.cpp
  import/physio_test.cpp
  import/pickle_corpora_test.cpp
  import/wesad_test.cpp)
