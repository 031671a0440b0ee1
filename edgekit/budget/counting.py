"""Everything that can be counted on a graph without running it, per layer and in total.

A total is decided only when every layer is: an operator without a rule, or a dimension that nobody named, leaves it
undecided with a reason, and what the other layers cost is then a lower bound.

Graphs inside operators (branches, loops) are counted like the graph around them: their weights and float operators are
rows of their own, their work is in the row of the operator that runs them (budget/bodies.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from edgekit.budget.bodies import bodies, combined, combined_other, known
from edgekit.budget.counts import Counts, LayerCount
from edgekit.budget.float_ops import float_reasons
from edgekit.budget.layer import Layer, Work
from edgekit.budget.parameters import Role, Stored, constant_tensors, stored_constants
from edgekit.budget.ram import peak_ram
from edgekit.budget.rules.other import Other, other_arithmetic
from edgekit.budget.rules.tables import table
from edgekit.budget.shape_checks import shape_reasons
from edgekit.budget.tally import Reason
from edgekit.budget.tflite_checks import layer_reasons
from edgekit.budget.totals import layer_tallies, other_tally
from edgekit.core.errors import UnknownShapeError, UnsupportedOpError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.tensor import Unknown

Answer = TypeVar("Answer")

_NOT_PLANNED = Reason("the memory was not planned")
_WEIGHTS = (Role.WEIGHT, Role.INTEGER_WEIGHT)


def count(graph: Graph, *, plan: bool = True) -> Counts:
    """Count a graph of any dialect; never raises for what it cannot decide.

    Args:
        graph: the model.
        plan: plan the memory; without it the peak RAM stays undecided.
    """
    return _count(graph, plan, set())


def _count(graph: Graph, plan: bool, seen: set[int]) -> Counts:
    """``seen`` holds the stored tensors that enclosing graphs have counted, by identity."""
    dims = unknown_dims(graph)
    constants = constant_tensors(graph)
    blocking: tuple[Reason, ...] = ()
    try:
        stored = _new(graph, stored_constants(graph, constants), seen)
    except UnknownShapeError as error:
        stored, blocking = (), (Reason(error.what, error.where or "", error.mend or ""),)
    inner = {node.name: {key: _count(body, False, seen) for key, body in bodies(node).items()} for node in graph.nodes}
    works, reasons = _answers(graph, constants, dims, lambda layer: _work(layer, inner[layer.node.name]))
    others, unclear = _answers(graph, constants, dims, lambda layer: _other(layer, inner[layer.node.name]))
    blocking = (*_blocking(graph, reasons, inner), *shape_reasons(graph), *layer_reasons(graph), *blocking)
    floats = float_reasons(graph, constants)
    owned: dict[str, list[Stored]] = {}
    for item in stored:
        owned.setdefault(item.layer, []).append(item)
    layers: list[LayerCount] = []
    for node in graph.nodes:
        name, own = node.name, owned.get(node.name, [])
        layers.append(_layer(graph, node, own, works.get(name), others.get(name), reasons.get(name), floats))
        for counts in inner[name].values():
            layers += [replace(row, work=Work(), other=Other()) for row in counts.layers]
    tallies = layer_tallies(graph, tuple(layers), stored, blocking, tuple(reasons.values()))
    tallies["other_ops"] = other_tally(tuple(layers), (*blocking, *unclear.values()))
    ram = peak_ram(graph, blocking if plan else (_NOT_PLANNED,))
    return Counts(tuple(layers), {**tallies, **ram.tallies}, dims, ram.steps)


def _new(graph: Graph, stored: tuple[Stored, ...], seen: set[int]) -> tuple[Stored, ...]:
    """Those of ``stored`` that no enclosing graph has counted; notes the others."""
    fresh = tuple(item for item in stored if id(graph.tensor(item.name)) not in seen)
    seen.update(id(graph.tensor(item.name)) for item in fresh if item.role in (*_WEIGHTS, Role.BUFFER))
    return fresh


def unknown_dims(graph: Graph) -> tuple[str, ...]:
    """Names of unknown dimensions: those of the graph's inputs if there are any, else all, in order of appearance."""
    tensors = [graph.tensor(name) for name in graph.inputs]
    named = [str(dim) for tensor in tensors for dim in tensor.shape if isinstance(dim, Unknown)]
    if not named:
        named = [str(d) for t in graph.tensors.values() for d in t.shape if isinstance(d, Unknown)]
    return tuple(dict.fromkeys(named))


