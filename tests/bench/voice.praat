# What `limbic features voice` takes over from Praat, once, in the order of its script window; prints the means.
form voice
  sentence file x
endform
sound = Read from file: file$
To Pitch (ac): 0, 75, 15, "no", 0.03, 0.45, 0.01, 0.35, 0.14, 600
ac = Get mean: 0, 0, "hertz"
selectObject: sound
To Pitch (cc): 0, 75, 15, "no", 0.03, 0.45, 0.01, 0.35, 0.14, 600
cc = Get mean: 0, 0, "hertz"
selectObject: sound
points = To PointProcess (periodic, cc): 75, 600
local = Get jitter (local): 0, 0, 0.0001, 0.02, 1.3
absolute = Get jitter (local, absolute): 0, 0, 0.0001, 0.02, 1.3
rap = Get jitter (rap): 0, 0, 0.0001, 0.02, 1.3
ppq5 = Get jitter (ppq5): 0, 0, 0.0001, 0.02, 1.3
selectObject: sound, points
shimmer = Get shimmer (local): 0, 0, 0.0001, 0.02, 1.3, 1.6
decibel = Get shimmer (local_dB): 0, 0, 0.0001, 0.02, 1.3, 1.6
apq3 = Get shimmer (apq3): 0, 0, 0.0001, 0.02, 1.3, 1.6
apq5 = Get shimmer (apq5): 0, 0, 0.0001, 0.02, 1.3, 1.6
apq11 = Get shimmer (apq11): 0, 0, 0.0001, 0.02, 1.3, 1.6
selectObject: sound
To Harmonicity (ac): 0.01, 75, 0.1, 4.5
hnr_ac = Get mean: 0, 0
selectObject: sound
To Harmonicity (cc): 0.01, 75, 0.1, 1
hnr_cc = Get mean: 0, 0
selectObject: sound
To Intensity: 75, 0.01, "yes"
level = Get mean: 0, 0, "energy"
selectObject: sound
To Formant (burg): 0, 5, 5500, 0.025, 50
f1 = Get mean: 1, 0, 0, "hertz"
writeInfoLine: ac, " ", cc, " ", local, " ", shimmer, " ", hnr_ac, " ", hnr_cc, " ", level, " ", f1
