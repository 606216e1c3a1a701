list(APPEND sources eda/cvx_eda_test.cpp eda/eda_analysis_test.cpp eda/eda_parts_test.cpp eda/eda_quality_test.cpp
     eda/scr_test.cpp)
