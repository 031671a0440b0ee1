"""What every function that emits one operator of a QDQ model looks like."""

from __future__ import annotations

from collections.abc import Callable

from edgekit.export.onnx_builder import OnnxBuilder
from edgekit.graph.graph import Graph, Node

Emit = Callable[[OnnxBuilder, Graph, Node, list[str]], str]
"""From the builder, the graph, the node and the names of its float inputs to the name of its float output."""
