list(APPEND sources voice/voice_functionals_test.cpp)
