"""Device impulse responses (DIR): clips of one device as other devices would have recorded them.

Morocutti, Schmid, Koutini and Widmer, "Device-Robust Acoustic Scene Classification via Impulse Response Augmentation"
(EUSIPCO 2023): a clip of device A is convolved with one of the measured responses with probability p and cut to its
length.

Online, once a run and then once a step, right after shift, speed and gain and before noise::

    responses = load_responses(responses_folder(augment.impulse_responses), spec.sample_rate)  # data.responses
    bank = ImpulseBank(responses.taps, spec.clip_samples, device)
    eligible = eligible_clips([clip.device for clip in cache.manifest.clips], augment.impulse_device)
    pcm = bank.mix(pcm, draw, augment.impulse_probability, eligible[indices])
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from edgekit.augment.transfer import on_device
from edgekit.augment.waveform import Draw
from edgekit.core.errors import BadConfigError

ALL_DEVICES = "all"
"""Value of ``Augment.impulse_device`` that makes every clip eligible, whatever recorded it."""

_TOP = 1.0 - 2.0**-15  # the largest int16


def eligible_clips(devices: Sequence[str | None], wanted: str) -> np.ndarray:
    """Which clips may be convolved: bool [clips].

    Args:
        devices: of each clip (``Clip.device``).
        wanted: name of a device, several with commas, or "all".

    Raises:
        BadConfigError: no clip is eligible: the augmentation would do nothing.
    """
    if wanted == ALL_DEVICES:
        return np.ones(len(devices), bool)
    names = {name.strip() for name in wanted.split(",")}
    mask = np.array([device in names for device in devices], bool)
    if not mask.any():
        there = ", ".join(sorted({device for device in devices if device})) or "none is named"
        raise BadConfigError(
            f"no training clip was recorded by device {wanted!r} (devices: {there})",
            where="augment.impulse_device",
            mend='name one of them, or "all"',
        )
    return mask


class ImpulseBank:
    """The responses as spectra on the training device; a convolution is one multiplication of spectra.

    Args:
        taps: float32 [devices, taps] (:class:`edgekit.data.responses.Responses`), at the clips' sample rate.
        samples: length of the clips.
        device: where clips and spectra lie.
    """

    def __init__(self, taps: np.ndarray, samples: int, device: torch.device | None = None) -> None:
        self.samples = samples
        # Of the full convolution only the first `samples` are kept; what wraps around must not reach them.
        self.size = fast_length(samples + taps.shape[1] - 1)
        rows = torch.as_tensor(np.ascontiguousarray(taps, np.float32), device=device)
        self.spectra = torch.fft.rfft(rows, self.size)  # [devices, size/2 + 1]

    def mix(self, pcm: Tensor, draw: Draw, probability: float, eligible: np.ndarray) -> Tensor:
        """Clips as other devices hear them.

        The draws do not depend on which clips are eligible, so the rest of a step's augmentation does not either.

        Args:
            pcm: float32 [N, samples] in [-1, 1).
            draw: of this step.
            probability: share of the eligible clips that are convolved, each with a response of its own.
            eligible: bool [N], see :func:`eligible_clips`.

        Returns:
            float32 [N, samples]; clips that were not chosen are unchanged, bit for bit.
        """
        chosen = (draw.random(len(pcm)) < probability) & eligible
        which = draw.integers(0, len(self.spectra), len(pcm))
        if not chosen.any():
            return pcm
        rows = on_device(np.flatnonzero(chosen), pcm.device)
        responses = on_device(which[chosen], pcm.device)
        heard = self.convolve(pcm[rows], responses)
        # A response of energy 1 can still lift a peak beyond full scale: softer then, as nobody records distortion.
        peak = heard.abs().amax(1, keepdim=True)
        return pcm.index_copy(0, rows, heard * (_TOP / peak.clamp_min(_TOP)))

    def convolve(self, pcm: Tensor, which: Tensor) -> Tensor:
        """Each clip [N, samples] convolved with the response ``which`` [N] and cut to its length."""
        spectra = self.spectra.to(pcm.device)
        product = torch.fft.rfft(pcm, self.size) * spectra[which]
        result: Tensor = torch.fft.irfft(product, self.size)[:, : self.samples]
        return result


def fast_length(least: int) -> int:
    """The smallest 2^a·3^b·5^c that is even and at least ``least``: lengths that FFTs are quick at."""
    best = 1 << max(1, (least - 1).bit_length())
    five = 1
    while five < best:
        three = five
        while three < best:
            quotient = -(-least // three)
            candidate = three * (1 << max(1, (quotient - 1).bit_length()))
            best = min(best, candidate)
            three *= 3
        five *= 5
    return best
