"""Published front-ends by name.

``clip_samples`` is one second everywhere; another length is ``PRESETS[name].replace(clip_samples=…)``.
"""

from __future__ import annotations

from edgekit.features.spec import FrontendSpec

# DCASE 2023 task 1, CP-JKU (AugmentMelSTFT in evaluation mode). Its pre-emphasis is an unpadded convolution with
# [-0.97, 1], so 32,000 samples become 31,999 and a centred hop of 500 gives 1 + 31,999 // 500 = 64 frames, the
# 256×64 of the published models. Its f_max is Nyquist less half of the published
# augmentation range of 1,000 Hz.
_DCASE2023 = FrontendSpec(
    kind="logmel",
    sample_rate=32_000,
    clip_samples=32_000,
    window_length=3072,
    n_fft=4096,
    hop_length=500,
    window_periodic=False,
    padding="reflect",
    preemphasis=0.97,
    mel_scale="kaldi",
    mel_bins=256,
    f_max=15_500.0,
    log_floor=1e-5,
    mean=-4.5,
    std=5.0,
    layout="freq_time",
)

# DCASE 2024/25 task 1 baseline: torchaudio's MelSpectrogram with its defaults, then log(x + 1e-5); 256×65.
_DCASE2024 = FrontendSpec(
    kind="logmel",
    sample_rate=32_000,
    clip_samples=32_000,
    window_length=3072,
    n_fft=4096,
    hop_length=500,
    padding="reflect",
    mel_bins=256,
    f_max=16_000.0,
    log_floor=1e-5,
    layout="freq_time",
)

# MLPerf Tiny keyword spotting: tf.signal.stft (480 of 512 points, periodic Hann), magnitude, tf.signal's mel matrix
# (triangles over the mel axis, so "kaldi" here), ln(x + 1e-6), tf.signal's DCT. The published training also divides
# each clip by its own maximum, which no device can do before the clip has ended; that step is left out.
_KWS_MFCC = FrontendSpec(
    kind="mfcc",
    sample_rate=16_000,
    clip_samples=16_000,
    window_length=480,
    n_fft=512,
    hop_length=320,
    window_align="left",
    power=1,
    mel_scale="kaldi",
    mel_bins=40,
    f_min=20.0,
    f_max=4_000.0,
    log_floor=1e-6,
    n_mfcc=10,
    dct="tf",
)

# BC-ResNet's keyword spotting input: torchaudio's MelSpectrogram, ln(x + 1e-6); 40×101.
_KWS_LOGMEL = FrontendSpec(
    kind="logmel",
    sample_rate=16_000,
    clip_samples=16_000,
    window_length=480,
    n_fft=512,
    hop_length=160,
    padding="reflect",
    mel_bins=40,
    f_max=8_000.0,
    log_floor=1e-6,
    layout="freq_time",
)

# PaSST's front-end for AudioSet (25 ms window, 10 ms hop at 32 kHz; f_max is Nyquist less half of its augmentation
# range of 2,000 Hz), which gives the thesis' 128×100 per second.
_THESIS = FrontendSpec(
    kind="logmel",
    sample_rate=32_000,
    clip_samples=32_000,
    window_length=800,
    n_fft=1024,
    hop_length=320,
    window_periodic=False,
    padding="reflect",
    preemphasis=0.97,
    mel_scale="kaldi",
    mel_bins=128,
    f_max=15_000.0,
    log_floor=1e-5,
    mean=-4.5,
    std=5.0,
    layout="freq_time",
)

PRESETS: dict[str, FrontendSpec] = {
    "dcase2023": _DCASE2023,
    "dcase2024-baseline": _DCASE2024,
    "kws-mfcc-49x10": _KWS_MFCC,
    "kws-logmel-40": _KWS_LOGMEL,
    "thesis-128x100": _THESIS,
}
