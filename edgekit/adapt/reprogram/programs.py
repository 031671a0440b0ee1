"""Trained inputs: a waveform that is added to every clip (P1D), a frame around every spectrogram (P2D)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgekit.core.errors import BadConfigError

_STEP = 0.1  # of the waveform program, as a share of the other parameters' steps: samples are small beside weights
_FIRST = 1e-4  # deviation of δ at the start, out of 1: below what is heard


class WaveformProgram(nn.Module):
    """P1D: x + δ, the same δ for every clip (Aironi et al., eq. 1).

    δ begins as faint noise: in digital silence the gradient of a power spectrum is 0, and a program that began there at
    0 would stay there. It is stored divided by ``_STEP``, so that one learning rate suits samples and weights.

    Args:
        samples: of a clip.
    """

    def __init__(self, samples: int) -> None:
        super().__init__()
        self.delta = nn.Parameter(torch.randn(1, samples) * (_FIRST / _STEP))

    def forward(self, pcm: Tensor) -> Tensor:
        """[N, samples] in [-1, 1) → [N, samples], not clipped."""
        return pcm + self.waveform()

    def waveform(self) -> Tensor:
        """δ itself, [1, samples], out of 1."""
        return _STEP * self.delta


class FrameProgram(nn.Module):
    """P2D: the spectrogram, resized, in the middle of a trained picture (Aironi et al., eq. 2).

    Inside the frame, where the spectrogram lies, nothing is trained.

    Args:
        shape: (C, H, W) of the source's pictures.
        inner: (h, w) of the spectrogram in it.
        trained: whether the frame is trained; if not, it is zero.

    Raises:
        BadConfigError: an inner picture that does not fit.
    """

    def __init__(self, shape: tuple[int, int, int], inner: tuple[int, int], *, trained: bool) -> None:
        super().__init__()
        if not (0 < inner[0] <= shape[1] and 0 < inner[1] <= shape[2]):
            text = f"a spectrogram of {inner[0]}×{inner[1]} in a picture of {shape[1]}×{shape[2]}"
            raise BadConfigError(text, where="model.arguments.inner", mend="choose shares of at most 1")
        self.shape, self.inner = shape, inner
        self.top, self.left = (shape[1] - inner[0]) // 2, (shape[2] - inner[1]) // 2
        self.border = (self.left, shape[2] - inner[1] - self.left, self.top, shape[1] - inner[0] - self.top)
        around = shape[1] * shape[2] - inner[0] * inner[1]
        self.frame = nn.Parameter(torch.zeros(shape[0], around)) if trained else None

    def forward(self, spectrogram: Tensor) -> Tensor:
        """[N, 1, h', w'] → [N, C, H, W]."""
        picture = functional.interpolate(spectrogram, size=self.inner, mode="bilinear", align_corners=False)
        picture = functional.pad(picture, self.border).expand(-1, self.shape[0], -1, -1)
        if self.frame is None:
            return picture
        blank = self.frame.new_zeros(self.shape[0], self.shape[1] * self.shape[2])
        return picture + blank.index_copy(1, self._around(blank.device), self.frame).reshape(self.shape)

    def _around(self, device: torch.device) -> Tensor:
        """Pixels outside the spectrogram, counted row by row: int64 [H·W − h·w]."""
        inside = torch.zeros(self.shape[1:], dtype=torch.bool, device=device)
        inside[self.top : self.top + self.inner[0], self.left : self.left + self.inner[1]] = True
        return (~inside).flatten().nonzero()[:, 0]
