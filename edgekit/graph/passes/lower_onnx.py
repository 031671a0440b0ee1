"""ONNX float graphs (NCHW) into edge float graphs (NHWC)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from edgekit.core.errors import BadFileError, UnsupportedOpError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.passes import onnx_attention as attention
from edgekit.graph.passes import onnx_einsum as products
from edgekit.graph.passes import onnx_elementwise as elementwise
from edgekit.graph.passes import onnx_extremes as extremes
from edgekit.graph.passes import onnx_norms as norms
from edgekit.graph.passes import onnx_pooling as pooling
from edgekit.graph.passes import onnx_quantization as quantization
from edgekit.graph.passes import onnx_recurrent as recurrent
from edgekit.graph.passes import onnx_reshaping as reshaping
from edgekit.graph.passes import onnx_resizing as resizing
from edgekit.graph.passes import onnx_slicing as slicing
from edgekit.graph.passes import onnx_upsampling as upsampling
from edgekit.graph.passes import onnx_weighted as weighted
from edgekit.graph.passes.onnx_builder import MAX_INDEX, Builder, unsupported
from edgekit.graph.passes.onnx_constants import evaluate
from edgekit.graph.passes.onnx_pointwise import POINTWISE, join_pointwise
from edgekit.graph.passes.views import NHWC_OF_NCHW, View, permuted
from edgekit.graph.readers.onnx_reader import OPSET_KEY

Rule = Callable[[Node, Builder], None]
MAX_WORK = 2**26
"""Elements of all activations and folded constants of one model together."""
TO_NHWC = (0, 3, 1, 2)
"""The Transpose that models converted from TensorFlow begin with: their input is NHWC already."""
SPATIAL_OPS = frozenset({"Conv", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "BatchNormalization"})
"""Readers that make an input of rank 3 a sequence of channels [1,C,T]; it becomes [1,T,C]."""


def lower_onnx(graph: Graph) -> tuple[Graph, Mapping[str, np.ndarray]]:
    """An edge graph of float32 that computes what the ONNX graph does, and the scales of its quantized weights.

    Operators on constants are folded, rearranging operators become views (passes/views.py), every other operator goes
    through its rule. Inputs and outputs of rank 4 are NHWC, a sequence of channels [1,C,T] that goes into a 1-D
    convolution is [1,T,C]; the others keep their shape. BatchNormalization and other
    arithmetic with constants come out as the internal operator ``affine``, activations unfused: the passes that
    :func:`edgekit.graph.passes.lower.lower` runs next clean up. QDQ models come out with ``fake_quant`` nodes and with
    the scales of their stored integers by name of the constant, which passes/qdq.py turns into an integer graph.

    Raises:
        UnsupportedOpError: an operator, or a form of one, without a rule.
        UnknownShapeError: an unknown dimension at an input.
        BadFileError: attributes and shapes that contradict each other.
    """
    graph = join_pointwise(graph)
    build = Builder(opset=int(graph.metadata.get(OPSET_KEY, "17")))
    for tensor in graph.tensors.values():
        if tensor.data is not None:
            build.values[tensor.name] = tensor.data
    for name in graph.inputs:
        _input(graph, name, build)
    last = {name: node for node in graph.nodes for name in node.inputs}
    work = 0
    for node in graph.nodes:
        _lower_node(node, build)
        value = build.values.get(node.outputs[0])
        work += 0 if value is None else value.index.size if isinstance(value, View) else value.size
        if work > MAX_WORK:
            raise unsupported(node, f"activations and constants of more than {MAX_WORK} elements")
        for name in node.inputs:
            if last.get(name) is node and name not in graph.outputs:
                build.values.pop(name, None)
    outputs = tuple(_output(name, build) for name in graph.outputs)
    metadata = {key: value for key, value in graph.metadata.items() if key != OPSET_KEY}
    return _renamed(build, graph, outputs, metadata), build.scales


def _input(graph: Graph, name: str, build: Builder) -> None:
    tensor = graph.tensor(name)
    dims = tensor.dims
    if tensor.dtype != "float32":
        raise UnsupportedOpError(
            f"input of type {tensor.dtype}", where=name, mend="export the model with float32 input"
        )
    if dims and dims[0] != 1:
        raise UnsupportedOpError(f"batch is {dims[0]}", where=name, mend="export the model with batch 1")
    if 0 in dims or tensor.elements > MAX_INDEX:
        raise UnsupportedOpError(f"input of shape {dims} is empty or too large", where=name, mend="use shorter clips")
    readers = graph.consumers().get(name, [])
    order = _channels_last(len(dims), readers)
    edge = tuple(dims[axis] for axis in order)
    build.input(name, edge)
    build.values[name] = permuted(name, edge, order)


def _channels_last(rank: int, readers: list[Node]) -> tuple[int, ...]:
    """Order of an input's ONNX axes in the edge graph: channels last, unless the file's input is so already."""
    if rank == 4 and not (readers and all(n.op == "Transpose" and n.attrs.get("perm") == TO_NHWC for n in readers)):
        return NHWC_OF_NCHW
    if rank == 3 and any(node.op in SPATIAL_OPS for node in readers):
        return (0, 2, 1)
    return tuple(range(rank))


def _lower_node(node: Node, build: Builder) -> None:
    _check_form(node)
    values = [build.values.get(name) if name else None for name in node.inputs]
    if not any(isinstance(value, View) for value in values):
        folded = evaluate(node, [None if isinstance(value, View) else value for value in values])
        if folded is not None:
            build.result(node, folded)
            if node.op in ("Identity", "Transpose") and node.inputs[0] in build.scales:
                build.scales[node.outputs[0]] = build.scales[node.inputs[0]]
            return
    rule = RULES.get(node.op)
    if rule is None:
        raise unsupported(node, f"operator {node.op} is not supported")
    rule(node, build)


def _check_form(node: Node) -> None:
    """An output (of a recurrent layer perhaps not the first), and attributes of the types that ONNX gives them, so that
    the rules can compute with them.
    """
    if not any(node.outputs):
        raise BadFileError(f"{node.op} has no output", where=node.name)
    if not node.outputs[0] and node.op not in ("LSTM", "GRU"):
        raise BadFileError(f"{node.op} has no first output", where=node.name)
    for key, value in node.attrs.items():
        kind = ATTRIBUTES.get(key)
        items = value if isinstance(value, tuple) else (value,)
        is_list = isinstance(value, tuple)
        if kind and (is_list != kind[1] or not all(isinstance(item, kind[0]) for item in items)):
            raise BadFileError(f"{node.op} with {key} = {value!r}", where=node.name, mend="export the model again")


def _output(name: str, build: Builder) -> str:
    """The edge tensor that holds an output: NHWC for rank 4, else in the ONNX tensor's order and shape."""
    value = build.values.get(name)
    place = Node("output", name, (), ())
    if not isinstance(value, View):
        raise unsupported(place, "an output that does not depend on the input")
    wanted = NHWC_OF_NCHW if value.index.ndim == 4 else tuple(range(value.index.ndim))
    return build.arranged(place, value, wanted)


