list(APPEND sources
  encoders/config_test.cpp
  encoders/encoder_parity_test.cpp
  encoders/encoder_test.cpp
  encoders/motion_test.cpp
  encoders/text_test.cpp
)
