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
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_type_hints

from edgekit.core.digest import canonical_json, digest_json
from edgekit.core.errors import BadConfigError, BadFileError
from edgekit.features.spec_checks import check_framing, check_types, check_values

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
        check_types(self, _TYPES)
        check_framing(self)
        check_values(self)

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
