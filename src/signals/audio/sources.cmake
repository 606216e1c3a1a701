list(APPEND sources
  audio/audio_analysis.cpp
  audio/deltas.cpp
  audio/energy_vad.cpp
  audio/frame_reader.cpp
  audio/log_mel.cpp
  audio/loudness.cpp
  audio/mel_filterbank.cpp
  audio/mfcc.cpp
  audio/spectral_shape.cpp
  audio/stft.cpp
  audio/voice_activity.cpp)
