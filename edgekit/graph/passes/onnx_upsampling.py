"""Rules of the ONNX lowering for ConvTranspose, and for DepthToSpace and SpaceToDepth, of which it is made."""

from __future__ import annotations

from math import prod

import numpy as np

from edgekit.core.errors import BadFileError
from edgekit.graph.graph import Node
from edgekit.graph.passes.onnx_builder import MAX_INDEX, Builder, unsupported
from edgekit.graph.passes.onnx_slicing import sliced
from edgekit.graph.passes.onnx_weighted import conv
from edgekit.graph.passes.views import View

Dims = tuple[int, ...]


def depth_to_space(node: Node, build: Builder) -> None:
    """DepthToSpace → index arithmetic (a transpose where its reader needs the data in place)."""
    view, block = build.view(node), _block(node)
    n, channels, height, width = _image(node, view)
    if channels % (block * block):
        raise BadFileError(f"DepthToSpace of {channels} channels by {block}", where=node.name)
    depth = channels // (block * block)
    crd = node.attrs.get("mode", "DCR") == "CRD"
    split = (n, depth, block, block, height, width) if crd else (n, block, block, depth, height, width)
    perm = (0, 1, 4, 2, 5, 3) if crd else (0, 3, 4, 1, 5, 2)
    index = view.index.reshape(split).transpose(perm).reshape(n, depth, height * block, width * block)
    build.result(node, view.moved(index))


