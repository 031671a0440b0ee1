"""The front-end as a torch module: batched, differentiable, on any device."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgekit.core.errors import DataError
from edgekit.features.mel import cepstrum_matrix, mel_filterbank
from edgekit.features.reference import log_factor
from edgekit.features.spec import FrontendSpec
from edgekit.features.torch_wavelet import TorchScalogram
from edgekit.features.window import analysis_window

_CHUNK_BYTES = 64 << 20


class TorchFrontend(nn.Module):
    """PCM to features, equal to :func:`edgekit.features.reference.features` within 1e-4 log units.

    The arithmetic runs in float64 by default: in float32 the rounding of a loud partial hides quiet bins beside it.

    Args:
        spec: the front-end.
        dtype: type of the arithmetic; ``torch.float32`` where a device has no float64.
    """

    window: Tensor
    mel: Tensor
    cepstrum: Tensor

    def __init__(self, spec: FrontendSpec, dtype: torch.dtype = torch.float64) -> None:
        super().__init__()
        self.spec = spec
        self.dtype = dtype
        # Not persistent: they follow from the spec, and a checkpoint holds the spec.
        self.register_buffer("window", torch.as_tensor(analysis_window(spec), dtype=dtype), persistent=False)
        self.register_buffer("mel", torch.as_tensor(mel_filterbank(spec).T.copy(), dtype=dtype), persistent=False)
        cepstrum = torch.as_tensor(cepstrum_matrix(spec).T.copy(), dtype=dtype)  # of no use to "logmel", and small
        self.register_buffer("cepstrum", cepstrum, persistent=False)
        self.scalogram = TorchScalogram(spec, dtype) if spec.kind == "scalogram" else None

    def forward(self, pcm: Tensor) -> Tensor:
        """Features of a batch.

        Args:
            pcm: ``[N, samples]``, int16 (divided by 32768) or floating in [-1, 1).

        Returns:
            float32 ``[N, 1, H, W]`` in the spec's layout.
        """
        if pcm.dim() != 2:
            raise DataError(f"PCM has {pcm.dim()} dimensions", mend="give [clips, samples]")
        per_clip = self.spec.frames * self.spec.n_fft * 16
        return torch.cat([self._features(part) for part in pcm.split(max(1, _CHUNK_BYTES // per_clip))])

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
        scale = 1.0 / 32768.0 if pcm.dtype == torch.int16 else 1.0
        if pcm.dtype != torch.int16 and not pcm.dtype.is_floating_point:
            raise DataError(f"PCM is {pcm.dtype}", mend="give int16, or floating in [-1, 1)")
        signal = pcm[:, : spec.clip_samples].to(self.dtype) * scale
        signal = nn.functional.pad(signal, (0, spec.clip_samples - signal.shape[1]))
        if spec.emphasises_signal:
            signal = signal[:, 1:] - spec.preemphasis * signal[:, :-1]
        if spec.padding == "none" or spec.kind == "scalogram":
            return signal
        mode = "reflect" if spec.padding == "reflect" else "constant"
        return nn.functional.pad(signal.unsqueeze(1), (spec.pad, spec.pad), mode=mode).squeeze(1)

    def _frames(self, signal: Tensor) -> Tensor:
        """Windowed frames ``[n, frames, window_length]``."""
        spec = self.spec
        blocks = signal.unfold(1, spec.span, spec.hop_length)
        blocks = blocks[..., spec.window_offset : spec.window_offset + spec.window_length]
        if spec.remove_dc:
            blocks = blocks - blocks.mean(dim=-1, keepdim=True)
        if spec.preemphasis and spec.preemphasis_scope == "frame":
            blocks = blocks - spec.preemphasis * torch.cat([blocks[..., :1], blocks[..., :-1]], dim=-1)
        return blocks * self.window

    def _mel(self, blocks: Tensor) -> Tensor:
        """Mel energies ``[n, frames, mel_bins]``."""
        spectrum = torch.fft.rfft(blocks, self.spec.n_fft)
        # abs() has gradient 0 at 0, where the square root of the power has none.
        magnitude = spectrum.abs() if self.spec.power == 1 else spectrum.real.square() + spectrum.imag.square()
        return magnitude @ self.mel

    def _log(self, mel: Tensor) -> Tensor:
        spec = self.spec
        floored = mel + spec.log_floor if spec.log_floor_mode == "add" else mel.clamp_min(spec.log_floor)
        return floored.log() * log_factor(spec)
