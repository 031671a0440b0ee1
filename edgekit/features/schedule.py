"""When a frame can be computed, and how many samples must be kept for it."""

from __future__ import annotations

from edgekit.features.spec import FrontendSpec


def first_start(spec: FrontendSpec) -> int:
    """Where the first window begins, relative to the first sample of the signal; negative with centre padding."""
    return spec.window_offset - spec.pad


def samples_needed(spec: FrontendSpec, frame: int) -> int:
    """Samples of the clip that must have come before ``frame`` can be computed; the C function fe_due()."""
    start = first_start(spec) + frame * spec.hop_length
    last = start + spec.window_length - 1
    if spec.padding == "reflect":
        last = max(last, -start)
    last = min(max(last, 0), spec.signal_samples - 1)
    return last + 1 + (spec.clip_samples - spec.signal_samples)


def oldest_sample(spec: FrontendSpec, frame: int) -> int:
    """Smallest index of the signal that ``frame`` reads."""
    start = first_start(spec) + frame * spec.hop_length
    end = start + spec.window_length - 1
    last = spec.signal_samples - 1
    if spec.padding != "reflect":
        return min(max(start, 0), last)
    inside = max(start, 0) if end >= 0 else -end
    return min(inside, 2 * last - end) if end > last else inside


def ring_capacity(spec: FrontendSpec) -> int:
    """Samples that the ring must hold so that every frame, computed in order, finds all that it reads."""
    capacity = seen = 0
    for frame in range(spec.frames):
        seen = max(seen, samples_needed(spec, frame))
        capacity = max(capacity, seen - oldest_sample(spec, frame))
    return capacity


def state_bytes(spec: FrontendSpec, cell: int = 16, counters: int = 2) -> int:
    """Bytes of state of the generated front-end: cells, ring, counters, padded to the cells' alignment.

    Args:
        spec: of the front-end.
        cell: bytes of a point of the transform, 16 with 64-bit integers and 8 with 32-bit ones.
        counters: numbers of 4 bytes that it counts with.
    """
    raw = spec.n_fft // 2 * cell + (2 * ring_capacity(spec) + 3) // 4 * 4 + 4 * counters
    alignment = cell // 2
    return -(-raw // alignment) * alignment
