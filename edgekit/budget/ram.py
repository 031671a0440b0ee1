"""Peak RAM: the arena of the memory plan that the generated C uses, and two figures that show what the plan gains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgekit.budget.bodies import bodies
from edgekit.budget.tally import Reason, Tally
from edgekit.core.errors import EdgekitError, UnknownShapeError
from edgekit.graph.graph import Graph
from edgekit.graph.planner import MemoryPlan
from edgekit.graph.timeline import Moment, timeline

LOWERED_BYTES = 32 * 2**20
"""Models with more constants than this are no microcontroller's, and lowering would read and turn all of them."""

KEYS: tuple[str, ...] = ("peak_ram", "peak_ram_in_order", "peak_ram_bound")
"""What peak_ram answers: edgekit's plan, a plan in which no output takes over an input, and the lower bound."""

_IN_ORDER = "every output in a buffer of its own, in the order of the file"
_BOUND = "largest sum of live activations of any layer, in-place ones once; no plan of this order is smaller"


@dataclass(frozen=True)
class Ram:
    """Tallies by key of :data:`KEYS`, and the steps of edgekit's plan; none where it is undecided."""

    tallies: Mapping[str, Tally]
    steps: tuple[Moment, ...] = ()


@dataclass(frozen=True)
class Plans:
    """The plans of one graph.

    Attributes:
        best: with outputs in place of inputs, as the generated C has them.
        in_order: without.
        how: which graph was planned, for the caveat.
        dtypes: float element types of its activations; "" for none.
        inputs: names of the graph's inputs.
    """

    best: MemoryPlan
    in_order: MemoryPlan
    how: str
    dtypes: str
    inputs: tuple[str, ...]


def peak_ram(graph: Graph, blocking: tuple[Reason, ...]) -> Ram:
    """Arena bytes by key of :data:`KEYS`; undecided where ``blocking`` says so or where a shape is unknown."""
    if blocking:
        return Ram(dict.fromkeys(KEYS, Tally(0, "B", "planned", blocking)))
    try:
        plans, state = plan_graph(graph), state_bytes(graph)
    except UnknownShapeError as error:
        reason = Reason(error.what, error.where or "", error.mend or "")
        return Ram(dict.fromkeys(KEYS, Tally(0, "B", "planned", (reason,))))
    kept = f", {state:,} B of resource variables included" if state else ""
    caveat = f"activation arena {plans.how}{kept}; the stack is not in it{plans.dtypes}"
    parts = tuple((step.node, step.bytes) for step in plans.best.steps)
    tallies = {
        "peak_ram": Tally(plans.best.arena_bytes + state, "B", "planned", caveat=caveat, parts=parts),
        "peak_ram_in_order": Tally(plans.in_order.arena_bytes + state, "B", "planned", caveat=_IN_ORDER),
        "peak_ram_bound": Tally(plans.best.lower_bound + state, "B", "planned", caveat=_BOUND),
    }
    return Ram(tallies, timeline(plans.best, plans.inputs))


def plan_graph(graph: Graph) -> Plans:
    """Plan a graph as edgekit compiles it where it can, else over the file's own operators.

    An integer model is planned like the firmware, kernels' working memory included and float ends cut off. Bodies of
    control flow are planned for themselves and count as working memory of the operator that runs them.

    Raises:
        UnknownShapeError: an activation's dimension is unknown.
    """
    from edgekit.graph.firmware import firmware_plan
    from edgekit.graph.passes.integer_core import integer_core
    from edgekit.graph.passes.lower import lower

    for name in graph.inputs:
        _ = graph.tensor(name).dims  # lowering takes an unknown batch as 1, the gate does not
    if graph.dialect in ("tflite", "aten"):  # their files state every shape; what they leave open stays open
        for name in (name for node in graph.nodes for name in node.outputs if name):
            _ = graph.tensor(name).dims
    if sum(tensor.nbytes for tensor in graph.tensors.values() if tensor.constant and tensor.static) > LOWERED_BYTES:
        return _plans(graph, _body_sizes(graph), "over the file's own operators")
    try:
        lowered = lower(graph)
    except EdgekitError:
        return _plans(graph, _body_sizes(graph), "over the file's own operators, which edgekit does not compile yet")
    try:
        core = integer_core(lowered)
        best, in_order = firmware_plan(core), firmware_plan(core, in_place=False)
    except EdgekitError:  # a float model: its kernels do not exist yet
        return _plans(lowered, {}, "as edgekit lowers it")
    how = "as edgekit compiles it (--optimize balanced), kernels' working memory included"
    return Plans(best, in_order, how, _dtypes(core), core.inputs)


def state_bytes(graph: Graph) -> int:
    """Bytes of TFLite's resource variables, which stay from one inference to the next; bodies included.

    Variable tensors are no part of it: readers make them inputs and outputs, so that the plan keeps them.

    Raises:
        UnknownShapeError: the size of a variable is not known.
    """
    sizes: dict[tuple[str, str], int] = {}
    _collect_state(graph, sizes)
    return sum(sizes.values())


def _collect_state(graph: Graph, sizes: dict[tuple[str, str], int]) -> None:
    producers = graph.producers()
    for node in graph.nodes:
        for body in bodies(node).values():
            _collect_state(body, sizes)
        if node.op not in ("READ_VARIABLE", "ASSIGN_VARIABLE") or not node.inputs:
            continue
        handle = producers.get(node.inputs[0])
        # A handle that comes from elsewhere (an input of a body) is a variable of its own: counted rather twice.
        attrs = handle.attrs if handle is not None else {"shared_name": f"{node.name}:{node.inputs[0]}"}
        key = (str(attrs.get("container", "")), str(attrs.get("shared_name", "")))
        stored = node.outputs[0] if node.op == "READ_VARIABLE" else node.inputs[1]
        sizes[key] = max(sizes.get(key, 0), graph.tensor(stored).nbytes)


def _plans(graph: Graph, scratch: dict[str, int], how: str) -> Plans:
    from edgekit.graph.planner import plan_memory

    best, in_order = plan_memory(graph, scratch), plan_memory(graph, scratch, in_place=False)
    return Plans(best, in_order, how, _dtypes(graph), graph.inputs)


def _body_sizes(graph: Graph) -> dict[str, int]:
    """Arena of the bodies that a node runs, the largest of several: they run one after another."""
    sizes = {}
    for node in graph.nodes:
        inner = bodies(node).values()
        if inner:
            sizes[node.name] = max(plan_graph_as_is(body).arena_bytes for body in inner)
    return sizes


def plan_graph_as_is(graph: Graph) -> MemoryPlan:
    """The plan over a graph's own operators, bodies of control flow included.

    Raises:
        UnknownShapeError: an activation's dimension is unknown.
    """
    from edgekit.graph.planner import plan_memory

    return plan_memory(graph, _body_sizes(graph))


def _dtypes(graph: Graph) -> str:
    kinds = {graph.tensor(name).dtype for node in graph.nodes for name in node.outputs if name}
    floats = sorted(kinds & {"float16", "bfloat16", "float32", "float64"})
    return f"; activations in {', '.join(floats)} as stored" if floats else ""
