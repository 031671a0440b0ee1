"""Float32 kernels of the operators that remember, in numpy: svdf and lstm.

What a kernel leaves in its variable tensors comes back beside its output, one value an inference, so that calibration
sees the ranges of both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from edgekit.graph.float_kernels import activate, logistic, need
from edgekit.graph.graph import Graph, Node

Values = tuple[np.ndarray, tuple[np.ndarray, ...]]
"""Output [N, *dims], and for every variable tensor what it held after each inference (svdf: what came in new)."""
Operands = Sequence[np.ndarray | None]


Begin = Sequence[np.ndarray] | None
"""What the variable tensors hold at first: svdf [M − 1, F], newest last; lstm hidden state and cell [1, H]. None: 0."""


def svdf(inputs: Operands, attrs: Mapping[str, Any], begin: Begin = None) -> Values:
    """Svdf of N frames in the order of time: [N, 1, F / rank] and [N, 1, F]."""
    x, feature, time, bias = need(inputs[0]), need(inputs[1]), need(inputs[2]), inputs[3]
    newest = x.reshape(len(x), -1) @ feature.T
    past = np.zeros((time.shape[1] - 1, len(feature)), np.float32) if begin is None else begin[0]
    padded = np.concatenate([past, newest])
    windows = np.lib.stride_tricks.sliding_window_view(padded, time.shape[1], axis=0)
    y = (windows * time).sum(axis=2).reshape(len(x), -1, attrs["rank"]).sum(axis=2)
    y = activate(y if bias is None else y + bias.reshape(-1), attrs["activation"])
    return y[:, None].astype(np.float32), (newest[:, None],)


def lstm(inputs: Operands, attrs: Mapping[str, Any], begin: Begin = None) -> Values:
    """Lstm of N clips: [N, 1, T, H], and hidden state and cell of every step, [N, 1, T, H] each."""
    x, arrays = need(inputs[0]), [need(item) for item in inputs[1:13]]
    weights, recurrent, biases = arrays[:4], arrays[4:8], arrays[8:]
    clips, units = len(x), len(recurrent[0])
    frames = x.reshape(1 if attrs["carried"] else clips, -1, x.shape[-1])
    fed = [frames @ w.T + b.reshape(-1) for w, b in zip(weights, biases, strict=True)]
    zeros = np.zeros((len(frames), units), np.float32)
    hidden, cell = (zeros, zeros) if begin is None else begin
    outputs, cells = [], []
    for step in range(frames.shape[1]):
        gates = [part[:, step] + hidden @ r.T for part, r in zip(fed, recurrent, strict=True)]
        taken, kept, shown = (logistic([gates[i]], {}, ()) for i in (0, 1, 3))
        cell = kept * cell + taken * np.tanh(gates[2])
        if attrs["cell_clip"]:
            cell = np.clip(cell, -attrs["cell_clip"], attrs["cell_clip"])
        hidden = shown * np.tanh(cell)
        outputs.append(hidden)
        cells.append(cell)
    y, c = (np.stack(rows, axis=1).reshape(clips, 1, -1, units).astype(np.float32) for rows in (outputs, cells))
    return y, (y, c)


REMEMBERING: Mapping[str, Callable[[Operands, Mapping[str, Any], Begin], Values]] = {"svdf": svdf, "lstm": lstm}
"""Operators of this file."""


def run_remembering(graph: Graph, node: Node, x: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Output of a node of this file for activations [N, *dims], and what its variable tensors held, by name."""
    constants = [graph.tensor(name).data if name else None for name in node.inputs[1:]]
    output, held = REMEMBERING[node.op]([x, *constants], node.attrs, None)
    names = [name for name in node.inputs if name and graph.tensor(name).variable]
    return output, dict(zip(names, held, strict=True))


def go_on(graph: Graph, node: Node, x: np.ndarray, memory: dict[str, np.ndarray]) -> np.ndarray:
    """Output of one inference [1, *dims] from what the one before left in ``memory``, which takes what this one leaves.

    ``memory`` maps variable tensors to what :data:`Begin` says; names that are missing hold 0.
    """
    constants = [graph.tensor(name).data if name else None for name in node.inputs[1:]]
    names = [name for name in node.inputs if name and graph.tensor(name).variable]
    begin = [memory[name] for name in names] if all(name in memory for name in names) else None
    output, held = REMEMBERING[node.op]([x, *constants], node.attrs, begin)
    if node.op == "svdf":
        time = graph.tensor(node.inputs[2]).dims[1]
        past = np.zeros((time - 1, held[0].shape[-1]), np.float32) if begin is None else begin[0]
        memory[names[0]] = np.concatenate([past, held[0][:, 0]])[1:]
    else:
        memory.update({name: rows[0, 0, -1:] for name, rows in zip(names, held, strict=True)})
    return output
