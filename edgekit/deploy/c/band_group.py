"""Operators on bands of rows in C (graph/band_group.py): each reads and writes its rows of the whole tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edgekit.deploy.c.kernel import Code, Function, GroupCode, Layer, shifted
from edgekit.graph.band_group import BandGroup


def emit_band_group(group: BandGroup, layers: Mapping[str, Layer], emit: Callable[[Layer], Code]) -> GroupCode:
    """A group: {x} is the tensor that was sliced, {y} the joined one, {scratch} working memory for one band at a time.

    Args:
        group: what runs together.
        layers: the bands' operators by name.
        emit: writes a layer.
    """
    functions: list[Function] = []
    calls: list[str] = []
    data: list[str] = []
    kernels = dict.fromkeys((node.name for node in group.nodes), "nothing to do")
    for band in group.bands:
        code = emit(layers[band.node.name])
        base = len(functions)
        functions += [Function(part.name, shifted(part.text, base)) for part in code.functions]
        x, y = f"{{x}} + {band.source}", f"{{y}} + {band.target}"
        values = {"x": x, "x0": x, "y": y, "scratch": "{scratch}"}
        values |= {f"f{i}": f"{{f{base + i}}}" for i in range(len(code.functions))}
        calls.append(code.call.format_map(values))
        data += code.data
        kernels[band.node.name] = code.kernel
    code = Code(" ".join(calls), tuple(functions), tuple(data), group.nbytes, "bands")
    return GroupCode(code, kernels)