def _renamed(build: Builder, graph: Graph, outputs: tuple[str, ...], metadata: Mapping[str, str]) -> Graph:
    """The finished graph, its outputs called as in the file."""
    nodes, names = list(build.nodes), {}
    for original, edge in zip(graph.outputs, outputs, strict=True):
        source = edge
        if edge in graph.inputs or edge in names:
            source = build.emit("reshape", f"{original}/copy", [edge], {}, dims=build.tensors[edge].dims)
            nodes.append(build.nodes[-1])
        names[source] = original
    # A file may call its output what a tensor inside is called here: "node:0" is what other exporters write.
    for taken in set(names.values()) & (build.tensors.keys() - names.keys()):
        names[taken] = f"{taken}/inside"
    tensors = {names.get(t.name, t.name): t.replace(name=names.get(t.name, t.name)) for t in build.tensors.values()}
    renamed = tuple(
        node.replace(
            inputs=tuple(names.get(name, name) for name in node.inputs),
            outputs=tuple(names.get(name, name) for name in node.outputs),
        )
        for node in nodes
    )
    whole = Graph(graph.name, "edge", tensors, renamed, graph.inputs, graph.outputs, dict(metadata))
    return whole.rebuild(renamed)


ATTRIBUTES: Mapping[str, tuple[type, bool]] = {
    **dict.fromkeys(("strides", "pads", "dilations", "kernel_shape", "axes", "perm", "shape"), (int, True)),
    **dict.fromkeys(("starts", "ends", "steps", "split", "output_padding"), (int, True)),
    **dict.fromkeys(
        ("group", "axis", "keepdims", "ceil_mode", "count_include_pad", "transA", "transB", "to"), (int, False)
    ),
    **dict.fromkeys(("allowzero", "start", "end", "training_mode", "noop_with_empty_axes"), (int, False)),
    **dict.fromkeys(("blocksize", "num_groups"), (int, False)),
    **dict.fromkeys(("alpha", "beta", "epsilon", "min", "max"), (float, False)),
    **dict.fromkeys(("auto_pad", "mode", "equation"), (str, False)),
}
"""Attributes that the rules read: element type, and whether it is a list."""

