"""svdf on int8 with a memory of int8 or int16 (TensorFlow Lite Micro's EvalIntegerSvdfReference)."""

from __future__ import annotations

import numpy as np

from edgekit.core.errors import BadFileError, UnsupportedOpError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.fixed_point import wrap_int32
from edgekit.graph.integer.params import Rescale, SvdfParams
from edgekit.graph.integer.rescale import LIMITS, full_clamp, input_output, to_rescale
from edgekit.graph.ops import SVDF_MEMORY
from edgekit.graph.rounding import Rounding, rounding_of
from edgekit.graph.tensor import Tensor


def prepare_svdf(graph: Graph, node: Node) -> SvdfParams:
    """Parameters of one svdf node.

    Raises:
        UnsupportedOpError: weights, bias or memory of another element type.
        BadFileError: no scales, or zero points that are out of range.
    """
    source, output = input_output(graph, node)
    feature, time = (_weights(graph, node, position) for position in (1, 2))
    bias = graph.tensor(node.inputs[3]) if node.inputs[3] else None
    state = graph.tensor(node.inputs[SVDF_MEMORY])
    if feature.dtype != "int8" or time.dtype not in LIMITS or state.dtype not in LIMITS or time.dtype != state.dtype:
        raise UnsupportedOpError(
            f"svdf with weights of {feature.dtype} and {time.dtype} and a memory of {state.dtype}", where=node.name
        )
    units = feature.dims[0] // int(node.attrs["rank"])
    if bias is not None and (bias.data is None or bias.dtype != "int32" or bias.elements != units):
        raise UnsupportedOpError("bias must be constant int32, one value an output", where=node.name)
    if state.scale_zero()[1] != 0:  # versions of TFLM clip before or after it is added
        raise UnsupportedOpError("svdf with a memory whose zero point is not 0", where=node.name)
    zero_in = source.scale_zero()[1]
    filters = np.asarray(feature.data, np.int8)
    return SvdfParams(
        feature=filters,
        feature_bias=(-zero_in * filters.astype(np.int64).sum(axis=1)).astype(np.int32),
        time=np.asarray(time.data),
        bias=np.zeros(units, np.int32) if bias is None else np.asarray(bias.data, np.int32).reshape(-1),
        rank=int(node.attrs["rank"]),
        to_state=_factor(source, feature, state, rounding_of(graph)),
        to_output=_factor(state, time, output, rounding_of(graph)),
        state_clamp=full_clamp(state),
        output_zero_point=output.scale_zero()[1],
        clamp=full_clamp(output),
    )


def _weights(graph: Graph, node: Node, position: int) -> Tensor:
    weights = graph.tensor(node.inputs[position])
    if weights.data is None:
        raise UnsupportedOpError("svdf with weights that are not constant", where=node.name)
    if weights.scale_zero()[1] != 0:
        raise BadFileError("weights with a zero point other than 0", where=weights.name)
    return weights


def _factor(source: Tensor, weights: Tensor, output: Tensor, rounding: Rounding) -> Rescale:
    """In float32, as the reference computes it."""
    first, second, third = (np.float32(tensor.scale_zero()[0]) for tensor in (source, weights, output))
    return to_rescale(float(first * second / third), rounding)


def svdf(params: SvdfParams, x: np.ndarray, memory: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One inference after the other.

    Args:
        params: of the node.
        x: int8 [N, …, I], N frames in the order of time.
        memory: what inferences before left, [F · M], the newest value of each filter last.

    Returns:
        int8 [N, F / rank], and the memory after the last frame.
    """
    filters, length = params.time.shape
    frames = x.reshape(len(x), -1).astype(np.int64)
    sums = wrap_int32(frames @ params.feature.astype(np.int64).T + params.feature_bias)
    newest = params.to_state(sums)
    old = memory.reshape(filters, length).T
    steps = np.concatenate([old, params.state_clamp(newest)])
    windows = np.lib.stride_tricks.sliding_window_view(steps, length, axis=0)[1:]
    products = (windows.astype(np.int64) * params.time.astype(np.int64)).sum(axis=2)
    total = wrap_int32(products.reshape(len(x), -1, params.rank).sum(axis=2) + params.bias)
    y = params.clamp(params.to_output(total) + params.output_zero_point)
    return y, np.ascontiguousarray(steps[len(steps) - length :].T).reshape(-1)
