"""The operators that remember in the fake-quantized twin: lstm, which is trained, and svdf, which is measured.

Both round where the integer kernels do (graph/integer/lstm.py, svdf.py), and the gradient passes every rounding
straight through. Sums are rescaled as real quotients here; once scales are frozen, the kernel's own bytes take the
output's place.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from edgekit.core.errors import UnsupportedOpError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.ops import LSTM_CELL, LSTM_HIDDEN, SVDF_MEMORY
from edgekit.graph.tensor import Tensor as GraphTensor
from edgekit.quantize.fake_quant import Grid, Steps, clipped, half_away, straight
from edgekit.quantize.twin_weights import TwinWeights

_GATE = 2.0**-12
"""Step of what a gate's function takes."""
_UNIT = 2.0**-15
"""Step of what it gives."""
_WIDE = 32767


class TwinLstm(nn.Module):
    """Weights of the four gates, and their steps through time.

    Args:
        graph: float edge graph.
        node: its lstm.
        integer: the integer graph.
        made: the lstm there.
    """

    def __init__(self, graph: Graph, node: Node, integer: Graph, made: Node) -> None:
        super().__init__()
        weights, recurrent, biases = (
            [(graph.tensor(node.inputs[i]), integer.tensor(made.inputs[i])) for i in range(first, first + 4)]
            for first in (1, 5, 9)
        )
        self.gates = nn.ModuleList(
            TwinWeights(_data(given), _real(bias), 0, False, _data(kept))
            for (given, kept), (_, bias) in zip(weights, biases, strict=True)
        )
        self.recurrent = nn.ModuleList(
            TwinWeights(_data(given), None, 0, False, _data(kept)) for given, kept in recurrent
        )
        self.cell = integer.tensor(made.inputs[LSTM_CELL]).scale_zero()[0]
        self.clip, self.carried = float(node.attrs["cell_clip"]), bool(node.attrs["carried"])

    def forward(self, x: Steps, scale: Tensor, grid: Grid, *, rounded: bool = True) -> Tensor:
        """Hidden states over the output's scale, [N, 1, T, H], not clipped to the output's integers.

        Args:
            x: [N, 1, T, I].
            scale: of the output, which is that of the hidden state.
            grid: likewise.
            rounded: False for the float operator.
        """
        clips, width = len(x.values), x.values.shape[-1]
        frames = x.values.reshape(1 if self.carried else clips, -1, width)
        fed = [self._fed(gate, frames, x.scale, rounded) for gate in self.gates]
        filters = [self._filters(part, scale, rounded) for part in self.recurrent]
        hidden = torch.zeros(len(frames), filters[0].shape[0], device=frames.device)
        cell, outputs = hidden, []
        for step in range(frames.shape[1]):
            own = [part[:, step] for part in fed]
            made, cell = self._step(own, hidden, cell, filters, float(scale.detach()), rounded)
            ratio = made / scale
            outputs.append(ratio)
            hidden = _steps(ratio, *grid.bounds()) if rounded else ratio
        return torch.stack(outputs, dim=1).reshape(clips, 1, -1, hidden.shape[1])

    def _fed(self, gate: nn.Module, frames: Tensor, scale: Tensor, rounded: bool) -> Tensor:
        """What all frames give a gate, [N, T, H], in steps of 2⁻¹²."""
        assert isinstance(gate, TwinWeights)
        scales = gate.scales(scale)
        sums = frames @ gate.steps(scales, rounded=rounded).T
        bias = gate.bias_steps(scale, scales, rounded=rounded)
        ratio = (sums if bias is None else sums + bias.float()) * (scale * scales / _GATE)
        return _steps(ratio, -_WIDE - 1, _WIDE) if rounded else ratio

    def _filters(self, part: nn.Module, scale: Tensor, rounded: bool) -> Tensor:
        """Recurrent weights [H, H] that give steps of 2⁻¹² from steps of the hidden state."""
        assert isinstance(part, TwinWeights)
        scales = part.scales(scale)
        return part.steps(scales, rounded=rounded) * (scale * scales / _GATE)[:, None]

    def _step(
        self, fed: list[Tensor], hidden: Tensor, cell: Tensor, filters: list[Tensor], scale: float, rounded: bool
    ) -> tuple[Tensor, Tensor]:
        """The hidden state, real and not yet rounded, and the cell, real, after one more step."""

        def steps(ratio: Tensor) -> Tensor:
            return _steps(ratio, -_WIDE - 1, _WIDE) if rounded else ratio

        gates = [steps(own + steps(hidden @ part.T)) * _GATE for own, part in zip(fed, filters, strict=True)]
        taken, kept, shown = (steps(torch.sigmoid(gates[i]) / _UNIT) * _UNIT for i in (0, 1, 3))
        new = steps(torch.tanh(gates[2]) / _UNIT) * _UNIT
        cell = steps(steps(kept * cell / self.cell) + steps(taken * new / self.cell)) * self.cell
        if self.clip:
            cell = clipped(cell, -self.clip, self.clip)
        return shown * steps(torch.tanh(cell) / _UNIT) * _UNIT, cell

    def rebuilt(self, node: Node) -> tuple[Node, list[GraphTensor]]:
        """The float node with the trained constants."""
        made: dict[int, np.ndarray | None] = {}
        for index, (gate, part) in enumerate(zip(self.gates, self.recurrent, strict=True)):
            assert isinstance(gate, TwinWeights) and isinstance(part, TwinWeights)
            made[1 + index], made[9 + index] = gate.unrounded()
            made[5 + index], _ = part.unrounded()
        tensors = [
            GraphTensor(f"{node.name}/trained{place}", data.shape, "float32", data=data)
            for place, data in sorted(made.items())
            if data is not None
        ]
        return node.replace(inputs=(node.inputs[0], *(t.name for t in tensors), *node.inputs[LSTM_HIDDEN:])), tensors


