"""Small front-ends that together use every option of FrontendSpec; tests of torch and of C go through all of them."""

from __future__ import annotations

from edgekit.features.spec import FrontendSpec

_PLAIN = FrontendSpec(
    kind="logmel", sample_rate=16_000, clip_samples=4_000, window_length=400, n_fft=512, hop_length=160,
    padding="reflect", mel_bins=24, f_max=8_000.0, log_floor=1e-6,
)  # fmt: skip

VARIANTS: dict[str, FrontendSpec] = {
    "plain": _PLAIN,
    "freq_time": _PLAIN.replace(layout="freq_time"),
    "no padding": _PLAIN.replace(padding="none"),
    "zero padding": _PLAIN.replace(padding="zero"),
    "left": _PLAIN.replace(window_align="left", padding="none"),
    "left, reflected": _PLAIN.replace(window_align="left", window_length=128),
    "left, zero padding": _PLAIN.replace(window_align="left", padding="zero", window_length=100),
    "symmetric window": _PLAIN.replace(window_periodic=False),
    "odd window": _PLAIN.replace(window_length=401),
    "odd symmetric window": _PLAIN.replace(window_length=401, window_periodic=False),
    "hamming": _PLAIN.replace(window="hamming"),
    "povey": _PLAIN.replace(window="povey", window_periodic=False),
    "rect": _PLAIN.replace(window="rect"),
    "window fills the transform": _PLAIN.replace(window_length=512),
    "signal pre-emphasis": _PLAIN.replace(preemphasis=0.97),
    "signal pre-emphasis, zero padding": _PLAIN.replace(preemphasis=0.5, padding="zero"),
    "signal pre-emphasis, no padding": _PLAIN.replace(preemphasis=1.0, padding="none"),
    "frame pre-emphasis": _PLAIN.replace(preemphasis=0.97, preemphasis_scope="frame"),
    "remove DC": _PLAIN.replace(remove_dc=True),
    "remove DC, signal pre-emphasis": _PLAIN.replace(remove_dc=True, preemphasis=0.97),
    "remove DC, frame pre-emphasis": _PLAIN.replace(remove_dc=True, preemphasis=0.97, preemphasis_scope="frame"),
    "magnitude": _PLAIN.replace(power=1),
    "slaney": _PLAIN.replace(mel_scale="slaney", mel_norm="slaney"),
    "htk, normalised": _PLAIN.replace(mel_norm="slaney"),
    "kaldi": _PLAIN.replace(mel_scale="kaldi", f_min=20.0),
    "low band only": _PLAIN.replace(mel_scale="kaldi", f_min=100.0, f_max=3_000.0),
    "high band only": _PLAIN.replace(f_min=5_000.0),
    "empty triangles": _PLAIN.replace(mel_bins=128),
    "one mel bin": _PLAIN.replace(mel_bins=1),
    "log10": _PLAIN.replace(log="log10"),
    "db of power": _PLAIN.replace(log="db", log_floor_mode="max", log_floor=1e-8),
    "db of magnitude": _PLAIN.replace(log="db", power=1),
    "normalised": _PLAIN.replace(mean=-4.5, std=5.0),
    "mfcc": _PLAIN.replace(kind="mfcc", n_mfcc=13),
    "mfcc as tf.signal": _PLAIN.replace(kind="mfcc", n_mfcc=10, dct="tf", layout="freq_time"),
    "mfcc, lifted, normalised": _PLAIN.replace(kind="mfcc", n_mfcc=13, lifter=22.0, mean=1.0, std=3.0, log="db"),
    "smallest transform": _PLAIN.replace(n_fft=32, window_length=20, hop_length=10, mel_bins=5, clip_samples=300),
    "radix 2 and 4": _PLAIN.replace(n_fft=1024, window_length=1000),
    "hop larger than window": _PLAIN.replace(hop_length=1_500, padding="none"),
    "one frame": _PLAIN.replace(clip_samples=512, padding="none"),
    "hop of one": _PLAIN.replace(hop_length=1, clip_samples=300, n_fft=64, window_length=64, mel_bins=4),
    "8 kHz": _PLAIN.replace(sample_rate=8_000, f_max=4_000.0, n_fft=256, window_length=240, hop_length=80),
}
