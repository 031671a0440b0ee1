"""FrontendSpec: everything that turns PCM into a model's input, with a digest over its canonical JSON.

The chain that a spec describes, in order (the reference is :mod:`edgekit.features.reference`)::

    PCM -> pad/trim to clip_samples -> [pre-emphasis of the signal] -> [centre padding] -> frames
        -> [remove DC] -> [pre-emphasis of the frame] -> window -> |FFT|^power -> mel -> log
        -> [DCT-II, lifter] -> (x - mean) / std -> layout

A scalogram has a Morlet wavelet transform (:mod:`edgekit.features.wavelet`) in the place of frames, window, FFT and
mel; what it does not use of the rest decides about the number of its frames only.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

from edgekit.core.digest import canonical_json, digest_json
from edgekit.core.errors import BadConfigError, BadFileError

Kind = Literal["logmel", "mfcc", "scalogram"]
Window = Literal["hann", "hamming", "povey", "rect"]
Align = Literal["center", "left"]
Padding = Literal["none", "reflect", "zero"]
Scope = Literal["signal", "frame"]
MelScale = Literal["htk", "slaney", "kaldi"]
MelNorm = Literal["none", "slaney"]
Log = Literal["ln", "log10", "db"]
FloorMode = Literal["add", "max"]
Dct = Literal["ortho", "tf"]
Layout = Literal["time_freq", "freq_time"]

MAX_N_FFT = 16384
MAX_CLIP_SAMPLES = 192_000 * 600
MAX_MEL_BINS = 1024
MAX_JSON_BYTES = 1 << 16


@dataclass(frozen=True, kw_only=True)
class FrontendSpec:
    """One audio front-end, validated when it is built.

    Attributes:
        kind: "logmel" (mel bins), "mfcc" (their DCT), or "scalogram" (``mel_bins`` wavelets from ``f_min`` to
            ``f_max``, spaced evenly in the logarithm), of the same shape as a log-mel of the same spec.
        sample_rate: Hz.
        clip_samples: samples of one clip; shorter PCM is zero-padded at its end, longer PCM is cut.
        window_length, n_fft, hop_length: samples; ``n_fft`` is a power of two and at least ``window_length``.
        window: "hann", "hamming" (0.54/0.46), "povey" (Hann to the 0.85, Kaldi) or "rect".
        window_periodic: DFT-even window (torch, librosa, tf.signal) instead of a symmetric one (Kaldi, PaSST).
        window_align: "center": a frame is ``n_fft`` samples with the window in its middle (torch.stft, librosa);
            "left": a frame is ``window_length`` samples, zero-padded at its end to ``n_fft`` (tf.signal, Kaldi).
        padding: centre padding by ``n_fft // 2`` samples on each side, by reflection or zeros, or "none".
        preemphasis: coefficient c of ``y[i] = x[i] - c * x[i-1]``; 0 switches it off.
        preemphasis_scope: "signal": before padding, y has one sample less than x (the valid convolution of PaSST);
            "frame": inside each frame, with ``x[-1] = x[0]`` (Kaldi).
        remove_dc: subtract each frame's mean before pre-emphasis of the frame and window (Kaldi).
        power: exponent of the magnitude spectrum, 1 or 2.
        mel_scale: "htk" and "slaney": triangles over Hz (librosa, torchaudio); "kaldi": triangles over the mel axis
            without the Nyquist bin (Kaldi; equals tf.signal where ``f_min > 0``).
        mel_norm: "slaney" divides each triangle by half its width in Hz; "none".
        mel_bins, f_min, f_max: number of triangles and their range in Hz.
        log: "ln", "log10", or "db" (10·log10 for power 2, 20·log10 for power 1).
        log_floor, log_floor_mode: ``log(x + floor)`` or ``log(max(x, floor))``.
        n_mfcc: coefficients kept, for "mfcc" only.
        dct: "ortho" (librosa, torchaudio) or "tf" (tf.signal: coefficient 0 is √2 larger).
        morlet: ω₀ of a scalogram's wavelet, usually 5 to 6: larger resolves frequency better and time worse.
        lifter: L of the factor ``1 + L/2·sin(π·i/L)`` on coefficient i (HTK, Kaldi); 0 switches it off.
        mean, std: output is ``(x - mean) / std``.
        layout: order of the two axes of the output.
    """

    kind: Kind
    sample_rate: int
    clip_samples: int
    window_length: int
    n_fft: int
    hop_length: int
    window: Window = "hann"
    window_periodic: bool = True
    window_align: Align = "center"
    padding: Padding = "none"
    preemphasis: float = 0.0
    preemphasis_scope: Scope = "signal"
    remove_dc: bool = False
    power: int = 2
    mel_scale: MelScale = "htk"
    mel_norm: MelNorm = "none"
    mel_bins: int
    f_min: float = 0.0
    f_max: float
    log: Log = "ln"
    log_floor: float
    log_floor_mode: FloorMode = "add"
    n_mfcc: int | None = None
    dct: Dct = "ortho"
    lifter: float = 0.0
    morlet: float | None = None
    mean: float = 0.0
    std: float = 1.0
    layout: Layout = "time_freq"

    def __post_init__(self) -> None:
        _check_types(self)
        _check_framing(self)
        _check_values(self)

    @property
    def signal_samples(self) -> int:
        """Samples that are framed: one less than the clip when the signal is pre-emphasised."""
        return self.clip_samples - (1 if self.emphasises_signal else 0)

    @property
    def emphasises_signal(self) -> bool:
        """True when pre-emphasis runs over the whole signal."""
        return self.preemphasis != 0.0 and self.preemphasis_scope == "signal"

    @property
    def pad(self) -> int:
        """Samples of centre padding on each side."""
        return 0 if self.padding == "none" else self.n_fft // 2

    @property
    def span(self) -> int:
        """Samples from a frame's first to its last: ``n_fft`` ("center") or ``window_length`` ("left")."""
        return self.n_fft if self.window_align == "center" else self.window_length

    @property
    def window_offset(self) -> int:
        """Where the window starts inside the frame's span."""
        return (self.n_fft - self.window_length) // 2 if self.window_align == "center" else 0

    @property
    def frames(self) -> int:
        """Frames of one clip."""
        return 1 + (self.signal_samples + 2 * self.pad - self.span) // self.hop_length

    @property
    def bins(self) -> int:
        """Values of one frame: mel bins or MFCCs."""
        return self.mel_bins if self.n_mfcc is None else self.n_mfcc

    @property
    def feature_shape(self) -> tuple[int, int]:
        """(H, W) of one clip's features in the spec's layout."""
        return (self.frames, self.bins) if self.layout == "time_freq" else (self.bins, self.frames)

    @property
    def input_shape(self) -> tuple[int, int, int, int]:
        """The model's input, NHWC: ``(1, H, W, 1)``."""
        return (1, *self.feature_shape, 1)

    @property
    def digest(self) -> str:
        """``"sha256:…"`` over the canonical JSON."""
        return digest_json(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """All fields by name, as JSON values; ``morlet`` of scalograms only, so that other digests never change."""
        return {key: value for key, value in dataclasses.asdict(self).items() if key != "morlet" or value is not None}

    def canonical(self) -> str:
        """Canonical JSON: sorted keys, no spaces; two equal specs give equal text."""
        return canonical_json(self.to_json())

    def replace(self, **changes: Any) -> FrontendSpec:
        """A copy with some fields changed, validated again.

        Raises:
            BadConfigError: an unknown field or an impossible value.
        """
        return from_json({**self.to_json(), **changes})


_NAMES = tuple(field.name for field in dataclasses.fields(FrontendSpec))
_REQUIRED = tuple(field.name for field in dataclasses.fields(FrontendSpec) if field.default is dataclasses.MISSING)
_TYPES = get_type_hints(FrontendSpec)


def from_json(value: dict[str, Any] | str, *, where: str = "front-end") -> FrontendSpec:
    """Build a spec from a mapping or from JSON text; nothing is guessed.

    Raises:
        BadConfigError: not an object, an unknown key (with the nearest known one), a missing key, a bad value.
    """
    if isinstance(value, str):
        value = _parse(value, where)
    if not isinstance(value, dict):
        raise BadConfigError("is not a JSON object", where=where, mend="write one object with the fields of a spec")
    for key in value:
        if key not in _NAMES:
            near = difflib.get_close_matches(str(key), _NAMES, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(_NAMES)}"
            raise BadConfigError(f"unknown key {str(key)!r}", where=where, mend=hint)
    missing = [name for name in _REQUIRED if name not in value]
    if missing:
        raise BadConfigError(f"missing {', '.join(missing)}", where=where, mend="give all required fields")
    return FrontendSpec(**value)


def load_spec(name_or_path: str | Path) -> FrontendSpec:
    """A spec by preset name, from a ``.json`` file, or from the ``frontend.json`` of a run or model folder.

    Raises:
        BadConfigError: no such preset or file, or a bad spec in it.
        BadFileError: the file cannot be read.
    """
    from edgekit.features.presets import PRESETS

    name = str(name_or_path)
    if name in PRESETS:
        return PRESETS[name]
    path = Path(name)
    if path.is_dir():
        path = path / "frontend.json"
    if not path.is_file():
        near = difflib.get_close_matches(name, PRESETS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"presets: {', '.join(PRESETS)}; or give a .json file"
        raise BadConfigError("is neither a preset nor a front-end file", where=name, mend=hint)
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise BadFileError("is too large for a front-end description", where=str(path), mend="give frontend.json")
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFileError("cannot be read as UTF-8 text", where=str(path), mend="give a frontend.json") from error
    return from_json(text, where=str(path))


def _parse(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise BadConfigError("is not JSON", where=where, mend="see `edgekit features show PRESET`") from error


def _bad(name: str, value: object, rule: str) -> BadConfigError:
    return BadConfigError(f"{name} is {value!r}", where="front-end", mend=rule)


def _check_types(spec: FrontendSpec) -> None:
    """Each field has its declared type; whole numbers in float fields become floats, so that digests agree."""
    for name, kind in _TYPES.items():
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
            near = difflib.get_close_matches(str(value), choices, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise _bad(name, value, f"use one of {', '.join(choices)}{hint}")


def _check_framing(spec: FrontendSpec) -> None:
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


def _check_values(spec: FrontendSpec) -> None:
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


def _check_scalogram(spec: FrontendSpec, morlet: float) -> None:
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
