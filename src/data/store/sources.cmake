list(APPEND sources
  store/combine.cpp
  store/dataset_file.cpp
  store/index.cpp
  store/manifest.cpp
  store/merge.cpp
  store/plain_line.cpp
  store/sample_table.cpp
  store/sample_table_builder.cpp
  store/staging.cpp
  store/store.cpp
  store/store_writer.cpp)
