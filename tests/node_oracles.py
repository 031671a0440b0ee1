"""Node by node: what LiteRT makes of the inputs it had itself, and where it is known to compute otherwise than TFLM."""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from random_recurrent import resets

from edgekit.export.tflite_writer import tflite_bytes
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.fixed_point import quantize_multiplier, round_half_away
from edgekit.graph.integer.interpreter import empty_memory, prepare_node, run_node
from edgekit.graph.integer.params import Accumulate, Rescale
from edgekit.graph.integer.rescale import fused_clamp, to_rescale
from edgekit.graph.ops import activation_inputs
from edgekit.graph.rounding import TWICE

_LIBM = ctypes.CDLL(ctypes.util.find_library("m"))
_LIBM.tanhf.restype, _LIBM.tanhf.argtypes = ctypes.c_float, [ctypes.c_float]

Way = Callable[[Graph, Node, tuple[np.ndarray, ...]], np.ndarray]


@dataclass(frozen=True)
class Known:
    """A known difference between LiteRT's reference kernels and TFLM (docs/litert-tflm.md).

    Attributes:
        cause: in a few words.
        litert: LiteRT's arithmetic, which its bytes must equal; None where they follow no rule.
    """

    cause: str
    litert: Way | None


def tensors_of_litert(graph: Graph, clips: np.ndarray) -> dict[str, np.ndarray]:
    """Every activation [N, *dims] that LiteRT's reference kernels compute, by name; input included."""
    runtime = pytest.importorskip("ai_edge_litert.interpreter")
    names = tuple(node.outputs[0] for node in graph.nodes)
    interpreter = runtime.Interpreter(
        model_content=tflite_bytes(graph.replace(outputs=names)),
        experimental_op_resolver_type=runtime.OpResolverType.BUILTIN_REF,
    )
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]
    index = {detail["name"]: detail["index"] for detail in interpreter.get_output_details()}
    found: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for clip in clips:
        if resets(graph):
            interpreter.reset_all_variables()
        interpreter.set_tensor(source["index"], clip.reshape(source["shape"]))
        interpreter.invoke()
        for name, values in found.items():
            values.append(interpreter.get_tensor(index[name]).reshape(graph.tensor(name).dims))
    values = {name: np.stack(parts) for name, parts in found.items()}
    values[graph.inputs[0]] = clips.reshape(len(clips), *graph.tensor(graph.inputs[0]).dims)
    return values


def node_again(graph: Graph, node: Node, values: Mapping[str, np.ndarray], way: Way | None = None) -> np.ndarray:
    """Output [N, *dims] of one node for the inputs in ``values``, as edgekit computes it, or in another way."""
    clips = len(next(iter(values.values())))
    inputs = []
    for name in activation_inputs(node):
        tensor = graph.tensor(name)
        constant = None if tensor.data is None else np.broadcast_to(tensor.data, (clips, *tensor.dims))
        inputs.append(values[name] if constant is None else constant)
    output = (way or _ours)(graph, node, tuple(inputs))
    return output.reshape(clips, *graph.tensor(node.outputs[0]).dims)


def known_difference(graph: Graph, node: Node) -> Known | None:
    """Why LiteRT may compute this node otherwise than TFLM; None where it must not."""
    dtype = graph.tensor(node.inputs[0]).dtype
    if node.op == "relu6":
        same = graph.tensor(node.inputs[0]).scale_zero() == graph.tensor(node.outputs[0]).scale_zero()
        return None if same else _KNOWN[node.op, "int8"]
    return _KNOWN.get((node.op, dtype))


def _ours(graph: Graph, node: Node, inputs: tuple[np.ndarray, ...]) -> np.ndarray:
    return run_node(node, prepare_node(graph, node), inputs, empty_memory(graph))


def _dense_in_double(graph: Graph, node: Node, inputs: tuple[np.ndarray, ...]) -> np.ndarray:
    """Sums times the real factor, rounded once: a multiplier of 31 bits is a step off in one value of a million."""
    params: Any = prepare_node(graph, node)
    arithmetic: Accumulate = params.arithmetic
    rows = inputs[0].reshape(-1, arithmetic.weights.shape[1]).astype(np.int64) - arithmetic.input_zero_point
    sums = rows @ arithmetic.weights.astype(np.int64).T + arithmetic.bias
    weights = graph.tensor(node.inputs[1]).quant
    assert weights is not None
    scale, scale_out = (graph.tensor(name).scale_zero()[0] for name in (node.inputs[0], node.outputs[0]))
    scaled = np.floor(sums * (scale * weights.scale.astype(np.float64) / scale_out) + 0.5).astype(np.int64)
    return arithmetic.clamp(scaled + arithmetic.output_zero_point)


