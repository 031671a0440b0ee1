"""What makes a :class:`~edgekit.features.spec.FrontendSpec` possible; each check names the field and the rule."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, get_args

from edgekit.core.errors import BadConfigError
from edgekit.core.spelling import did_you_mean
from edgekit.features.spec_fields import SpecFields

MAX_N_FFT = 16384
MAX_CLIP_SAMPLES = 192_000 * 600
MAX_MEL_BINS = 1024


def _bad(name: str, value: object, rule: str) -> BadConfigError:
    return BadConfigError(f"{name} is {value!r}", where="front-end", mend=rule)


def check_types(spec: SpecFields, types: Mapping[str, Any]) -> None:
    """Each field has its declared type; whole numbers in float fields become floats, so that digests agree."""
    for name, kind in types.items():
        value = getattr(spec, name)
        choices = get_args(kind)
        if kind is float or (kind == float | None and value is not None):
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise _bad(name, value, "give a finite number")
            object.__setattr__(spec, name, float(value) + 0.0)  # + 0.0 turns -0.0 into 0.0
        elif kind is bool:
            if not isinstance(value, bool):
                raise _bad(name, value, "give true or false")
        elif kind is int or kind == int | None:
            if (value is not None or kind is int) and (isinstance(value, bool) or not isinstance(value, int)):
                raise _bad(name, value, "give a whole number")
        elif kind != float | None and (value not in choices or not isinstance(value, str)):
            raise _bad(
                name, value, f"{did_you_mean(value, choices, otherwise='')} use one of {', '.join(choices)}".strip()
            )


def check_framing(spec: SpecFields) -> None:
    """Sample counts are possible together and at least one frame fits."""
    if not 32 <= spec.n_fft <= MAX_N_FFT or spec.n_fft & (spec.n_fft - 1):
        raise _bad("n_fft", spec.n_fft, f"use a power of two from 32 to {MAX_N_FFT}")
    if not 2 <= spec.window_length <= spec.n_fft:
        raise _bad("window_length", spec.window_length, f"use 2 to n_fft = {spec.n_fft}")
    if not 1000 <= spec.sample_rate <= 192_000:
        raise _bad("sample_rate", spec.sample_rate, "use 1000 to 192000 Hz")
    if not 1 <= spec.hop_length <= MAX_CLIP_SAMPLES:
        raise _bad("hop_length", spec.hop_length, "use at least 1 sample")
    if not 2 <= spec.clip_samples <= MAX_CLIP_SAMPLES:
        raise _bad("clip_samples", spec.clip_samples, f"use 2 to {MAX_CLIP_SAMPLES}")
    if spec.padding == "reflect" and spec.signal_samples <= spec.pad:
        raise _bad("clip_samples", spec.clip_samples, f"reflection needs more than n_fft // 2 = {spec.pad} samples")
    if spec.signal_samples + 2 * spec.pad < spec.span:
        raise _bad("clip_samples", spec.clip_samples, f"one frame needs {spec.span} samples")


def check_values(spec: SpecFields) -> None:
    """Mel, log, cepstrum and normalisation make sense together."""
    if not 0.0 <= spec.preemphasis <= 1.0:
        raise _bad("preemphasis", spec.preemphasis, "use 0 to 1")
    if spec.power not in (1, 2):
        raise _bad("power", spec.power, "use 1 or 2")
    if not 1 <= spec.mel_bins <= MAX_MEL_BINS:
        raise _bad("mel_bins", spec.mel_bins, f"use 1 to {MAX_MEL_BINS}")
    if not 0.0 <= spec.f_min < spec.f_max <= spec.sample_rate / 2:
        raise _bad("f_min, f_max", (spec.f_min, spec.f_max), f"use 0 <= f_min < f_max <= {spec.sample_rate / 2:g} Hz")
    if spec.mel_scale == "kaldi" and spec.mel_norm != "none":
        raise _bad("mel_norm", spec.mel_norm, 'Kaldi triangles are not normalised: use "none"')
    if not 1e-30 <= spec.log_floor <= 1.0:
        raise _bad("log_floor", spec.log_floor, "use 1e-30 to 1")
    if (spec.kind == "scalogram") != (spec.morlet is not None):
        raise _bad("morlet", spec.morlet, 'give it for kind "scalogram" and only there')
    if spec.morlet is not None:
        _check_scalogram(spec, spec.morlet)
    if (spec.kind == "mfcc") != (spec.n_mfcc is not None):
        raise _bad("n_mfcc", spec.n_mfcc, 'give it for kind "mfcc" and only there')
    if spec.n_mfcc is not None and not 1 <= spec.n_mfcc <= spec.mel_bins:
        raise _bad("n_mfcc", spec.n_mfcc, f"use 1 to mel_bins = {spec.mel_bins}")
    if spec.lifter < 0.0 or (spec.lifter and spec.kind != "mfcc"):
        raise _bad("lifter", spec.lifter, "use 0, or a positive length with MFCC")
    if not 1e-6 <= spec.std <= 1e6:
        raise _bad("std", spec.std, "use 1e-6 to 1e6")


def _check_scalogram(spec: SpecFields, morlet: float) -> None:
    """What has a meaning for wavelets."""
    if not 4.0 <= morlet <= 30.0:
        raise _bad("morlet", morlet, "use 4 to 30: below, the wavelet hears DC")
    if not spec.f_min >= 1.0:
        raise _bad("f_min", spec.f_min, "a scalogram needs at least 1 Hz: its bins are spaced by their logarithm")
    if spec.mel_bins < 2:
        raise _bad("mel_bins", spec.mel_bins, "a scalogram needs at least 2")
    if spec.frames > spec.signal_samples:
        raise _bad("hop_length", spec.hop_length, "a scalogram needs at least a sample a frame")
    if spec.remove_dc or (spec.preemphasis and spec.preemphasis_scope == "frame"):
        raise _bad("remove_dc, preemphasis_scope", (spec.remove_dc, spec.preemphasis_scope), "wavelets have no frames")
    if spec.mel_norm != "none":
        raise _bad("mel_norm", spec.mel_norm, 'wavelets are no triangles: use "none"')
