"""Operators that compute in floating point, and why: each one in an integer model is a fallback nobody asked for."""

from __future__ import annotations

from edgekit.budget.rules.tables import table
from edgekit.graph.graph import Graph, Node

_FLOATS = frozenset({"float16", "bfloat16", "float32", "float64", "complex64"})
_QUANTIZERS = frozenset({"QUANTIZE", "quantize"})
_DEQUANTIZERS = frozenset({"DEQUANTIZE", "dequantize"})
_QDQ = frozenset({"QuantizeLinear", "DequantizeLinear"})
_FUSED = frozenset({"Relu", "Clip"})
"""ONNX activations that a QDQ pair encloses together with the operator before them."""


def float_reasons(graph: Graph, constants: frozenset[str]) -> dict[str, str]:
    """Node name to the reason why it computes in floating point, in execution order.

    Not listed: operators that only place values, weights that are converted before the first inference, a quantizer at
    the graph's input and a dequantizer at its output, and in a QDQ graph every operator between a DequantizeLinear and
    a QuantizeLinear, which an integer runtime replaces by its integer form.
    """
    view = _View(graph, constants)
    reasons = {}
    for node in graph.nodes:
        if view.follows_from_file(node) or node.op in view.moves:
            continue
        reason = view.quantized_reason(node) if graph.dialect == "onnx" else view.plain_reason(node)
        if reason:
            reasons[node.name] = reason
    return reasons


class _View:
    """A graph with its edges, seen past the operators that only place values."""

    def __init__(self, graph: Graph, constants: frozenset[str]) -> None:
        self.graph = graph
        self.constants = constants
        self.moves = table(graph.dialect).moves
        self.producers = graph.producers()
        self.consumers = graph.consumers()
        self.has_qdq = any(node.op in _QDQ for node in graph.nodes)

    def follows_from_file(self, node: Node) -> bool:
        return all(name in self.constants for name in node.outputs if name)

    def floats(self, names: tuple[str, ...]) -> list[str]:
        """Those of ``names`` that are float activations."""
        return [n for n in names if n and n not in self.constants and self.graph.tensor(n).dtype in _FLOATS]

    def plain_reason(self, node: Node) -> str:
        """Why a node of a TFLite or edge graph computes in float; "" if it does not."""
        inputs, outputs = self.floats(node.inputs), self.floats(node.outputs)
        if not inputs and not outputs:
            return ""
        if node.op in _QUANTIZERS:
            inner = [name for name in inputs if self.origin(name) is not None]
            return "quantizes a value that was computed in float" if inner else ""
        if node.op in _DEQUANTIZERS:
            at_end = all(reader is None for name in outputs for reader in self.readers(name))
            return "" if at_end else "hands an integer value on as float"
        dtype = self.graph.tensor((inputs or outputs)[0]).dtype
        weights = [self.graph.tensor(n) for n in node.inputs if n in self.constants]
        if any(w.dtype in ("int4", "int8") for w in weights):
            return f"computes on {dtype} activations although its weights are integers (hybrid)"
        return f"computes on {dtype} activations"

    def quantized_reason(self, node: Node) -> str:
        """Why a node of an ONNX graph computes in float; "" if it does not or if a QDQ pair encloses it."""
        inputs, outputs = self.floats(node.inputs), self.floats(node.outputs)
        if node.op in _QDQ or (not inputs and not outputs):
            return ""
        dtype = self.graph.tensor((inputs or outputs)[0]).dtype
        if not self.has_qdq:
            return f"computes on {dtype} activations"
        for name in inputs:
            if not self.dequantized(name, node):
                return f"its input {name!r} is {dtype} and not quantized"
        for name in node.inputs:
            if name in self.constants and not self.quantized_constant(name):
                return f"its constant {name!r} is {self.graph.tensor(name).dtype} and not quantized"
        for name in outputs:
            if not self.quantized(name):
                return f"its output {name!r} is {dtype} and not quantized"
        return ""

    def origin(self, name: str) -> Node | None:
        """The node that computed ``name``, past operators that only place values; None for a graph input."""
        node = self.producers.get(name)
        while node is not None and node.op in self.moves:
            sources = self.floats(node.inputs) or [n for n in node.inputs if n]
            node = self.producers.get(sources[0]) if sources else None
        return node

    def readers(self, name: str) -> list[Node | None]:
        """The nodes that compute with ``name``, past operators that only place values; None for a graph output."""
        found: list[Node | None] = []
        waiting, seen = [name], {name}
        while waiting:
            current = waiting.pop()
            if current in self.graph.outputs:
                found.append(None)
            for node in self.consumers.get(current, []):
                if node.op not in self.moves:
                    found.append(node)
                    continue
                fresh = [output for output in node.outputs if output and output not in seen]
                seen.update(fresh)
                waiting.extend(fresh)
        return found

    def dequantized(self, name: str, node: Node) -> bool:
        """``name`` comes out of a DequantizeLinear, or out of the operator that ``node`` is the activation of."""
        source = self.origin(name)
        if source is None or source.op == "DequantizeLinear":
            return source is not None
        if node.op not in _FUSED or len(self.readers(name)) != 1:
            return False
        before = [self.origin(n) for n in self.floats(source.inputs)]
        return all(origin is not None and origin.op == "DequantizeLinear" for origin in before)

    def quantized(self, name: str) -> bool:
        """``name`` goes into QuantizeLinear alone, or into one activation that does."""
        readers = self.readers(name)
        only = readers[0] if len(readers) == 1 else None
        if only is not None and only.op in _FUSED:
            readers = [reader for output in only.outputs if output for reader in self.readers(output)]
        return bool(readers) and all(reader is not None and reader.op == "QuantizeLinear" for reader in readers)

    def quantized_constant(self, name: str) -> bool:
        """A constant that is no float array, or that comes out of a quantizer."""
        tensor, source = self.graph.tensor(name), self.origin(name)
        return tensor.dtype not in _FLOATS or not tensor.shape or (source is not None and source.op in _QDQ)
