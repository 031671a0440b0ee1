"""How a run is made, whatever is trained in it: where, into which folder anew or not, and who is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.core.progress import Progress, silent

if TYPE_CHECKING:
    from edgekit.train.run_keeper import Watch


@dataclass(frozen=True, kw_only=True)
class Session:
    """What is no part of a run's identity: a resumed run may have another.

    Attributes:
        device: "auto", "cpu" or "cuda".
        devices: processes under Lightning's DDP.
        overwrite: throw away what the run folder holds.
        cache: folder of decoded audio; None is the usual one.
        progress: told about decoding and training.
        watch: told after every validated epoch; what it raises ends the run there.
        tracker: "tensorboard" or "mlflow", told about every epoch.
    """

    device: str = "auto"
    devices: int = 1
    overwrite: bool = False
    cache: Path | None = None
    progress: Progress = silent
    watch: Watch | None = None
    tracker: str | None = None
