list(APPEND sources motion/imu_analysis_test.cpp)
