"""Follows the time axis through a whole graph: what is timed, what a hop is, and what of each tensor a hop needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import lcm

from edgekit.core.errors import BadConfigError
from edgekit.graph.graph import Graph
from edgekit.graph.streaming.flow import CAUSAL, Blocked, Passage, Timed, passage
from edgekit.graph.streaming.types import NotStreamableError, Obstacle


@dataclass(frozen=True)
class Trace:
    """Time in a graph.

    Attributes:
        flows: timed tensors by name.
        passages: what each node does with time, by node name.
        hop: frames of one step: every timed tensor gets a whole number of new entries.
    """

    flows: Mapping[str, Timed]
    passages: Mapping[str, Passage]
    hop: int

    def fresh(self, name: str) -> int:
        """New entries of a timed tensor a hop."""
        return self.hop // self.flows[name].stride


@dataclass(frozen=True)
class Need:
    """Entries of a timed tensor, as indices of the window, that the newest hop reads; ``oldest`` is the oldest entry
    that the window's output depends on at all. Negative ones lie in the padding.
    """

    first: int
    last: int
    oldest: int

    def joined(self, other: Need) -> Need:
        """What two readers need."""
        return Need(min(self.first, other.first), max(self.last, other.last), min(self.oldest, other.oldest))


def trace(graph: Graph, axis: int) -> Trace:
    """Follow time from axis ``axis`` of the graph's only input.

    Raises:
        NotStreamableError: layers stand in the way; all of them are listed.
        BadConfigError: no such axis, or several inputs.
    """
    if len(graph.inputs) != 1:
        raise BadConfigError(f"the model has {len(graph.inputs)} inputs, one is needed", where=graph.name)
    dims = graph.tensor(graph.inputs[0]).dims
    if not 0 < axis < len(dims):
        raise BadConfigError(f"the input {list(dims)} has no time axis {axis}", where=graph.name, mend="give 1 or 2")
    flows: dict[str, Timed] = {graph.inputs[0]: Timed(axis, dims[axis], 1)}
    passages: dict[str, Passage] = {}
    obstacles: list[Obstacle] = []
    for node in graph.nodes:
        try:
            passages[node.name] = passage(graph, node, flows)
        except Blocked as blocked:
            obstacles.append(Obstacle(node.name, node.op, blocked.reason, blocked.mend))
            passages[node.name] = _assumed(graph, node.name, flows)
        found = passages[node.name].output
        if found is not None:
            flows[node.outputs[0]] = found
    if obstacles:
        raise NotStreamableError(graph.name, tuple(obstacles))
    return Trace(flows, passages, lcm(*(flow.stride for flow in flows.values())))


def _assumed(graph: Graph, name: str, flows: Mapping[str, Timed]) -> Passage:
    """What a layer that stands in the way would do if it were causal, so that those behind it are found as well."""
    node = next(node for node in graph.nodes if node.name == name)
    output, first = graph.tensor(node.outputs[0]), next(flows[item] for item in node.inputs if item in flows)
    length = output.dims[first.axis] if first.axis < len(output.dims) else 1
    if length < 2:
        return Passage(None, {})
    strides = node.attrs.get("stride", ())
    step = strides[first.axis - 1] if len(strides) == 2 and first.axis in (1, 2) else 1
    return Passage(Timed(first.axis, length, first.stride * step), {})


def needs(graph: Graph, found: Trace) -> dict[str, Need]:
    """What the newest hop reads of every timed tensor, from the output backwards."""
    wanted: dict[str, Need] = {}
    for name in graph.outputs:
        if name in found.flows:
            length = found.flows[name].length
            wanted[name] = Need(length - min(found.fresh(name), length), length - 1, 0)
    live = set(graph.outputs)
    for node in reversed(graph.nodes):
        name = node.outputs[0]
        if name not in live:
            continue
        live.update(item for item in node.inputs if item)
        need = wanted.get(name, Need(0, 0, 0))
        fresh = fresh_entries(found, name, need) if name in found.flows else 1
        for source, reach in found.passages[node.name].reaches.items():
            first, last = reach.of(need.last - fresh + 1, need.last)
            oldest = -1 if found.passages[node.name].remembers else reach.of(need.oldest, need.last)[0]
            read = Need(first, last, oldest)
            wanted[source] = wanted[source].joined(read) if source in wanted else read
    return wanted


def fresh_entries(found: Trace, name: str, need: Need) -> int:
    """Entries of a timed tensor that a hop makes: its new ones, or fewer where not all of them are ever read."""
    return min(found.fresh(name), need.last - need.first + 1)


def check_padding(graph: Graph, found: Trace, wanted: Mapping[str, Need]) -> dict[str, int]:
    """Hops at the stream's start at which a padded layer's past stays padding, by the name of the layer's input.

    Raises:
        NotStreamableError: the padding does not begin at a hop's border, so that no hop count says when it ends.
    """
    skips: dict[str, int] = {}
    window = wanted[graph.inputs[0]].last + 1
    for name, need in wanted.items():
        if need.oldest >= 0:  # no padding reaches the output
            continue
        missing = window - (need.last + 1) * found.flows[name].stride
        if window % found.hop or missing % found.hop:
            layer = next(node for node in graph.nodes if name in node.inputs)
            reason = f"pads frames that do not begin at a multiple of {found.hop}"
            raise NotStreamableError(graph.name, (Obstacle(layer.name, layer.op, reason, CAUSAL),))
        skips[name] = missing // found.hop
    return skips
