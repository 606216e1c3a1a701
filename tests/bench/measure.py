"""What a command costs: CPU seconds (user + system) and the peak of its resident memory."""
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass

ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}


@dataclass
class Cost:
    cpu_s: float
    peak_mb: float
    output: str


def run(command, env=None):
    """One run with one thread; raises RuntimeError with the end of its stderr when it fails."""
    process = subprocess.Popen(command, env={**os.environ, **ONE_THREAD, **(env or {})}, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    output, errors = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed ({process.returncode}): {errors.strip()[-500:]}")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output)


def best(command, times=3, env=None):
    """The cheapest of some runs: other people use the machine, too."""
    return min((run(command, env) for _ in range(times)), key=lambda cost: cost.cpu_s)


def has_program(name):
    return shutil.which(name) is not None


def machine():
    """One line on what the numbers were measured with."""
    with open("/proc/cpuinfo", encoding="utf-8") as text:
        models = [line.split(":", 1)[1].strip() for line in text if line.startswith("model name")]
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (f"{models[0] if models else 'unknown CPU'}, {os.cpu_count()} logical CPUs, load {load} before; "
            f"limbic {commit.stdout.strip() or 'of unknown commit'}")


def print_table(header, rows):
    """A markdown table; every row as soon as it is known when rows is a generator."""
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header), flush=True)
    for row in rows:
        print("| " + " | ".join(row) + " |")
        sys.stdout.flush()
