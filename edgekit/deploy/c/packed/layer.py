"""A packed conv2d or fully_connected: patches go to working memory, a block of them meets all filters."""

from __future__ import annotations

from typing import cast

from edgekit.deploy.c.conv2d import layer_patches
from edgekit.deploy.c.dense_as_conv import as_pointwise
from edgekit.deploy.c.dsp.requantize import applies
from edgekit.deploy.c.kernel import Code, Layer
from edgekit.deploy.c.packed.dsp import dsp_parts
from edgekit.deploy.c.packed.mve import mve_parts
from edgekit.deploy.c.packed.portable import portable_parts
from edgekit.deploy.c.patch_loop import BlockParts, patch_loop
from edgekit.graph.integer.params import ConvParams
from edgekit.graph.scratch import Patches

STORE_REACH = 4095
"""Largest offset of STRB, in bytes."""


def emit_packed(layer: Layer, *, small: bool) -> Code:
    """conv2d, x int8 [1,H,W,C] to y int8 [1,Ho,Wo,O], or fully_connected, x int8 [rows,K] to y int8 [rows,O].

    Args:
        layer: with at most sixteen different weights.
        small: code in loops instead of straight code.
    """
    layer = as_pointwise(layer, few=True)
    params = cast(ConvParams, layer.params)
    patches = layer_patches(layer, params)
    names = (f"numbers_{layer.index}", f"channels_{layer.index}")
    isa, data, parts = _parts(layer, params, patches, names, small)
    functions = patch_loop(layer, params, patches, parts)
    call = f"{{f{len(functions) - 1}}}({names[0]}, {names[1]}, {{x}}, {{y}}, {{scratch}});"
    return Code(call, functions, data, patches.packed_nbytes, kernel=f"{isa}packed {functions[-1].name}")


def _parts(
    layer: Layer, params: ConvParams, patches: Patches, names: tuple[str, str], small: bool
) -> tuple[str, tuple[str, ...], BlockParts]:
    """What a kernel's name begins with, definitions of numbers and channels, and the parts of the loop."""
    arithmetic = params.arithmetic
    proven = applies(arithmetic, 0)
    if "mve" in layer.target.isas and proven:
        return "mve ", *mve_parts(arithmetic, patches, names)
    in_reach = (patches.block - 1) * arithmetic.weights.shape[0] <= STORE_REACH
    if "dsp" in layer.target.isas and proven and in_reach:
        return "dsp ", *dsp_parts(arithmetic, patches, names, small=small)
    return "", *portable_parts(arithmetic, patches, names, layer.node.name)
