list(APPEND sources voice/voice_frames.cpp voice/voice_functionals.cpp voice/voice_groups.cpp)
list(APPEND sources voice/sinc.cpp voice/resampled.cpp voice/pitch_candidates.cpp voice/subharmonics.cpp
     voice/pitch_path.cpp voice/pitch.cpp voice/periods.cpp voice/perturbation.cpp voice/harmonicity.cpp
     voice/linear_prediction.cpp voice/formants.cpp voice/intensity.cpp
     voice/speech_timing.cpp voice/voice_stress.cpp voice/voice_tables.cpp voice/voice_analysis.cpp)
