list(APPEND sources voice/egemaps_test.cpp voice/voice_functionals_test.cpp)
