"""One step of a GRU in edge operators: what a sequence repeats, and what a stream runs for every frame.

Source: ONNX operator GRU (activations sigmoid and tanh), as torch.nn.GRU computes it with ``reset_after``:

    z, r = σ(x·Wzr + h·Rzr + b)        n = tanh(x·Wn + bx + r ∘ (h·Rn + bh))        h' = n + z ∘ (h − n)

Without it r ∘ h is multiplied by Rn instead. All steps of one layer have the same weights, and their activations one
scale each (attribute ``tie``), so that one step's integers are every step's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgekit.graph.ops import TIE
from edgekit.graph.passes.onnx_builder import Builder


@dataclass(frozen=True)
class GruWeights:
    """A layer's recurrent constants, by their names in the graph under construction.

    Attributes:
        layer: prefix of ties.
        units: H.
        gates: Rzr [2H, H]; the biases of z and r are part of what is fed.
        new: Rn [H, H].
        new_bias: bh [H].
        reset_after: the reset gate works behind the product with Rn (``linear_before_reset``).
    """

    layer: str
    units: int
    gates: str
    new: str
    new_bias: str
    reset_after: bool


@dataclass(frozen=True)
class Fed:
    """What the input gives one step: edge tensors x·Wzr + b [1, 1, 2H] and x·Wn + bx [1, 1, H]."""

    gates: str
    new: str


def gru_cell(build: Builder, name: str, fed: Fed, hidden: str, weights: GruWeights) -> str:
    """Append one step; ``hidden`` [1, 1, H] is the state before, "" at the beginning, where it is 0.

    Returns:
        The edge tensor of the state after, [1, 1, H].
    """
    step = _Step(build, name, weights)
    total = step.sum("add", "gates", fed.gates, step.dense("fed_back", hidden, weights.gates)) if hidden else fed.gates
    gates = step.node("logistic", "sigmoid", [total])
    update, reset = step.half("update", gates, 0), step.half("reset", gates, weights.units)
    new = step.node("tanh", "tanh", [step.new(fed.new, reset, hidden)])
    if not hidden:  # n + z ∘ (0 − n)
        return step.sum("sub", "hidden", new, step.sum("mul", "blend", update, new))
    blend = step.sum("mul", "blend", update, step.sum("sub", "difference", hidden, new))
    return step.sum("add", "hidden", new, blend)


@dataclass(frozen=True)
class _Step:
    """Nodes of one step; outputs of one part are tied over all steps."""

    build: Builder
    name: str
    weights: GruWeights

    def node(self, op: str, part: str, inputs: list[str], **attrs: Any) -> str:
        """A node of this step."""
        tied = {**attrs, TIE: f"{self.weights.layer}/{part}"}
        return self.build.emit(op, f"{self.name}/{part}", inputs, tied)

    def sum(self, op: str, part: str, first: str, second: str) -> str:
        """A sum, difference or product."""
        return self.node(op, part, [first, second], activation="none")

    def dense(self, part: str, x: str, matrix: str, bias: str = "") -> str:
        """A product with a matrix."""
        return self.node("fully_connected", part, [x, matrix, bias], activation="none", keep_dims=True)

    def half(self, part: str, gates: str, first: int) -> str:
        """One of the two gates."""
        attrs = {"begin": (0, 0, first), "size": (1, 1, self.weights.units), "stride": (1, 1, 1)}
        return self.node("slice", part, [gates], **attrs)

    def new(self, fed: str, reset: str, hidden: str) -> str:
        """The argument of the tanh."""
        weights = self.weights
        if not hidden:  # of the recurrent side its bias is left, behind the reset gate where there is one
            bias = self.build.reshaped_constant(weights.new_bias, (1, 1, weights.units))
            return self.sum("add", "new", fed, self.sum("mul", "past", reset, bias)) if weights.reset_after else fed
        if weights.reset_after:
            past = self.sum("mul", "past", reset, self.dense("product", hidden, weights.new, weights.new_bias))
        else:
            past = self.dense("product", self.sum("mul", "reset_state", reset, hidden), weights.new)
        return self.sum("add", "new", fed, past)
