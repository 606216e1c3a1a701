"""Batches of 64 from 2048 float32 arrays of [100, 128] by torch's DataLoader, in one process:
  python3 loader_judge.py FOLDER   prints {"files": {"cpu": samples/s, "wall": samples/s}, ...}; exit 3 = no torch
Each way reads what numpy.save wrote into FOLDER, shuffled, and is the best of three epochs after a first one: per CPU
second with num_workers 0, and by the clock the better of num_workers 0 and 2, which stay alive between epochs.
"""
import json
import os
import sys
import time
import warnings

import numpy as np

ABSENT = 3
NUM_SAMPLES = 2048
SHAPE = (100, 128)


def write(folder):
    base = np.sin(np.arange(np.prod(SHAPE), dtype=np.float32) * np.float32(1e-3)).reshape(SHAPE)
    every = np.stack([base + np.float32(i) for i in range(NUM_SAMPLES)])
    np.save(os.path.join(folder, "all.npy"), every)
    for i, one in enumerate(every):
        np.save(os.path.join(folder, f"{i:05}.npy"), one)


def main(folder):
    try:
        import torch
        from torch.utils.data import DataLoader, Dataset
    except ModuleNotFoundError as missing:
        print(missing, file=sys.stderr)
        sys.exit(ABSENT)
    warnings.filterwarnings("ignore", message=".*not writ.*able.*")
    torch.set_num_threads(1)
    write(folder)

    class Files(Dataset):
        """One file a sample, as feature extractors leave them."""

        def __init__(self, mmap_mode):
            self.paths = [os.path.join(folder, f"{i:05}.npy") for i in range(NUM_SAMPLES)]
            self.mmap_mode = mmap_mode

        def __len__(self):
            return NUM_SAMPLES

        def __getitem__(self, i):
            return torch.from_numpy(np.load(self.paths[i], mmap_mode=self.mmap_mode)), i % 2

    class OneFile(Dataset):
        """All samples in one mapped file: the fastest that the default collate allows."""

        def __init__(self):
            self.every = np.load(os.path.join(folder, "all.npy"), mmap_mode="r")

        def __len__(self):
            return NUM_SAMPLES

        def __getitem__(self, i):
            return torch.from_numpy(self.every[i]), i % 2

    def best_epoch(dataset, num_workers, clock):
        loader = DataLoader(dataset, batch_size=64, shuffle=True, drop_last=True, num_workers=num_workers,
                            persistent_workers=num_workers > 0)
        seconds = []
        for _ in range(4):
            start = clock()
            for _ in loader:
                pass
            seconds.append(clock() - start)
        return NUM_SAMPLES / min(seconds[1:])

    ways = {"files": Files(None), "mapped files": Files("r"), "one mapped file": OneFile()}
    print(json.dumps({name: {"cpu": best_epoch(dataset, 0, time.process_time),
                             "wall": max(best_epoch(dataset, n, time.perf_counter) for n in (0, 2))}
                      for name, dataset in ways.items()}))


if __name__ == "__main__":
    main(sys.argv[1])
