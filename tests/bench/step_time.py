"""Training step and inference of five recipes, limbic against the same network in Debian's python3-torch.

  python3 tests/bench/step_time.py --steps build/release/tests/bench/limbic_steps [--rounds N] [--threads 1 2] [NAME...]

Both run all the while and are asked in turn; each number is the least of all rounds: other people use the machine, too.
With one thread it is CPU time, with more it is wall time (a thread that waits burns CPU), so for that the machine must be
quiet. Inference of limbic is with folded normalisation where the network has any.
"""
import argparse
import glob
import os
import subprocess

import measure

HERE = os.path.dirname(os.path.abspath(__file__))
SIZE = 2048  # of the square product that is the machine's peak
LIMITS = {"face_resnet": 1.0, "audio_conv_recurrent": 1.0}  # of a training step; the others: attention
ATTENTION_LIMIT = 0.85
INFERENCE_LIMIT = 0.8


class Timer:
    """A process that times steps on request."""

    def __init__(self, command, threads):
        env = {**os.environ, **{name: str(threads) for name in measure.ONE_THREAD}}
        self.process = subprocess.Popen([*command, str(threads)], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.column = 0 if threads == 1 else 1

    def ask(self, request):
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if not answer:
            raise RuntimeError(f"{' '.join(self.process.args)} ended at '{request}'")
        return [float(word) for word in answer]

    def ms(self, request):
        return self.ask(request)[self.column]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def compared(name, steps, threads, rounds):
    recipe = os.path.join(HERE, "steps", name + ".yaml")
    own = Timer([steps, recipe], threads)
    other = Timer(["/usr/bin/python3", os.path.join(HERE, "step_judge.py"), recipe], threads)
    try:
        parameters, macs = own.ask("cost")
        theirs = other.ask("cost")[0]
        # limbic has a learned vector more, for a modality that is absent.
        if not theirs <= parameters <= 1.002 * theirs:
            raise RuntimeError(f"{name}: {parameters:.0f} parameters here, {theirs:.0f} in Python")
        least = {}
        for request in ["train 2"] * rounds + ["infer 4"] * rounds:
            if request == "infer 4" and ("own", "infer") not in least:
                own.ask("fold")  # training would undo it
            for who, timer in (("own", own), ("other", other)):
                key = (who, request.split()[0])
                least[key] = min(least.get(key, 1e9), timer.ms(request))
            least["gemm"] = min(least.get("gemm", 1e9), own.ms("gemm 1"))
    finally:
        own.close()
        other.close()
    peak = 2 * SIZE**3 / least["gemm"] / 1e6  # GFLOP/s
    limits = {"train": LIMITS.get(name, ATTENTION_LIMIT), "infer": INFERENCE_LIMIT if name in LIMITS else None}
    for kind, passes in (("train", 3), ("infer", 1)):
        rate = 2 * macs * passes / least["own", kind] / 1e6
        limit = "" if limits[kind] is None else f"{limits[kind]:.2f}"
        yield [name, kind, str(threads), f"{least['own', kind]:.2f}", f"{least['other', kind]:.2f}",
               f"{least['own', kind] / least['other', kind]:.3f}", limit, f"{rate:.1f} of {peak:.0f} GFLOP/s",
               f"{100 * rate / peak:.0f} %"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", required=True)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    known = sorted(os.path.basename(path)[:-5] for path in glob.glob(os.path.join(HERE, "steps", "*.yaml")))
    print(measure.machine() + "\n")
    header = ["recipe", "what", "threads", "limbic ms", "python3-torch ms", "ratio", "asked", "rate (forward x 3)", "of peak"]
    rows = (row for threads in arguments.threads for name in arguments.names or known
            for row in compared(name, arguments.steps, threads, arguments.rounds))
    measure.print_table(header, rows)


if __name__ == "__main__":
    main()
