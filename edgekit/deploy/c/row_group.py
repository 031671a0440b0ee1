"""A group of layers that work together a few rows at a time, in C (graph/row_group.py): windows move, members run.

Members are the kernels that they would be alone, for a step's rows. What a kernel makes of rows outside the image is
replaced by the border's value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from edgekit.deploy.c.accumulate import paren
from edgekit.deploy.c.kernel import Code, Function, GroupCode, Layer, shifted
from edgekit.deploy.c.text import fill, indent
from edgekit.deploy.target import Target
from edgekit.graph.graph import Graph, Node
from edgekit.graph.integer.interpreter import prepare_node
from edgekit.graph.ops import activation_inputs
from edgekit.graph.row_group import RowGroup, Window, member_graph
from edgekit.graph.tensor import Tensor

_BYTES = """\
/* By words: memcpy of a size that is not constant goes byte by byte in small runtimes. */
static void @self@(int8_t *to, const int8_t *from, int32_t bytes) {
    int32_t i = 0;
    for (; i + 4 <= bytes; i += 4) {
        uint32_t word;
        memcpy(&word, from + i, sizeof word);
        memcpy(to + i, &word, sizeof word);
    }
    for (; i < bytes; i++) {
        to[i] = from[i];
    }
}
"""

_COPY = """\
/* Rows of an image that a step reads; those outside it are border. */
static void @self@(
    const int8_t *x, int8_t *to, int32_t first, int32_t rows, int32_t height, int32_t bytes, int8_t value) {
    for (int32_t row = first; row < first + rows; row++) {
        if (row >= 0 && row < height) {
            @row_bytes@(to, x + row * bytes, bytes);
        } else {
            memset(to, value, (size_t)bytes);
        }
        to += bytes;
    }
}
"""

_MOVE = """\
/* What earlier steps made goes to a window's front, in pieces that do not overlap their place. */
static void @self@(int8_t *rows, int32_t fresh, int32_t kept) {
    for (int32_t i = 0; i < kept; i += fresh) {
        const int32_t piece = kept - i < fresh ? kept - i : fresh;
        @row_bytes@(rows + i, rows + i + fresh, piece);
    }
}
"""

_BORDER = """\
/* Rows that a kernel made outside the image become border. */
static void @self@(int8_t *to, int32_t first, int32_t rows, int32_t height, int32_t bytes, int8_t value) {
    for (int32_t row = first; row < first + rows; row++) {
        if (row < 0 || row >= height) {
            memset(to, value, (size_t)bytes);
        }
        to += bytes;
    }
}
"""

_GROUP = """\
static void @self@(@parameters@) {
@fills@    for (int32_t n = @first@; n < @steps@; n++) {
@members@    }
}
"""


_HELPERS = (
    Function("rows_copied", _COPY),
    Function("rows_moved", _MOVE),
    Function("rows_bordered", _BORDER),
    Function("row_bytes", _BYTES),
)
"""Shared by all groups, callers first; ``@name@`` in a text stands for one of them."""


Emit = Callable[[Layer], Code]


def member_layer(graph: Graph, group: RowGroup, node: Node, index: int, target: Target) -> Layer:
    """A member as a layer of a step's rows; ``index`` is its place in the graph, which its data are named after."""
    own = member_graph(graph, group, node)
    inputs = tuple(own.tensor(name) for name in activation_inputs(own.nodes[0]))
    params, output = prepare_node(own, own.nodes[0]), own.tensor(node.outputs[0])
    return Layer(index, own.nodes[0], params, inputs, output, target, times=group.steps)


def emit_row_group(graph: Graph, group: RowGroup, layers: Mapping[str, Layer], emit: Emit) -> GroupCode:
    """A group: {x}, {x1} … are the tensors of ``group.places`` in order, {y} the output, {scratch} its working memory.

    Args:
        graph: that the group is of.
        group: what runs together.
        layers: member_layer of each member, by name.
        emit: writes a layer.
    """
    functions: list[Function] = []
    sources = {name: f"x{i}" for i, name in enumerate(group.places)}
    members = [_copied(graph, window, sources) for window in group.windows.values() if window.copied]
    data: list[str] = []
    kernels: dict[str, str] = {}
    for node in group.nodes:
        code = emit(layers[node.name])
        base = len(functions)
        functions += [Function(part.name, shifted(part.text, base)) for part in code.functions]
        members.append(_member(graph, group, layers[node.name], code, base, sources))
        data += code.data
        kernels[node.name] = code.kernel
    parameters = [*(f"const int8_t *{name}" for name in sources.values()), "int8_t *y", "int8_t *rows"]
    text = fill(
        _GROUP, self="@self@", parameters=", ".join(parameters), first=-group.warm_up, steps=group.steps,
        fills="".join(_fill(graph, window) for window in group.windows.values() if window.kept),
        members=indent("".join(members), 2),
    )  # fmt: skip
    functions = _with_helpers(
        [*functions, Function(f"rows_{len(group.nodes)}_layers_to_{layers[group.name].index}", text)]
    )
    places = ", ".join("{x}" if i == 0 else f"{{x{i}}}" for i in range(len(sources)))
    call = f"{{f{len(functions) - 1}}}({places}, {{y}}, {{scratch}});"
    return GroupCode(Code(call, tuple(functions), tuple(data), group.nbytes, f"rows of {len(group.nodes)}"), kernels)


