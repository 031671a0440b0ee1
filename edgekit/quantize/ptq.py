"""Post-training quantization of a float edge graph to int8, and to int16 where that is not enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgekit.core.errors import BadConfigError, UnsupportedOpError
from edgekit.core.optional import require
from edgekit.core.progress import Progress, silent
from edgekit.graph.float_interpreter import run_float
from edgekit.graph.graph import Graph, Node
from edgekit.graph.ops import EDGE_OPS, RECURRENT_OPS, SAME_SCALE_OPS
from edgekit.graph.passes.check_edge import WEIGHTED, check_edge
from edgekit.graph.passes.rescale_parts import rescale_parts
from edgekit.graph.passes.widen import WIDE, WIDTH, widen, widths
from edgekit.graph.tensor import Quantization, Tensor
from edgekit.quantize.activations import activation_names, activation_quantization
from edgekit.quantize.bias_correction import corrected_biases
from edgekit.quantize.calibrate import Calibration, calibrate, calibrations
from edgekit.quantize.cluster import marked
from edgekit.quantize.compare import dequantized_outputs
from edgekit.quantize.compensate import compensated
from edgekit.quantize.equalise import equalised
from edgekit.quantize.int4 import marked_int4
from edgekit.quantize.prune import pruned
from edgekit.quantize.recurrent import quantized_recurrent
from edgekit.quantize.share_constants import shared_constants
from edgekit.quantize.weights import (
    BIAS_LIMITS,
    largest_weight,
    quantize_bias,
    quantize_constant,
    quantize_weights,
)

AUTO = "auto"
"""Instead of an observer: the one with the least error of the logits."""
INT4 = "int4"
_JUDGED = 64
"""Calibration clips that observers are judged on."""


@dataclass(frozen=True, kw_only=True)
class PtqOptions:
    """How to quantize.

    Attributes:
        observer: what decides activation ranges: "auto" (what gives the least error of the logits among "mse",
            "percentile", "minmax" and "each"), one of these, or "entropy"; "each" takes the best an activation.
        per_channel_dense: one weight scale an output of fully connected layers too, not only of convolutions.
        compensate: let the weights not yet rounded take up the error of those that are (quantize/compensate.py).
        bias_correction: take the mean error that rounded weights cause out of the biases.
        equalise: even out the weights of neighbouring layers first (quantize/equalise.py).
        widths: which activations are int16 instead of int8 (graph/passes/widen.py): "none", "norms" (layer norms and
            the sums that they read), "attention" or "all"; quantize/choose_widths.py chooses for "auto".
        wide_layers: nodes that compute in int16 besides (quantize/mixed.py chooses them).
        adaround: instead, look for the rounding with the least error of the layer's outputs (quantize/adaround.py;
            needs torch).
        cluster: how many different values the weights of a layer may have (quantize/cluster.py); None for all.
        prune: share of the channels that leave the model first (quantize/prune.py); None for none.
        weights: "int8", or "int4" for whole numbers up to 7 in layers large enough (quantize/int4.py).
    """

    observer: str = "auto"
    per_channel_dense: bool = False
    compensate: bool = True
    bias_correction: bool = True
    equalise: bool = False
    adaround: bool = False
    widths: str = "norms"
    wide_layers: tuple[str, ...] = ()
    cluster: int | None = None
    prune: float | None = None
    weights: str = "int8"


def quantize_graph(
    graph: Graph, clips: np.ndarray, options: PtqOptions | None = None, progress: Progress = silent
) -> Graph:
    """Calibrate and quantize; see :func:`calibrate` and :func:`apply_calibration`.

    Args:
        graph: float edge graph (passes/lower.py).
        clips: float32 [N, H, W, C] calibration features.
        options: how; the defaults when None.
        progress: told about clips done.

    Returns:
        The integer edge graph: int8 in and out, same node and activation names, same metadata.
    """
    options = options or PtqOptions()
    return quantize_prepared(prepared(graph, options), clips, options, progress)


def prepared(graph: Graph, options: PtqOptions) -> Graph:
    """The float graph that ``options`` quantize: an equal function with weights that suffer less, unless it is pruned.

    Raises:
        UnsupportedOpError: see :func:`require_float`.
        BadConfigError: options that contradict each other or the model.
    """
    require_float(graph)
    if options.cluster is not None and options.adaround:
        raise BadConfigError("a codebook leaves no rounding to look for", where="--adaround", mend="leave it out")
    if options.weights == INT4 and options.cluster is not None:
        raise BadConfigError("weights of four bits have sixteen values already", where="--cluster", mend="leave it out")
    if options.prune is not None:
        graph = pruned(graph, options.prune)
    if options.cluster is not None:
        graph = marked(graph, options.cluster)
    if options.weights == INT4:
        graph = marked_int4(graph)
    graph = widen(rescale_parts(graph), options.widths, options.wide_layers)
    return equalised(graph) if options.equalise else graph


def quantize_prepared(
    graph: Graph, clips: np.ndarray, options: PtqOptions | None = None, progress: Progress = silent
) -> Graph:
    """:func:`quantize_graph` of what :func:`prepared` gave."""
    options = options or PtqOptions()
    calibration = (
        best_calibration(graph, clips, options.per_channel_dense, progress)
        if options.observer == AUTO
        else calibrate(graph, clips, options.observer, progress)
    )
    return apply_calibration(graph, calibration, clips, options, progress)


def apply_calibration(
    graph: Graph, calibration: Calibration, clips: np.ndarray, options: PtqOptions, progress: Progress = silent
) -> Graph:
    """The integer form of ``graph`` for known activation ranges.

    Activations are int8 asymmetric per tensor, weights int8 symmetric per output channel (fully connected: per tensor
    unless asked otherwise), biases int32. No operator stays in float.

    Raises:
        UnsupportedOpError: the graph is not entirely float, or holds what cannot be made integer.
        BadFileError: weights or biases are not finite.
    """
    require_float(graph)
    quants = activation_quantization(graph, calibration.ranges)
    rounded = graph
    if options.adaround:
        require("torch", "train")
        from edgekit.quantize.adaround import adarounded

        rounded = adarounded(graph, quants, clips, options.per_channel_dense, progress=progress)
    elif options.compensate or options.cluster is not None:
        rounded = compensated(graph, quants, clips, options.per_channel_dense)
    if options.bias_correction:
        rounded = corrected_biases(rounded, quants, clips, options.per_channel_dense, graph)
    return assemble(rounded, quants, options.per_channel_dense)


def best_calibration(
    graph: Graph, clips: np.ndarray, per_channel_dense: bool = False, progress: Progress = silent
) -> Calibration:
    """The calibration whose integer graph has the least error of the logits, on some of the calibration clips.

    Observers differ in what they clip, and what that costs shows behind the whole model alone: in a transformer with
    batch norms a rare large value carries the decision, in a CNN it seldom does.
    """
    some = clips[np.unique(np.linspace(0, len(clips) - 1, min(_JUDGED, len(clips))).round().astype(int))]
    some = np.ascontiguousarray(some, np.float32)
    found = calibrations(graph, clips, progress)
    expected = run_float(graph, some)
    errors = []
    for place, calibration in enumerate(found):
        integer = assemble(graph, activation_quantization(graph, calibration.ranges), per_channel_dense)
        errors.append(float(np.square(dequantized_outputs(integer, some) - expected).mean()))
        progress("choosing observer", place + 1, len(found))
    return found[int(np.argmin(errors))]


def assemble(graph: Graph, quants: Mapping[str, Quantization], per_channel_dense: bool = False) -> Graph:
    """The integer graph of a float graph whose activations have known scales; weights and biases are rounded here.

    Raises:
        BadFileError: weights or biases are not finite.
    """
    width = widths(graph)
    tensors = [graph.tensor(name).replace(dtype=width[name], quant=quants[name]) for name in activation_names(graph)]
    nodes = []
    for node in graph.nodes:
        node, constants = _quantized_node(graph, node, quants, per_channel_dense)
        nodes.append(node)
        tensors += constants
    return check_edge(shared_constants(graph.rebuild(nodes, tensors)))


def require_float(graph: Graph) -> None:
    """Check that ``graph`` is a float edge graph that can become integer as a whole.

    Raises:
        UnsupportedOpError: another dialect, an operator without integer form, or a part that is already quantized.
    """
    if graph.dialect != "edge":
        raise UnsupportedOpError(f"a graph of dialect {graph.dialect!r} is not quantized", mend="lower it first")
    for node in graph.nodes:
        if node.op not in EDGE_OPS:
            raise UnsupportedOpError(f"operator {node.op!r} has no integer form", where=node.name)
        for tensor in (*filter(None, graph.node_inputs(node)), *graph.node_outputs(node)):
            if tensor.dtype != "float32":
                raise UnsupportedOpError(
                    f"the model is quantized already ({node.op} on {tensor.dtype})",
                    where=node.name,
                    mend="give the float model",
                )


def _quantized_node(
    graph: Graph, node: Node, quants: Mapping[str, Quantization], per_channel_dense: bool
) -> tuple[Node, list[Tensor]]:
    """The node with constants of its own (an integer bias depends on the node's input scale), and these."""
    if node.op in RECURRENT_OPS:
        return quantized_recurrent(graph, node, quants)
    if node.op in WEIGHTED:
        return _weighted_node(graph, node, quants, per_channel_dense or node.op != "fully_connected")
    shared = quants[node.outputs[0]] if node.op in SAME_SCALE_OPS else None
    dtype = node.attrs.get(WIDTH, "int8")
    constants = [
        _own(graph, node, quantize_constant(graph.tensor(name), dtype, shared))
        for name in node.inputs
        if name and graph.tensor(name).constant
    ]
    named = iter(tensor.name for tensor in constants)
    inputs = tuple(next(named) if name and graph.tensor(name).constant else name for name in node.inputs)
    return node.replace(inputs=inputs), constants


def _weighted_node(
    graph: Graph, node: Node, quants: Mapping[str, Quantization], per_channel: bool
) -> tuple[Node, list[Tensor]]:
    input_scale, _ = quants[node.inputs[0]].scalar()
    weights = graph.tensor(node.inputs[1])
    bias = graph.tensor(node.inputs[2]) if len(node.inputs) > 2 and node.inputs[2] else None
    bias_data = None if bias is None or bias.data is None else bias.data.reshape(-1)
    bias_dtype = "int64" if node.attrs.get(WIDTH) == WIDE else "int32"
    limit = BIAS_LIMITS[bias_dtype]
    most = largest_weight(node)
    whole = quantize_weights(weights, WEIGHTED[node.op], per_channel, input_scale, bias_data, limit, most)
    constants = [_own(graph, node, whole)]
    if bias is not None:
        constants.append(_own(graph, node, quantize_bias(bias, input_scale, whole, bias_dtype)))
    names = tuple(tensor.name for tensor in constants)
    return node.replace(inputs=(node.inputs[0], *names, *("",) * (bias is None))), constants


def _own(graph: Graph, node: Node, tensor: Tensor) -> Tensor:
    readers = graph.consumers()[tensor.name]
    return tensor if len(readers) == 1 else tensor.replace(name=f"{tensor.name}@{node.name}")