class TwinSvdf(nn.Module):
    """An svdf over frames in their order, as calibration runs it; nothing of it is trained.

    Args:
        graph: float edge graph.
        node: its svdf.
        integer: the integer graph.
        made: the svdf there.
    """

    def __init__(self, graph: Graph, node: Node, integer: Graph, made: Node) -> None:
        super().__init__()
        self.rank = int(node.attrs["rank"])
        self.memory = integer.tensor(made.inputs[SVDF_MEMORY]).scale_zero()[0]
        self.limits = np.iinfo(integer.tensor(made.inputs[SVDF_MEMORY]).dtype)
        self.given = [torch.from_numpy(_data(graph.tensor(name)).copy()) for name in node.inputs[1:3]]
        self.rounded = [torch.from_numpy(_real(integer.tensor(name)).copy()) for name in made.inputs[1:3]]
        units = len(self.given[0]) // self.rank
        bias, own = node.inputs[3], made.inputs[3]
        self.bias = torch.from_numpy(_data(graph.tensor(bias)).reshape(-1).copy()) if bias else torch.zeros(units)
        self.rounded_bias = (
            torch.from_numpy(_real(integer.tensor(own)).reshape(-1).copy()) if own else torch.zeros(units)
        )

    def forward(self, x: Steps, scale: Tensor, grid: Grid, *, rounded: bool = True) -> Tensor:
        """The output over its scale, [N, 1, F / rank], for N frames with a memory of 0 before the first."""
        feature, time = self.rounded if rounded else self.given
        newest = x.real.reshape(len(x.real), -1) @ feature.T
        if rounded:
            newest = _steps(newest / self.memory, self.limits.min, self.limits.max) * self.memory
        before = torch.zeros(time.shape[1] - 1, len(feature))
        windows = torch.cat([before, newest]).unfold(0, time.shape[1], 1)
        sums = (windows * time).sum(dim=2).reshape(len(newest), -1, self.rank).sum(dim=2)
        return ((sums + (self.rounded_bias if rounded else self.bias)) / scale)[:, None]

    def rebuilt(self, node: Node) -> tuple[Node, list[GraphTensor]]:
        """The float node as it was."""
        return node, []


RECURRENT: Mapping[str, type[TwinLstm] | type[TwinSvdf]] = {"lstm": TwinLstm, "svdf": TwinSvdf}
"""Operator to its module."""


def check_trainable(graph: Graph) -> None:
    """Refuse what carries a memory from one inference to the next: training draws clips in any order.

    Raises:
        UnsupportedOpError: an svdf, or an lstm that goes on from inference to inference.
    """
    for node in graph.nodes:
        if node.op == "svdf" or node.attrs.get("carried", False):
            raise UnsupportedOpError(
                f"{node.op} goes on from inference to inference, and training draws clips in any order",
                where=node.name,
                mend="quantize it after training, without --qat",
            )


def _steps(ratio: Tensor, low: float, high: float) -> Tensor:
    """Rounded and clipped, with a gradient inside the bounds."""
    within = clipped(ratio, low, high)
    with torch.no_grad():
        values = half_away(within)
    return straight(within, values)


def _data(tensor: GraphTensor) -> np.ndarray:
    return np.asarray(tensor.data)


def _real(tensor: GraphTensor) -> np.ndarray:
    """What integers with one scale and zero point 0 stand for, float32."""
    assert tensor.quant is not None
    return (_data(tensor).astype(np.float64) * tensor.quant.scale.astype(np.float64)).astype(np.float32)
