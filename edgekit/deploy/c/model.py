"""From an integer graph to the C of its layers: emitters run, memory planned, equal functions merged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edgekit.core.errors import UnsupportedOpError
from edgekit.deploy.c.band_group import emit_band_group
from edgekit.deploy.c.choice import STRAIGHT, Bent, Optimize, emit_layer
from edgekit.deploy.c.emitters import EMITTERS
from edgekit.deploy.c.fused.step import emit_fused_group
from edgekit.deploy.c.kernel import Code, GroupCode, Layer
from edgekit.deploy.c.merged import MergedFunctions, constant_inputs, constant_place
from edgekit.deploy.c.row_group import emit_row_group, member_layer
from edgekit.deploy.c.shared_data import shared_data
from edgekit.deploy.target import Target
from edgekit.graph.band_group import BandGroup
from edgekit.graph.firmware import Firmware, firmware
from edgekit.graph.fused_group import FusedGroup
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.interpreter import prepare_node
from edgekit.graph.layer_group import LayerGroup
from edgekit.graph.ops import activation_inputs
from edgekit.graph.planner import MemoryPlan
from edgekit.graph.row_group import RowGroup
from edgekit.graph.tensor import Tensor


@dataclass(frozen=True, eq=False)
class Model:
    """A graph turned into C, not yet laid out in files.

    Attributes:
        graph: the int8 core.
        firmware: which layers run as row groups, and the plan of the arena, kernels' working memory included.
        data: definitions of constants, in order.
        functions: definitions of static functions, callees first.
        calls: (comment, statement) a step, in order; no statement where it costs nothing.
        kernels: layer name to the kernel chosen.
    """

    graph: Graph
    firmware: Firmware
    data: tuple[str, ...]
    functions: tuple[str, ...]
    calls: tuple[tuple[str, str], ...]
    kernels: Mapping[str, str]

    @property
    def plan(self) -> MemoryPlan:
        """The plan of the arena."""
        return self.firmware.plan

    @property
    def input(self) -> Tensor:
        """The int8 input."""
        return self.graph.tensor(self.graph.inputs[0])

    @property
    def output(self) -> Tensor:
        """The int8 output."""
        return self.graph.tensor(self.graph.outputs[0])


def emit_model(
    graph: Graph, target: Target, optimize: Optimize = "balanced", bent: Bent = STRAIGHT
) -> Model:  # fmt: skip
    """Choose and write a kernel for every node of an int8 core graph (passes/integer_core.py).

    Args:
        graph: the core.
        target: chooses kernels.
        optimize: what for.
        bent: to a memory.

    Raises:
        UnsupportedOpError: an operator, or a form of one, that has no kernel.
    """
    for node in graph.nodes:
        if node.op not in EMITTERS:
            raise UnsupportedOpError(
                f"operator {node.op!r} has no C kernel",
                where=node.name,
                mend="make the whole model integer (edgekit quantize)",
            )
    plan = firmware(graph, optimize, bent.max_arena, bent.flash_price)
    steps = [_emit_step(plan, nodes, target, lambda layer: emit_layer(layer, optimize, bent)) for nodes in plan.steps]
    merged = MergedFunctions()
    data = [text for step in steps for text in step.code.data]
    calls = []
    for step in steps:
        data += [text for layer in step.layers for text in constant_inputs(layer)]
        comment = ", ".join(f"{layer.node.op} {layer.node.name}" for layer in step.layers)
        calls.append((comment, _call(step, plan.plan, merged)))
    kernels = {name: kernel for step in steps for name, kernel in step.kernels.items()}
    comments, statements = zip(*calls, strict=True)
    kept, texts = shared_data(data, (*merged.texts(), *statements))
    functions, statements = texts[: len(texts) - len(calls)], texts[len(texts) - len(calls) :]
    return Model(plan.graph, plan, kept, functions, tuple(zip(comments, statements, strict=True)), kernels)


@dataclass(frozen=True, eq=False)
class _Step:
    """What one call computes: a layer, or layers that run by rows.

    Attributes:
        layers: in order; the last one makes the output.
        inputs: what the call reads.
        code: of the step.
        kernels: by layer.
    """

    layers: tuple[Layer, ...]
    inputs: tuple[Tensor, ...]
    code: Code
    kernels: Mapping[str, str]


def _emit_step(plan: Firmware, nodes: tuple[Node, ...], target: Target, emit: Callable[[Layer], Code]) -> _Step:
    graph, index = plan.graph, {node.name: i for i, node in enumerate(plan.graph.nodes)}
    group = next((group for group in plan.groups if group.name == nodes[-1].name), None)
    if isinstance(group, RowGroup):
        layers = {node.name: member_layer(graph, group, node, index[node.name], target) for node in nodes}
        made = emit_row_group(graph, group, layers, emit)
    else:
        layers = {node.name: _layer(graph, node, index[node.name], target) for node in nodes}
        made = _emitted(graph, group, layers, emit)
    inputs = tuple(graph.tensor(name) for name in group.inputs) if group else layers[nodes[0].name].inputs
    return _Step(tuple(layers.values()), inputs, made.code, made.kernels)


def _emitted(
    graph: Graph, group: LayerGroup | None, layers: Mapping[str, Layer], emit: Callable[[Layer], Code]
) -> GroupCode:
    """A single layer, bands, or what is fused."""
    if isinstance(group, BandGroup):
        return emit_band_group(group, layers, emit)
    if isinstance(group, FusedGroup):
        return emit_fused_group(graph, group, layers)
    ((name, layer),) = layers.items()
    code = emit(layer)
    return GroupCode(code, {name: code.kernel})


def _layer(graph: Graph, node: Node, index: int, target: Target) -> Layer:
    inputs = tuple(graph.tensor(name) for name in activation_inputs(node))
    kept = tuple(graph.tensor(name) for name in node.inputs if name in graph.variables)
    return Layer(index, node, prepare_node(graph, node), inputs, graph.tensor(node.outputs[0]), target, kept)


def _call(step: _Step, plan: MemoryPlan, merged: MergedFunctions) -> str:
    names, layer = merged.add(step.code.functions), step.layers[-1]
    inputs = [_pointer(layer, tensor, i, plan) for i, tensor in enumerate(step.inputs)]
    output = _pointer(layer, layer.output, -1, plan)
    if layer.node.op == "reshape" and inputs[0] == output:
        return ""
    scratch = f"arena + {plan.offsets[f'{layer.node.name}:scratch']}" if step.code.scratch_bytes else "NULL"
    values = {"x": inputs[0], "y": output, "scratch": scratch}
    values.update({f"x{i}": pointer for i, pointer in enumerate(inputs)})
    values.update({f"m{i}": f"arena + {plan.offsets[item.name]}" for i, item in enumerate(layer.variables)})
    values.update({f"f{i}": name for i, name in enumerate(names)})
    return step.code.call.format_map(values)


def _pointer(layer: Layer, tensor: Tensor, position: int, plan: MemoryPlan) -> str:
    if tensor.constant:
        return constant_place(layer, position, tensor)
    return f"arena + {plan.offsets[tensor.name]}"
