"""Keyword models that read one frame after the other: a GRU or an LSTM and a dense layer on its last state.

Zhang et al., "Hello Edge: Keyword Spotting on Microcontrollers", 2018, have both in their comparison (one layer, 49×10
MFCC); the widths here are for a microcontroller's memory. Every layer runs forward alone, so that the cell can also run
as a stream, a frame at a time.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgekit.core.errors import BadConfigError
from edgekit.models.registry import register

_AXES = ("height", "width")


class RecurrentKeywords(nn.Module):
    """Frames → recurrent layers → last state → logits.

    Args:
        kind: "GRU" or "LSTM".
        classes: number of outputs.
        units: width of the state.
        layers: number of recurrent layers.
        features: values of a frame; the axis of the input that is not time.
        time: the input's axis of time, "height" or "width".
        dropout: probability before the dense layer.

    Raises:
        BadConfigError: a value is out of range.
    """

    def __init__(
        self, kind: str, classes: int, units: int, layers: int, features: int, time: str, dropout: float
    ) -> None:
        super().__init__()
        name = f"kws-{kind.lower()}"
        if time not in _AXES:
            raise BadConfigError(f"{time!r} is no axis", where=f"{name} time", mend=f"use one of {', '.join(_AXES)}")
        if not 0.0 <= dropout < 1.0:
            raise BadConfigError(f"{dropout} is not from 0 to below 1", where=f"{name} dropout", mend="write 0.2")
        if min(units, layers, features) < 1:
            raise BadConfigError("sizes must be 1 or more", where=name, mend="write units = 32")
        self.turned = time == "width"
        layer: type[nn.GRU] | type[nn.LSTM] = {"GRU": nn.GRU, "LSTM": nn.LSTM}[kind]
        self.recurrent = layer(features, units, layers, batch_first=True)
        if kind == "LSTM":
            _remember(self.recurrent, units)
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Linear(units, classes)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 1, H, W] → logits [N, classes]."""
        frames = torch.squeeze(x, 1)  # [N, H, W]
        if self.turned:
            frames = frames.transpose(1, 2)
        states, _ = self.recurrent(frames)  # [N, T, units]
        logits: Tensor = self.dense(self.dropout(states[:, -1]))  # [N, classes]
        return logits


def _remember(layer: nn.Module, units: int) -> None:
    """Forget gates begin open (bias 1), or a second of frames is forgotten before anything is learned.

    Jozefowicz et al., "An Empirical Exploration of Recurrent Network Architectures", 2015, section 5.
    """
    for name, bias in layer.named_parameters():
        if name.startswith("bias_ih"):
            nn.init.ones_(bias.data[units : 2 * units])


@register("kws-gru", causal=lambda axis: {"time": axis})
def kws_gru(
    classes: int = 12,
    units: int = 32,
    layers: int = 1,
    features: int = 10,
    time: str = "height",
    dropout: float = 0.2,
) -> RecurrentKeywords:
    """A GRU, as :class:`RecurrentKeywords` says."""
    return RecurrentKeywords("GRU", classes, units, layers, features, time, dropout)


@register("kws-lstm", causal=lambda axis: {"time": axis})
def kws_lstm(
    classes: int = 12,
    units: int = 32,
    layers: int = 1,
    features: int = 10,
    time: str = "height",
    dropout: float = 0.2,
) -> RecurrentKeywords:
    """An LSTM, as :class:`RecurrentKeywords` says."""
    return RecurrentKeywords("LSTM", classes, units, layers, features, time, dropout)
