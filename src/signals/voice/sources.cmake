list(APPEND sources voice/voice_frames.cpp voice/voice_functionals.cpp voice/voice_groups.cpp
     voice/egemaps.cpp voice/egemaps_formants.cpp voice/egemaps_functionals.cpp voice/egemaps_harmonics.cpp
     voice/egemaps_jitter.cpp voice/egemaps_shs.cpp voice/egemaps_spectral.cpp voice/egemaps_stream.cpp
     voice/egemaps_summary.cpp voice/egemaps_viterbi.cpp)
