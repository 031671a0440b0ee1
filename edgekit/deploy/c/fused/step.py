"""A fused step in C: over positions, and at each over the channels, pass after pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from edgekit.deploy.c.fused import scalar, vector
from edgekit.deploy.c.fused.places import Places
from edgekit.deploy.c.kernel import Code, Function, GroupCode, Layer, int8_array
from edgekit.deploy.c.text import fill, indent, text_of
from edgekit.deploy.c.wide import argument, element
from edgekit.deploy.c.wide_functions import INVERSE_ROOT
from edgekit.graph.fused_group import FusedGroup, averages_positions, read_in
from edgekit.graph.graph import Graph
from edgekit.graph.integer.params import LookupParams, MeanParams
from edgekit.graph.ops import activation_inputs

LANES = 4
_LETTER = {"int8": "b", "int16": "h"}

_STEP = """\
static void @self@(@parameters@) {
@before@    for (int32_t p = 0; p < @positions@; p++) {
@passes@    }
@after@}
"""

_BOTH = """\
#if defined(__ARM_FEATURE_MVE)
@vectors@#else
@scalars@#endif
"""


def emit_fused_group(graph: Graph, group: FusedGroup, layers: Mapping[str, Layer]) -> GroupCode:
    """A group: {x}, {x1} … are its inputs, {y} the output, {scratch} rows that a later pass reads again.

    Args:
        graph: that the group is of.
        group: what runs as one.
        layers: of the members, by name.
    """
    places = Places(graph, group, layers)
    members = places.members
    text = _step(places, vectors=False)
    with_vectors = "mve" in members[0].target.isas and all(_in_vectors(places, layer) for layer in members)
    if with_vectors:
        text = fill(_BOTH, vectors=_step(places, vectors=True), scalars=text)
    roots = INVERSE_ROOT if scalar.ROOT in text else ()
    name = f"{_name(group)}_{group.positions}x{group.channels}"
    inputs = [argument(element(graph.tensor(one)), f"{{x{i}}}") for i, one in enumerate(group.inputs)]
    work = ["{scratch}"] if group.nbytes else []
    output = argument(element(members[-1].output), "{y}")
    call = f"{{f{len(roots)}}}({', '.join([*inputs, output, *work])});"
    data = tuple(
        int8_array(f"table_{layer.index}", layer.params.table)
        for layer in members
        if isinstance(layer.params, LookupParams)
    )
    kernel = f"mve {name}" if with_vectors else name
    code = Code(call, (*roots, Function(name, text)), data, group.nbytes, kernel)
    return GroupCode(code, dict.fromkeys((layer.node.name for layer in members), kernel))


def _name(group: FusedGroup) -> str:
    ops = [node.op for node in group.nodes]
    if ops.count("mean") == 2 and "rsqrt" in ops:
        return "layer_norm"
    return "fused_" + "_".join(dict.fromkeys(ops))


def _in_vectors(places: Places, layer: Layer) -> bool:
    """Whether a member is computed for no channel by itself, or may be for four."""
    return places.group.kinds[layer.node.outputs[0]] != "full" or vector.fits(layer)


def _step(places: Places, *, vectors: bool) -> str:
    group = places.group
    passes = 1 + max(read_in(group, node) for node in group.nodes)
    body = "".join(_pass(places, number, vectors) for number in range(passes))
    before, after = _channel_sums(places) if group.nbytes and _sums(places) else ("", "")
    return fill(
        _STEP, self="@self@", parameters=", ".join(_parameters(places)), before=indent(before),
        positions=group.positions, passes=indent(body, 2), after=indent(after),
    )  # fmt: skip


def _sums(places: Places) -> bool:
    return averages_positions(places.graph, places.group.nodes[-1], places.group.dims)


def _parameters(places: Places) -> list[str]:
    group = places.group
    inputs = [f"const {element(places.graph.tensor(name)).name} *x{i}" for i, name in enumerate(group.inputs)]
    output = f"{element(places.members[-1].output).name} *y"
    return [*inputs, output, *(["int8_t *scratch"] if group.nbytes else [])]


def _channel_sums(places: Places) -> tuple[str, str]:
    """What comes before the positions and behind them where the last member is their mean."""
    group, layer = places.group, places.members[-1]
    params = cast(MeanParams, layer.params)
    value, name = places.value(layer.node.outputs[0]), element(layer.output).name
    loop = f"for (int32_t c = 0; c < {group.channels}; c++) {{\n"
    start = -params.count * params.input_zero_point
    before = f"int32_t *sums = (int32_t *)(void *)(scratch + {group.sums_at});\n{loop}    sums[c] = {start};\n}}\n"
    lines = ["const int32_t sum = sums[c];", *scalar.statements(layer, value, ["sum"]), f"y[c] = ({name}){value};"]
    return before, loop + text_of(lines, 1) + "}\n"


def _pass(places: Places, number: int, vectors: bool) -> str:
    """Values of the position that are known by now, then a loop over its channels."""
    group = places.group
    now = [layer for layer in places.members if read_in(group, layer.node) == number]
    means = [layer for layer in now if _means_channels(places, layer)]
    before = [line for layer in places.members for line in _column(places, layer, number)]
    inside = [
        layer
        for layer in now
        if group.kinds[layer.node.outputs[0]] == "full" or layer in means or _is_sum(places, layer)
    ]
    starts = [
        f"int32_t s{places.value(layer.node.outputs[0])} = {-_mean(layer).count * _mean(layer).input_zero_point};"
        for layer in means
    ]
    lines = [line for layer in inside for line in _member(places, layer, number, vectors)]
    loads = _loads(places, inside, number, vectors)
    head = f"for (int32_t c = 0; c < {group.channels}; c{f' += {LANES}' if vectors else '++'}) {{\n"
    live = [f"const mve_pred16_t live = vctp32q((uint32_t)({group.channels} - c));"] if vectors else []
    loop = head + text_of((*live, *loads, *lines), 1) + "}\n"
    return text_of((*before, *starts)) + (loop if inside else "")


def _mean(layer: Layer) -> MeanParams:
    return cast(MeanParams, layer.params)


def _means_channels(places: Places, layer: Layer) -> bool:
    return isinstance(layer.params, MeanParams) and places.group.kinds[layer.node.outputs[0]] == "column"


def _is_sum(places: Places, layer: Layer) -> bool:
    return layer is places.members[-1] and _sums(places)


def _column(places: Places, layer: Layer, number: int) -> list[str]:
    """Statements of a member that makes one value a position, known from this pass on."""
    group, name = places.group, layer.node.outputs[0]
    if group.kinds[name] != "column" or group.passes[name] != number:
        return []
    if _means_channels(places, layer):
        return scalar.statements(layer, places.value(name), [f"s{places.value(name)}"])
    operands = [_single(places, operand) for operand in activation_inputs(layer.node)]
    return scalar.statements(layer, places.value(name), operands)


def _single(places: Places, name: str) -> str:
    """A value that is the same at all channels."""
    return f"({places.pointer(name)})[0]" if name in places.operands else places.value(name)


def _loads(places: Places, layers: list[Layer], number: int, vectors: bool) -> list[str]:
    """Declarations of what the members of a pass read from memory: operands, and rows of earlier passes."""
    group, lines = places.group, []
    made = [layer.node.outputs[0] for layer in layers]
    for name in dict.fromkeys(name for layer in layers for name in activation_inputs(layer.node)):
        kind, dtype = group.kinds[name], places.graph.tensor(name).dtype
        if name in made:
            continue
        if kind in ("column", "one"):
            if vectors:
                lines.append(f"const int32x4_t q_{places.value(name)} = vdupq_n_s32({_single(places, name)});")
            elif name in places.operands:
                lines.append(f"const int32_t {places.value(name)} = {_single(places, name)};")
            continue
        at = _kept(places, name) if name in group.kept else places.pointer(name)
        if vectors:
            lines.append(f"const int32x4_t q_{places.value(name)} = vldr{_LETTER[dtype]}q_z_s32({at} + c, live);")
        else:
            lines.append(f"const int32_t {places.value(name)} = ({at})[c];")
    return lines


def _kept(places: Places, name: str) -> str:
    kind = element(places.graph.tensor(name)).name
    at = f"scratch + {places.group.kept[name]}"
    return at if kind == "int8_t" else f"({kind} *)(void *)({at})"


def _member(places: Places, layer: Layer, number: int, vectors: bool) -> list[str]:
    """Statements of a member at a channel, or at four."""
    name = layer.node.outputs[0]
    operands = [places.value(operand) for operand in activation_inputs(layer.node)]
    value = places.value(name)
    if _means_channels(places, layer):
        return [
            f"s{value} = vaddvaq_p_s32(s{value}, q_{operands[0]}, live);" if vectors else f"s{value} += {operands[0]};"
        ]
    if _is_sum(places, layer):
        if vectors:
            return [f"vstrwq_p_s32(sums + c, vaddq_s32(vldrwq_z_s32(sums + c, live), q_{operands[0]}), live);"]
        return [f"sums[c] += {operands[0]};"]
    if vectors:
        lines = vector.statements(layer, f"q_{value}", [f"q_{operand}" for operand in operands])
    else:
        lines = scalar.statements(layer, value, operands)
    return [*lines, *_stores(places, layer, value, vectors)]


def _stores(places: Places, layer: Layer, value: str, vectors: bool) -> list[str]:
    """What of a member's value goes to memory: the output, or a row that a later pass reads."""
    group, name, kind = places.group, layer.node.outputs[0], element(layer.output)
    if layer is places.members[-1]:
        at = f"y + p * {group.channels}"
    elif name in group.kept:
        at = _kept(places, name)
    else:
        return []
    if vectors:
        return [f"vstr{_LETTER[layer.output.dtype]}q_p_s32({at} + c, q_{value}, live);"]
    return [f"({at})[c] = ({kind.name}){value};"]