def _with_helpers(functions: list[Function]) -> list[Function]:
    """``functions``, the group's last, with the helpers that it uses in front of it."""
    own, group = functions[:-1], functions[-1]
    texts = [group]
    for helper in _HELPERS:
        if any(f"@{helper.name}@" in function.text for function in texts):
            texts.insert(0, helper)
    places = {function.name: f"@f{len(own) + i}@" for i, function in enumerate(texts)}
    helped = [
        Function(part.name, re.sub(r"@(row\w+)@", lambda match: places[match.group(1)], part.text)) for part in texts
    ]
    return own + helped


def _fill(graph: Graph, window: Window) -> str:
    """What the first step moves to a window's front: border."""
    at = _at(window.offset + window.fresh * window.row_bytes)
    return f"    memset({at}, {_border(graph, window)}, {window.kept * window.row_bytes});\n"


def _copied(graph: Graph, window: Window, sources: Mapping[str, str]) -> str:
    to, source = _at(window.offset + window.kept * window.row_bytes), sources[window.tensor]
    return _moved(window) + f"@rows_copied@({source}, {to}, {_extent(graph, window)});\n"


def _extent(graph: Graph, window: Window) -> str:
    """Arguments: first row, rows, height of the image, bytes of a row, the border's value."""
    return f"{_first(window)}, {window.fresh}, {window.height}, {window.row_bytes}, {_border(graph, window)}"


def _member(
    graph: Graph, group: RowGroup, layer: Layer, code: Code, base: int, sources: Mapping[str, str]
) -> str:  # fmt: skip
    """One member's part of a step: move its window, run its kernel, mend the border."""
    node = next(node for node in group.nodes if node.name == layer.node.name)
    values = {f"f{i}": f"@f{base + i}@" for i in range(len(code.functions))}
    inputs = [_source(graph, group, layer, position, sources) for position in range(len(layer.inputs))]
    values |= {f"x{i}": text for i, text in enumerate(inputs)} | {"x": inputs[0], "scratch": _at(group.kernels)}
    if node.outputs[0] == group.output:
        call = code.call.format_map({**values, "y": f"y + n * {group.tile * _row_bytes(layer.output)}"}) + "\n"
        return f"if (n >= 0) {{\n    {call}}}\n" if group.warm_up else call
    window = group.windows[node.outputs[0]]
    to = _at(window.offset + window.kept * window.row_bytes)
    call = code.call.format_map({**values, "y": to}) + "\n"
    if _inside(group, window):
        return _moved(window) + call
    inside = f"if ({_first(window)} > {-window.fresh} && {_first(window)} < {window.height}) {{\n    {call}}}\n"
    border = f"@rows_bordered@({to}, {_extent(graph, window)});\n"
    return _moved(window) + inside + border


def _inside(group: RowGroup, window: Window) -> bool:
    """No step makes a row outside the image."""
    begin = window.end - (group.warm_up + 1) * window.fresh
    return begin >= 0 and (group.steps - 1) * window.fresh + window.end <= window.height


def _source(graph: Graph, group: RowGroup, layer: Layer, position: int, sources: Mapping[str, str]) -> str:
    """Where a member reads an input: a window, its rows outside the group, or a constant."""
    name = activation_inputs(layer.node)[position]
    if graph.tensor(name).constant:
        return f"constant_{layer.index}_{position}"
    if group.read_in_place(layer.node, name):
        return f"{sources[name]} + n * {group.tile * _row_bytes(graph.tensor(name))}"
    window = group.windows[name]
    return _at(window.offset + group.first_read(layer.node, name) * window.row_bytes)


def _row_bytes(tensor: Tensor) -> int:
    return tensor.nbytes // tensor.dims[1]


def _moved(window: Window) -> str:
    """What earlier steps made goes to the window's front."""
    if not window.kept:
        return ""
    begin, fresh, kept = _at(window.offset), window.fresh * window.row_bytes, window.kept * window.row_bytes
    return f"@rows_moved@({begin}, {fresh}, {kept});\n"


def _first(window: Window) -> str:
    """The first row that step n makes."""
    first = window.end - window.fresh
    return f"n * {window.fresh} + {paren(first)}" if first else f"n * {window.fresh}"


def _border(graph: Graph, window: Window) -> str:
    tensor = graph.tensor(window.tensor)
    return paren(tensor.scale_zero()[1])


def _at(offset: int) -> str:
    return f"rows + {offset}" if offset else "rows"
