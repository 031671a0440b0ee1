"""From an integer step graph to the C of one hop: kernels read windows out of rings and write new entries into them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgekit.core.errors import UnsupportedOpError
from edgekit.deploy.c.choice import Optimize, emit_layer
from edgekit.deploy.c.emitters import EMITTERS
from edgekit.deploy.c.kernel import Code, Layer
from edgekit.deploy.c.merged import MergedFunctions, constant_inputs, constant_place
from edgekit.deploy.c.rings import Held, Ring, held_of, kept_block, refilled, rings_of
from edgekit.deploy.c.stream_bands import emit_bands, find_bands
from edgekit.deploy.target import Target
from edgekit.graph.graph import Node
from edgekit.graph.integer.interpreter import prepare_node
from edgekit.graph.ops import activation_inputs
from edgekit.graph.planner import MemoryPlan, plan_memory
from edgekit.graph.scratch import scratch_sizes
from edgekit.graph.streaming.types import StreamGraph
from edgekit.graph.tensor import Tensor


@dataclass(frozen=True, eq=False)
class StreamModel:
    """A step graph turned into C, not yet laid out in files.

    Attributes:
        form: the step graph and its states.
        rings, held: of the state: pasts of layers, and what recurrences carry.
        plan: of the arena, which holds what a hop does not keep.
        data, functions: definitions, callees first.
        calls: (comment, statement) a layer, in order.
        kernels: layer name to the kernel chosen.
        input, output: C expressions of the places of the hop's frames and of its result.
    """

    form: StreamGraph
    rings: tuple[Ring, ...]
    held: tuple[Held, ...]
    plan: MemoryPlan
    data: tuple[str, ...]
    functions: tuple[str, ...]
    calls: tuple[tuple[str, str], ...]
    kernels: Mapping[str, str]
    input: str
    output: str

    @property
    def ring_bytes(self) -> int:
        """Bytes of all rings and of what recurrences carry."""
        parts: tuple[Ring | Held, ...] = (*self.rings, *self.held)
        return max((part.offset + part.nbytes for part in parts), default=0)

    def kept(self, ring: Ring) -> tuple[str, ...]:
        """Statements behind the writing of a ring's new block."""
        return tuple(statement for _, statement in kept_block(ring))

    @property
    def turns(self) -> tuple[int, ...]:
        """Lengths of a ring's round that occur, ascending."""
        return tuple(sorted({ring.turns for ring in self.rings}))


def emit_stream(form: StreamGraph, target: Target, optimize: Optimize = "balanced") -> StreamModel:
    """Choose and write a kernel for every layer of an int8 step graph.

    Raises:
        UnsupportedOpError: an operator, or a form of one, that has no kernel; a graph that is not int8.
    """
    graph = form.graph
    for name in (graph.inputs[0], graph.outputs[0]):
        if graph.tensor(name).dtype != "int8":
            raise UnsupportedOpError(
                f"{name!r} is {graph.tensor(name).dtype}: only int8 models are compiled",
                where=graph.name,
                mend="quantize the model first (edgekit quantize)",
            )
    return _Emitter(form, target, optimize).model()


