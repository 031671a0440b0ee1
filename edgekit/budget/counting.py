"""Everything that can be counted on a graph without running it, per layer and in total.

A total is decided only when every layer is: an operator without a rule, or a dimension that nobody named, leaves it
undecided with a reason, and what the other layers cost is then a lower bound.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edgekit.budget.flash import flash_tally
from edgekit.budget.float_ops import float_reasons
from edgekit.budget.layer import Layer, Work
from edgekit.budget.parameters import Role, Stored, constant_tensors, stored_constants
from edgekit.budget.ram import ram_tally
from edgekit.budget.rules.tables import TABLES
from edgekit.budget.tally import Reason, Tally
from edgekit.core.errors import UnknownShapeError, UnsupportedOpError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.tensor import Unknown


@dataclass(frozen=True)
class LayerCount:
    """One node of the graph.

    Attributes:
        name, op: of the node.
        output: shape of its first output, unknown dimensions by name.
        parameters, parameter_bytes: learned weights that it is the first to use, as stored.
        buffer_bytes: running statistics and other stored numbers that are not learned.
        work: multiply-accumulates by convention; None where undecided.
        undecided: why not.
        float_reason: why it computes in floating point; "" where it does not.
        rule: the sentence by which it is counted; "" where its operator has no rule.
    """

    name: str
    op: str
    output: str
    parameters: int
    parameter_bytes: int
    buffer_bytes: int
    work: Work | None
    undecided: str = ""
    float_reason: str = ""
    rule: str = ""


@dataclass(frozen=True)
class Counts:
    """The counts of one graph.

    Attributes:
        layers: in execution order.
        tallies: "parameters", "parameter_bytes_true", "parameter_bytes_dcase", "macs_true", "macs_dcase", "peak_ram",
            "flash", "float_ops" to the total.
        dims: names of dimensions that are unknown and can be given.
    """

    layers: tuple[LayerCount, ...]
    tallies: Mapping[str, Tally]
    dims: tuple[str, ...] = ()


_NOT_PLANNED = Reason("the memory was not planned")
_WEIGHTS = (Role.WEIGHT, Role.INTEGER_WEIGHT)


def count(graph: Graph, *, plan: bool = True) -> Counts:
    """Count a graph of any dialect; never raises for what it cannot decide.

    Args:
        graph: the model.
        plan: plan the memory; without it the peak RAM stays undecided.
    """
    dims = unknown_dims(graph)
    constants = constant_tensors(graph)
    works, reasons = _works(graph, constants, dims)
    blocking = _blocking(graph, reasons)
    try:
        stored = stored_constants(graph, constants)
    except UnknownShapeError as error:
        stored, blocking = (), (*blocking, Reason(error.what, error.where or "", error.mend or ""))
    floats = float_reasons(graph, constants)
    owned: dict[str, list[Stored]] = {}
    for item in stored:
        owned.setdefault(item.layer, []).append(item)
    layers = tuple(
        _layer(graph, node, owned.get(node.name, []), works[node.name], reasons.get(node.name), floats)
        for node in graph.nodes
    )
    tallies = _tallies(graph, layers, stored, blocking, tuple(reasons.values()))
    tallies["peak_ram"] = ram_tally(graph, blocking if plan else (_NOT_PLANNED,))
    return Counts(layers, tallies, dims)


def _tallies(
    graph: Graph,
    layers: tuple[LayerCount, ...],
    stored: tuple[Stored, ...],
    blocking: tuple[Reason, ...],
    uncounted: tuple[Reason, ...],
) -> dict[str, Tally]:
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
        "flash": flash_tally(graph, stored, blocking),
    }


_PARAMETERS = "learned weights, each once; batch norm's running statistics are buffers, not parameters"
_BYTES_TRUE = "weights and buffers as the file stores them; quantization scales, shapes and axes are not in it"
_BYTES_DCASE = "learned weights as the file stores them, without buffers, as the challenge counts memory"
_MACS_TRUE = "every multiply-accumulate of convolutions, linear layers, matrix products and recurrences, from shapes"
_MACS_DCASE = "torchinfo's rules on the file's operators: convolutions by output position, a Linear once, no matmul"
_FLOAT_OPS = "operators that compute in floating point inside the model"


def unknown_dims(graph: Graph) -> tuple[str, ...]:
    """Names of unknown dimensions: those of the graph's inputs if there are any, else all, in order of appearance."""
    tensors = [graph.tensor(name) for name in graph.inputs]
    named = [str(dim) for tensor in tensors for dim in tensor.shape if isinstance(dim, Unknown)]
    if not named:
        named = [str(d) for t in graph.tensors.values() for d in t.shape if isinstance(d, Unknown)]
    return tuple(dict.fromkeys(named))


def _works(
    graph: Graph, constants: frozenset[str], dims: tuple[str, ...]
) -> tuple[dict[str, Work | None], dict[str, Reason]]:
    """Work of every node, or the reason why it is not known."""
    producers = graph.producers()
    table = TABLES[graph.dialect]
    works: dict[str, Work | None] = {}
    reasons: dict[str, Reason] = {}
    for node in graph.nodes:
        works[node.name] = None
        try:
            works[node.name] = table.rule(node)(Layer(graph, node, constants, producers))
        except UnknownShapeError as error:
            reasons[node.name] = _unnamed(graph, dims, error)
        except UnsupportedOpError as error:
            reasons[node.name] = Reason(error.what, error.where or node.name, error.mend or "")
    return works, reasons


def _unnamed(graph: Graph, dims: tuple[str, ...], error: UnknownShapeError) -> Reason:
    """One reason for all layers that lack the same dimensions of the graph's inputs."""
    inputs = [dim for name in graph.inputs for dim in graph.tensor(name).shape]
    if any(isinstance(dim, Unknown) for dim in inputs):
        given = ",".join(f"{name}=…" for name in dims)
        return Reason(f"dimension {', '.join(dims)} is not known", "", f"say what it is: --dim {given}")
    return Reason(error.what, error.where or "", "export the model with static shapes")


def _blocking(graph: Graph, reasons: Mapping[str, Reason]) -> tuple[Reason, ...]:
    """Reasons that leave every count undecided: nothing to count, or an operator whose needs are not known."""
    if not graph.nodes:
        return (Reason("the graph has no operators, so there is nothing to judge", "", "export the model again"),)
    rules = TABLES[graph.dialect].rules
    return tuple(reasons[node.name] for node in graph.nodes if node.op not in rules and node.name in reasons)


def _layer(
    graph: Graph,
    node: Node,
    own: list[Stored],
    work: Work | None,
    reason: Reason | None,
    floats: Mapping[str, str],
) -> LayerCount:
    weights = [item for item in own if item.role in _WEIGHTS]
    outputs = graph.node_outputs(node)
    return LayerCount(
        name=node.name,
        op=node.op,
        output="×".join(str(dim) for dim in outputs[0].shape) if outputs else "",
        parameters=sum(item.elements for item in weights),
        parameter_bytes=sum(item.nbytes for item in weights),
        buffer_bytes=sum(item.nbytes for item in own if item.role is Role.BUFFER),
        work=work,
        undecided=reason.text if reason else "",
        float_reason=floats.get(node.name, ""),
        rule=TABLES[graph.dialect].sentence(node.op),
    )
