"""The front-end as a torch module: batched, differentiable, on any device."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from edgekit.core.errors import DataError
from edgekit.features.mel import cepstrum_matrix, mel_filterbank
from edgekit.features.reference import log_factor
from edgekit.features.spec import FrontendSpec
from edgekit.features.torch_wavelet import TorchScalogram
from edgekit.features.window import analysis_window

_CHUNK_BYTES = 2 << 20
"""Bytes of frames that a CPU transforms at once: what stays in its cache, which halves the time of an FFT."""
_GPU_CHUNK_BYTES = 512 << 20
_BAND = 16
"""Mel bins that share one matrix product on a CPU: outside their triangles, most of the whole product is zeros."""


class TorchFrontend(nn.Module):
    """PCM to features, equal to :func:`edgekit.features.reference.features` within 1e-4 log units.

    The arithmetic runs in float64 by default: in float32 the rounding of a loud partial hides quiet bins beside it.

    Args:
        spec: the front-end.
        dtype: type of the arithmetic; ``torch.float32`` where a device has no float64.
    """

    window: Tensor
    span_window: Tensor
    mel: Tensor
    band_weights: Tensor
    cepstrum: Tensor

    def __init__(self, spec: FrontendSpec, dtype: torch.dtype = torch.float64) -> None:
        super().__init__()
        self.spec = spec
        self.dtype = dtype
        # Not persistent: they follow from the spec, and a checkpoint holds the spec.
        window = analysis_window(spec)
        self.register_buffer("window", torch.as_tensor(window, dtype=dtype), persistent=False)
        around = (spec.window_offset, spec.span - spec.window_length - spec.window_offset)
        self.register_buffer("span_window", torch.as_tensor(np.pad(window, around), dtype=dtype), persistent=False)
        self.register_buffer("mel", torch.as_tensor(mel_filterbank(spec).T.copy(), dtype=dtype), persistent=False)
        cepstrum = torch.as_tensor(cepstrum_matrix(spec).T.copy(), dtype=dtype)  # of no use to "logmel", and small
        self.register_buffer("cepstrum", cepstrum, persistent=False)
        self.scalogram = TorchScalogram(spec, dtype) if spec.kind == "scalogram" else None
        self._bands, weights = _bands(self.mel)
        self.register_buffer("band_weights", weights, persistent=False)

    def forward(self, pcm: Tensor) -> Tensor:
        """Features of a batch.

        Args:
            pcm: ``[N, samples]``, int16 (divided by 32768) or floating in [-1, 1).

        Returns:
            float32 ``[N, 1, H, W]`` in the spec's layout.
        """
        if pcm.dim() != 2:
            raise DataError(f"PCM has {pcm.dim()} dimensions", mend="give [clips, samples]")
        room = _CHUNK_BYTES if pcm.device.type == "cpu" else _GPU_CHUNK_BYTES
        per_clip = self.spec.frames * self.spec.n_fft * self.window.element_size()
        return torch.cat([self._features(part) for part in pcm.split(max(1, room // per_clip))])  # type: ignore[no-untyped-call]

    def _features(self, pcm: Tensor) -> Tensor:
        spec = self.spec
        values = self._log(self._energies(self._signal(pcm)))  # [n, frames, mel_bins]
        if spec.n_mfcc is not None:
            values = values @ self.cepstrum  # [n, frames, n_mfcc]
        values = ((values - spec.mean) / spec.std).to(torch.float32)
        return (values if spec.layout == "time_freq" else values.transpose(1, 2)).unsqueeze(1).contiguous()

    def _energies(self, signal: Tensor) -> Tensor:
        """Energies of mel bins or wavelets ``[n, frames, mel_bins]``."""
        return self._mel(self._frames(signal)) if self.scalogram is None else self.scalogram(signal)

    def _signal(self, pcm: Tensor) -> Tensor:
        """Scale, fit to the clip, pre-emphasise and pad: ``[n, signal_samples + 2·pad]``."""
        spec = self.spec
        if pcm.dtype != torch.int16 and not pcm.dtype.is_floating_point:
            raise DataError(f"PCM is {pcm.dtype}", mend="give int16, or floating in [-1, 1)")
        signal = pcm[:, : spec.clip_samples].to(self.dtype)
        if pcm.dtype == torch.int16:
            signal = signal * 2.0**-15
        if signal.shape[1] < spec.clip_samples:
            signal = nn.functional.pad(signal, (0, spec.clip_samples - signal.shape[1]))
        if spec.emphasises_signal:
            signal = torch.sub(signal[:, 1:], signal[:, :-1], alpha=spec.preemphasis)
        if spec.padding == "none" or spec.kind == "scalogram":
            return signal
        if spec.padding == "zero":
            return nn.functional.pad(signal, (spec.pad, spec.pad))
        before, after = signal[:, 1 : spec.pad + 1].flip(1), signal[:, -spec.pad - 1 : -1].flip(1)
        return torch.cat([before, signal, after], dim=1)

    def _frames(self, signal: Tensor) -> Tensor:
        """Windowed frames ``[n, frames, window_length]``, or with zeros around the window ``[n, frames, span]``."""
        spec = self.spec
        blocks = signal.unfold(1, spec.span, spec.hop_length)
        if not spec.remove_dc and not (spec.preemphasis and spec.preemphasis_scope == "frame"):
            return blocks * self.span_window  # as long as the FFT, which then need not pad
        blocks = blocks[..., spec.window_offset : spec.window_offset + spec.window_length]
        if spec.remove_dc:
            blocks = blocks - blocks.mean(dim=-1, keepdim=True)
        if spec.preemphasis and spec.preemphasis_scope == "frame":
            blocks = blocks - spec.preemphasis * torch.cat([blocks[..., :1], blocks[..., :-1]], dim=-1)
        return blocks * self.window

    def _mel(self, blocks: Tensor) -> Tensor:
        """Mel energies ``[n, frames, mel_bins]``."""
        spectrum = torch.fft.rfft(blocks, self.spec.n_fft)
        power = _quick_power(spectrum, self.spec.power) if _plain(spectrum) else _power(spectrum, self.spec.power)
        if power.device.type != "cpu":
            return power @ self.mel
        flat = power.reshape(-1, power.shape[-1])
        parts = [flat[:, band.low : band.high] @ self.band_weights[band.rows] for band in self._bands]
        return torch.cat(parts, dim=1)[:, : self.spec.mel_bins].reshape(*power.shape[:-1], -1)

    def _log(self, mel: Tensor) -> Tensor:
        spec = self.spec
        floored = mel + spec.log_floor if spec.log_floor_mode == "add" else mel.clamp_min(spec.log_floor)
        factor = log_factor(spec)
        return floored.log() if factor == 1.0 else floored.log() * factor


def _plain(spectrum: Tensor) -> bool:
    """On the CPU and without a gradient."""
    return spectrum.device.type == "cpu" and not spectrum.requires_grad


def _power(spectrum: Tensor, exponent: int) -> Tensor:
    """|X|^exponent for exponent 1 or 2; abs() has gradient 0 at 0, where the square root of the power has none."""
    return spectrum.abs() if exponent == 1 else spectrum.real.square() + spectrum.imag.square()


def _quick_power(spectrum: Tensor, exponent: int) -> Tensor:
    """The same by numpy, which reads complex numbers in their order and takes a third of the time."""
    magnitude = torch.from_numpy(np.abs(spectrum.numpy()))
    return magnitude if exponent == 1 else magnitude.square_()


@dataclass(frozen=True)
class _Band:
    """Some mel bins, and the range of the spectrum outside which all their triangles are zero.

    Attributes:
        low, high: of the range.
        rows: of the joint matrix of all bands' weights.
    """

    low: int
    high: int
    rows: slice


def _bands(mel: Tensor) -> tuple[list[_Band], Tensor]:
    """The bands of a filterbank [bins of the spectrum, mel_bins] and their weights [rows, 16], one below the other."""
    bands, weights, first = [], [], 0
    for start in range(0, mel.shape[1], _BAND):
        part = nn.functional.pad(mel[:, start : start + _BAND], (0, max(0, start + _BAND - mel.shape[1])))
        used = part.any(dim=1).nonzero().flatten()
        low, high = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 1)
        bands.append(_Band(low, high, slice(first, first + high - low)))
        weights.append(part[low:high])
        first += high - low
    return bands, torch.cat(weights)
