"""Batches of PCM from an audio cache, as a pure function of (seed, epoch, step).

Nothing is drawn from a running generator, so the order of clips and every augmentation are the same after a resume, and
no state of workers has to be saved.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from edgekit.augment.waveform import Draw, source_samples
from edgekit.core.errors import DataError
from edgekit.data.cache import AudioCache
from edgekit.data.manifest import SILENCE_LABELS
from edgekit.data.windows import TrainingStarts
from edgekit.train.labels import label_indices
from edgekit.train.recipe import Recipe

_ORDER, _AUGMENT, _TORCH = 1, 2, 3  # purposes that must not share a stream
_BACKGROUND_SECONDS = 60


@dataclass(frozen=True)
class Step:
    """Where a run is: which draws belong to it."""

    seed: int
    epoch: int
    step: int
    rank: int = 0

    def draw(self) -> Draw:
        """Generator of everything that augmentation draws for this step."""
        return np.random.default_rng([self.seed, _AUGMENT, self.epoch, self.step, self.rank])

    def torch_seed(self) -> int:
        """Seed of torch's own generators (dropout) for this step."""
        words = np.random.SeedSequence([self.seed, _TORCH, self.epoch, self.step, self.rank]).generate_state(2)
        return int(words[0]) << 31 | int(words[1]) >> 1


class ClipBatches:
    """Training batches over one cache.

    Args:
        cache: the training clips.
        labels: class names in the order of the outputs.
        samples: length of a clip as the front-end takes it.
        recipe: batch size, balance, shift and speed are read from it.
        world: processes that train together; each gets its part of every batch.

    Raises:
        DataError: a class has no training clip.
    """

    def __init__(
        self, cache: AudioCache, labels: tuple[str, ...], samples: int, recipe: Recipe, world: int = 1
    ) -> None:
        self.cache = cache
        self.recipe = recipe
        self.world = world
        self.targets = label_indices(cache, labels)
        self.source = source_samples(recipe.augment, samples)
        self._shift = round(recipe.augment.shift_ms * cache.sample_rate / 1000.0)
        self._starts = TrainingStarts(cache, samples, recipe.windows) if recipe.windows.per_clip else None
        missing = [name for index, name in enumerate(labels) if index not in self.targets]
        if missing:
            raise DataError(
                f"no training clip for {', '.join(missing[:5])}",
                where=cache.manifest.name,
                mend="select more clips, or leave these labels out of the manifest",
            )
        self._order = lru_cache(maxsize=2)(self._epoch_order)

    @property
    def batch_size(self) -> int:
        """Clips a process takes a step; all of them when there are fewer than the recipe's batch size."""
        return min(self.recipe.schedule.batch_size, max(1, self._windows // self.world))

    @property
    def steps(self) -> int:
        """Steps an epoch; the clips left over when the last batch would not be full wait for the next epoch."""
        return max(1, self._windows // (self.batch_size * self.world))

    @property
    def _windows(self) -> int:
        """Windows of an epoch."""
        return len(self.cache) * max(1, self.recipe.windows.per_clip)

    def indices(self, epoch: int, step: int, rank: int = 0) -> np.ndarray:
        """Clips of one batch, int64 [batch]."""
        first = (step * self.world + rank) * self.batch_size
        out: np.ndarray = self._order(epoch)[first : first + self.batch_size]
        return out

    def pcm(self, indices: np.ndarray, draw: Draw) -> np.ndarray:
        """int16 [batch, source]: the clips from :meth:`offsets` on."""
        return self.cache.windows(indices, self.source, self.offsets(indices, draw))

    def offsets(self, indices: np.ndarray, draw: Draw) -> np.ndarray:
        """First sample of each clip, int64 [batch]: its start or a random place, up to ``shift_ms`` early or late."""
        offsets = draw.integers(-self._shift, self._shift + 1, len(indices))
        if self._starts is not None:
            offsets += self._starts.draw(indices, draw)
        return offsets

    def background(self) -> np.ndarray:
        """float32 [n] in [-1, 1): recordings whose label is a silence label, up to a minute; empty without any."""
        clips = [i for i, clip in enumerate(self.cache.manifest.clips) if clip.label in SILENCE_LABELS]
        parts: list[np.ndarray] = []
        room = _BACKGROUND_SECONDS * self.cache.sample_rate
        for index in clips:
            pcm = self.cache.clip(index)[: max(0, room)]
            room -= len(pcm)
            if len(pcm) and int(pcm.max()) > int(pcm.min()):
                parts.append(pcm.astype(np.float32) / 32768.0)
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def _epoch_order(self, epoch: int) -> np.ndarray:
        """Every clip once, or once for each of its windows."""
        draw = np.random.default_rng([self.recipe.seed, _ORDER, epoch])
        return np.concatenate([self._draw_order(draw) for _ in range(max(1, self.recipe.windows.per_clip))])

    def _draw_order(self, draw: Draw) -> np.ndarray:
        if self.recipe.schedule.balance == "none":
            return draw.permutation(len(self.targets))
        classes = [np.flatnonzero(self.targets == value) for value in np.unique(self.targets)]
        share = -(-len(self.targets) // len(classes))
        drawn = [np.concatenate([draw.permutation(c) for _ in range(-(-share // len(c)))])[:share] for c in classes]
        return draw.permutation(np.concatenate(drawn))


def plain_windows(cache: AudioCache, samples: int, indices: np.ndarray) -> np.ndarray:
    """Clips as a device hears them in evaluation: from their start, zero-padded or cut; int16 [n, samples]."""
    return cache.windows(indices, samples, np.zeros(len(indices), np.int64))
