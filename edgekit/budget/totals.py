"""From the rows of layers to the totals of a graph, each with its convention and the layers' parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

from edgekit.budget.counts import LayerCount
from edgekit.budget.flash import flash_tally
from edgekit.budget.parameters import Stored
from edgekit.budget.rules.other import CONVENTION, Other
from edgekit.budget.tally import Reason, Tally
from edgekit.graph.graph import Graph

_PARAMETERS = "learned weights, each once; batch norm's running statistics are buffers, not parameters"
_BYTES_TRUE = "weights and buffers as the file stores them; quantization scales, shapes and axes are not in it"
_BYTES_DCASE = "learned weights as the file stores them, without buffers, as the challenge counts memory"
_MACS_TRUE = "every multiply-accumulate of convolutions, linear layers, matrix products and recurrences, from shapes"
_MACS_DCASE = "torchinfo's rules on the file's operators: convolutions by output position, a Linear once, no matmul"
_FLOAT_OPS = "operators that compute in floating point inside the model"


def layer_tallies(
    graph: Graph,
    layers: tuple[LayerCount, ...],
    stored: tuple[Stored, ...],
    blocking: tuple[Reason, ...],
    uncounted: tuple[Reason, ...],
) -> dict[str, Tally]:
    """Weights, multiplications, float operators and flash.

    Args:
        graph: counted.
        layers: its rows, those of the graphs inside operators included.
        stored: what the file stores.
        blocking: why nothing about weights is decided, () where it is.
        uncounted: why some work is not.
    """

    def total(
        share: Callable[[LayerCount], int], unit: str, reasons: tuple[Reason, ...], convention: str, caveat: str
    ) -> Tally:
        parts = tuple((layer.name, share(layer)) for layer in layers if share(layer))
        whole, why = sum(amount for _, amount in parts), tuple(dict.fromkeys(reasons))
        return Tally(whole, unit, "exact", why, convention, caveat, parts)

    unclear = (*blocking, *uncounted)
    return {
        "parameters": total(lambda layer: layer.parameters, "parameter", blocking, "", _PARAMETERS),
        "parameter_bytes_true": total(
            lambda layer: layer.parameter_bytes + layer.buffer_bytes, "B", blocking, "true", _BYTES_TRUE
        ),
        "parameter_bytes_dcase": total(lambda layer: layer.parameter_bytes, "B", blocking, "dcase", _BYTES_DCASE),
        "macs_true": total(lambda layer: layer.work.true if layer.work else 0, "MAC", unclear, "true", _MACS_TRUE),
        "macs_dcase": total(lambda layer: layer.work.dcase if layer.work else 0, "MAC", unclear, "dcase", _MACS_DCASE),
        "float_ops": total(lambda layer: int(bool(layer.float_reason)), "op", blocking, "", _FLOAT_OPS),
        "flash": flash_tally(graph, stored, blocking, _inner_bytes(graph, layers)),
    }


def other_tally(layers: tuple[LayerCount, ...], reasons: tuple[Reason, ...]) -> Tally:
    """Divisions, exponentials, square roots and table look-ups, with how many of each in the caveat."""
    parts = tuple((layer.name, layer.other.total) for layer in layers if layer.other and layer.other.total)
    whole = sum(amount for _, amount in parts)
    return Tally(whole, "op", "exact", tuple(dict.fromkeys(reasons)), CONVENTION, _by_kind(layers), parts)


def _by_kind(layers: tuple[LayerCount, ...]) -> str:
    whole = Other()
    for layer in layers:
        whole = whole.plus(layer.other) if layer.other else whole
    parts = [f"{item.name} {getattr(whole, item.name):,}" for item in fields(whole) if getattr(whole, item.name)]
    return "by the operators' formulas: " + (", ".join(parts) or "none")


def _inner_bytes(graph: Graph, layers: tuple[LayerCount, ...]) -> int:
    """Stored bytes of the graphs inside operators."""
    own = {node.name for node in graph.nodes}
    return sum(layer.parameter_bytes + layer.buffer_bytes for layer in layers if layer.name not in own)