def _answers(
    graph: Graph, constants: frozenset[str], dims: tuple[str, ...], rule: Callable[[Layer], Answer]
) -> tuple[dict[str, Answer], dict[str, Reason]]:
    """What ``rule`` says about every node, or the reason why it says nothing."""
    producers = graph.producers()
    answers: dict[str, Answer] = {}
    reasons: dict[str, Reason] = {}
    for node in graph.nodes:
        try:
            answers[node.name] = rule(Layer(graph, node, constants, producers))
        except UnknownShapeError as error:
            reasons[node.name] = _unnamed(graph, dims, error)
        except UnsupportedOpError as error:
            reasons[node.name] = Reason(error.what, error.where or node.name, error.mend or "")
    return answers, reasons


def _work(layer: Layer, inner: Mapping[str, Counts]) -> Work:
    """Multiply-accumulates of one node.

    Raises:
        UnknownShapeError, UnsupportedOpError: as of :data:`~edgekit.budget.layer.Rule`.
    """
    if not inner or not known(layer.node.op, layer.graph.dialect):
        return table(layer.graph.dialect).rule(layer.node)(layer)
    return combined(layer.node, [_sums(layer.node, counts, "macs_true")[0] for counts in inner.values()])


def _other(layer: Layer, inner: Mapping[str, Counts]) -> Other:
    """Other arithmetic of one node; raises as :func:`_work`."""
    if not inner or not known(layer.node.op, layer.graph.dialect):
        table(layer.graph.dialect).rule(layer.node)  # an operator without a rule has none here either
        return other_arithmetic(layer)
    return combined_other(layer.node, [_sums(layer.node, counts, "other_ops")[1] for counts in inner.values()])


def _sums(node: Node, counts: Counts, key: str) -> tuple[Work, Other]:
    """Work and other arithmetic of a graph inside ``node``.

    Raises:
        UnsupportedOpError: the tally ``key`` of that graph is undecided.
    """
    for reason in counts.tallies[key].reasons[:1]:
        raise UnsupportedOpError(reason.what, where=reason.where or node.name, mend=reason.mend)
    work, other = Work(), Other()
    for row in counts.layers:
        work = Work(work.true + row.work.true, work.dcase + row.work.dcase) if row.work else work
        other = other.plus(row.other) if row.other else other
    return work, other


def _unnamed(graph: Graph, dims: tuple[str, ...], error: UnknownShapeError) -> Reason:
    """One reason for all layers that lack the same dimensions of the graph's inputs."""
    inputs = [dim for name in graph.inputs for dim in graph.tensor(name).shape]
    if any(isinstance(dim, Unknown) for dim in inputs):
        given = ",".join(f"{name}=…" for name in dims)
        return Reason(f"dimension {', '.join(dims)} is not known", "", f"say what it is: --dim {given}")
    return Reason(error.what, error.where or "", "export the model with static shapes")


def _blocking(
    graph: Graph, reasons: Mapping[str, Reason], inner: Mapping[str, Mapping[str, Counts]]
) -> tuple[Reason, ...]:
    """Reasons that leave every count undecided: nothing to count, or an operator whose needs are not known."""
    if not graph.nodes:
        return (Reason("the graph has no operators, so there is nothing to judge", "", "export the model again"),)
    rules = table(graph.dialect).rules
    unclear = [
        reasons[node.name]
        for node in graph.nodes
        if node.op not in rules and not inner[node.name] and node.name in reasons
    ]
    unclear += [
        reason for counts in inner.values() for body in counts.values() for reason in body.tallies["parameters"].reasons
    ]
    return tuple(unclear)


def _layer(
    graph: Graph,
    node: Node,
    own: list[Stored],
    work: Work | None,
    other: Other | None,
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
        other=other,
        undecided=reason.text if reason else "",
        float_reason=floats.get(node.name, ""),
        rule=table(graph.dialect).sentence(node.op),
    )
