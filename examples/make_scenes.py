"""Write a stand-in for acoustic scenes: noises that differ as scenes do, one folder a class. No recording of anything.

    python examples/make_scenes.py scenes --clips 40

street: low rumble and passing swells; hall: even noise with a hum; park: quiet, with chirps. One second at 32 kHz.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

RATE = 32_000
SPLITS = {"train": 0.6, "validation": 0.2, "test": 0.2}


def coloured(rng: np.random.Generator, exponent: float) -> np.ndarray:
    """A second of noise whose power falls with frequency as 1/f^exponent, of RMS 1."""
    spectrum = np.fft.rfft(rng.normal(size=RATE))
    spectrum /= np.maximum(np.arange(spectrum.size), 1.0) ** (exponent / 2)
    noise = np.fft.irfft(spectrum, RATE)
    return noise / np.sqrt(np.mean(noise**2))


def street(rng: np.random.Generator, time: np.ndarray) -> np.ndarray:
    """Rumble that swells as vehicles pass."""
    swell = 1 + rng.uniform(0.3, 0.9) * np.sin(2 * np.pi * rng.uniform(0.5, 2) * time + rng.uniform(0, 6))
    return 0.08 * swell * coloured(rng, 2.0)


def hall(rng: np.random.Generator, time: np.ndarray) -> np.ndarray:
    """Even noise and the hum of an air conditioning."""
    return 0.05 * coloured(rng, 1.0) + 0.05 * np.sin(2 * np.pi * rng.choice([100, 120]) * time)


def park(rng: np.random.Generator, time: np.ndarray) -> np.ndarray:
    """Quiet, and birds."""
    sound = 0.01 * coloured(rng, 1.0)
    for _ in range(rng.integers(1, 5)):
        start, pitch = rng.uniform(0, 0.8), rng.uniform(3000, 6000)
        envelope = np.exp(-(((time - start) / 0.03) ** 2))
        sound += 0.05 * envelope * np.sin(2 * np.pi * (pitch + 8000 * (time - start)) * time)
    return sound


SCENES: dict[str, Callable[[np.random.Generator, np.ndarray], np.ndarray]] = {
    "hall": hall, "park": park, "street": street,
}  # fmt: skip


def main() -> None:
    """Write the set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=int, default=40, help="of each scene")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    time = np.arange(RATE) / RATE
    splits = list(SPLITS)
    shares = np.cumsum(list(SPLITS.values()))
    for scene, sound in SCENES.items():
        for index in range(given.clips):
            split = splits[int(np.searchsorted(shares, (index + 0.5) / given.clips))]
            path = given.folder / split / scene / f"{scene}-{index:03d}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, np.clip(sound(rng, time), -1, 1).astype(np.float32), RATE)
    print(f"{given.folder}: {given.clips} clips each of {', '.join(SCENES)}")


if __name__ == "__main__":
    main()
