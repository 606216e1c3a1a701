"""The recipes of steps/ written as one writes them in Python's torch; answers the requests of steps.cpp.

  /usr/bin/python3 tests/bench/step_judge.py steps/NAME.yaml THREADS
"""
import math
import os
import sys
import time

import torch
import torch.nn.functional as F
import yaml
from torch import nn

CLASSES = 7


class ResidualBlock(nn.Module):
    def __init__(self, inside, outside, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outside)
        self.shortcut = nn.Identity()
        if stride != 1 or inside != outside:
            self.shortcut = nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        y = self.norm2(self.conv2(self.relu(self.norm1(self.conv1(x)))))
        return self.relu(y + self.shortcut(x))


class FaceResnet(nn.Module):
    def __init__(self, recipe):
        super().__init__()
        self.stem = nn.Conv2d(1, 32, 5, 2, 2, bias=False)
        self.norm = nn.BatchNorm2d(32)
        self.blocks = nn.Sequential(ResidualBlock(32, 64, 2), ResidualBlock(64, 128, 2), ResidualBlock(128, 256, 2))
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(256, CLASSES))

    def forward(self, face):
        x = face[:, 0].float()
        x = x - x.mean((1, 2, 3), keepdim=True)
        x = x / (x.var((1, 2, 3), unbiased=False, keepdim=True).sqrt() + 255 * 0.02)
        x = self.blocks(F.relu(self.norm(self.stem(x)), inplace=True))
        return self.head(x.mean((2, 3)))


class AttentionPool(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.score = nn.Sequential(nn.Linear(width, hidden), nn.Tanh(), nn.Linear(hidden, 1))

    def forward(self, x):
        return (self.score(x).softmax(1) * x).sum(1)


class AudioConvRecurrent(nn.Module):
    def __init__(self, recipe):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 24, 5, 2, 2, bias=False), nn.BatchNorm2d(24), nn.ReLU(inplace=True),
                                  nn.MaxPool2d(2, ceil_mode=True), ResidualBlock(24, 48, 1),
                                  nn.MaxPool2d(2, ceil_mode=True), ResidualBlock(48, 96, 1),
                                  nn.MaxPool2d((1, 2), ceil_mode=True))
        self.projection = nn.Sequential(nn.Dropout(0.3), nn.Linear(96 * 4, 128), nn.ReLU(inplace=True), nn.Dropout(0.3))
        self.gru = nn.GRU(128, 64, batch_first=True, bidirectional=True)
        self.pool = AttentionPool(128, 64)
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(128, CLASSES))

    def forward(self, audio):
        x = audio - audio.mean(1, keepdim=True)
        x = x / (x.pow(2).mean(1, keepdim=True).sqrt() + 1e-5)
        x = self.stem(x[:, None]).transpose(1, 2).flatten(2)
        return self.head(self.pool(self.gru(self.projection(x))[0]))


class Positions(nn.Module):
    def __init__(self, width, longest):
        super().__init__()
        angle = torch.arange(longest)[:, None] * torch.exp(torch.arange(width // 2) * (-2 * math.log(1e4) / width))
        self.register_buffer("table", torch.cat([angle.sin(), angle.cos()], 1))

    def forward(self, x):
        return x + self.table[:x.shape[1]]


def encoder(width, heads, hidden, layers):
    layer = nn.TransformerEncoderLayer(width, heads, hidden, 0.1, "gelu", batch_first=True, norm_first=True)
    return nn.TransformerEncoder(layer, layers, nn.LayerNorm(width), enable_nested_tensor=False)


class SequenceTransformer(nn.Module):
    def __init__(self, recipe):
        super().__init__()
        self.frames = nn.Sequential(nn.Linear(74, 128), nn.ReLU(inplace=True), nn.Dropout(0.1))
        self.project = nn.Sequential(nn.Linear(128, 128), Positions(128, 100), nn.Dropout(0.1))
        self.encoder = encoder(128, 4, 512, 4)
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(128, CLASSES))

    def forward(self, audio):
        return self.head(self.encoder(self.project(self.frames(audio))).mean(1))


class DialogueTransformer(nn.Module):
    def __init__(self, recipe):
        super().__init__()
        self.turns = recipe["turns"]
        self.utterance = nn.Sequential(nn.Linear(300, 256), nn.ReLU(inplace=True), nn.Dropout(0.1))
        self.project = nn.Sequential(nn.Linear(256, 256), Positions(256, self.turns), nn.Dropout(0.1))
        self.encoder = encoder(256, 8, 512, 4)
        self.register_buffer("future", torch.full((self.turns, self.turns), -math.inf).triu(1))
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(256, CLASSES))

    def forward(self, text):
        x = self.utterance(text[:, 0]).view(-1, self.turns, 256)
        return self.head(self.encoder(self.project(x), self.future).flatten(0, 1))