class _Emitter:
    """``_views`` says of a tensor that lies in a ring in which one, and how many bytes behind its window's begin."""

    def __init__(self, form: StreamGraph, target: Target, optimize: Optimize) -> None:
        self._form, self._graph, self._target, self._optimize = form, form.graph, target, optimize
        self._rings = rings_of(form)
        self._held = held_of(form, max((ring.offset + ring.nbytes for ring in self._rings), default=0))
        self._views: dict[str, tuple[Ring | Held, int]] = {}
        for ring in self._rings:
            self._views[ring.state.window] = ring, ring.begin
            self._views[ring.state.new] = ring, ring.new
        for held in self._held:
            self._views[held.state.input] = held, 0
            if held.state.output not in self._views and self._overwrites(held):
                self._views[held.state.output] = held, 0
        self._bands = find_bands(self._graph) if target.dsp else {}
        inside = {name for bands in self._bands.values() for name in bands.members}
        self._nodes = [node for node in self._graph.nodes if node.name not in inside and not self._lies_there(node)]
        self._plan = self._planned()

    def model(self) -> StreamModel:
        """Everything emitted."""
        codes: dict[str, tuple[Layer, Code]] = {}
        for index, node in enumerate(self._nodes):
            if node.name in self._bands:
                codes[node.name] = self._banded(index, node)
                continue
            if node.op not in EMITTERS:
                raise UnsupportedOpError(f"operator {node.op!r} has no C kernel", where=node.name)
            inputs = tuple(self._graph.tensor(name) for name in activation_inputs(node))
            output = self._graph.tensor(node.outputs[0])
            kept = tuple(self._graph.tensor(name) for name in node.inputs if name in self._graph.variables)
            params = prepare_node(self._graph, node)
            layer = Layer(index, node, params, inputs, output, self._target, kept)
            codes[node.name] = layer, emit_layer(layer, self._optimize)
        merged, calls = MergedFunctions(), []
        data = [text for _, code in codes.values() for text in code.data]
        for name, (layer, code) in codes.items():
            data += constant_inputs(layer)
            calls.append((f"{layer.node.op} {name}", self._call(layer, code, merged)))
            calls += self._kept(layer.output.name)
            calls += self._emptied(layer)
        return StreamModel(
            self._form, self._rings, self._held, self._plan, tuple(data), merged.texts(), tuple(calls),
            {name: code.kernel for name, (_, code) in codes.items()},
            self._place(self._graph.inputs[0]), self._place(self._graph.outputs[0]),
        )  # fmt: skip

    def _banded(self, index: int, node: Node) -> tuple[Layer, Code]:
        """Slices, factors and the concatenation ``node`` as one layer."""
        bands = self._bands[node.name]
        graph, member = self._graph, bands.factors[0]
        source, output = graph.tensor(bands.source), graph.tensor(node.outputs[0])
        layer = Layer(index, node, prepare_node(graph, member), (source,), output, self._target)
        return layer, emit_bands(graph, bands, index)

    def _lies_there(self, node: Node) -> bool:
        """What a ring does without any code: joining, going on, and reading a part of its window, noted as a view."""
        output = node.outputs[0]
        rings = [state for state in self._form.states if state.kind == "ring"]
        states = {name for state in rings for name in (state.window, state.output)}
        if output in states:
            return True
        if output in self._views or node.inputs[0] not in self._views or node.op not in ("slice", "reshape"):
            return False
        ring, offset = self._views[node.inputs[0]]
        if node.op == "slice":
            begin = self._run(node)
            if begin is None:
                return False
            offset += begin
        self._views[output] = ring, offset
        return True

    def _overwrites(self, held: Held) -> bool:
        """The cell has read all of its state before it writes the new one."""
        order = {node.name: i for i, node in enumerate(self._graph.nodes)}
        made = order[self._graph.producers()[held.state.output].name]
        return all(order[node.name] < made for node in self._graph.consumers().get(held.state.input, []))

    def _run(self, node: Node) -> int | None:
        """Bytes from the source's first to the slice's, if the slice is one run of bytes."""
        source = self._graph.tensor(node.inputs[0])
        begin, size, stride = (tuple(node.attrs[key]) for key in ("begin", "size", "stride"))
        cut = [axis for axis, dim in enumerate(source.dims) if size[axis] != dim]
        if not cut:
            return 0
        first = cut[0]
        if len(cut) > 1 or stride[first] != 1 or any(dim != 1 for dim in source.dims[:first]):
            return None
        result: int | None = begin[first] * (source.nbytes // source.dims[first])
        return result

    def _planned(self) -> MemoryPlan:
        """The arena's plan: what lies in a ring is no part of it; the layer that writes there makes one byte here."""
        tensors = dict(self._graph.tensors)
        for name in self._views:
            tensors[name] = self._graph.tensor(name).replace(constant=True, variable=False)
        nodes = []
        for node in self._nodes:
            output = node.outputs[0]
            if output in self._views:
                output = f"{output}@made"
                tensors[output] = Tensor(output, (1,), "int8")
            if node.name in self._bands:
                node = node.replace(op="bands", inputs=(self._bands[node.name].source,))
            nodes.append(node.replace(outputs=(output,)))
        inputs = tuple(name for name in self._graph.inputs[:1] if name not in self._views)
        outputs = tuple(name for name in self._graph.outputs[:1] if name not in self._views)
        graph = self._graph.replace(tensors=tensors, nodes=tuple(nodes), inputs=inputs, outputs=outputs)
        kept = {node.name for node in nodes}
        scratch = {name: size for name, size in scratch_sizes(self._graph).items() if name in kept}
        return plan_memory(graph, scratch)

    def _place(self, name: str) -> str:
        if name in self._views:
            ring, offset = self._views[name]
            return f"{ring.pointer} + {offset}"
        return f"arena + {self._plan.offsets[name]}"

    def _call(self, layer: Layer, code: Code, merged: MergedFunctions) -> str:
        names = merged.add(code.functions)
        inputs = [
            constant_place(layer, i, tensor) if tensor.constant else self._place(tensor.name)
            for i, tensor in enumerate(layer.inputs)
        ]
        output = self._place(layer.output.name)
        if layer.node.op == "reshape" and inputs[0] == output:
            return ""
        scratch = f"arena + {self._plan.offsets[f'{layer.node.name}:scratch']}" if code.scratch_bytes else "NULL"
        values = {"x": inputs[0], "y": output, "scratch": scratch}
        values.update({f"x{i}": pointer for i, pointer in enumerate(inputs)})
        values.update({f"f{i}": name for i, name in enumerate(names)})
        values.update({f"m{i}": self._place(tensor.name) for i, tensor in enumerate(layer.variables)})
        return code.call.format_map(values)

    def _kept(self, name: str) -> list[tuple[str, str]]:
        """What follows when a ring's new block is written."""
        found = [ring for ring in self._rings if ring.state.new == name]
        lines = [item for ring in found for item in kept_block(ring)]
        for held in self._held:
            if held.state.output == name:
                lines += self._carried(held)
        return lines

    def _emptied(self, layer: Layer) -> list[tuple[str, str]]:
        """What follows an operator with a memory of its own while its input is not there yet."""
        names = {tensor.name for tensor in layer.variables}
        late = [held for held in self._held if held.state.name in names and held.state.skip]
        return [("its input is not there yet", refilled(held)) for held in late]

    def _carried(self, held: Held) -> list[tuple[str, str]]:
        """What follows when a recurrence's new state is written."""
        place, lines = self._place(held.state.output), []
        if place != f"{held.pointer} + 0":
            lines.append(("", f"memcpy({held.pointer}, {place}, {held.nbytes});"))
        if held.state.skip:
            lines.append(("its input is not there yet", refilled(held)))
        return lines
