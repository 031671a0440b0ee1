"""From a dry word to the clip: room, place, background, microphone, level."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from edgekit.data.audio import to_int16
from edgekit.data.responses import normal_response
from edgekit.data.synth import acoustics, noise
from edgekit.data.synth.config import SynthConfig
from edgekit.data.synth.plan import GENERATED, NO_NOISE, NO_ROOM, ROOMS, Take

_PEAK = 0.98
_SYNTHETIC = tuple(f"eq{number:02d}" for number in range(acoustics.MICROPHONES))


class Studio:
    """The rooms, microphones and noise recordings of a set; the same in every process.

    Raises:
        DataError: a folder of the configuration is missing or holds a broken file.
    """

    def __init__(self, config: SynthConfig) -> None:
        self.config = config
        rate = config.rate
        folder = config.noise_folder
        self.recordings = noise.load_folder(folder, rate, "background noise") if folder else {}
        self.microphones = self._microphones()
        self.rooms = [acoustics.room_response(generator(config, f"room/{i}"), rate) for i in range(ROOMS)]

    @property
    def noises(self) -> tuple[str, ...]:
        """Names of background noises that a plan may use."""
        return (*GENERATED, *self.recordings)

    @property
    def devices(self) -> tuple[str, ...]:
        """Names of microphones that a plan may use."""
        return tuple(self.microphones)

    def render(self, take: Take, word: np.ndarray | None, babblers: Sequence[np.ndarray]) -> np.ndarray:
        """One clip.

        Args:
            take: what was planned.
            word: dry speech, float32 [n] with n at most the clip's length; None for silence.
            babblers: words of the same split for babble, float32 at the set's rate.

        Returns:
            int16 [samples].
        """
        chance = generator(self.config, take.path)
        total = np.zeros(self.config.samples, np.float32)
        level = 10 ** (take.level_db / 20)
        if word is not None:
            speech = noise.unit_rms(word)
            if take.room != NO_ROOM:
                speech = _same_level(acoustics.convolve(speech, self.rooms[take.room]), len(word))
            start = round(take.place * (len(total) - len(word)))
            stop = min(start + len(speech), len(total))
            total[start:stop] = speech[: stop - start]
        if take.noise != NO_NOISE:
            background = self._background(take, babblers, chance)
            total += background * np.float32(10 ** (-take.snr_db / 20) if word is not None else 1.0)
        heard = acoustics.convolve(total * np.float32(level), self.microphones[take.device])[: len(total)]
        peak = float(np.abs(heard).max())
        return to_int16(heard * np.float32(min(1.0, _PEAK / peak)) if peak > 0 else heard)

    def _background(self, take: Take, babblers: Sequence[np.ndarray], chance: np.random.Generator) -> np.ndarray:
        """float32 [samples], RMS 1."""
        samples, rate = self.config.samples, self.config.rate
        if take.noise in self.recordings:
            return noise.recorded(self.recordings[take.noise], take.split, self.config.shares, samples, chance)
        if take.noise == "babble":
            return noise.babble(samples, babblers, chance)
        if take.noise == "hum":
            return noise.hum(samples, rate, chance)
        return noise.coloured(take.noise, samples, rate, chance)

    def _microphones(self) -> dict[str, np.ndarray]:
        config = self.config
        if config.microphone_folder is None:
            return {name: acoustics.microphone_response(generator(config, name), config.rate) for name in _SYNTHETIC}
        loaded = noise.load_folder(config.microphone_folder, config.rate, "microphone impulse response")
        return {name: normal_response(name, response) for name, response in loaded.items()}


def generator(config: SynthConfig, name: str) -> np.random.Generator:
    """Random numbers that depend on the set's seed and ``name`` only."""
    seed = hashlib.sha256(f"{config.seed}/{name}".encode()).digest()
    return np.random.default_rng(int.from_bytes(seed[:16], "little"))


def _same_level(reverberant: np.ndarray, samples: int) -> np.ndarray:
    """Scale so that the stretch of the dry word has RMS 1 again."""
    rms = float(np.sqrt(np.mean(np.square(reverberant[:samples], dtype=np.float64))))
    return reverberant / np.float32(rms)