def space_to_depth(node: Node, build: Builder) -> None:
    """SpaceToDepth → index arithmetic."""
    view, block = build.view(node), _block(node)
    n, channels, height, width = _image(node, view)
    if height % block or width % block:
        raise BadFileError(f"SpaceToDepth of {height}×{width} by {block}", where=node.name)
    split = view.index.reshape(n, channels, height // block, block, width // block, block)
    index = split.transpose(0, 3, 5, 1, 2, 4).reshape(n, -1, height // block, width // block)
    build.result(node, view.moved(index))


def conv_transpose(node: Node, build: Builder) -> None:
    """ConvTranspose → one Conv that computes all s phases of the output as channels, which are then interleaved.

    out[s·q + a] = Σ_j x[q − j] · w[s·j + a]: a convolution of ⌈k/s⌉ taps for each phase a, so that nothing is
    multiplied with zeros put between inputs. What ``pads`` take away is cut off at the end.

    Raises:
        UnsupportedOpError: computed weights, ``output_shape`` or ``auto_pad`` instead of ``pads``.
    """
    view, weights, bias = build.view(node), build.constant(node, 1), build.constant(node, 2)
    if weights is None or weights.ndim not in (3, 4) or view.index.ndim != weights.ndim:
        raise unsupported(node, f"ConvTranspose of rank {view.index.ndim} without constant weights of rank 3 or 4")
    if "output_shape" in node.attrs or node.attrs.get("auto_pad", "NOTSET") != "NOTSET":
        raise unsupported(node, "ConvTranspose with output_shape or auto_pad")
    rank, group = weights.ndim - 2, node.attrs.get("group", 1)
    stride, dilation = (_list(node, key, rank, 1, 1) for key in ("strides", "dilations"))
    extra, pads = _list(node, "output_padding", rank, 0, 0), _list(node, "pads", 2 * rank, 0, 0)
    if group < 1 or weights.shape[0] % group or weights.shape[0] != view.shape[1]:
        raise BadFileError(f"ConvTranspose with {group} groups and weights {weights.shape}", where=node.name)
    reach = tuple((size - 1) * gap + 1 for size, gap in zip(weights.shape[2:], dilation, strict=True))
    taps = tuple(-(-(size + more) // step) for size, more, step in zip(reach, extra, stride, strict=True))
    if prod(weights.shape[:2]) * prod(taps) * prod(stride) > MAX_INDEX:
        raise unsupported(node, f"ConvTranspose of {weights.shape} with strides {stride} and dilations {dilation}")
    kernel = _spread(weights, dilation)
    phases = prod(stride)
    name = f"{node.name}/phases"
    build.values[f"{name}/w"] = _phases(kernel, group, stride, taps)
    inputs = [node.inputs[0], f"{name}/w"]
    if bias is not None:
        build.values[f"{name}/b"] = np.repeat(bias.reshape(group, 1, -1), phases, axis=1).reshape(-1)
        inputs.append(f"{name}/b")
    around = tuple(tap - 1 for tap in taps)
    conv(Node("Conv", name, tuple(inputs), (name,), {"group": group, "pads": (*around, *around)}), build)
    found = build.values[name]
    assert isinstance(found, View)
    whole = found.moved(_interleaved(found.index, group, stride))
    parts = {}
    for axis in range(rank):
        length = (view.shape[2 + axis] - 1) * stride[axis] + kernel.shape[2 + axis] + extra[axis]
        size = length - pads[axis] - pads[rank + axis]
        if size < 1:
            raise BadFileError(f"ConvTranspose with pads {pads} leaves nothing", where=node.name)
        if size != whole.shape[2 + axis]:
            parts[2 + axis] = (pads[axis], size, 1)
    build.result(node, sliced(node, build, whole, parts) if parts else whole)


def _phases(kernel: np.ndarray, group: int, stride: Dims, taps: Dims) -> np.ndarray:
    """Weights [C, O/g, k…] as those of the Conv [g · phases · O/g, C/g, taps…]."""
    channels, units = kernel.shape[:2]
    full = np.zeros((channels, units, *(tap * step for tap, step in zip(taps, stride, strict=True))), kernel.dtype)
    full[(slice(None), slice(None), *map(slice, kernel.shape[2:]))] = kernel
    rank = len(stride)
    split = [value for tap, step in zip(taps, stride, strict=True) for value in (tap, step)]
    parts = full.reshape(group, channels // group, units, *split)
    taps_at, phases_at = (tuple(3 + 2 * axis + offset for axis in range(rank)) for offset in (0, 1))
    turned = np.flip(parts.transpose(0, *phases_at, 2, 1, *taps_at), axis=tuple(range(-rank, 0)))
    return np.ascontiguousarray(turned.reshape(-1, channels // group, *taps))


def _interleaved(index: np.ndarray, group: int, stride: Dims) -> np.ndarray:
    """[1, g · phases · O/g, Q…] as [1, O, Q·s…]."""
    rank, spatial = len(stride), index.shape[2:]
    split = index.reshape(1, group, *stride, -1, *spatial)
    order = [0, 1, 2 + rank]
    for axis in range(rank):
        order += [3 + rank + axis, 2 + axis]
    sizes = (size * step for size, step in zip(spatial, stride, strict=True))
    return np.ascontiguousarray(split.transpose(order).reshape(1, -1, *sizes))


def _spread(weights: np.ndarray, dilation: Dims) -> np.ndarray:
    """Weights with zeros between their taps instead of a dilation."""
    sizes = ((size - 1) * gap + 1 for size, gap in zip(weights.shape[2:], dilation, strict=True))
    spread = np.zeros((*weights.shape[:2], *sizes), weights.dtype)
    spread[(slice(None), slice(None), *(slice(None, None, gap) for gap in dilation))] = weights
    return spread


def _list(node: Node, key: str, length: int, default: int, least: int) -> Dims:
    values = tuple(node.attrs.get(key, (default,) * length))
    if len(values) != length or min(values) < least:
        raise BadFileError(f"{node.op} with {key} {values}", where=node.name)
    return values


def _block(node: Node) -> int:
    block = node.attrs.get("blocksize", 0)
    if not isinstance(block, int) or block < 1:
        raise BadFileError(f"{node.op} with blocksize {block!r}", where=node.name)
    return block


def _image(node: Node, view: View) -> Dims:
    if view.index.ndim != 4:
        raise BadFileError(f"{node.op} of {view.shape}", where=node.name)
    return view.shape
