"""Where the numbers of a report come from: digests of models and clips, versions, commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgekit.api.report_files import RunFiles, read_object
from edgekit.core import run_files
from edgekit.core.digest import digest_file
from edgekit.core.surroundings import surroundings

if TYPE_CHECKING:
    from edgekit.api.evaluation_clips import EvaluatedModel

Json = dict[str, Any]


def provenance_of(files: RunFiles, tested: EvaluatedModel | None) -> Json:
    """What a run was made of and with, and what this report was.

    Args:
        files: of the run.
        tested: a model with the clips that it was evaluated on; None where recordings were not given.

    Raises:
        BadFileError: a damaged file of the run.
    """
    folder = files.folder
    made = folder / run_files.PROVENANCE if folder else None
    identity = folder / run_files.IDENTITY if folder else None
    paths = (files.float_model, files.exported, files.int8)
    models = [run_files.checkpoint_of(path) for path in paths if path is not None]
    return {
        "models": [{"file": path.name, "bytes": path.stat().st_size, "digest": digest_file(path)} for path in models],
        "run": read_object(identity) if identity and identity.is_file() else None,
        "training": read_object(made) if made and made.is_file() else None,
        "test": _tested(tested) if tested else None,
        "report": surroundings(),
    }


def _tested(model: EvaluatedModel) -> Json:
    manifest = model.clips.manifest
    left_out = len(model.clips.rejected)
    return {"name": manifest.name, "clips": len(model.clips), "left_out": left_out, "digest": model.clips.digest}