RULES: Mapping[str, Rule] = {
    "Conv": weighted.conv,
    "Gemm": weighted.gemm,
    "ConvTranspose": upsampling.conv_transpose,
    "MatMul": weighted.matmul,
    "Einsum": products.einsum,
    "BatchNormalization": weighted.batch_norm,
    "Relu": elementwise.unary("relu"),
    "Sigmoid": elementwise.unary("logistic"),
    "HardSwish": elementwise.unary("hard_swish"),
    "LeakyRelu": elementwise.leaky_relu,
    "PRelu": elementwise.prelu,
    "Reciprocal": elementwise.reciprocal,
    "Sqrt": elementwise.sqrt,
    "Tanh": elementwise.unary("tanh"),
    "Clip": elementwise.clip,
    "Add": elementwise.add,
    "Sub": elementwise.sub,
    "Mul": elementwise.mul,
    "Div": elementwise.div,
    "MaxPool": pooling.max_pool,
    "AveragePool": pooling.average_pool,
    "GlobalAveragePool": pooling.global_average_pool,
    "GlobalMaxPool": pooling.global_max_pool,
    **dict.fromkeys(("ReduceMean", "ReduceSum", "ReduceL2"), pooling.reduce_mean),
    **dict.fromkeys(("ReduceMax", "ReduceMin"), extremes.reduce_extreme),
    "Pad": pooling.pad,
    "Softmax": attention.softmax,
    "LogSoftmax": extremes.log_softmax,
    "LayerNormalization": norms.layer_norm,
    "InstanceNormalization": norms.instance_norm,
    "GroupNormalization": norms.group_norm,
    POINTWISE: elementwise.pointwise,
    "Pow": elementwise.power,
    **dict.fromkeys(("Resize", "Upsample"), resizing.resize),
    "DepthToSpace": upsampling.depth_to_space,
    "SpaceToDepth": upsampling.space_to_depth,
    "Tile": resizing.tile,
    "Expand": resizing.expand,
    "Min": resizing.extreme("minimum"),
    "Max": resizing.extreme("maximum"),
    "Neg": elementwise.negative,
    "Gather": slicing.gather,
    "QuantizeLinear": quantization.quantize_linear,
    "DequantizeLinear": quantization.dequantize_linear,
    "Identity": reshaping.identity,
    "Dropout": reshaping.dropout,
    "Cast": reshaping.cast,
    "Shape": reshaping.shape,
    "Reshape": reshaping.reshape,
    "Flatten": reshaping.flatten,
    "Squeeze": reshaping.squeeze,
    "Unsqueeze": reshaping.unsqueeze,
    "Transpose": reshaping.transpose,
    "Slice": slicing.cut,
    "Split": slicing.split,
    "Concat": slicing.concat,
    "LSTM": recurrent.lstm,
    "GRU": recurrent.gru,
}
