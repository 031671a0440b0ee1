"""TFLite operators into edge operators, one to one: paddings become numbers, shape arithmetic folds away."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

import numpy as np

from edgekit.core.errors import BadFileError, UnsupportedOpError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.passes.check_edge import check_edge
from edgekit.graph.passes.shapes import output_dims
from edgekit.graph.passes.tflite_constants import evaluate
from edgekit.graph.passes.tflite_expand import Part, parts_of
from edgekit.graph.passes.tflite_lookup import join_lookups
from edgekit.graph.passes.tflite_rule import Lowered
from edgekit.graph.passes.tflite_rules import RULES, dequantize
from edgekit.graph.readers.tflite_control import STATE_KEY
from edgekit.graph.tensor import Tensor

MEND = "use a model of the operators in graph/ops.py, or remove this layer before converting"

UNROLL = "build its recurrent layers with unroll=True, or export the model as ONNX"
"""What mends a loop: TensorFlow's converter makes one of a Keras LSTM or GRU."""


def lower_tflite(graph: Graph) -> Graph:
    """A ``tflite`` graph as an ``edge`` graph with the same tensor names.

    An unknown batch is 1. Weights that are stored as int8 or float16 for a float operator (dynamic-range or float16
    models) become float32. Shapes are derived from the inputs and must agree with the file's.

    Raises:
        UnsupportedOpError: an operator, an activation or an element type that the edge dialect has not.
        UnknownShapeError: a dimension other than the batch is not known.
        BadFileError: attributes missing, or shapes that contradict each other.
    """
    graph = join_lookups(graph)
    lowering = _Lowering({name: _bind_batch(_unpacked(tensor)) for name, tensor in graph.tensors.items()})
    for name in graph.inputs:
        _ = lowering.tensors[name].dims  # an unknown dimension is named here, at the input, not layers later
    for node in graph.nodes:
        lowering.node(node)
    for name in graph.outputs:
        if name in lowering.values:
            raise UnsupportedOpError("an output is a constant", where=name, mend=MEND)
    nodes = tuple(lowering.nodes)
    metadata = {key: value for key, value in graph.metadata.items() if key != STATE_KEY}
    # Variable tensors are no inputs and outputs any more, but inputs of the operators that remember.
    ends = ([name for name in names if not graph.tensor(name).variable] for names in (graph.inputs, graph.outputs))
    inputs, outputs = (tuple(names) for names in ends)
    whole = Graph(graph.name, "edge", lowering.tensors, nodes, inputs, outputs, metadata)
    return check_edge(whole.rebuild(nodes))


def _unpacked(tensor: Tensor) -> Tensor:
    """Constants of four bits as int8: the reader took them apart, and the compiler packs what has few values."""
    return tensor.replace(dtype="int8") if tensor.dtype == "int4" and tensor.data is not None else tensor


def _bind_batch(tensor: Tensor) -> Tensor:
    if tensor.constant or not tensor.shape or isinstance(tensor.shape[0], int):
        return tensor
    return tensor.replace(shape=(1, *tensor.shape[1:]))


