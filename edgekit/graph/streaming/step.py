"""The streaming pass: from a window graph to the graph of one hop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from edgekit.core.errors import UnsupportedOpError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.ops import activation_inputs
from edgekit.graph.passes.check_edge import check_edge
from edgekit.graph.passes.drop_dead import drop_dead
from edgekit.graph.passes.shapes import infer_output
from edgekit.graph.streaming.flow import Timed
from edgekit.graph.streaming.join import join_frames
from edgekit.graph.streaming.local import local_attrs
from edgekit.graph.streaming.recurrence import CELL, RECURRENCE, Cell, fold_recurrences
from edgekit.graph.streaming.remember import carry_states, own_step, remembers, variable_states
from edgekit.graph.streaming.time_first import time_first
from edgekit.graph.streaming.trace import Need, Trace, check_padding, fresh_entries, needs, trace
from edgekit.graph.streaming.types import State, StreamGraph
from edgekit.graph.tensor import Tensor

Recurrent = Literal["carried", "window"]


def stream(graph: Graph, axis: int, recurrent: Recurrent = "carried") -> StreamGraph:
    """The streaming form of a window graph.

    Every layer computes the entries that a hop brings, once; the older entries that later layers read again are kept
    in rings. Weights, scales and arithmetic are the window graph's, so an integer step gives the window's bytes.

    A graph that keeps its past in variable tensors (svdf, an lstm of one step) takes a frame an inference: it is its
    own step.

    Args:
        graph: float or integer edge graph with one input [1, …].
        axis: time axis of its input, 1 or 2; in the step graph it is axis 1.
        recurrent: "carried": the state of a recurrence that the window writes out goes on from the stream's start;
            "window": it begins anew with every window, as in training, and all of its steps run at every hop.

    Raises:
        NotStreamableError: names every layer that stands in the way, and how to mend it.
        BadConfigError: no such axis, or several inputs.
        UnsupportedOpError: not an edge graph.
    """
    if graph.dialect != "edge":
        raise UnsupportedOpError(f"a graph of dialect {graph.dialect!r} is not streamed", mend="lower it first")
    if remembers(graph):
        return own_step(graph)
    window = drop_dead(time_first(graph, axis))
    window = carry_states(fold_recurrences(window)) if recurrent == "carried" else window
    found = trace(window, 1)
    wanted = needs(window, found)
    return _Step(window, found, wanted).stream()


class _Step:
    """The step graph in the making. ``_names`` maps a tensor of the window graph to the step's new entries of it."""

    def __init__(self, graph: Graph, found: Trace, wanted: Mapping[str, Need]) -> None:
        self._graph, self._found, self._wanted = graph, found, wanted
        self._skips = check_padding(graph, found, wanted)
        self._tensors: dict[str, Tensor] = {n: t for n, t in graph.tensors.items() if t.constant or t.variable}
        self._nodes: list[Node] = []
        self._names: dict[str, str] = {}
        self._states: list[State] = []
        self._parts: dict[tuple[str, int, int], str] = {}

    def stream(self) -> StreamGraph:
        """Build it."""
        graph, source = self._graph, self._graph.inputs[0]
        self._put(source, self._found.hop)
        for node in graph.nodes:
            self._append(node)
        outputs = tuple(self._names[name] for name in graph.outputs)
        step = graph.replace(
            tensors=self._tensors, nodes=tuple(self._nodes),
            inputs=(source, *(state.input for state in self._states)),
            outputs=(*outputs, *(state.output for state in self._states)),
        )  # fmt: skip
        step = check_edge(join_frames(step.rebuild(step.nodes), self._states))
        need, length = self._wanted[source], graph.tensor(source).dims[1]
        return StreamGraph(
            step, tuple(self._states), 1, self._found.hop, need.last + 1 - max(need.oldest, 0), length - need.last - 1,
            any(need.oldest < 0 for need in self._wanted.values()),
            variable_states(step, {node.name: self._late(node) for node in graph.nodes}),
        )  # fmt: skip

    def _append(self, node: Node) -> None:
        """The node on the new entries; one that only chooses among frames is the choice itself."""
        name, passage = node.outputs[0], self._found.passages[node.name]
        if passage.output is not None and name not in self._wanted:
            return
        if node.op == RECURRENCE:
            self._carry(name, node.attrs[CELL], self._fresh(name))
            return
        fresh = self._fresh(name) if passage.output is not None else 1
        last = self._wanted[name].last if passage.output is not None else 0
        operands = {
            source: self._entries(source, *reach.of(last - fresh + 1, last))
            for source, reach in passage.reaches.items()
        }
        inputs = tuple(operands.get(item, self._other(node, item, passage.output, fresh)) for item in node.inputs)
        flow = next((self._found.flows[source] for source in passage.reaches), None)
        attrs = local_attrs(node, flow, fresh)
        shape = self._shape(node, inputs, attrs, passage.output, fresh)
        chosen = node.op in ("slice", "pad") and shape == self._tensors[inputs[0]].dims
        if chosen and (passage.output is None or self._kept(name) <= 0):
            self._names[name] = inputs[0]
            return
        self._tensors[name] = self._graph.tensor(name).replace(shape=shape)
        self._nodes.append(node.replace(inputs=inputs, attrs=attrs))
        self._names[name] = name
        if passage.output is not None:
            self._keep(name)

    def _late(self, node: Node) -> int:
        """Hops at the stream's start at which a node's timed inputs are not there yet."""
        return max((self._skips.get(name, 0) for name in self._found.passages[node.name].reaches), default=0)

    def _carry(self, name: str, cell: Cell, fresh: int) -> None:
        """One step of a recurrence, its state an input and an output."""
        if fresh != 1:
            raise UnsupportedOpError(f"a recurrence over {fresh} frames a hop", where=name, mend="stride after it")
        need, before = self._wanted[name], f"{name}@before"
        places = {row: self._entries(source, need.last, need.last) for row, source in cell.rows.items()}
        places |= {cell.before: before, cell.after: name}
        state = cell.tensors[cell.after]
        self._tensors[before], self._tensors[name] = state.replace(name=before), state.replace(name=name)
        for node in cell.nodes:
            inputs = tuple(places.get(item, item) for item in node.inputs)
            outputs = tuple(places.get(item, item) for item in node.outputs)
            self._tensors.update({item: cell.tensors[item] for item in (*inputs, *outputs) if item in cell.tensors})
            self._nodes.append(node.replace(inputs=inputs, outputs=outputs))
        self._names[name] = name
        initial = state.scale_zero()[1] if state.dtype in ("int8", "int16") else 0
        skip = max((self._skips.get(source, 0) for source in cell.rows.values()), default=0)
        self._states.append(State(name, before, name, "hidden", "", name, 1, 1, 1, initial, skip))
        self._keep(name)

    def _shape(
        self, node: Node, inputs: tuple[str, ...], attrs: Mapping[str, object], output: Timed | None, fresh: int
    ) -> tuple[int, ...]:
        if node.op != "reshape":
            return infer_output(node.replace(inputs=inputs, attrs=attrs), self._tensors)
        dims = list(self._graph.tensor(node.outputs[0]).dims)
        if output is not None:
            dims[output.axis] = fresh * output.group
        return tuple(dims)

    def _other(self, node: Node, name: str, output: Timed | None, fresh: int) -> str:
        """An operand that is not timed: weights and results of the window as they are, constants cut to the hop."""
        tensor = self._graph.tensors.get(name)
        if tensor is None or not tensor.constant:
            return self._names.get(name, name)
        if output is None or name not in activation_inputs(node) or tensor.data is None:
            return name
        axis = output.axis - len(self._graph.tensor(node.outputs[0]).dims)
        if len(tensor.dims) < -axis or tensor.dims[axis] == 1:
            return name
        data = np.take(np.asarray(tensor.data).reshape(tensor.dims), range(fresh * output.group), axis)
        own = tensor.replace(name=f"{name}@{node.name}", shape=data.shape, data=data)
        self._tensors[own.name] = own
        return own.name

    def _fresh(self, name: str) -> int:
        return fresh_entries(self._found, name, self._wanted[name])

    def _kept(self, name: str) -> int:
        need = self._wanted[name]
        return need.last - need.first + 1 - self._fresh(name)

    def _put(self, source: str, fresh: int) -> None:
        """The graph's input: a hop of frames."""
        tensor = self._graph.tensor(source)
        self._tensors[source] = tensor.replace(shape=_resized(tensor.dims, 1, fresh))
        self._names[source] = source
        self._keep(source)

    def _keep(self, name: str) -> None:
        """A ring for a tensor whose older entries are read again."""
        kept = self._kept(name)
        if kept <= 0:
            return
        tensor, axis, fresh = self._tensors[name], self._found.flows[name].axis, self._fresh(name)
        group = self._found.flows[name].group
        before, after, whole = f"{name}@state", f"{name}@state_out", f"{name}@window"
        for made, entries in ((before, kept), (after, kept), (whole, kept + fresh)):
            self._tensors[made] = tensor.replace(name=made, shape=_resized(tensor.dims, axis, entries * group))
        self._nodes.append(Node("concat", f"{name}@ring", (before, name), (whole,), {"axis": axis}))
        self._nodes.append(_cut(f"{name}@next", self._tensors[whole], axis, fresh * group, kept * group, after))
        initial = tensor.scale_zero()[1] if tensor.dtype in ("int8", "int16") else 0
        skip = self._skips.get(name, 0)
        self._states.append(State(name, before, after, "ring", whole, name, axis, kept, fresh, initial, skip))

    def _entries(self, name: str, first: int, last: int) -> str:
        """Entries ``first`` … ``last`` (indices of the window) of a timed tensor: new ones, the ring, or a part."""
        need, own = self._wanted[name], self._names[name]
        kept, axis, group = self._kept(name), self._found.flows[name].axis, self._found.flows[name].group
        made = self._tensors[own].dims[axis] // group
        whole, begin = (f"{name}@window", need.first) if kept > 0 else (own, need.last - made + 1)
        if kept > 0 and (first, last) == (need.last - self._fresh(name) + 1, need.last):
            return own
        tensor = self._tensors[whole]
        size = (last - first + 1) * group
        if size == tensor.dims[axis]:
            return whole
        key = (name, first, last)
        if key not in self._parts:
            part = f"{name}@{first}_{last}".replace("-", "m")
            self._tensors[part] = tensor.replace(name=part, shape=_resized(tensor.dims, axis, size))
            self._nodes.append(_cut(part, tensor, axis, (first - begin) * group, size, part))
            self._parts[key] = part
        return self._parts[key]


def _resized(dims: tuple[int, ...], axis: int, size: int) -> tuple[int, ...]:
    return (*dims[:axis], size, *dims[axis + 1 :])


def _cut(name: str, source: Tensor, axis: int, begin: int, size: int, output: str) -> Node:
    """The slice of ``size`` entries from ``begin`` along ``axis``."""
    attrs = {
        "begin": tuple(begin if i == axis else 0 for i in range(len(source.dims))),
        "size": _resized(source.dims, axis, size),
        "stride": (1,) * len(source.dims),
    }
    return Node("slice", name, (source.name,), (output,), attrs)
