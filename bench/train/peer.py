"""The detector's network in PyTorch: images per second of a training step and of a forward pass.

    python peer.py CONFIG.toml [THREADS]

The same layers, input and batch as `guideway-train` builds from the configuration. A training step is the forward pass, a
loss over every output, the backward pass and AdamW. Loading, augmentation and the assignment of objects to cells are left
out here and are part of the Rust number, which favours this side.
"""

import json
import sys
import time
import tomllib

import torch
import torch.nn.functional as F
from torch import nn

DEFAULTS = {
    "input_width": 224, "input_height": 224, "width": 16, "depth": 1,
    "neck": 48, "head_depth": 1, "strides": [8, 16, 32],
}
CLASSES = 5


class Unit(nn.Module):
    def __init__(self, c_in, c_out, stride=1):
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, 3, stride, 1)
        self.norm = nn.GroupNorm(c_out // 8, c_out)

    def forward(self, x):
        return F.relu(self.norm(self.conv(x)))


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.first, self.second = Unit(c, c), Unit(c, c)

    def forward(self, x):
        return x + self.second(self.first(x))


class Network(nn.Module):
    def __init__(self, m):
        super().__init__()
        width, neck = m["width"], m["neck"]
        self.stem = Unit(3, width, 2)
        self.stages = nn.ModuleList()
        self.used, used_widths = [], []
        for index, stride in enumerate([4, 8, 16, 32]):
            blocks = [] if stride == 4 else [Block(width * 2) for _ in range(m["depth"])]
            self.stages.append(nn.Sequential(Unit(width, width * 2, 2), *blocks))
            width *= 2
            if stride in m["strides"]:
                self.used.append(index)
                used_widths.append(width)
        self.lateral = nn.ModuleList(nn.Conv2d(c, neck, 1) for c in used_widths)
        self.smooth = nn.ModuleList(Unit(neck, neck) for _ in used_widths)
        self.class_tower = nn.Sequential(*(Unit(neck, neck) for _ in range(m["head_depth"])))
        self.box_tower = nn.Sequential(*(Unit(neck, neck) for _ in range(m["head_depth"])))
        self.class_out = nn.Conv2d(neck, CLASSES, 1)
        self.box_out = nn.Conv2d(neck, 4, 1)

    def forward(self, x):
        x, maps = self.stem(x), []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        above, levels = None, []
        for index, lateral in reversed(list(zip(self.used, self.lateral))):
            side = lateral(maps[index])
            above = side if above is None else side + F.interpolate(above, scale_factor=2, mode="nearest")
            levels.append(above)
        outputs = []
        for level, smooth in zip(reversed(levels), self.smooth):
            level = smooth(level)
            outputs.append((self.class_out(self.class_tower(level)), self.box_out(self.box_tower(level))))
        return outputs


def rate(function, images, seconds=8.0):
    """Images per second: best of three rounds after a warm-up, as other work only ever slows a round down."""
    for _ in range(3):
        function()
    best = 0.0
    for _ in range(3):
        start, count = time.perf_counter(), 0
        while time.perf_counter() - start < seconds / 3:
            function()
            count += images
        best = max(best, count / (time.perf_counter() - start))
    return best


def main():
    with open(sys.argv[1], "rb") as file:
        config = tomllib.load(file)
    torch.set_num_threads(int(sys.argv[2]) if len(sys.argv) > 2 else torch.get_num_threads())
    torch.manual_seed(0)
    model = {**DEFAULTS, **config.get("model", {})}
    batch = config.get("train", {}).get("batch", 16)
    network = Network(model)
    images = torch.randn(batch, 3, model["input_height"], model["input_width"])
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)

    def step():
        optimizer.zero_grad()
        loss = 0.0
        for classes, boxes in network(images):
            loss = loss + F.binary_cross_entropy_with_logits(classes, torch.zeros_like(classes), reduction="sum")
            loss = loss + boxes.clamp(-4, 4).exp().sum()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 10.0)
        optimizer.step()

    def predict():
        with torch.inference_mode():
            network(images)

    print(json.dumps({
        "who": f"torch {torch.__version__}",
        "threads": torch.get_num_threads(),
        "weights": sum(p.numel() for p in network.parameters()),
        "train_images_per_second": rate(step, batch),
        "predict_images_per_second": rate(predict, batch),
    }))


if __name__ == "__main__":
    main()