def _mul_with_float_factor(graph: Graph, node: Node, inputs: tuple[np.ndarray, ...]) -> np.ndarray:
    first, second, out = (np.float32(graph.tensor(n).scale_zero()[0]) for n in (*node.inputs, *node.outputs))
    params: Any = prepare_node(graph, node)
    rescale = Rescale(*quantize_multiplier(float(first * second / out)))
    return run_node(node, replace(params, rescale=rescale), inputs)


def _matmul_with_float_product(graph: Graph, node: Node, inputs: tuple[np.ndarray, ...]) -> np.ndarray:
    first, second, out = (np.float32(graph.tensor(n).scale_zero()[0]) for n in (*node.inputs, *node.outputs))
    params: Any = prepare_node(graph, node)
    rescale = Rescale(*quantize_multiplier(float(first * second) / float(out)))
    return run_node(node, replace(params, rescale=rescale), inputs)


def _relu6_rescaled(graph: Graph, node: Node, inputs: tuple[np.ndarray, ...]) -> np.ndarray:
    source, output = graph.tensor(node.inputs[0]), graph.tensor(node.outputs[0])
    factor = float(np.float32(source.scale_zero()[0]) / np.float32(output.scale_zero()[0]))
    params: Any = prepare_node(graph, node)
    rescaled = replace(
        params,
        rescale=to_rescale(factor, TWICE),
        output_zero_point=output.scale_zero()[1],
        clamp=fused_clamp("relu6", output),
    )
    return run_node(node, rescaled, inputs)


def _tanhf(value: np.float32) -> float:
    """The C library's, as LiteRT calls it: numpy's has other last bits, which decide near a half."""
    return float(_LIBM.tanhf(float(value)))


def _float_table(graph: Graph, node: Node, inputs: tuple[np.ndarray, ...]) -> np.ndarray:
    """logistic or tanh of all 256 values in float32, rounded (LUTPopulate of kernels/internal/common.h)."""
    (scale, zero_point), (step, zero_out) = (graph.tensor(n).scale_zero() for n in (node.inputs[0], node.outputs[0]))
    values = np.arange(-128, 128)
    real = np.float32(scale) * (values - zero_point).astype(np.float32)
    if node.op == "tanh":
        function = np.array([_tanhf(value) for value in real], np.float32)
    else:
        function = np.float32(1) / (np.float32(1) + np.exp(np.minimum(-real, np.float32(80))))
    table = np.clip(round_half_away(function / np.float32(step)) + zero_out, -128, 127).astype(np.int8)
    return table[inputs[0].astype(np.int16) + 128]


def _softmax_of_double_reciprocals(graph: Graph, node: Node, inputs: tuple[np.ndarray, ...]) -> np.ndarray:
    """The table of 1/(1 + x) from float64: two of its 513 entries are others than from float32."""
    params: Any = prepare_node(graph, node)
    reciprocal = params.reciprocal.copy()
    x = np.arange(513) / 512
    values, middles = 32768 / (1 + x), 32768 / (1 + x[:-1] + 1 / 1024)
    samples = round_half_away(values)
    between = round_half_away((values[1:] + samples[:-1]) / 2)
    bias = round_half_away((between - round_half_away(middles)) / 2)
    reciprocal[:-1] = np.clip(samples[:-1] - bias, -32768, 32767)
    return run_node(node, replace(params, reciprocal=reciprocal), inputs)


_KNOWN: dict[tuple[str, str], Known] = {
    ("fully_connected", "int8"): Known("LiteRT rounds once, TFLM twice", _dense_in_double),
    ("fully_connected", "int16"): Known("LiteRT has a double factor, TFLM 16 bits of it", _dense_in_double),
    ("relu6", "int8"): Known("LiteRT rescales, TFLM copies", _relu6_rescaled),
    ("batch_matmul", "int8"): Known("LiteRT's factor is float32, TFLM's double", _matmul_with_float_product),
    ("batch_matmul", "int16"): Known("LiteRT's factor is float32, TFLM's double", _matmul_with_float_product),
    ("mul", "int8"): Known("LiteRT's factor is float32, TFLM's double", _mul_with_float_factor),
    ("mul", "int16"): Known("LiteRT's factor is float32, TFLM's double", _mul_with_float_factor),
    ("sum", "int8"): Known("LiteRT's reference kernel uses factors that nothing has set", None),
    ("sum", "int16"): Known("LiteRT's reference kernel uses factors that nothing has set", None),
    ("softmax", "int16"): Known("LiteRT's reciprocals are float64, TFLM's float32", _softmax_of_double_reciprocals),
    ("logistic", "int8"): Known("LiteRT's table is float32, TFLM's fixed point", _float_table),
    ("tanh", "int8"): Known("LiteRT's table is float32, TFLM's fixed point", _float_table),
    ("lstm", "int8"): Known("LiteRT's functions of gates are fixed point, TFLM's a table", None),
    ("rsqrt", "int16"): Known("LiteRT's intermediate has fewer bits", None),
}
