"""What share of an epoch a trainer waits for its data: the last of some epochs of each recipe, whose features are in
memory by then, and the first, which computes them.

  python3 tests/bench/data_wait.py --limbic build/release/limbic [RECIPE...]
Corpora come from $LIMBIC_DATA (default ../shared/data); stores/ is made when it is not there.
"""
import argparse
import json
import os
import subprocess
import tempfile

import measure

RECIPES = ("configs/fer2013_face.yaml", "configs/ravdess_audio.yaml", "configs/ravdess_crnn.yaml")


def epochs_of(limbic, recipe, num_epochs, overrides):
    with tempfile.TemporaryDirectory(prefix="limbic-wait-") as folder:
        run = os.path.join(folder, "run")
        settings = [f"train.epochs={num_epochs}", "train.test_at_end=false", *overrides]
        # As users train: on every core.
        environment = {name: value for name, value in os.environ.items() if name not in measure.ONE_THREAD}
        subprocess.run([limbic, "train", recipe, "--out", run, *[part for s in settings for part in ("--set", s)]],
                       check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(os.path.join(run, "metrics.jsonl"), encoding="utf-8") as lines:
            events = [json.loads(line) for line in lines]
        return [event for event in events if event.get("event") == "epoch"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--limbic", required=True)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], help="further override of the recipes")
    parser.add_argument("recipes", nargs="*", default=RECIPES)
    arguments = parser.parse_args()
    print(measure.machine() + "\n")

    def rows():
        for recipe in arguments.recipes or RECIPES:
            epochs = epochs_of(arguments.limbic, recipe, arguments.epochs, arguments.set)
            yield [os.path.basename(recipe), f"{epochs[-1]['seconds']:.1f} s",
                   f"{100 * epochs[0]['data_wait_share']:.2f} %", f"{100 * epochs[-1]['data_wait_share']:.2f} %"]

    measure.print_table(["recipe", "last epoch", "first epoch waits", "last epoch waits (asked: below 5 %)"], rows())


if __name__ == "__main__":
    main()
