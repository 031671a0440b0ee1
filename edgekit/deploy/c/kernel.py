"""What an emitter is given about a layer, and what it hands back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgekit.core.errors import UnsupportedOpError
from edgekit.deploy.c.text import array_lines, int32
from edgekit.deploy.target import Target
from edgekit.graph.graph import Node
from edgekit.graph.integer.params import Params
from edgekit.graph.tensor import Tensor


@dataclass(frozen=True, eq=False)
class Layer:
    """One node as its emitter sees it.

    Attributes:
        index: position in the graph; names of the layer's data carry it.
        node, params: the operator and its prepared integer parameters.
        inputs: tensors of the node's activation inputs, in order (constants of sums and products included).
        output: the tensor it makes.
        variables: tensors that it keeps from one inference to the next, in the order of its inputs.
        target: the emitter may choose a kernel by it.
        times: how often an inference runs it: more than once where it works by rows.
    """

    index: int
    node: Node
    params: Params
    inputs: tuple[Tensor, ...]
    output: Tensor
    target: Target
    variables: tuple[Tensor, ...] = ()
    times: int = 1


@dataclass(frozen=True)
class Function:
    """A static C function: ``text`` starts with its return type and holds ``@self@`` where its name goes.

    Functions of several layers with equal text become one function in the sources.
    """

    name: str
    text: str


@dataclass(frozen=True)
class Code:
    """The C of one layer.

    Attributes:
        call: one statement; ``{x}``, ``{x1}`` (second input) …, ``{y}``, ``{m0}``, ``{m1}`` (variable tensors) and
            ``{scratch}`` stand for pointers to int8,
            ``{f0}``, ``{f1}`` … for the names of ``functions``.
        functions: what the call and later functions use, callees first; a text refers to earlier ones as ``@f0@``…
        data: definitions of constants.
        scratch_bytes: working memory that the planner must find.
        kernel: short name for reports.
    """

    call: str
    functions: tuple[Function, ...] = ()
    data: tuple[str, ...] = ()
    scratch_bytes: int = 0
    kernel: str = ""


@dataclass(frozen=True)
class GroupCode:
    """The C of layers that run as one step, and which kernel each got."""

    code: Code
    kernels: Mapping[str, str]


def shifted(text: str, base: int) -> str:
    """A function's text whose references to earlier functions, ``@f0@`` …, count from ``base`` on."""
    return re.sub(r"@f(\d+)@", lambda match: f"@f{base + int(match.group(1))}@", text)


def int8_array(name: str, values: np.ndarray) -> str:
    """Definition of a constant int8 array."""
    flat = values.astype(np.int64).ravel()
    return f"static const int8_t {name}[{flat.size}] = {{\n{array_lines(map(str, flat.tolist()))}\n}};\n"


def int16_array(name: str, values: np.ndarray) -> str:
    """Definition of a constant int16 array."""
    flat = values.astype(np.int64).ravel()
    return f"static const int16_t {name}[{flat.size}] = {{\n{array_lines(map(str, flat.tolist()))}\n}};\n"


def int32_array(name: str, values: np.ndarray) -> str:
    """Definition of a constant int32 array."""
    flat = values.astype(np.int64).ravel()
    return f"static const int32_t {name}[{flat.size}] = {{\n{array_lines(map(int32, flat.tolist()))}\n}};\n"


def whole(tensor: Tensor, rank: int, layer: Layer) -> tuple[int, ...]:
    """The dims of a tensor of the rank that the kernel needs.

    Raises:
        UnsupportedOpError: another rank.
    """
    if len(tensor.dims) != rank:
        raise UnsupportedOpError(
            f"{layer.node.op} of rank {len(tensor.dims)} cannot be compiled", where=layer.node.name
        )
    return tensor.dims
