"""Rules of the ONNX lowering for LSTM and GRU in one direction, with the usual activations and a state of 0."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.core.errors import BadFileError
from edgekit.graph.graph import Node
from edgekit.graph.ops import TIE
from edgekit.graph.passes.gru_cell import Fed, GruWeights, gru_cell
from edgekit.graph.passes.onnx_builder import Builder, unsupported
from edgekit.graph.passes.views import View

MAX_STEPS = 100
"""Of a GRU, whose steps become nodes."""
MOST_PARTS = 10
"""Of a concat: TFLM takes no more."""

_USUAL = {"LSTM": ("Sigmoid", "Tanh", "Tanh"), "GRU": ("Sigmoid", "Tanh")}
_GATES = {"LSTM": 4, "GRU": 3}


def lstm(node: Node, build: Builder) -> None:
    """LSTM → lstm, which begins every inference at 0."""
    matrices = _matrices(node, build)
    if len(node.inputs) > 7 and node.inputs[7]:
        raise unsupported(node, "LSTM with peepholes")
    # ONNX has the gates as input, output, forget, cell; the edge dialect as input, forget, cell, output.
    w, r, b = (_gates(part, (0, 2, 3, 1)) for part in matrices)
    names = [build.weight(f"{node.name}/{kind}{i}", gate) for kind, part in zip("WRB", (w, r, b), strict=True)
             for i, gate in enumerate(part)]  # fmt: skip
    states = [build.variable(f"{node.name}/{kind}", (1, len(b[0]))) for kind in ("hidden", "cell")]
    clip = float(node.attrs.get("clip", 0.0))
    if clip or node.attrs.get("input_forget", 0):
        raise unsupported(node, "LSTM with a clip, or with coupled input and forget gates")
    attrs = {"carried": False, "cell_clip": 0.0}
    output = build.emit("lstm", node.name, [_frames(node, build), *names, *states], attrs)
    _bind(node, build, output)


def gru(node: Node, build: Builder) -> None:
    """GRU → its steps one after the other (gru_cell.py), the products with the input for all steps at once."""
    w, r, b = _matrices(node, build, split_bias=True)
    frames = _frames(node, build)
    _, steps, _ = build.tensors[frames].dims
    if steps > MAX_STEPS:
        raise unsupported(node, f"GRU over {steps} steps, of at most {MAX_STEPS} that can be written out")
    units = r.shape[1]
    (own, recurrent), both = (b[: 3 * units], b[3 * units :]), 2 * units
    weights = GruWeights(
        layer=node.name,
        units=units,
        gates=build.weight(f"{node.name}/R_gates", r[:both]),
        new=build.weight(f"{node.name}/R_new", r[both:]),
        new_bias=build.weight(f"{node.name}/B_new", recurrent[both:]),
        reset_after=bool(node.attrs.get("linear_before_reset", 0)),
    )
    new_bias = own[both:] if weights.reset_after else own[both:] + recurrent[both:]
    fed = [
        _product(node, build, frames, part, matrix, bias)
        for part, matrix, bias in (
            ("gates", w[:both], own[:both] + recurrent[:both]),
            ("new", w[both:], new_bias),
        )
    ]
    hidden, states = "", []
    for step in range(steps):
        place = f"{node.name}/{step}"
        rows = zip(("gates", "new"), fed, strict=True)
        now = Fed(*(_row(build, f"{place}/fed_{part}", name, step, f"{node.name}/fed_{part}") for part, name in rows))
        hidden = gru_cell(build, place, now, hidden, weights)
        states.append(hidden)
    _bind(node, build, joined(build, node.name, states))


def joined(build: Builder, name: str, parts: Sequence[str]) -> str:
    """The rows [1, 1, H] one below the other, through concats of at most MOST_PARTS."""
    level = 0
    while len(parts) > 1:
        groups = [parts[i : i + MOST_PARTS] for i in range(0, len(parts), MOST_PARTS)]
        parts = [
            build.emit("concat", f"{name}/rows{level}_{i}", list(group), {"axis": 1, TIE: f"{name}/hidden"})
            if len(group) > 1
            else group[0]
            for i, group in enumerate(groups)
        ]
        level += 1
    return parts[0]


def _matrices(node: Node, build: Builder, split_bias: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """W [gates·H, I], R [gates·H, H] and biases: their sum [gates·H], or both one behind the other.

    Raises:
        UnsupportedOpError: two directions, other activations, a state that does not begin at 0, sequence lengths.
    """
    if node.attrs.get("direction", "forward") != "forward":
        raise unsupported(node, f"{node.op} in direction {node.attrs['direction']}: only forward can run as a stream")
    if tuple(node.attrs.get("activations", _USUAL[node.op])) != _USUAL[node.op] or node.attrs.get("layout", 0):
        raise unsupported(node, f"{node.op} with other activations than sigmoid and tanh, or with the batch first")
    if len(node.inputs) > 4 and node.inputs[4]:
        raise unsupported(node, f"{node.op} with sequence lengths")
    for position in (5, 6):
        state = build.constant(node, position)
        if state is not None and np.any(state != 0):
            raise unsupported(node, f"{node.op} whose state does not begin at 0")
    w, r, b = (build.constant(node, position) for position in (1, 2, 3))
    if w is None or r is None or w.ndim != 3 or r.ndim != 3 or len(w) != 1 or len(r) != 1:
        raise unsupported(node, f"{node.op} without constant weights of one direction")
    rows = _GATES[node.op] * r.shape[2]
    bias = np.zeros(2 * rows) if b is None else np.asarray(b, np.float64).reshape(-1)
    if w.shape[1] != rows or r.shape[1] != rows or bias.size != 2 * rows:
        raise BadFileError(f"{node.op} with weights {w.shape} and {r.shape}", where=node.name)
    return np.asarray(w[0]), np.asarray(r[0]), bias if split_bias else bias[:rows] + bias[rows:]


def _gates(rows: np.ndarray, order: tuple[int, ...]) -> list[np.ndarray]:
    parts = np.split(rows, 4)
    return [parts[i] for i in order]


def _frames(node: Node, build: Builder) -> str:
    """The input [T, 1, I] as an edge tensor [1, T, I]."""
    view = build.view(node)
    if view.index.ndim != 3 or view.shape[1] != 1:
        raise unsupported(node, f"{node.op} on an input of shape {view.shape}: [steps, 1, features] is needed")
    return build.arranged(node, view, (1, 0, 2))


def _product(node: Node, build: Builder, x: str, part: str, matrix: np.ndarray, bias: np.ndarray) -> str:
    names = [x, build.weight(f"{node.name}/W_{part}", matrix), build.weight(f"{node.name}/B_{part}", bias)]
    attrs = {"activation": "none", "keep_dims": True, TIE: f"{node.name}/fed_{part}"}
    return build.emit("fully_connected", f"{node.name}/fed_{part}", names, attrs)


def _row(build: Builder, name: str, source: str, step: int, tie: str = "") -> str:
    _, _, width = build.tensors[source].dims
    attrs = {"begin": (0, step, 0), "size": (1, 1, width), "stride": (1, 1, 1), **({TIE: tie} if tie else {})}
    return build.emit("slice", name, [source], attrs)


def _bind(node: Node, build: Builder, output: str) -> None:
    """Y [T, 1, 1, H] and Y_h [1, 1, H]; a cell state that is read is an input that is lacking."""
    index = build.direct(output).index
    if node.outputs[0]:
        build.values[node.outputs[0]] = View(output, np.ascontiguousarray(index.reshape(index.shape[1], 1, 1, -1)))
    if len(node.outputs) > 1 and node.outputs[1]:
        last = _row(build, f"{node.name}/last", output, index.shape[1] - 1)
        build.values[node.outputs[1]] = build.direct(last)
