"""The scalogram as a torch module, equal to :func:`edgekit.features.wavelet.scalogram`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgekit.features.spec import FrontendSpec
from edgekit.features.wavelet import frame_of_sample, transform_size, wavelet_spectra

_CHUNK_BYTES = 256 << 20


class TorchScalogram(nn.Module):
    """Signals to averaged wavelet magnitudes; differentiable, on any device.

    Args:
        spec: of kind "scalogram".
        dtype: type of the arithmetic.
    """

    wavelets: Tensor
    frame: Tensor
    counts: Tensor

    def __init__(self, spec: FrontendSpec, dtype: torch.dtype = torch.float64) -> None:
        super().__init__()
        self.spec, self.size = spec, transform_size(spec)
        frame = torch.from_numpy(frame_of_sample(spec))
        counts = torch.bincount(frame, minlength=spec.frames).to(dtype)
        self.register_buffer("wavelets", torch.as_tensor(wavelet_spectra(spec), dtype=dtype), persistent=False)
        self.register_buffer("frame", frame, persistent=False)
        self.register_buffer("counts", counts, persistent=False)

    def forward(self, signal: Tensor) -> Tensor:
        """``[n, signal_samples]`` → ``[n, frames, mel_bins]``, |W|^power averaged over each frame."""
        per_bin = len(signal) * self.size * 2 * signal.element_size()
        at_once = max(1, _CHUNK_BYTES // per_bin)
        spectrum = torch.fft.rfft(signal, self.size).unsqueeze(1)  # [n, 1, size/2 + 1]
        parts = [self._bins(spectrum, wavelets) for wavelets in self.wavelets.split(at_once)]  # type: ignore[no-untyped-call]
        return torch.cat(parts, dim=1).transpose(1, 2)

    def _bins(self, spectrum: Tensor, wavelets: Tensor) -> Tensor:
        """``[n, bins, frames]`` of some of the wavelets."""
        product = torch.nn.functional.pad(spectrum * wavelets, (0, self.size - spectrum.shape[-1]))
        coefficients = torch.fft.ifft(product, self.size)[..., : len(self.frame)]
        if self.spec.power == 1:
            magnitude = coefficients.abs()
        else:
            magnitude = coefficients.real.square() + coefficients.imag.square()
        total = magnitude.new_zeros((*magnitude.shape[:-1], self.spec.frames))
        result: Tensor = total.index_add(-1, self.frame, magnitude) / self.counts
        return result
