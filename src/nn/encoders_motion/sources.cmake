list(APPEND sources
  encoders_motion/pose_input.cpp
  encoders_motion/pose_tcn.cpp
  encoders_motion/skeleton.cpp
  encoders_motion/st_gcn.cpp
)
