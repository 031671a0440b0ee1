"""The edge graph under construction while an ONNX graph is walked (lower_onnx.py), as the rules see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from edgekit.core.errors import BadFileError, UnsupportedOpError
from edgekit.graph.graph import Node
from edgekit.graph.integer.functions import never_negative
from edgekit.graph.ops import SAME_SCALE_OPS, activation_inputs
from edgekit.graph.passes.shapes import Dims, output_dims
from edgekit.graph.passes.views import (
    NHWC_OF_NCHW,
    View,
    direct,
    in_order,
    layouts,
    permuted,
    scatter,
    transposition,
    with_ones,
)
from edgekit.graph.tensor import Tensor

MAX_INDEX = 2**22
"""Elements of an activation; far more than fits a chip, and its index (views.py) still fits memory."""

MAX_BANDS = 16
"""Pieces into which an affine that differs by rows is cut before it becomes one by element."""

Value = View | np.ndarray
"""What an ONNX name stands for: an activation, or a constant."""


@dataclass
class Builder:
    """Nodes and tensors emitted so far, and the value of every ONNX name.

    Attributes:
        opset: version of the default operator set.
        scales: ONNX name of a dequantized constant to its scales (QDQ models).
        roots: edge tensor that is a square root to the one that it is of.
    """

    opset: int
    tensors: dict[str, Tensor] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    values: dict[str, Value] = field(default_factory=dict)
    scales: dict[str, np.ndarray] = field(default_factory=dict)
    roots: dict[str, str] = field(default_factory=dict)
    _names: set[str] = field(default_factory=set)

    # --- asking for inputs

    def view(self, node: Node, position: int = 0) -> View:
        """Input ``position`` of ``node``, which must be an activation."""
        value = self.value(node, position)
        if not isinstance(value, View):
            raise unsupported(node, f"{node.op} whose input {position} is a constant")
        return value

    def constant(self, node: Node, position: int) -> np.ndarray | None:
        """Input ``position`` of ``node`` as a constant; None where it is absent.

        Raises:
            UnsupportedOpError: it is computed from the model's input.
        """
        if position >= len(node.inputs) or not node.inputs[position]:
            return None
        value = self.value(node, position)
        if isinstance(value, View):
            raise unsupported(node, f"{node.op} whose input {position} ({node.inputs[position]!r}) is not a constant")
        return value

    def ints(self, node: Node, position: int, attribute: str) -> tuple[int, ...] | None:
        """A list of integers that older operator sets give as an attribute and newer ones as an input."""
        if attribute in node.attrs:
            given = node.attrs[attribute]
            return tuple(given) if isinstance(given, tuple) else (given,)
        value = self.constant(node, position)
        if value is not None and value.dtype.kind not in "iu":
            raise BadFileError(f"{node.op} with {attribute} of type {value.dtype}", where=node.name)
        return None if value is None else tuple(int(item) for item in value.reshape(-1))

    def value(self, node: Node, position: int) -> Value:
        """Input ``position`` of ``node``."""
        if position >= len(node.inputs) or node.inputs[position] not in self.values:
            raise BadFileError(f"{node.op} lacks its input {position}", where=node.name)
        return self.values[node.inputs[position]]

    def non_negative(self, name: str) -> bool:
        """Whether an edge tensor cannot be negative, as far as its operators say; False where they do not."""
        makers = {node.outputs[0]: node for node in self.nodes}
        waiting = [name]
        while waiting:
            node = makers.get(waiting.pop())
            if node is None:
                return False
            if node.op in POSITIVE_OPS or (node.op == "mul" and node.inputs[0] == node.inputs[1]):
                continue
            if node.op == "pointwise":
                if never_negative(node.attrs["expression"]):
                    continue
                if not never_negative(node.attrs["expression"], of_positive=True):
                    return False
            elif node.op == "affine":
                if any(np.min(np.asarray(self.tensors[constant].data)) < 0 for constant in node.inputs[1:]):
                    return False
            elif node.op not in KEEPING_SIGN:
                return False
            waiting += activation_inputs(node)
        return True

    # --- layouts

    def nhwc(self, node: Node, view: View) -> str:
        """The edge tensor of shape [1,H,W,C] that holds an NCHW view (NCW with H = 1)."""
        index = view.index[:, :, None, :] if view.index.ndim == 3 else view.index
        if index.ndim != 4:
            raise unsupported(node, f"{node.op} on an input of rank {view.index.ndim}")
        return self.arranged(node, view.moved(index), NHWC_OF_NCHW)

    def arranged(self, node: Node, view: View, order: tuple[int, ...]) -> str:
        """The edge tensor that holds the view with its axes in ``order``, through a reshape where shapes differ.

        A view in another order than its tensor costs a transpose.

        Raises:
            UnsupportedOpError: data would have to be moved in a way that is no transposition.
        """
        dims = tuple(view.shape[axis] for axis in order)
        index = view.index.transpose(order)
        name = view.name
        if not in_order(index):
            found = transposition(index)
            if found is None:
                raise unsupported(node, f"a transposition in front of {node.op} that moves data")
            before, perm = with_ones(found, dims)
            source = self.reshaped(name, before, node.name)
            name = self.emit("transpose", f"{node.name}/transpose", [source], {"perm": perm})
        return self.reshaped(name, dims, node.name)

    def reshaped(self, name: str, dims: Dims, place: str) -> str:
        """Tensor ``name`` in the shape ``dims`` (a reshape node unless it has it)."""
        if self.tensors[name].dims == dims:
            return name
        return self.emit("reshape", f"{place}/reshape", [name], {}, dims=dims)

    # --- emitting

    def emit(self, op: str, name: str, inputs: list[str], attrs: dict[str, Any], dims: Dims | None = None) -> str:
        """Append an edge node; returns the name of its output tensor, whose shape follows from the inputs."""
        if dims is None and op in INTERNAL_OPS:
            dims = self.tensors[inputs[0]].dims
        if dims is None:
            dims = output_dims(op, attrs, [self.tensors[item].dims for item in inputs if item], name)
        if prod(dims) > MAX_INDEX:
            raise UnsupportedOpError(f"an activation of {prod(dims)} elements", where=name, mend="use a smaller input")
        label = self._unique(name)
        output = self._unique(f"{label}:0")
        self.tensors[output] = Tensor(output, dims, "float32")
        self.nodes.append(Node(op, label, tuple(inputs), (output,), attrs))
        return output

    def weight(self, name: str, data: np.ndarray) -> str:
        """Store a float32 constant; returns its name."""
        label = self._unique(name)
        array = np.ascontiguousarray(data, dtype=np.float32)
        self.tensors[label] = Tensor(label, array.shape, "float32", data=array)
        return label

    def variable(self, name: str, dims: Dims) -> str:
        """Declare a float32 variable tensor; returns its name."""
        label = self._unique(name)
        self.tensors[label] = Tensor(label, dims, "float32", variable=True)
        return label

    def reshaped_constant(self, name: str, dims: Dims) -> str:
        """A stored constant in another shape."""
        return self.weight(f"{name}/reshaped", np.asarray(self.tensors[name].data).reshape(dims))

    def affine(self, node: Node, view: View, scale: np.ndarray, shift: np.ndarray) -> View:
        """scale·x + shift with constants that broadcast to the view; by channel where possible, else by element."""
        dims = self.tensors[view.name].dims
        tensors = [scatter(view, dims, np.asarray(values, np.float64)) for values in (scale, shift)]
        vectors = [by_channel(tensor) for tensor in tensors]
        source = view.name
        if any(vector is None for vector in vectors) and (cuts := band_edges(tensors)):
            return view.like(self._banded_affine(node, view.name, tensors, cuts))
        if any(vector is None for vector in vectors) and view.index.ndim > 2:
            return view.like(self._by_element(node, view.name, tensors))
        if any(vector is None for vector in vectors):
            source = self.reshaped(view.name, (1, prod(dims)), node.name)
            vectors = [tensor.reshape(-1) for tensor in tensors]
        inputs = [
            self.weight(f"{node.name}/{kind}", np.asarray(vector))
            for kind, vector in zip(("scale", "shift"), vectors, strict=True)
        ]
        return view.like(self.emit("affine", node.name, [source, *inputs], {}))

    def _by_element(self, node: Node, name: str, tensors: list[np.ndarray]) -> str:
        """A product and a sum with constants that differ from place to place, as positional codes do."""
        for op, values, idle in zip(("mul", "add"), tensors, (1.0, 0.0), strict=True):
            if np.any(values != idle):
                constant = self.weight(f"{node.name}/{op}_constant", values)
                name = self.emit(op, f"{node.name}/{op}", [name, constant], {"activation": "none"})
        return name

    def _banded_affine(self, node: Node, name: str, tensors: list[np.ndarray], cuts: list[int]) -> str:
        """The affine of each band of rows apart, and the bands one below the other again."""
        dims, parts = self.tensors[name].dims, []
        for first, end in pairwise(cuts):
            attrs = {"begin": (0, first, 0, 0), "size": (1, end - first, *dims[2:]), "stride": (1, 1, 1, 1)}
            band = self.emit("slice", f"{node.name}/band{first}", [name], attrs)
            constants = [self.weight(f"{node.name}/band{first}/{i}", t[0, first, 0]) for i, t in enumerate(tensors)]
            parts.append(self.emit("affine", f"{node.name}/affine{first}", [band, *constants], {}))
        return self.emit("concat", f"{node.name}/bands", parts, {"axis": 1})

    def input(self, name: str, dims: Dims) -> None:
        """Declare a graph input."""
        self._names.add(name)
        self.tensors[name] = Tensor(name, dims, "float32")

    def result(self, node: Node, value: Value) -> None:
        """Bind the (first) output of ``node``."""
        self.values[node.outputs[0]] = value

    def direct(self, name: str) -> View:
        """View of an edge tensor as it is."""
        return direct(name, self.tensors[name].dims)

    def ordered(self, name: str, order: tuple[int, ...]) -> View:
        """The ONNX view of an edge tensor whose axes are the ONNX axes ``order``."""
        return permuted(name, self.tensors[name].dims, order)

    def _unique(self, name: str) -> str:
        label, count = name, 1
        while label in self._names:
            count += 1
            label = f"{name}_{count}"
        self._names.add(label)
        return label


POSITIVE_OPS = frozenset({"relu", "relu6", "logistic", "softmax", "rsqrt"})
"""Operators that give nothing negative."""
KEEPING_SIGN = frozenset({"fake_quant", "add", "mul", "mean", "sum", *SAME_SCALE_OPS})
"""Operators that give nothing negative if their inputs are not."""

INTERNAL_OPS = ("affine", "fake_quant")
"""Operators that exist only between the passes: affine (x, scale[C], shift[C]; last axis) and fake_quant (scale,
zero_point). Both keep the shape."""


def common_layout(build: Builder, views: Sequence[View]) -> tuple[int, ...]:
    """An order of the axes in which the tensors hold all views as they are, else channels last (``arranged`` moves)."""
    fitting = [layouts(view, build.tensors[view.name].dims) for view in views]
    common = [order for order in fitting[0] if all(order in other for other in fitting)]
    rank = views[0].index.ndim
    return common[0] if common else NHWC_OF_NCHW if rank == 4 else tuple(range(rank))


def by_channel(values: np.ndarray) -> np.ndarray | None:
    """The vector over the last axis that ``values`` repeats along all others; None if it does not."""
    rows = values.reshape(-1, values.shape[-1])
    return rows[0] if bool(np.all(rows == rows[0])) else None


def band_edges(tensors: Sequence[np.ndarray]) -> list[int] | None:
    """Rows at which the constants [1,H,W,C] change, 0 and H included; None where they differ along W, or too often.

    SubSpectralNorm is a norm of this kind: one scale for each band of frequencies and channel.
    """
    if tensors[0].ndim != 4 or any(np.any(values != values[:, :, :1]) for values in tensors):
        return None
    rows = np.concatenate([values[0, :, 0] for values in tensors], axis=1)
    changes = np.flatnonzero(np.any(rows[1:] != rows[:-1], axis=1)) + 1
    return [0, *map(int, changes), len(rows)] if len(changes) < MAX_BANDS else None


def unsupported(node: Node, what: str) -> UnsupportedOpError:
    """The error of a rule: what cannot be carried, at which layer."""
    return UnsupportedOpError(
        what, where=node.name, mend="replace the layer by one of the operators in graph/ops.py and export again"
    )
