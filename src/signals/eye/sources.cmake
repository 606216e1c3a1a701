list(APPEND sources eye/gaze_samples.cpp eye/gaze_geometry.cpp eye/eye_velocity.cpp eye/gaze_loss.cpp
                    eye/gaze_events.cpp eye/gaze_classifiers.cpp eye/adaptive_classifier.cpp
                    eye/ear_blinks.cpp eye/eye_features.cpp eye/eye_analysis.cpp)
