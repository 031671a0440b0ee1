"""Multiplications of the audio front-end over one clip, by a written-out formula.

Per frame: the window (one a sample), one real FFT of ``n_fft`` points (budget.rules.transform), two a bin for the power
(re² + im²), one a non-zero tap of the mel triangles, the DCT as a matrix (n_mfcc × mel bins), one a value for the
normalisation where the spec normalises; pre-emphasis is one a sample, of the frame or of the clip. Square roots and
logarithms are no multiply-accumulates; a magnitude spectrum (power 1) takes its root of the same power.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from edgekit.budget.rules.transform import fft_multiplies
from edgekit.core.quantity import Quantity
from edgekit.features.schedule import state_bytes
from edgekit.features.spec import FrontendSpec

CONVENTION = "edgekit-frontend-1"


def frontend_parts(spec: FrontendSpec) -> Mapping[str, int]:
    """Multiplications of one clip by stage, in the order of the chain."""
    import numpy as np

    from edgekit.features.mel import mel_filterbank

    if spec.kind == "scalogram":
        return _scalogram_parts(spec)
    frames = spec.frames
    emphasised = spec.signal_samples if spec.emphasises_signal else frames * spec.window_length
    taps = int(np.count_nonzero(mel_filterbank(spec)))
    normalised = spec.mean != 0.0 or spec.std != 1.0
    return MappingProxyType(
        {
            "pre-emphasis": emphasised if spec.preemphasis else 0,
            "window": frames * spec.window_length if spec.window != "rect" else 0,
            "FFT": frames * fft_multiplies(spec.n_fft, real=True),
            "power": frames * 2 * (spec.n_fft // 2 + 1),
            "mel": frames * taps,
            "DCT": frames * spec.mel_bins * (spec.n_mfcc or 0),
            "normalisation": frames * spec.bins if normalised else 0,
        }
    )


def _scalogram_parts(spec: FrontendSpec) -> Mapping[str, int]:
    """Multiplications of one clip through a wavelet transform by FFT: values of the wavelets below 1e-4 are left out.

    Each wavelet takes a product of real and complex numbers a value (2) and a complex transform back; |W|² is two a
    sample, the mean over a frame one a value.
    """
    from edgekit.features.wavelet import scalogram_parts

    needs = scalogram_parts(spec)
    values = spec.frames * spec.bins
    return MappingProxyType(
        {
            "pre-emphasis": spec.signal_samples if spec.preemphasis else 0,
            "FFT": fft_multiplies(needs["size"], real=True),
            "wavelets": 2 * needs["taps"],
            "inverse FFT": needs["bins"] * fft_multiplies(needs["size"], real=False),
            "power": 2 * needs["bins"] * spec.signal_samples,
            "mean": values,
            "normalisation": values if spec.mean != 0.0 or spec.std != 1.0 else 0,
        }
    )


def frontend_macs(spec: FrontendSpec) -> Quantity:
    """All multiplications of one clip."""
    parts = frontend_parts(spec)
    caveat = "real multiplications of one clip: " + ", ".join(f"{name} {n:,}" for name, n in parts.items() if n)
    return Quantity(sum(parts.values()), "MAC", "estimated", CONVENTION, caveat)


MAX_FRAMES = 100_000
"""Frames of a clip up to which the state of the front-end is worked out."""


def frontend_quantities(spec: FrontendSpec) -> dict[str, Quantity]:
    """What one hop costs ("frontend_macs_hop"), and the state kept between hops ("frontend_state").

    A hop of a clip in the middle of a stream: its share of the clip's multiplications, rounded up. The state is what
    the generated C keeps from one push to the next; it starts anew with every clip.
    """
    whole = frontend_macs(spec)
    hop = -(-int(whole.value) // spec.frames)
    seconds = f"every {spec.hop_length / spec.sample_rate * 1000:g} ms, {spec.frames} a clip"
    found = {"frontend_macs_hop": Quantity(hop, "MAC", "estimated", CONVENTION, seconds)}
    if spec.frames <= MAX_FRAMES and spec.kind != "scalogram":  # for which no C is generated
        text = "state of the generated front-end, samples of the ring buffer included"
        found["frontend_state"] = Quantity(state_bytes(spec), "B", "planned", caveat=text)
    return found
