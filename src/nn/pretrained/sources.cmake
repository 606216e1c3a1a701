list(APPEND sources
  pretrained/bert.cpp
  pretrained/checkpoint.cpp
  pretrained/lora.cpp
  pretrained/names.cpp
  pretrained/pretrained_config.cpp
  pretrained/pretrained_encoder.cpp
  pretrained/published_config.cpp
  pretrained/silero_vad.cpp
  pretrained/speech.cpp
  pretrained/transformer.cpp
  pretrained/vit.cpp
)
