"""An evaluated model as a submission: what ``edgekit budget rank`` compares."""

from __future__ import annotations

import tempfile
from pathlib import Path

from edgekit.api.model_files import CHECKPOINT_SUFFIX, ModelReader
from edgekit.budget.check import select
from edgekit.budget.rank import Submission
from edgekit.core.errors import BadConfigError


def submission(path: Path, name: str, macro_accuracy: float) -> Submission:
    """A model's row of the ranking of DCASE 2023: macro accuracy, memory and MACs in the challenge's counting.

    Memory and MACs are those of the network on one window. A run is exported for the count: the challenge counts what
    a converter writes, not what a trainer holds.

    Args:
        path: run folder, ``.safetensors``, ``.onnx`` or ``.tflite``.
        name: in the ranking.
        macro_accuracy: share from 0 to 1.

    Raises:
        BadConfigError: a count that is not decided.
        EdgekitError: the file cannot be read or exported.
    """
    if not path.is_dir() and path.suffix.lower() != CHECKPOINT_SUFFIX:
        return Submission(name, macro_accuracy, *_counted(path, name))
    from edgekit.api.export import export

    with tempfile.TemporaryDirectory() as folder:
        return Submission(name, macro_accuracy, *_counted(export(path, Path(folder) / "export").model, name))


def _counted(path: Path, where: str) -> tuple[int, int]:
    tallies = select(ModelReader(None, None).read(path).counts, "dcase", None)
    memory, macs = tallies["parameter_bytes"], tallies["macs"]
    if memory.quantity is None or macs.quantity is None:
        reason = (macs.reasons or memory.reasons)[0]
        raise BadConfigError(f"memory or MACs are not decided: {reason.text}", where=where, mend=reason.mend)
    return int(memory.quantity.value), int(macs.quantity.value)
