"""Which clips of a data set are evaluated on, and which groups training had."""

from __future__ import annotations

from edgekit.data.manifest import Manifest
from edgekit.data.selector import select_clips
from edgekit.train.evaluation.evaluation import GROUPS

_TRAINING = "split=train"


def default_selection(manifest: Manifest) -> str:
    """``split=test`` where the manifest has such clips, else ``all``."""
    return "split=test" if any(clip.split == "test" for clip in manifest.clips) else "all"


def training_groups(manifest: Manifest, select: str | None = None) -> dict[str, frozenset[str]]:
    """Devices, speakers and folds of the training clips, as far as these name them.

    Empty where neither ``select`` nor a split "train" of the manifest says which clips training had.

    Raises:
        BadConfigError: ``select`` is no selection.
        DataError: ``select`` picks no clip.
    """
    if select is None and not any(clip.split == "train" for clip in manifest.clips):
        return {}
    clips = select_clips(manifest, select or _TRAINING).clips
    found = {name: frozenset(value for clip in clips if (value := getattr(clip, name))) for name in GROUPS}
    return {name: groups for name, groups in found.items() if groups and name != "split"}
