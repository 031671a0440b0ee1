"""Labels of clips as indices of a model's outputs; no torch, so that model files are evaluated without it."""

from __future__ import annotations

import numpy as np

from edgekit.core.errors import DataError
from edgekit.data.cache import AudioCache


def label_indices(cache: AudioCache, labels: tuple[str, ...]) -> np.ndarray:
    """Class index of every clip of ``cache``, int64 [clips].

    Raises:
        DataError: a clip's label is not among ``labels``.
    """
    index = {name: number for number, name in enumerate(labels)}
    unknown = sorted({clip.label for clip in cache.manifest.clips} - index.keys())
    if unknown:
        raise DataError(
            f"the model does not know the label {unknown[0]!r}",
            where=cache.manifest.name,
            mend=f"it knows {', '.join(labels[:12])}; select the clips with --select",
        )
    return np.array([index[clip.label] for clip in cache.manifest.clips], np.int64)
