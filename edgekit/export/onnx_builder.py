"""Collects ONNX nodes and initializers of one graph, with names that stay unique."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper


class OnnxBuilder:
    """Nodes in order and initializers by name."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []
        self._names: set[str] = set()

    def name(self, wanted: str) -> str:
        """``wanted``, or with a number behind it when it is taken."""
        name, number = wanted, 1
        while name in self._names:
            name, number = f"{wanted}_{number}", number + 1
        self._names.add(name)
        return name

    def constant(self, wanted: str, values: np.ndarray) -> str:
        """An initializer; returns its name."""
        name = self.name(wanted)
        self.initializers.append(numpy_helper.from_array(np.asarray(values, order="C"), name))
        return name

    def node(self, op: str, inputs: list[str], output: str, more: Sequence[str] = (), **attributes: Any) -> str:
        """A node with an output of the (unique) name ``output`` and those of ``more``; returns the first's name."""
        name = self.name(output)
        self.nodes.append(helper.make_node(op, inputs, [name, *more], name=f"{name}:{op}", **attributes))
        return name
