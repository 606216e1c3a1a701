"""limbic against other tools on the same recordings in one run: CPU seconds, one thread, best of three.

  python3 tests/bench/compare.py --limbic build/release/limbic --bench build/release/tests/bench/limbic_bench
tools/bench builds both and calls it. Corpora come from $LIMBIC_DATA (default ../shared/data); a row whose corpus or
tool is not there says "absent".
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

import inputs
import measure

HERE = os.path.dirname(os.path.abspath(__file__))
EDA_RATES = {4: (10, 25), 25: (10, 4), 100: (10,)}  # Hz: factors down from the 1 kHz of the recording
SPEECH_S = 60
HOUR_S = 3600


def write_eda(folder):
    path = os.path.join(inputs.data_folder(), "physio_samples/biosppy/eda.txt")
    try:
        import scipy.signal
    except ModuleNotFoundError:
        return
    if not os.path.exists(path):
        return
    recorded = np.loadtxt(path)
    for rate_hz, factors in EDA_RATES.items():
        x = recorded
        for factor in factors:
            x = scipy.signal.decimate(x, factor)
        ((x - x.mean()) / x.std()).tofile(os.path.join(folder, f"eda_{rate_hz}.f64"))
        if rate_hz == 4:
            # There and back, so that the copies meet without a step; counts of 12 bits over 25 microsiemens.
            there_and_back = np.concatenate([x, x[::-1]]) * 25 / 4096
            np.resize(there_and_back, HOUR_S * rate_hz).tofile(os.path.join(folder, "eda_hour_4.f64"))


def write_series(folder):
    """The folder that limbic_bench and the judges read."""
    write_eda(folder)
    inputs.pulse_wave(HOUR_S).tofile(os.path.join(folder, "bvp_hour_64.f64"))
    speech = os.path.join(folder, "speech.wav")
    if not measure.has_program("ffmpeg") or not inputs.real_speech(speech, SPEECH_S):
        return
    inputs.read_samples(speech).tofile(os.path.join(folder, "speech_16000.f64"))
    faster = os.path.join(folder, "speech_44100.wav")
    inputs.ffmpeg("-i", speech, "-ar", "44100", faster)
    inputs.read_samples(faster).tofile(os.path.join(folder, "speech_44100.f64"))


def own_seconds(bench, folder):
    """CPU seconds of every recorded/NAME; without those whose series is not there."""
    answer = measure.run([bench, "--benchmark_filter=^recorded/", "--benchmark_repetitions=3",
                          "--benchmark_format=json"], {"LIMBIC_BENCH_SERIES": folder})
    seconds = {}
    for one in json.loads(answer.output)["benchmarks"]:
        if one["run_type"] != "iteration":
            continue
        name = one["run_name"].split("/", 1)[1]
        seconds[name] = min(seconds.get(name, np.inf), one["cpu_time"] / 1000)
    return seconds


def judge(name, series, rate_hz):
    """What judges.py says, or None when its tool or the series is not there."""
    if not os.path.exists(series):
        return None
    command = [sys.executable, os.path.join(HERE, "judges.py"), name, series, str(rate_hz)]
    answer = subprocess.run(command, env={**os.environ, **measure.ONE_THREAD}, capture_output=True, text=True,
                            check=False)
    if answer.returncode == 3:
        return None
    if answer.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed: {answer.stderr.strip()[-500:]}")
    return json.loads(answer.stdout)["cpu_s"]


def command_seconds(command, is_possible):
    return measure.best(command).cpu_s if is_possible else None


def swr_seconds(series):
    """Of ffmpeg's resampler alone, with limbic's limits (Kaiser's formula for 100 dB and a pass band of 0.9): what the
    command costs more with it than without, over 20 times the sound."""
    if not os.path.exists(series) or not measure.has_program("ffmpeg"):
        return None
    times = 20
    read = ["ffmpeg", "-nostdin", "-v", "error", "-stream_loop", str(times - 1), "-f", "f64le", "-ar", "44100", "-ac",
            "1", "-i", series, "-af"]
    resampled = "aformat=sample_fmts=fltp,aresample=16000:osf=fltp:filter_size=128:kaiser_beta=10.06:cutoff=0.95"
    cost = [measure.best([*read, chain, "-f", "null", "-"]).cpu_s for chain in ("aformat=sample_fmts=fltp", resampled)]
    return (cost[1] - cost[0]) / times


def shown(seconds):
    if seconds is None:
        return "absent"
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def against(measure_name, own, other_name, other):
    ratio = "" if own is None or other is None else f"{other / own:.3g} x"
    return [measure_name, shown(own), f"{other_name}: {shown(other)}", ratio]


def alone(measure_name, own, length_s, asked=None):
    """A row against the clock: the real-time factor or its inverse."""
    if own is None:
        return [measure_name, "absent", "", ""]
    if asked == "factor":
        return [measure_name, shown(own), f"{length_s:.0f} s of sound", f"real-time factor {own / length_s:.4f}"]
    return [measure_name, shown(own), f"{length_s:.0f} s of signal", f"{length_s / own:,.0f} x real time"]


def loader_rows(bench, folder):
    """Samples per CPU second, made by one thread."""
    answer = measure.run([bench, "--benchmark_filter=^loader/.*workers:0", "--benchmark_repetitions=3",
                          "--benchmark_format=json"])
    own = {}
    for one in json.loads(answer.output)["benchmarks"]:
        if one["run_type"] != "iteration":
            continue
        name = one["run_name"].split("/")[1] + (", no cache" if "cache_mib:0" in one["run_name"] else "")
        # The benchmark counts by the clock; its CPU time tells what that was on a busy machine.
        per_cpu_s = one["items_per_second"] * one["real_time"] / one["cpu_time"]
        own[name] = max(own.get(name, 0), per_cpu_s)
    command = [sys.executable, os.path.join(HERE, "loader_judge.py"), folder]
    judged = subprocess.run(command, env={**os.environ, **measure.ONE_THREAD}, capture_output=True, text=True,
                            check=False)
    if judged.returncode not in (0, 3):
        raise RuntimeError(f"{' '.join(command)} failed: {judged.stderr.strip()[-500:]}")
    ways = json.loads(judged.stdout) if judged.returncode == 0 else {}

    def row(name, what, way=None):
        mine = f"{own[name]:,.0f} samples/s" if name in own else "absent"
        if way is None:
            return [what, mine, "", ""]
        if way not in ways:
            return [what, mine, f"DataLoader, {way}: absent", ""]
        ratio = f"{own[name] / ways[way]['cpu']:.3g} x" if name in own else ""
        return [what, mine, f"DataLoader, {way}: {ways[way]['cpu']:,.0f} samples/s", ratio]

    cached = "2048 x [100, 128] features from memory, batches of 64"
    yield row("features", cached + " (asked: 5 x numpy files)", "files")
    yield row("features", cached, "mapped files")
    yield row("features", cached, "one mapped file")
    yield row("features, no cache", "the same from the mapped store", "files")
    yield row("fer2013_images", "FER2013 recipe's images, augmented")
    yield row("ravdess_log_mel", "RAVDESS recipe's log-mel, augmented, from memory")
    yield row("ravdess_log_mel, no cache", "the same, computed in every epoch")


def rows(limbic, bench, folder):
    write_series(folder)
    own = own_seconds(bench, folder)

    def series(name):
        return os.path.join(folder, name + ".f64")

    for rate_hz in EDA_RATES:
        yield against(f"cvxEDA, BioSPPy's 150 s at {rate_hz} Hz (asked: 10 x)", own.get(f"cvx_eda_{rate_hz}"), "cvxopt",
                      judge("cvx_eda", series(f"eda_{rate_hz}"), rate_hz))
    yield against("EDA high-pass decomposition, 1 h at 4 Hz", own.get("eda_high_pass"), "scipy",
                  judge("eda_high_pass", series("eda_hour_4"), 4))
    yield alone("the same (asked: 10,000 x)", own.get("eda_high_pass"), HOUR_S)
    yield alone("EDA with quality, responses and features, 1 h at 4 Hz", own.get("eda_everything"), HOUR_S)

    speech = os.path.join(folder, "speech.wav")
    table = os.path.join(folder, "out.csv")
    has_speech = os.path.exists(speech)
    yield alone("eGeMAPSv02, 88 functionals (asked: factor 0.02)", own.get("egemaps"), SPEECH_S, "factor")
    yield alone("`limbic features egemaps`, whole command",
                command_seconds([limbic, "features", "egemaps", speech, "--out", table], has_speech), SPEECH_S,
                "factor")
    praat = command_seconds(["praat", "--run", os.path.join(HERE, "voice.praat"), speech],
                            has_speech and measure.has_program("praat"))
    yield against("Praat's measures, 60 s", own.get("voice"), "praat --run", praat)
    yield against("`limbic features voice`, whole command, eGeMAPS included",
                  command_seconds([limbic, "features", "voice", speech, "--out", table], has_speech), "praat --run",
                  praat)
    yield ["`limbic --version`: what a start costs", shown(measure.best([limbic, "--version"]).cpu_s), "", ""]
    yield against("log-mel, 80 filters, 60 s", own.get("log_mel"), "torchaudio kaldi.fbank",
                  judge("log_mel", series("speech_16000"), 16000))
    yield against("resampling, 44.1 to 16 kHz, 60 s, 100 dB", own.get("resample"), "scipy, same limits",
                  judge("resample", series("speech_44100"), 44100))
    yield against("the same", own.get("resample"), "swr, same limits", swr_seconds(series("speech_44100")))
    yield alone("heart from a pulse wave, 1 h at 64 Hz", own.get("heart_bvp"), HOUR_S)
    yield from loader_rows(bench, folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--limbic", required=True)
    parser.add_argument("--bench", required=True)
    arguments = parser.parse_args()
    print(measure.machine() + "; CPU seconds, one thread, best of three\n")
    with tempfile.TemporaryDirectory(prefix="limbic-bench-") as folder:
        measure.print_table(["measure", "limbic", "other", "other / limbic"], rows(arguments.limbic, arguments.bench, folder))


if __name__ == "__main__":
    main()
