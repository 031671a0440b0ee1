"""Store what teachers say to every clip, once for all students."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.api.device import pick_device
from edgekit.api.train import resolve_recipe
from edgekit.api.training_clips import Data, read_data, split_clips
from edgekit.core.errors import BadConfigError
from edgekit.core.optional import require
from edgekit.core.progress import Progress, silent

if TYPE_CHECKING:
    from edgekit.train.recipe import Recipe


@dataclass(frozen=True)
class StoreResult:
    """What is stored.

    Attributes:
        folder: the store.
        computed: clips whose logits were computed now.
        found: clips of this worker whose logits were there already.
        views: views of each clip besides the plain one.
    """

    folder: Path
    computed: int
    found: int
    views: int

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for JSON output."""
        return {"store": str(self.folder), "computed": self.computed, "found": self.found, "views": self.views}


def store_logits(
    recipe: str | Path | Recipe,
    teachers: Sequence[str | Path],
    data: Data,
    store: str | Path,
    *,
    views: int = 0,
    worker: tuple[int, int] = (0, 1),
    train_select: str | None = None,
    overrides: Sequence[str] = (),
    kind: str = "auto",
    device: str = "auto",
    cache: Path | None = None,
    progress: Progress = silent,
) -> StoreResult:
    """Fill, or go on filling, ``store`` with the mean of the teachers' logits for the training clips.

    Args:
        recipe: of the student that shall learn from them: its sample rate, and how far views go.
        teachers: run folders or checkpoint files, whose front-ends may differ.
        data: as for :func:`edgekit.api.train.train`.
        store: folder; clips that it holds already are left as they are.
        views: augmented views (shift, speed, gain) of each clip besides the plain one.
        worker: (k, n): process k, from 0, of n that fill the same store.
        train_select: clips; ``split=train`` by default, where there is one.
        overrides: ``a.b=value`` settings of the recipe.
        kind: of data set.
        device: "auto", "cpu" or "cuda".
        cache: folder of decoded audio.
        progress: told about decoding and teaching.

    Raises:
        EdgekitError: a teacher of other labels or rate, or a folder that holds something else.
    """
    count, workers = worker[0], worker[1]
    if not 0 <= count < workers:
        raise BadConfigError(f"worker {count + 1} of {workers}", where="--worker", mend="write 1/4 to 4/4 for four")
    if not teachers:
        raise BadConfigError("no teacher", where="--teacher", mend="name a run folder")
    resolved = resolve_recipe(recipe, overrides)
    manifest = read_data(data, kind)
    training, _ = split_clips(manifest, train_select, "none")
    require("torch", "train")
    from edgekit.data.cache import AudioCache
    from edgekit.train.distillation.precompute import identify, precompute
    from edgekit.train.distillation.store import is_store
    from edgekit.train.distillation.teacher import open_teacher
    from edgekit.train.distillation.views import plan_views

    for path in teachers:
        if is_store(Path(path)):
            mend = "name the run folders that spoke there"
            raise BadConfigError("stored logits cannot be stored again", where=str(path), mend=mend)
    rate = resolved.frontend.spec().sample_rate
    opened = [open_teacher(Path(path), manifest.labels, rate) for path in teachers]
    clips = AudioCache(training, rate, cache, progress)
    identity = identify(opened, manifest.labels, rate, plan_views(resolved, views))
    done = precompute(
        Path(store), opened, clips, identity, worker=worker, device=pick_device(device), progress=progress
    )
    return StoreResult(Path(store), done.computed, done.found, views)
