list(APPEND sources
  encoders/conv_recurrent.cpp
  encoders/encoder.cpp
  encoders/encoder_config.cpp
  encoders/gru.cpp
  encoders/mlp.cpp
)
