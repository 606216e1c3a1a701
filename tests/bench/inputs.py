"""Recordings to measure with: real speech joined and looped by ffmpeg, and an E4 folder made by formula."""
import math
import os
import subprocess

import numpy as np

RATE_HZ = 16000


def data_folder():
    """$LIMBIC_DATA, as the tests: by default ../shared/data beside the repository."""
    return os.environ.get("LIMBIC_DATA", "../shared/data")


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *arguments], check=True)


def real_speech(path, seconds):
    """One RAVDESS clip a person, joined, 16 kHz mono WAV. False when the corpus is absent."""
    corpus = os.path.join(data_folder(), "ravdess_speech16k")
    clips = []
    for actor in sorted(os.listdir(corpus)) if os.path.isdir(corpus) else []:
        folder = os.path.join(corpus, actor)
        names = sorted(name for name in os.listdir(folder) if name.endswith(".flac")) if os.path.isdir(folder) else []
        # Another emotion and sentence from person to person.
        if names:
            clips.append(os.path.join(folder, names[7 * len(clips) % len(names)]))
    if not clips:
        return False
    listing = path + ".txt"
    with open(listing, "w", encoding="utf-8") as out:
        out.writelines(f"file '{os.path.abspath(clip)}'\n" for clip in clips)
    ffmpeg("-f", "concat", "-safe", "0", "-i", listing, "-t", str(seconds), "-ac", "1", "-ar", str(RATE_HZ), path)
    os.remove(listing)
    return True


def looped(source, path, seconds):
    """The sound again and again up to a length; FLAC, so that ten hours need half a gigabyte."""
    ffmpeg("-stream_loop", "-1", "-i", source, "-t", str(seconds), "-compression_level", "0", path)


def read_samples(path):
    """16-bit mono WAV as doubles in [-1, 1)."""
    raw = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", path, "-f", "s16le", "-"], check=True,
                         stdout=subprocess.PIPE).stdout
    return np.frombuffer(raw, "<i2") / 32768.0


def pulse_wave(seconds, rate_hz=64):
    """As an E4 says it: beats with breathing and a dicrotic wave, noise, no unit."""
    t = np.arange(int(seconds * rate_hz)) / rate_hz
    phase = np.mod(1.15 * t + 0.05 * np.sin(2 * math.pi * 0.25 * t) + np.sin(2 * math.pi * t / 600), 1.0)
    wave = 60 * np.exp(-40 * (phase - 0.3) ** 2) + 20 * np.exp(-60 * (phase - 0.6) ** 2) - 20
    return wave + np.random.default_rng(2).normal(0, 1, len(t))


def e4_folder(folder, seconds):
    """EDA 4 Hz, ACC 32 Hz, BVP 64 Hz as Empatica writes them: start, rate, samples."""
    random = np.random.default_rng(1)
    os.makedirs(folder, exist_ok=True)

    def save(name, rate_hz, columns, form):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
            for value in ("1600000000.00", f"{rate_hz:.6f}"):
                out.write(", ".join([value] * columns.shape[1]) + "\n")
            np.savetxt(out, columns, fmt=form, delimiter=",")

    count = int(4 * seconds)
    driver = np.zeros(count)
    places = random.choice(count, max(1, int(seconds / 12)), replace=False)
    driver[places] = random.uniform(0.1, 1.0, len(places))
    lag = np.arange(80) / 4
    response = (np.exp(-lag / 2.0) - np.exp(-lag / 0.7)) / 0.46
    t = np.arange(count) / 4
    eda = 2 + 0.5 * np.sin(2 * math.pi * t / 300) + np.convolve(driver, response)[:count]
    save("EDA.csv", 4, (eda + random.normal(0, 0.003, count))[:, None], "%.6f")

    t = np.arange(int(32 * seconds)) / 32
    is_walking = np.mod(t, 600) < 120
    swing = np.where(is_walking, 20.0, 1.0)
    acc = np.stack([swing * np.sin(2 * math.pi * 1.8 * t), swing / 2 * np.cos(2 * math.pi * 0.9 * t),
                    60 + swing * np.sin(2 * math.pi * 1.8 * t + 1)], axis=1)
    save("ACC.csv", 32, np.rint(acc + random.normal(0, 1, acc.shape)), "%d")
    save("BVP.csv", 64, pulse_wave(seconds)[:, None], "%.2f")