@dataclass
class _Lowering:
    """State of one walk: tensors so far, nodes so far, and the values of tensors that folded into constants."""

    tensors: dict[str, Tensor]
    nodes: list[Node] = field(default_factory=list)
    values: dict[str, np.ndarray] = field(default_factory=dict)

    def node(self, node: Node) -> None:
        """Lower one node, or fold it."""
        if self._folded(node):
            return
        parts = parts_of(node, self)
        if parts is not None:
            for index, part in enumerate(parts):
                self._part(node, part, index)
            return
        rule = RULES.get(node.op)
        if rule is None:
            op = node.attrs.get("custom_code", node.op)
            mend = UNROLL if node.op == "WHILE" else MEND
            raise UnsupportedOpError(f"operator {op} is not supported", where=self._place(node), mend=mend)
        if len(node.outputs) != 1 or not node.inputs:
            raise BadFileError(f"{node.op} has no input or not one output", where=node.name)
        self._append(node, rule(node, self))

    def _append(self, node: Node, lowered: Lowered) -> None:
        """Keep the edge form of a node that has one output."""
        op, attrs, inputs = lowered
        if op == "reshape":
            dims = self._reshape_target(node)
        else:
            dims = output_dims(op, attrs, [self.tensors[name].dims for name in inputs if name], node.name)
        self._set_shape(node, dims)
        self.nodes.append(Node(op, node.name, inputs, node.outputs, attrs))

    def _part(self, node: Node, part: Part, index: int) -> None:
        """Keep one of several edge operators that a node is; a tensor between them is of the first one's type."""
        dims = part.dims
        if dims is None:
            dims = output_dims(part.op, part.attrs, [self.tensors[name].dims for name in part.inputs], node.name)
        made = node.replace(op=part.op, name=f"{node.name}/{index}", inputs=part.inputs, outputs=(part.output,))
        if part.output not in self.tensors:
            self.tensors[part.output] = self.tensors[part.inputs[0]].replace(name=part.output, shape=dims)
        self._set_shape(made, dims)
        self.nodes.append(made.replace(attrs=part.attrs))

    def constant(self, name: str) -> np.ndarray | None:
        """Value of a constant or folded tensor, None for activations and absent inputs."""
        if name in self.values:
            return self.values[name]
        return self.tensors[name].data if name else None

    def axes(self, node: Node, position: int) -> list[int]:
        """A constant integer input of ``node`` as a flat list.

        Raises:
            UnsupportedOpError: it is computed at run time.
        """
        value = self.constant(node.inputs[position]) if position < len(node.inputs) else None
        if value is None or value.dtype.kind not in "iu":
            raise UnsupportedOpError(
                f"{node.op} with an operand that is not a constant", where=self._place(node), mend=MEND
            )
        return [int(item) for item in value.reshape(-1)]

    def dims(self, name: str, rank: int | None = None) -> tuple[int, ...]:
        """Static shape of a tensor, of rank ``rank`` if given."""
        if not name:
            raise BadFileError("an input that is needed is absent")
        dims = self.tensors[name].dims
        if rank is not None and len(dims) != rank:
            raise BadFileError(f"rank {rank} expected, shape is {dims}", where=name)
        return dims

    def float_operand(self, name: str, like: str) -> str:
        """``name``, turned into a float32 constant if the activations ``like`` are float and it is stored smaller."""
        if not name or self.tensors[like].dtype != "float32":
            return name
        tensor = self.tensors[name]
        if tensor.data is None or tensor.dtype == "float32":
            return name
        if tensor.dtype == "float16":
            self.tensors[name] = tensor.replace(dtype="float32", data=tensor.data.astype(np.float32), quant=None)
        elif tensor.dtype == "int8" and tensor.quant is not None:
            self.tensors[name] = tensor.replace(dtype="float32", data=dequantize(tensor), quant=None)
        return name

    def _folded(self, node: Node) -> bool:
        """Whether the node only computes a shape; its value is then kept and the node dropped."""
        if node.op == "SHAPE" and node.inputs:
            self.values[node.outputs[0]] = np.array(self.dims(node.inputs[0]), np.int32)
            return True
        if node.op == "DEQUANTIZE" and len(node.inputs) == 1 and self.tensors[node.inputs[0]].data is not None:
            self._fold_dequantize(node)
            return True
        values = [self.constant(name) for name in node.inputs]
        present = [value for value in values if value is not None]
        value = evaluate(node, present) if present and len(present) == len(values) else None
        if value is not None:
            self.values[node.outputs[0]] = value
        return value is not None

    def _fold_dequantize(self, node: Node) -> None:
        """Weights that a float model stores as float16 or int8 and dequantizes at load time become float32."""
        source, name = self.tensors[node.inputs[0]], node.outputs[0]
        data = dequantize(source) if source.quant is not None else np.asarray(source.data).astype(np.float32)
        self.tensors[name] = Tensor(name, source.shape, "float32", data=data)

    def _reshape_target(self, node: Node) -> tuple[int, ...]:
        """Target of a reshape: its constant operand with -1 resolved, the option, else the output's own shape."""
        source, stated = self.dims(node.inputs[0]), None
        if len(node.inputs) > 1 and node.inputs[1]:
            value = self.constant(node.inputs[1])
            if value is not None and value.dtype.kind not in "iu":
                raise BadFileError(f"reshape to a target of type {value.dtype}", where=node.name)
            stated = None if value is None else [int(item) for item in value.reshape(-1)]
        elif node.op == "RESHAPE" and node.attrs.get("new_shape"):
            stated = [int(item) for item in node.attrs["new_shape"]]
        if node.op != "RESHAPE" or stated is None:
            return self.dims(node.outputs[0])
        known = prod(item for item in stated if item != -1)
        if stated.count(-1) > 1 or known <= 0 or prod(source) % known:
            raise BadFileError(f"reshape of {source} to {tuple(stated)}", where=node.name)
        return tuple(prod(source) // known if item == -1 else item for item in stated)

    def _set_shape(self, node: Node, dims: tuple[int, ...]) -> None:
        output = self.tensors[node.outputs[0]]
        if output.static and output.dims != dims:
            raise BadFileError(
                f"{node.op} gives shape {dims}, the file says {output.dims}",
                where=node.name,
                mend="export the model with fixed shapes and batch 1",
            )
        self.tensors[output.name] = output.replace(shape=dims)

    def _place(self, node: Node) -> str:
        return f"{node.name} ({node.outputs[0]})" if node.outputs else node.name
