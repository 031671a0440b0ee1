"""The fields of a front-end, and the counts that follow from them by arithmetic alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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


@dataclass(frozen=True, kw_only=True)
class SpecFields:
    """The fields of :class:`~edgekit.features.spec.FrontendSpec`, not yet checked.

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
