"""Rules of the ONNX lowering for LSTM and GRU in either direction or both, the usual activations and a state of 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
_DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
"""Whether each pass over the frames is backward."""


@dataclass(frozen=True)
class _Pass:
    """One direction of a layer.

    Attributes:
        name: of its nodes.
        backward: the last frame comes first.
        w, r: float [gates·H, I] and [gates·H, H].
        own, recurrent: biases [gates·H].
    """

    name: str
    backward: bool
    w: np.ndarray
    r: np.ndarray
    own: np.ndarray
    recurrent: np.ndarray


def lstm(node: Node, build: Builder) -> None:
    """LSTM → lstm, which begins every inference at 0; backward between two gathers that turn the frames round."""
    passes = _passes(node, build)
    if len(node.inputs) > 7 and node.inputs[7]:
        raise unsupported(node, "LSTM with peepholes")
    clip = float(node.attrs.get("clip", 0.0))
    if clip or node.attrs.get("input_forget", 0):
        raise unsupported(node, "LSTM with a clip, or with coupled input and forget gates")
    frames = _frames(node, build)
    _bind(node, build, passes, [_lstm_pass(build, each, frames) for each in passes])


def _lstm_pass(build: Builder, each: _Pass, frames: str) -> str:
    # ONNX has the gates as input, output, forget, cell; the edge dialect as input, forget, cell, output.
    w, r, b = (_gates(part, (0, 2, 3, 1)) for part in (each.w, each.r, each.own + each.recurrent))
    names = [build.weight(f"{each.name}/{kind}{i}", gate) for kind, part in zip("WRB", (w, r, b), strict=True)
             for i, gate in enumerate(part)]  # fmt: skip
    states = [build.variable(f"{each.name}/{kind}", (1, len(b[0]))) for kind in ("hidden", "cell")]
    source = _turned(build, f"{each.name}/turned", frames) if each.backward else frames
    output = build.emit("lstm", each.name, [source, *names, *states], {"carried": False, "cell_clip": 0.0})
    return _turned(build, f"{each.name}/turned_back", output) if each.backward else output


def _turned(build: Builder, name: str, source: str) -> str:
    """The frames [1, T, F] from the last to the first."""
    steps = build.tensors[source].dims[1]
    return build.emit("gather", name, [source], {"axis": 1, "indices": tuple(reversed(range(steps)))})


def gru(node: Node, build: Builder) -> None:
    """GRU → its steps one after the other (gru_cell.py), the products with the input for all steps at once."""
    passes = _passes(node, build)
    frames = _frames(node, build)
    steps = build.tensors[frames].dims[1]
    if steps > MAX_STEPS:
        raise unsupported(node, f"GRU over {steps} steps, of at most {MAX_STEPS} that can be written out")
    _bind(node, build, passes, [_gru_pass(node, build, each, frames) for each in passes])


def _gru_pass(node: Node, build: Builder, each: _Pass, frames: str) -> str:
    units, name = each.r.shape[1], each.name
    both = 2 * units
    weights = GruWeights(
        layer=name,
        units=units,
        gates=build.weight(f"{name}/R_gates", each.r[:both]),
        new=build.weight(f"{name}/R_new", each.r[both:]),
        new_bias=build.weight(f"{name}/B_new", each.recurrent[both:]),
        reset_after=bool(node.attrs.get("linear_before_reset", 0)),
    )
    new_bias = each.own[both:] if weights.reset_after else each.own[both:] + each.recurrent[both:]
    fed = [
        _product(build, name, frames, part, matrix, bias)
        for part, matrix, bias in (
            ("gates", each.w[:both], each.own[:both] + each.recurrent[:both]),
            ("new", each.w[both:], new_bias),
        )
    ]
    order = range(build.tensors[frames].dims[1])
    hidden, states = "", {}
    for step in reversed(order) if each.backward else order:
        place = f"{name}/{step}"
        rows = zip(("gates", "new"), fed, strict=True)
        now = Fed(*(_row(build, f"{place}/fed_{part}", source, step, f"{name}/fed_{part}") for part, source in rows))
        states[step] = hidden = gru_cell(build, place, now, hidden, weights)
    return joined(build, name, [states[step] for step in order])


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


def _passes(node: Node, build: Builder) -> tuple[_Pass, ...]:
    """The directions of a layer, forward first.

    Raises:
        UnsupportedOpError: other activations, a state that does not begin at 0, sequence lengths, computed weights.
    """
    direction = node.attrs.get("direction", "forward")
    if direction not in _DIRECTIONS:
        raise BadFileError(f"{node.op} in direction {direction!r}", where=node.name)
    backward = _DIRECTIONS[direction]
    usual = _USUAL[node.op] * len(backward)
    if tuple(node.attrs.get("activations", usual)) != usual or node.attrs.get("layout", 0):
        raise unsupported(node, f"{node.op} with other activations than sigmoid and tanh, or with the batch first")
    if len(node.inputs) > 4 and node.inputs[4]:
        raise unsupported(node, f"{node.op} with sequence lengths")
    for position in (5, 6):
        state = build.constant(node, position)
        if state is not None and np.any(state != 0):
            raise unsupported(node, f"{node.op} whose state does not begin at 0")
    w, r, b = (build.constant(node, position) for position in (1, 2, 3))
    if w is None or r is None or w.ndim != 3 or r.ndim != 3:
        raise unsupported(node, f"{node.op} without constant weights")
    rows, count = _GATES[node.op] * r.shape[2], len(backward)
    bias = np.zeros((count, 2 * rows)) if b is None else np.asarray(b, np.float64)
    if len(w) != count or len(r) != count or {w.shape[1], r.shape[1]} != {rows} or bias.shape != (count, 2 * rows):
        raise BadFileError(
            f"{node.op} in direction {direction} with weights {w.shape} and {r.shape}, biases {bias.shape}",
            where=node.name,
        )
    names = [node.name] if count == 1 else [f"{node.name}/forward", f"{node.name}/backward"]
    return tuple(
        _Pass(name, back, np.asarray(w[i]), np.asarray(r[i]), bias[i, :rows], bias[i, rows:])
        for i, (name, back) in enumerate(zip(names, backward, strict=True))
    )


def _gates(rows: np.ndarray, order: tuple[int, ...]) -> list[np.ndarray]:
    parts = np.split(rows, 4)
    return [parts[i] for i in order]


def _frames(node: Node, build: Builder) -> str:
    """The input [T, 1, I] as an edge tensor [1, T, I]."""
    view = build.view(node)
    if view.index.ndim != 3 or view.shape[1] != 1:
        raise unsupported(node, f"{node.op} on an input of shape {view.shape}: [steps, 1, features] is needed")
    return build.arranged(node, view, (1, 0, 2))


def _product(build: Builder, layer: str, x: str, part: str, matrix: np.ndarray, bias: np.ndarray) -> str:
    names = [x, build.weight(f"{layer}/W_{part}", matrix), build.weight(f"{layer}/B_{part}", bias)]
    attrs = {"activation": "none", "keep_dims": True, TIE: f"{layer}/fed_{part}"}
    return build.emit("fully_connected", f"{layer}/fed_{part}", names, attrs)


def _row(build: Builder, name: str, source: str, step: int, tie: str = "") -> str:
    _, _, width = build.tensors[source].dims
    attrs = {"begin": (0, step, 0), "size": (1, 1, width), "stride": (1, 1, 1), **({TIE: tie} if tie else {})}
    return build.emit("slice", name, [source], attrs)


def _bind(node: Node, build: Builder, passes: tuple[_Pass, ...], outputs: list[str]) -> None:
    """Y [T, D, 1, H] and Y_h [D, 1, H] of D directions; a cell state that is read is an input that is lacking."""
    _, steps, units = build.tensors[outputs[0]].dims
    if node.outputs[0]:
        whole = _beside(build, f"{node.name}/both", outputs)
        build.values[node.outputs[0]] = _shaped(build.direct(whole), steps, len(passes), 1, units)
    if len(node.outputs) > 1 and node.outputs[1]:
        # The last state that a pass comes to lies at the end that it goes towards.
        ends = [
            _row(build, f"{each.name}/last", output, 0 if each.backward else steps - 1)
            for each, output in zip(passes, outputs, strict=True)
        ]
        whole = _beside(build, f"{node.name}/last_of_both", ends)
        build.values[node.outputs[1]] = _shaped(build.direct(whole), len(passes), 1, units)


def _beside(build: Builder, name: str, parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else build.emit("concat", name, parts, {"axis": 2})


def _shaped(view: View, *dims: int) -> View:
    return view.moved(view.index.reshape(dims))
