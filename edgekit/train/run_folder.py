"""Who a run folder belongs to: a run goes on only where the same run began."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgekit.core import run_files
from edgekit.core.digest import digest_json
from edgekit.core.errors import BadConfigError, BadFileError
from edgekit.core.files import write_json, write_text
from edgekit.data.manifest import Manifest
from edgekit.train.recipe import Recipe
from edgekit.train.recipe_file import to_toml

_OWN_FILES = (
    run_files.IDENTITY,
    run_files.RECIPE,
    run_files.FRONTEND,
    run_files.STATE,
    run_files.HISTORY,
    run_files.CHECKPOINT,
    run_files.METRICS,
    run_files.START,
    run_files.PROVENANCE,
    "mlflow.json",
    "source.safetensors",
    "frame-program.svg",
    "waveform-program.svg",
)
_ANOTHER = "choose another folder, or remove this one (train, distill, adapt: --overwrite)"


def open_run(
    folder: Path,
    recipe: Recipe,
    train: Manifest,
    valid: Manifest | None,
    *,
    overwrite: bool,
    teachers: Sequence[str] = (),
    start: str | None = None,
) -> None:
    """Make ``folder`` the run of this recipe on these clips under these teachers (digests), or find that it is.

    Args:
        folder: of the run.
        recipe: resolved.
        train: its training clips.
        valid: its validation clips.
        overwrite: throw away the run that the folder holds; files of others beside it stay.
        teachers: digests of the teachers.
        start: digest of the weights that the run starts from; their place may change.

    Raises:
        BadConfigError: the folder holds another run, or files that are no run.
    """
    identity = {
        "schema_version": 1,
        "recipe": digest_json(_placeless(recipe)),
        "train": _clips_digest(train),
        "valid": _clips_digest(valid) if valid else None,
        "labels": list(train.labels),
        **({"teachers": list(teachers)} if teachers else {}),
        **({"start": start} if start else {}),
    }
    was_run = (folder / run_files.IDENTITY).is_file()
    if overwrite and was_run:
        for name in reversed(_OWN_FILES):  # what says that it is a run goes last
            (folder / name).unlink(missing_ok=True)
    found = _identity(folder)
    if found is not None:
        keys = (*identity, *(key for key in found if key not in identity))
        changed = [key for key in keys if identity.get(key) != found.get(key)]
        if changed:
            raise BadConfigError(
                f"holds a run with another {' and '.join(changed)}",
                where=str(folder),
                mend=_ANOTHER,
            )
        return
    empty = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    if not empty and not (overwrite and was_run):
        raise BadConfigError("is not empty and holds no run", where=str(folder), mend="choose another folder")
    write_json(folder / run_files.IDENTITY, identity)
    write_text(folder / run_files.RECIPE, to_toml(recipe))


def _placeless(recipe: Recipe) -> dict[str, Any]:
    """The recipe without the place of its start, which counts by its digest."""
    plain = recipe.to_json()
    if recipe.start.weights:
        plain["start"]["weights"] = ""
    return plain


def _identity(folder: Path) -> dict[str, object] | None:
    path = folder / run_files.IDENTITY
    if not path.is_file():
        return None
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadFileError("is damaged", where=str(path), mend=_ANOTHER) from error
    return value if isinstance(value, dict) else {}


def _clips_digest(manifest: Manifest) -> str:
    return digest_json([[clip.id, clip.label] for clip in manifest.clips])
