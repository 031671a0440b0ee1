"""Float edge graphs for quantization tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.tensor import Tensor
from edgekit.quantize.ptq import PtqOptions, prepared, quantize_prepared

SHAPE = (16, 10, 1)


class FloatBuilder:
    """Appends float nodes to a chain."""

    def __init__(self, seed: int, shape: tuple[int, ...] = SHAPE) -> None:
        self.rng = np.random.default_rng(seed)
        self.tensors = {"x": Tensor("x", (1, *shape), "float32")}
        self.nodes: list[Node] = []
        self.last = "x"

    def constant(self, shape: tuple[int, ...], spread: float) -> str:
        name = f"c{len(self.tensors)}"
        data = self.rng.normal(0, spread, shape).astype(np.float32)
        self.tensors[name] = Tensor(name, shape, "float32", data=data)
        return name

    def add_node(self, op: str, shape: tuple[int, ...], inputs: tuple[str, ...] = (), **attrs: Any) -> str:
        name = f"t{len(self.tensors)}"
        self.tensors[name] = Tensor(name, (1, *shape), "float32")
        self.nodes.append(Node(op, f"{op}{len(self.nodes)}", inputs or (self.last,), (name,), attrs))
        self.last = name
        return name

    def conv(self, channels: int, kernel: int = 3, activation: str = "relu") -> str:
        height, width, depth = self.tensors[self.last].dims[1:]
        weights = self.constant((channels, kernel, kernel, depth), 1.4 / (kernel * np.sqrt(depth)))
        pad = ((kernel // 2,) * 2,) * 2
        return self.add_node(
            "conv2d", (height, width, channels), (self.last, weights, self.constant((channels,), 0.2)),
            stride=(1, 1), dilation=(1, 1), pad=pad, activation=activation,
        )  # fmt: skip

    def depthwise(self) -> str:
        height, width, depth = self.tensors[self.last].dims[1:]
        weights = self.constant((1, 3, 3, depth), 0.45)
        return self.add_node(
            "depthwise_conv2d", (height, width, depth), (self.last, weights, self.constant((depth,), 0.2)),
            stride=(1, 1), dilation=(1, 1), pad=((1, 1), (1, 1)), activation="relu", multiplier=1,
        )  # fmt: skip

    def dense(self, outputs: int) -> str:
        columns = self.tensors[self.last].dims[-1]
        weights = self.constant((outputs, columns), 1 / np.sqrt(columns))
        bias = self.constant((outputs,), 0.2)
        return self.add_node(
            "fully_connected", (outputs,), (self.last, weights, bias), activation="none", keep_dims=False
        )

    def graph(self, **changes: Any) -> Graph:
        return Graph("float", "edge", self.tensors, tuple(self.nodes), ("x",), (self.last,), **changes)


def residual_classifier(seed: int = 0, softmax: bool = False, **changes: Any) -> Graph:
    """conv, depthwise, pointwise, residual add, pad, max pool, average pool, reshape, dense (softmax)."""
    build = FloatBuilder(seed)
    left = build.conv(8)
    build.depthwise()
    right = build.conv(8, 1, "none")
    build.add_node("add", (16, 10, 8), (left, right), activation="relu")
    build.add_node("pad", (18, 10, 8), pads=((0, 0), (1, 1), (0, 0), (0, 0)))
    window = {"stride": (2, 2), "pad": ((0, 0), (0, 0)), "activation": "none", "window": (2, 2)}
    build.add_node("max_pool2d", (9, 5, 8), **window)
    build.add_node("avg_pool2d", (4, 2, 8), **window)
    build.add_node("reshape", (64,))
    build.dense(10)
    if softmax:
        build.add_node("softmax", (10,), beta=1.0)
    return build.graph(**changes)


def clips(count: int = 200, seed: int = 0) -> np.ndarray:
    """Smooth positive and negative features of SHAPE."""
    rng = np.random.default_rng(seed)
    return (rng.normal(0, 1, (count, *SHAPE)) + rng.normal(0, 2, (count, 1, 1, 1))).astype(np.float32)


def trained_a_little(network: Graph, options: PtqOptions) -> tuple[Graph, Graph]:
    """The integer graph, and that of its twin (equal in the beginning) after five steps of training."""
    torch = pytest.importorskip("torch")
    from edgekit.quantize.twin import FakeQuantTwin

    base = prepared(network, options)
    integer = quantize_prepared(base, clips(), options)
    twin = FakeQuantTwin(base, integer)
    x = np.random.default_rng(0).integers(-128, 128, (20, *SHAPE), dtype=np.int8)
    np.testing.assert_array_equal(run_integer(twin.integer_graph(), x), run_integer(integer, x))
    optimiser = torch.optim.Adam(twin.train().parameters(), 1e-2)
    for _ in range(5):
        loss = twin(torch.from_numpy(clips(32))).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return integer, twin.integer_graph()
