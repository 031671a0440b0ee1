"""Training clips in a GPU's own memory: a batch is one index operation there, and no step copies any of them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from edgekit.augment.transfer import on_device
from edgekit.data.cache import AudioCache

_SHARE = 0.3
"""Of the free memory that the clips may take; the rest is for the model and its activations."""


def resident_audio(cache: AudioCache, device: torch.device) -> ResidentAudio | None:
    """The clips on a CUDA ``device``; None where they would take too much of its memory."""
    free, _ = torch.cuda.mem_get_info(device)
    return ResidentAudio(cache, device) if 2 * int(cache.lengths.sum()) <= _SHARE * free else None


class ResidentAudio:
    """All clips of a cache in one int16 tensor.

    Args:
        cache: the clips.
        device: where they shall lie.
    """

    def __init__(self, cache: AudioCache, device: torch.device) -> None:
        flat = np.concatenate([cache.clip(index) for index in range(len(cache))])
        self._samples = torch.from_numpy(flat).to(device)
        self._lengths = torch.from_numpy(cache.lengths).to(device)
        self._starts = torch.from_numpy(np.cumsum(cache.lengths) - cache.lengths).to(device)

    def windows(self, indices: np.ndarray, samples: int, offsets: np.ndarray) -> Tensor:
        """:meth:`edgekit.data.cache.AudioCache.windows` on the device: int16 [n, samples].

        Args:
            indices: int64 [n], clips.
            samples: length of each window.
            offsets: int64 [n], first sample of each window in its clip; may be negative. Beyond the clip there are
                zeros.
        """
        device = self._samples.device
        clips, first = on_device(indices, device), on_device(offsets, device)
        place = first[:, None] + torch.arange(samples, device=device)  # in the clip
        inside = (place >= 0) & (place < self._lengths[clips][:, None])
        found = self._samples[torch.where(inside, self._starts[clips][:, None] + place, 0)]
        return torch.where(inside, found, 0)
