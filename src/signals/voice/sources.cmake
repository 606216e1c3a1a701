list(APPEND sources voice/voice_frames.cpp voice/voice_functionals.cpp voice/voice_groups.cpp)
