"""What scipy, cvxopt and torchaudio need for the same series, each in a process of its own:
  python3 judges.py NAME SERIES.f64 [RATE]   prints {"cpu_s": best of three, ...}; exit status 3 = not installed
"""
import json
import os
import sys
import time

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
ABSENT = 3


def best_of_three(work):
    seconds = []
    for _ in range(3):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


def cvx_eda(x, rate_hz):
    sys.path.insert(0, os.path.join(HERE, "../signals/eda"))
    from cvxopt_judge import solve
    # Of its time only the solver counts, not the assembly of matrices in Python.
    objective, seconds = min((solve(x, rate_hz)[:2] for _ in range(3)), key=lambda answer: answer[1])
    return {"cpu_s": seconds, "objective": objective}


def eda_high_pass(x, rate_hz):
    """NeuroKit2's decomposition: Butterworth of order 2 at 0.05 Hz, both ways."""
    import scipy.signal

    def work():
        for kind in ("highpass", "lowpass"):
            scipy.signal.sosfiltfilt(scipy.signal.butter(2, 0.05, kind, fs=rate_hz, output="sos"), x)

    return {"cpu_s": best_of_three(work)}


def log_mel(x, rate_hz):
    import torch
    import torchaudio.compliance.kaldi as kaldi
    torch.set_num_threads(1)
    wave = torch.tensor(x, dtype=torch.float32)[None]
    return {"cpu_s": best_of_three(lambda: kaldi.fbank(wave, num_mel_bins=80, dither=0.0, sample_frequency=rate_hz))}


def resample(x, rate_hz):
    """To 16 kHz with the limits of limbic's default: 100 dB down from the lower Nyquist frequency, flat up to 0.9."""
    import scipy.signal
    divisor = np.gcd(int(rate_hz), 16000)
    up, down = 16000 // divisor, int(rate_hz) // divisor
    x = x.astype(np.float32)
    nyquist_hz = up * rate_hz / 2
    num_taps, beta = scipy.signal.kaiserord(100, 0.1 * 8000 / nyquist_hz)
    taps = scipy.signal.firwin(num_taps | 1, 0.95 * 8000 / nyquist_hz, window=("kaiser", beta)).astype(np.float32)
    return {"cpu_s": best_of_three(lambda: scipy.signal.resample_poly(x, up, down, window=taps))}


if __name__ == "__main__":
    try:
        print(json.dumps(globals()[sys.argv[1]](np.fromfile(sys.argv[2]), float((sys.argv[3:] or ["0"])[0]))))
    except ModuleNotFoundError as missing:
        print(missing, file=sys.stderr)
        sys.exit(ABSENT)
