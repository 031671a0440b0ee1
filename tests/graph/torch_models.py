"""Small models of the field in PyTorch, for exports in tests: DS-CNN, CP-Mobile without GRN, a flattening CNN."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn


def conv_bn_relu(channels, width, window, stride=1, pad=0, groups=1):
    return [
        nn.Conv2d(channels, width, window, stride, pad, groups=groups, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
    ]


class DsCnn(nn.Module):
    shape = (1, 1, 49, 10)

    def __init__(self, width=16):
        super().__init__()
        layers = conv_bn_relu(1, width, (10, 4), 2, (4, 1))
        for _ in range(2):
            layers += [*conv_bn_relu(width, width, 3, 1, 1, width), *conv_bn_relu(width, width, 1)]
        self.body, self.pool = nn.Sequential(*layers), nn.AvgPool2d((24, 5))
        self.drop, self.head = nn.Dropout(0.2), nn.Linear(width, 12)

    def forward(self, x):
        return self.head(self.drop(self.pool(self.body(x)).flatten(1)))


class Block(nn.Module):
    def __init__(self, channels, width, expanded, stride):
        super().__init__()
        self.body = nn.Sequential(
            *conv_bn_relu(channels, expanded, 1),
            *conv_bn_relu(expanded, expanded, 3, stride, 1, expanded),
            nn.Conv2d(expanded, width, 1, bias=False),
            nn.BatchNorm2d(width),
        )
        self.residual = channels == width
        self.shortcut = nn.Identity() if stride == 1 else nn.AvgPool2d(3, stride, 1)

    def forward(self, x):
        y = self.body(x)
        return torch.relu(y + self.shortcut(x) if self.residual else y)


class CpMobile(nn.Module):
    shape = (1, 1, 64, 33)

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(*conv_bn_relu(1, 8, 3, 2, 1), *conv_bn_relu(8, 16, 3, 2, 1))
        self.blocks = nn.Sequential(Block(16, 16, 32, 1), Block(16, 16, 32, 2), Block(16, 24, 40, (2, 1)))
        self.head = nn.Sequential(nn.Conv2d(24, 10, 1, bias=False), nn.BatchNorm2d(10), nn.AdaptiveAvgPool2d(1))

    def forward(self, x):
        return self.head(self.blocks(self.stem(x))).squeeze(2).squeeze(2)


class Flattening(nn.Module):
    shape = (1, 1, 17, 21)

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.pool = nn.Conv2d(1, 6, 3, 2), nn.BatchNorm2d(6), nn.MaxPool2d(3, 2, 1)
        self.first, self.second, self.last = nn.Linear(120, 20), nn.BatchNorm1d(20), nn.Linear(20, 5)

    def forward(self, x):
        x = self.pool(nn.functional.relu6(self.norm(self.conv(x))))
        x = torch.relu(self.second(self.first(x.view(x.shape[0], -1))))
        return torch.softmax(self.last(x), -1)


MODELS = {"ds-cnn": DsCnn, "cp-mobile": CpMobile, "flattening": Flattening}


def export(
    name: str, path: Path, opset: int, dynamo: bool = False, dynamic: bool = False, keep_norm: bool = False
) -> Path:
    """Export a model with random weights and statistics; ``keep_norm`` leaves BatchNormalization in the graph."""
    torch.manual_seed(0)
    model = MODELS[name]()
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d | nn.BatchNorm1d):
            layer.running_mean.uniform_(-0.5, 0.5)
            layer.running_var.uniform_(0.5, 2)
            layer.weight.data.uniform_(0.5, 1.5)
            layer.bias.data.uniform_(-0.5, 0.5)
    options = {"input_names": ["input"], "output_names": ["output"], "opset_version": opset}
    x = torch.randn(model.eval().shape)
    if dynamo:
        shapes = ({0: torch.export.Dim("batch", min=1)},) if dynamic else None
        torch.onnx.export(model, (x,), path, dynamo=True, dynamic_shapes=shapes, verbose=False, **options)
        return path
    if keep_norm:
        options |= {"training": torch.onnx.TrainingMode.PRESERVE, "do_constant_folding": False}
    axes = {"input": {0: "batch"}} if dynamic else None
    torch.onnx.export(model, (x,), path, dynamo=False, dynamic_axes=axes, **options)
    return path
