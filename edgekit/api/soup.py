"""Mix the weights of several runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.api.device import pick_device
from edgekit.api.training_clips import Data, read_data, split_clips
from edgekit.core import run_files
from edgekit.core.errors import BadConfigError
from edgekit.core.files import write_json, write_text
from edgekit.core.optional import require
from edgekit.core.progress import Progress, silent

if TYPE_CHECKING:
    from edgekit.train.soup import Soup

METHODS = ("uniform", "greedy")


@dataclass(frozen=True)
class SoupResult:
    """What a soup left.

    Attributes:
        folder: run folder of the soup.
        method: "uniform" or "greedy".
        chosen: runs whose mean it is, in the order in which they were taken.
        alone: validation scores of each run by itself; empty without validation clips.
        together: those of the soup; None without validation clips.
    """

    folder: Path
    method: str
    chosen: tuple[str, ...]
    alone: dict[str, dict[str, Any]]
    together: dict[str, Any] | None

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for JSON output."""
        return {
            "run": str(self.folder),
            "method": self.method,
            "chosen": list(self.chosen),
            "alone": self.alone,
            "validation": self.together,
        }


def soup(
    runs: Sequence[str | Path],
    data: Data,
    out: str | Path,
    *,
    method: str = "greedy",
    train_select: str | None = None,
    valid_select: str | None = None,
    kind: str = "auto",
    device: str = "auto",
    cache: Path | None = None,
    progress: Progress = silent,
) -> SoupResult:
    """Mean of the weights of runs of one model on one front-end, as a run of its own in ``out``.

    Batch statistics are re-estimated on the training clips, since the mean of statistics is not that of the mean.

    Args:
        runs: run folders or their checkpoints, two or more.
        data: manifest, or path of a data set, or a list of them.
        out: folder; gets ``checkpoint.safetensors``, ``frontend.json``, ``metrics.json`` and ``soup.json``.
        method: "uniform" takes all runs, "greedy" the best and each that does not make it worse by
            the validation clips.
        train_select: training clips, as for :func:`edgekit.api.train.train`.
        valid_select: validation clips, likewise.
        kind: kind of data set.
        device: "auto", "cpu" or "cuda".
        cache: folder of decoded audio.
        progress: told about decoding.

    Raises:
        EdgekitError: runs of different models, labels or front-ends; a bad method; no clips; a folder in use.
    """
    if method not in METHODS:
        raise BadConfigError(f"unknown method {method!r}", where="--method", mend=f"use {' or '.join(METHODS)}")
    require("lightning.pytorch", "train")
    from edgekit.data.cache import AudioCache
    from edgekit.train.checkpoint import load_checkpoint
    from edgekit.train.soup import make_soup

    folder = Path(out)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadConfigError("is not empty", where=str(folder), mend="choose another folder")
    members = [(str(path), load_checkpoint(Path(path))) for path in runs]
    if not members:
        raise BadConfigError("no runs", where="edgekit soup", mend="name two or more")
    manifest = read_data(data, kind)
    training, validation = split_clips(manifest, train_select, valid_select)
    rate = members[0][1].frontend.sample_rate
    mixed = make_soup(
        members,
        AudioCache(training, rate, cache, progress),
        AudioCache(validation, rate, cache, progress) if validation else None,
        "greedy" if method == "greedy" else "uniform",
        pick_device(device),
    )
    return _write(mixed, folder, method)


def _write(mixed: Soup, folder: Path, method: str) -> SoupResult:
    from edgekit.train.checkpoint import save_checkpoint

    together = mixed.together.to_json() if mixed.together else None
    alone = {name: scores.to_json() for name, scores in mixed.alone.items()}
    result = SoupResult(folder, method, mixed.chosen, alone, together)
    write_text(folder / run_files.FRONTEND, mixed.checkpoint.frontend.canonical() + "\n")
    write_json(folder / "soup.json", {"schema_version": 1, **result.to_json()})
    write_json(folder / run_files.METRICS, dict(mixed.checkpoint.metrics))
    save_checkpoint(mixed.checkpoint, folder / run_files.CHECKPOINT)
    return result
