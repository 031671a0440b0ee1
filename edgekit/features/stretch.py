"""Features of audio of any length, frame by frame as a stream gives them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from edgekit.features.spec import FrontendSpec
from edgekit.features.torch_frontend import TorchFrontend


def stretch_features(spec: FrontendSpec, pcm: np.ndarray) -> np.ndarray:
    """Features of a stretch of audio.

    Args:
        spec: front-end of layout "time_freq" without padding, so that frame i ends with sample span + i · hop.
        pcm: int16 [samples], at least a frame.

    Returns:
        float32 [frames, bins].
    """
    with torch.no_grad():
        return np.asarray(_frontend(spec, len(pcm))(torch.from_numpy(pcm)[None])[0, 0])


@lru_cache(maxsize=8)
def _frontend(spec: FrontendSpec, samples: int) -> TorchFrontend:
    return TorchFrontend(spec.replace(clip_samples=samples), torch.float32)
