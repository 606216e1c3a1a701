list(APPEND sources
  import/importer.cpp
  import/media.cpp
  import/pipeline.cpp
  import/words.cpp)
