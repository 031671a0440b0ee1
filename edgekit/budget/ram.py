"""Peak RAM: the arena of the memory plan that the generated C uses."""

from __future__ import annotations

from edgekit.budget.tally import Reason, Tally
from edgekit.core.errors import EdgekitError, UnknownShapeError
from edgekit.graph.graph import Graph

LOWERED_BYTES = 32 * 2**20
"""Models with more constants than this are no microcontroller's, and lowering would read and turn all of them."""


def ram_tally(graph: Graph, blocking: tuple[Reason, ...]) -> Tally:
    """Arena bytes of the plan, over the lowered graph where edgekit can compile it, else over the file's own operators.

    Undecided where ``blocking`` says so or where a shape is unknown.
    """
    from edgekit.graph.passes.lower import lower
    from edgekit.graph.planner import plan_memory

    if blocking:
        return Tally(0, "B", "planned", blocking)
    planned, how = graph, "over the file's own operators"
    if sum(tensor.nbytes for tensor in graph.tensors.values() if tensor.constant and tensor.static) <= LOWERED_BYTES:
        try:
            planned, how = lower(graph), "as edgekit compiles it"
        except EdgekitError:
            how = "over the file's own operators, which edgekit does not compile yet"
    try:
        plan = plan_memory(planned)
    except UnknownShapeError as error:
        return Tally(0, "B", "planned", (Reason(error.what, error.where or "", error.mend or ""),))
    caveat = f"activation arena {how}; stack and state are not in it{_dtype(planned)}"
    parts = tuple((step.node, step.bytes) for step in plan.steps)
    return Tally(plan.arena_bytes, "B", "planned", caveat=caveat, parts=parts)


def _dtype(graph: Graph) -> str:
    kinds = {graph.tensor(name).dtype for node in graph.nodes for name in node.outputs if name}
    floats = sorted(kinds & {"float16", "bfloat16", "float32", "float64"})
    return f"; activations in {', '.join(floats)} as stored" if floats else ""
