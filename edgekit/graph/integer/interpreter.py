"""Runs an integer edge graph over a batch of clips."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, cast, overload

import numpy as np

from edgekit.core.errors import BadConfigError, BadFileError, UnsupportedOpError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer import (
    activation,
    add,
    batch_matmul,
    conv,
    depthwise,
    fully_connected,
    interpolated,
    layout,
    lookup,
    mean,
    mul,
    pairs,
    pool,
    resize,
    softmax,
)
from edgekit.graph.integer.params import (
    LookupParams,
    Params,
    Prepared,
    QuantizeParams,
    WideRsqrtParams,
    WideSigmoidParams,
    WideSoftmaxParams,
)
from edgekit.graph.ops import activation_inputs


def _by_width(
    narrow: Callable[[Graph, Node], Params], wide: Callable[[Graph, Node], Params]
) -> Callable[[Graph, Node], Params]:
    """One of two ways to prepare a node: for int8, or for int16 input."""

    def prepare_either(graph: Graph, node: Node) -> Params:
        return (wide if graph.tensor(node.inputs[0]).dtype == "int16" else narrow)(graph, node)

    return prepare_either


_PREPARE: dict[str, Callable[[Graph, Node], Params]] = {
    "conv2d": conv.prepare_conv2d,
    "depthwise_conv2d": depthwise.prepare_depthwise_conv2d,
    "fully_connected": fully_connected.prepare_fully_connected,
    "avg_pool2d": pool.prepare_pool2d,
    "max_pool2d": pool.prepare_pool2d,
    "mean": mean.prepare_mean,
    "sum": mean.prepare_mean,
    "add": add.prepare_add,
    "sub": add.prepare_add,
    "mul": mul.prepare_mul,
    "pad": layout.prepare_pad,
    "reshape": layout.prepare_reshape,
    "transpose": layout.prepare_transpose,
    "slice": layout.prepare_slice,
    "concat": layout.prepare_concat,
    "batch_matmul": batch_matmul.prepare_batch_matmul,
    "minimum": pairs.prepare_extreme,
    "maximum": pairs.prepare_extreme,
    "squared_difference": pairs.prepare_squared_difference,
    "resize_nearest": resize.prepare_gather,
    "mirror_pad": resize.prepare_gather,
    "resize_bilinear": resize.prepare_bilinear,
    "softmax": _by_width(softmax.prepare_softmax, interpolated.prepare_wide_softmax),
    "relu": activation.prepare_relu,
    "relu6": activation.prepare_relu6,
    **dict.fromkeys((*lookup.TABLES, "lookup"), lookup.prepare_lookup),
    "logistic": _by_width(lookup.prepare_lookup, interpolated.prepare_wide_sigmoid),
    "tanh": _by_width(lookup.prepare_lookup, interpolated.prepare_wide_sigmoid),
    "rsqrt": _by_width(lookup.prepare_lookup, interpolated.prepare_wide_rsqrt),
    "quantize": activation.prepare_quantize,
    "dequantize": activation.prepare_dequantize,
}

# Scratch elements (im2col columns, activations) that one chunk of clips may take.
_CHUNK_ELEMENTS = 1 << 20

Run = Callable[[Any, tuple[np.ndarray, ...]], np.ndarray]


def _spatial(kernel: Callable[[Any, np.ndarray], np.ndarray]) -> Run:
    """Kernel on [N,H,W,C] applied to [clips, 1, H, W, C]."""

    def run(params: Any, inputs: tuple[np.ndarray, ...]) -> np.ndarray:
        x = inputs[0]
        return kernel(params, x.reshape(-1, *x.shape[2:]))

    return run


def _rows(params: Any, inputs: tuple[np.ndarray, ...]) -> np.ndarray:
    columns = params.arithmetic.weights.shape[1]
    return fully_connected.fully_connected(params, inputs[0].reshape(-1, columns))


def _binary(kernel: Callable[[Any, np.ndarray, np.ndarray], np.ndarray]) -> Run:
    def run(params: Any, inputs: tuple[np.ndarray, ...]) -> np.ndarray:
        # The clip axis comes first: ranks must be equal before numpy broadcasts the rest.
        rank = max(x.ndim for x in inputs)
        x, y = (x.reshape(x.shape[0], *(1,) * (rank - x.ndim), *x.shape[1:]) for x in inputs)
        return kernel(params, x, y)

    return run


def _quantize(params: Any, inputs: tuple[np.ndarray, ...]) -> np.ndarray:
    kernel = activation.quantize if isinstance(params, QuantizeParams) else activation.requantize
    return kernel(params, inputs[0])


def _plain(kernel: Callable[[Any, np.ndarray], np.ndarray]) -> Run:
    return lambda params, inputs: kernel(params, inputs[0])


def _function(params: Any, inputs: tuple[np.ndarray, ...]) -> np.ndarray:
    if isinstance(params, LookupParams):
        return lookup.lookup(params, inputs[0])
    if isinstance(params, WideSigmoidParams):
        return interpolated.wide_sigmoid(params, inputs[0])
    return interpolated.wide_rsqrt(cast(WideRsqrtParams, params), inputs[0])


def _softmax(params: Any, inputs: tuple[np.ndarray, ...]) -> np.ndarray:
    if isinstance(params, WideSoftmaxParams):
        return interpolated.wide_softmax(params, inputs[0])
    return softmax.softmax(params, inputs[0])


_RUN: dict[str, Run] = {
    "conv2d": _spatial(conv.conv2d),
    "depthwise_conv2d": _spatial(depthwise.depthwise_conv2d),
    "fully_connected": _rows,
    "avg_pool2d": _spatial(pool.avg_pool2d),
    "max_pool2d": _spatial(pool.max_pool2d),
    "mean": _plain(mean.mean),
    "sum": _plain(mean.mean),
    "add": _binary(add.add),
    "sub": _binary(add.add),
    "mul": _binary(mul.mul),
    "pad": _plain(layout.pad),
    "reshape": _plain(layout.reshape),
    "transpose": _plain(layout.transpose),
    "slice": _plain(layout.strided_slice),
    "concat": layout.concat,
    "batch_matmul": _binary(batch_matmul.batch_matmul),
    "minimum": _binary(pairs.extreme),
    "maximum": _binary(pairs.extreme),
    "squared_difference": _binary(pairs.squared_difference),
    "resize_nearest": _plain(resize.gather),
    "mirror_pad": _plain(resize.gather),
    "resize_bilinear": _spatial(resize.bilinear),
    "softmax": _softmax,
    "relu": _plain(activation.requantize),
    "relu6": _plain(activation.requantize),
    **dict.fromkeys((*lookup.TABLES, "lookup"), _function),
    "quantize": _quantize,
    "dequantize": _plain(activation.dequantize),
}


def prepare(graph: Graph) -> Prepared:
    """Work out every node's parameters.

    Args:
        graph: edge dialect, int8 or int16 (a quantize at the start and a dequantize at the end are allowed).

    Raises:
        UnsupportedOpError: another dialect, an unknown operator, or a node that is not int8.
        BadFileError: missing or impossible quantization.
    """
    if graph.dialect != "edge":
        raise UnsupportedOpError(f"a graph of dialect {graph.dialect!r} cannot be run", mend="lower it first")
    return Prepared({node.name: prepare_node(graph, node) for node in graph.nodes})


def prepare_node(graph: Graph, node: Node) -> Params:
    """Parameters of one node of ``graph``; raises as :func:`prepare`."""
    if node.op not in _PREPARE:
        raise UnsupportedOpError(f"operator {node.op!r} has no integer kernel", where=node.name)
    return _PREPARE[node.op](graph, node)


def run_node(node: Node, params: Params, inputs: tuple[np.ndarray, ...]) -> np.ndarray:
    """Output of one node for activations [clips, *dims], constant sides included; shape up to axes of size 1."""
    return _RUN[node.op](params, inputs)


@overload
def run_integer(
    graph: Graph, x: np.ndarray, *, all_tensors: Literal[False] = False, prepared: Prepared | None = None
) -> np.ndarray: ...


@overload
def run_integer(
    graph: Graph, x: np.ndarray, *, all_tensors: Literal[True], prepared: Prepared | None = None
) -> dict[str, np.ndarray]: ...


def run_integer(
    graph: Graph, x: np.ndarray, *, all_tensors: bool = False, prepared: Prepared | None = None
) -> np.ndarray | dict[str, np.ndarray]:
    """Run ``graph`` on N clips.

    Args:
        graph: integer edge graph with one input (and one output, unless ``all_tensors``).
        x: int8 [N, input shape without its leading 1]; float32 where the graph starts with a quantize operator.
        all_tensors: return every activation (graph input included) by name instead of the output.
        prepared: result of :func:`prepare` on the same graph, to save doing it again.

    Returns:
        int8 (float32 after a final dequantize) [N, output shape without its leading 1], or a dict of such arrays.

    Raises:
        BadConfigError: wrong shape or dtype of ``x``, several graph inputs or outputs.
        UnsupportedOpError, BadFileError: as :func:`prepare`.
    """
    prepared = prepared or prepare(graph)
    clips = _clips(graph, x)
    if not all_tensors and len(graph.outputs) != 1:
        raise BadConfigError("the graph has several outputs", where=graph.name, mend="ask for all_tensors")
    wanted = _activations(graph) if all_tensors else (graph.outputs[0],)
    step = _clips_a_chunk(graph)
    parts = [_run_chunk(graph, prepared, clips[i : i + step], wanted) for i in range(0, max(len(clips), 1), step)]
    found = {name: np.concatenate([part[name] for part in parts]) for name in wanted}
    return found if all_tensors else found[graph.outputs[0]]


def _clips(graph: Graph, x: np.ndarray) -> np.ndarray:
    if len(graph.inputs) != 1:
        raise BadConfigError(f"the graph has {len(graph.inputs)} inputs, one is needed", where=graph.name)
    source = graph.tensor(graph.inputs[0])
    shape = _without_batch(source.dims)
    if x.shape[1:] != shape or x.ndim != len(shape) + 1:
        raise BadConfigError(f"input of shape {x.shape}, needed [N, {', '.join(map(str, shape))}]", where=source.name)
    if x.dtype != np.dtype(source.dtype):
        raise BadConfigError(f"input of {x.dtype}, needed {source.dtype}", where=source.name)
    return x.reshape(x.shape[0], *source.dims)


def _run_chunk(graph: Graph, prepared: Prepared, clips: np.ndarray, wanted: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Values are [clips, *tensor.dims]: the clip axis stands before the graph's own batch of 1."""
    values = {graph.inputs[0]: clips}
    last_reader = {name: node.name for node in graph.nodes for name in node.inputs}
    for node in graph.nodes:
        inputs = tuple(_value(graph, values, name, len(clips)) for name in activation_inputs(node))
        result = run_node(node, prepared[node.name], inputs)
        output = graph.tensor(node.outputs[0])
        if result.size != len(clips) * output.elements:
            raise BadFileError(f"makes {result.shape[1:]}, its output says {output.dims}", where=node.name)
        values[output.name] = result.reshape(len(clips), *output.dims)
        for name in node.inputs:
            if last_reader.get(name) == node.name and name not in wanted:
                values.pop(name, None)
    return {name: values[name].reshape(len(clips), *_without_batch(graph.tensor(name).dims)) for name in wanted}


def _value(graph: Graph, values: dict[str, np.ndarray], name: str, clips: int) -> np.ndarray:
    if name in values:
        return values[name]
    constant = cast(np.ndarray, graph.tensor(name).data)
    return np.broadcast_to(constant.reshape(graph.tensor(name).dims), (clips, *graph.tensor(name).dims))


def _activations(graph: Graph) -> tuple[str, ...]:
    return (*graph.inputs, *(name for node in graph.nodes for name in node.outputs if name))


def _without_batch(dims: tuple[int, ...]) -> tuple[int, ...]:
    return dims[1:] if dims and dims[0] == 1 else dims


def _clips_a_chunk(graph: Graph) -> int:
    largest = 1
    for node in graph.nodes:
        output = graph.tensor(node.outputs[0])
        elements = output.elements
        if node.op == "conv2d":
            kernel = graph.tensor(node.inputs[1])
            elements = max(elements, elements // kernel.dims[0] * (kernel.elements // kernel.dims[0]))
        largest = max(largest, elements)
    return max(1, _CHUNK_ELEMENTS // largest)
