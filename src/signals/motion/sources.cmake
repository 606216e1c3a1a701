list(APPEND sources motion/activity.cpp motion/gait.cpp motion/gravity.cpp motion/imu_analysis.cpp
     motion/posture.cpp)
