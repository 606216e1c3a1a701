"""Peak memory and CPU seconds of `limbic features` by length of recording: both should be bounded or in proportion.

  python3 tests/bench/long_recordings.py --limbic build/release/limbic [--hours 0.1667 1 10] [--filter voice]
Ten hours of voice take twenty minutes of CPU time; inputs take 0.6 GB of the temporary folder.
"""
import argparse
import os
import tempfile

import inputs
import measure

SOUND = [["egemaps", "--window", "60"], ["egemaps", "--frame"], ["audio", "--window", "60"], ["audio", "--frame"],
         ["voice", "--window", "60"], ["voice", "--frame"],
         ["speech", "--frame"]]
SENSORS = [[kind, *mode] for kind in ("eda", "heart", "imu") for mode in (["--window", "60"], ["--frame"])]


def rows(arguments, folder):
    speech = os.path.join(folder, "speech.wav")
    has_speech = inputs.real_speech(speech, 60)
    for hours in arguments.hours:
        sound, sensors = os.path.join(folder, "long.flac"), os.path.join(folder, "e4")
        for source, commands in ((sound, SOUND), (sensors, SENSORS)):
            wanted = [command for command in commands if arguments.filter in " ".join(command)]
            if wanted and source == sound and has_speech:
                inputs.looped(speech, sound, 3600 * hours)
            elif wanted and source == sensors:
                inputs.e4_folder(sensors, 3600 * hours)
            for command in wanted:
                name = "features " + " ".join(command)
                if source == sound and not has_speech:
                    yield [name, f"{hours:g} h", "absent", "absent", "absent"]
                    continue
                out = os.path.join(folder, "out.csv")
                kind, *mode = command
                cost = measure.run([arguments.limbic, "features", kind, source, "--out", out, *mode])
                yield [name, f"{hours:g} h", f"{cost.peak_mb:.0f}", f"{cost.cpu_s:.1f}",
                       f"{3600 * hours / cost.cpu_s:,.0f}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--limbic", required=True)
    parser.add_argument("--hours", type=float, nargs="+", default=[1 / 6, 1, 10])
    parser.add_argument("--filter", default="", help="only commands that contain this")
    arguments = parser.parse_args()
    print(measure.machine() + "\n")
    with tempfile.TemporaryDirectory(prefix="limbic-bench-") as folder:
        measure.print_table(["command", "recording", "peak MB", "CPU s", "x real time"], rows(arguments, folder))


if __name__ == "__main__":
    main()
