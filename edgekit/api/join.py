"""Put several runs side by side into one model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit.core import run_files
from edgekit.core.errors import BadConfigError
from edgekit.core.files import write_json, write_text
from edgekit.core.optional import require


@dataclass(frozen=True)
class JoinResult:
    """What joining left.

    Attributes:
        folder: run folder of the joined model.
        members: the runs, in the order of the graph.
        parameters: trained numbers of all of them together.
    """

    folder: Path
    members: tuple[str, ...]
    parameters: int

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for JSON output."""
        return {"run": str(self.folder), "members": list(self.members), "parameters": self.parameters}


def join(runs: Sequence[str | Path], out: str | Path, *, overrides: Sequence[str] = ()) -> JoinResult:
    """One model that answers with the mean of the logits of ``runs``, as a run of its own in ``out``.

    It is exported, quantized, compiled and evaluated like any run, as one graph; parameters and MACs add up.

    Args:
        runs: run folders or their checkpoints, two or more, with the same labels and front-end.
        overrides: ``key=value``, arguments of every member's model in place of those that it was trained with, where
            they change no weight: ``dense_time=width`` lets a ``ds-cnn`` listen at every step
            (:mod:`edgekit.models.dense_time`).
        out: folder; gets ``checkpoint.safetensors``, ``frontend.json`` and ``join.json``.

    Raises:
        EdgekitError: one run only, or a joined one; runs of different labels or front-ends; arguments that a member
            does not take or that change its weights; a folder in use.
    """
    require("safetensors", "train")
    from edgekit.train.checkpoint import load_checkpoint, save_checkpoint
    from edgekit.train.join import join_checkpoints
    from edgekit.train.recipe_file import set_key

    changes: dict[str, Any] = {}
    for override in overrides:
        set_key(changes, override)
    folder = Path(out)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadConfigError("is not empty", where=str(folder), mend="choose another folder")
    members = [(str(path), load_checkpoint(Path(path))) for path in runs]
    joined = join_checkpoints(members, changes)
    parameters = sum(parameter.numel() for parameter in joined.build().parameters())
    result = JoinResult(folder, tuple(name for name, _ in members), parameters)
    write_text(folder / run_files.FRONTEND, joined.frontend.canonical() + "\n")
    write_json(folder / "join.json", {"schema_version": 1, **result.to_json()})
    save_checkpoint(joined, folder / run_files.CHECKPOINT)
    return result