class CrossLayer(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, dropout=0.1, batch_first=True)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.ReLU(inplace=True), nn.Dropout(0.1),
                                  nn.Linear(4 * width, width), nn.Dropout(0.1))
        self.dropout = nn.Dropout(0.1)

    def forward(self, x, memory):
        query = self.norm1(x)
        memory = query if memory is None else self.norm1(memory)
        x = x + self.dropout(self.attention(query, memory, memory, need_weights=False)[0])
        return x + self.feed(self.norm2(x))


class CrossTransformer(nn.Module):
    def __init__(self, width, heads, layers):
        super().__init__()
        self.layers = nn.ModuleList(CrossLayer(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, x, memory=None):
        for layer in self.layers:
            x = layer(x, memory)
        return self.norm(x)


class MultFusion(nn.Module):
    def __init__(self, recipe):
        super().__init__()
        widths = [one["frame"][0] for _, one in sorted(recipe["inputs"].items())]
        count = len(widths)
        self.input = nn.ModuleList(nn.Conv1d(width, 64, 1, bias=False) for width in widths)
        self.positions = nn.ModuleDict({str(width): Positions(width, 50) for width in (64, 64 * (count - 1))})
        self.dropout = nn.Dropout(0.25)
        self.cross = nn.ModuleList(CrossTransformer(64, 2, 4) for _ in range(count * (count - 1)))
        self.memory = nn.ModuleList(CrossTransformer(64 * (count - 1), 2, 4) for _ in widths)
        fused = 64 * count * (count - 1)
        self.hidden, self.output = nn.Linear(fused, fused), nn.Linear(fused, fused)
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(fused, CLASSES))

    def embed(self, x):
        return self.dropout(self.positions[str(x.shape[2])](x * math.sqrt(x.shape[2])))

    def forward(self, **modalities):
        inputs = [conv(x.transpose(1, 2)).transpose(1, 2) for conv, (_, x) in zip(self.input, sorted(modalities.items()))]
        inputs = [self.embed(x) for x in inputs]
        cross = iter(self.cross)
        last = []
        for m, x in enumerate(inputs):
            gathered = torch.cat([next(cross)(x, other) for n, other in enumerate(inputs) if n != m], 2)
            last.append(self.memory[m](self.embed(gathered))[:, -1])
        fused = torch.cat(last, 1)
        return self.head(fused + self.output(F.relu(self.hidden(fused))))


NETWORKS = {"face_resnet": FaceResnet, "audio_conv_recurrent": AudioConvRecurrent,
            "sequence_transformer": SequenceTransformer, "mult_fusion": MultFusion,
            "dialogue_transformer": DialogueTransformer}


def time_least(times, run):
    least_cpu = least_wall = math.inf
    for _ in range(times):
        cpu, wall = time.process_time(), time.perf_counter()
        run()
        least_cpu = min(least_cpu, time.process_time() - cpu)
        least_wall = min(least_wall, time.perf_counter() - wall)
    print(f"{1000 * least_cpu:.4f} {1000 * least_wall:.4f}", flush=True)


def main():
    torch.set_num_threads(int(sys.argv[2]))
    torch.manual_seed(1)
    with open(sys.argv[1], encoding="utf-8") as text:
        recipe = yaml.safe_load(text)
    rows = recipe["batch_size"]
    inputs = {}
    for name, one in sorted(recipe["inputs"].items()):
        sizes = (rows, one.get("frames", 1), *one["frame"])
        inputs[name] = torch.randint(256, sizes, dtype=torch.uint8) if len(one["frame"]) == 3 else torch.randn(sizes)
    labels = torch.randint(CLASSES, (rows,))
    net = NETWORKS[os.path.basename(sys.argv[1]).split(".")[0]](recipe)
    optimizer = torch.optim.AdamW(net.parameters())

    def train():
        net.train()
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(net(**inputs), labels).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()

    def infer():
        net.eval()
        with torch.inference_mode():
            net(**inputs)

    for line in sys.stdin:
        request, times = (line.split() + ["1"])[:2]
        if request == "cost":
            print(sum(p.numel() for p in net.parameters()), flush=True)
        else:
            time_least(int(times), {"train": train, "infer": infer}[request])


if __name__ == "__main__":
    main()
