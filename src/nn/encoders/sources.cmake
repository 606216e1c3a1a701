list(APPEND sources
  encoders/conv_recurrent.cpp
  encoders/encoder.cpp
  encoders/encoder_config.cpp
  encoders/event_sequence.cpp
  encoders/gru.cpp
  encoders/mlp.cpp
  encoders/multiscale_conv.cpp
  encoders/spectrogram_transformer.cpp
  encoders/text.cpp
  encoders/waveform.cpp
)
