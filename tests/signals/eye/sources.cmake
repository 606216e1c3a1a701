list(APPEND sources eye/eye_velocity_test.cpp eye/gaze_classifiers_test.cpp eye/ear_blinks_test.cpp
                    eye/eye_analysis_test.cpp eye/gaze_corpora_test.cpp)
