"""Runs in TensorBoard or MLflow, for those who have them: Lightning's loggers, fed once an epoch."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.core.errors import BadConfigError
from edgekit.core.files import write_json
from edgekit.core.optional import require

if TYPE_CHECKING:
    from lightning.pytorch.loggers import Logger

    from edgekit.train.recipe import Recipe

TRACKERS = ("tensorboard", "mlflow")
_RUN = "mlflow.json"


def check_tracker(name: str | None) -> None:
    """Refuse an unknown tracker, or one that is not installed, before any work is done.

    Raises:
        BadConfigError: an unknown name.
        MissingDependencyError: its package is not installed.
    """
    if name is None:
        return
    if name not in TRACKERS:
        raise BadConfigError(f"unknown tracker {name!r}", where="--tracker", mend=f"use one of {', '.join(TRACKERS)}")
    require(name, "track")


def open_tracker(name: str, folder: Path, recipe: Recipe) -> Logger:
    """The logger of a run; a run that goes on is logged under the same name.

    TensorBoard's files lie in ``RUN/tensorboard``. MLflow logs to ``MLFLOW_TRACKING_URI``, or into ``RUN/mlflow.db``,
    as experiment ``edgekit-RECIPE``; the id of its run is in ``RUN/mlflow.json``.

    Args:
        name: one of :data:`TRACKERS`.
        folder: of the run.
        recipe: resolved; its keys become hyper-parameters.
    """
    logger = _tensorboard(folder) if name == "tensorboard" else _mlflow(folder, recipe)
    logger.log_hyperparams(_flat(recipe.to_json()))
    return logger


def _tensorboard(folder: Path) -> Logger:
    from lightning.pytorch.loggers import TensorBoardLogger

    return TensorBoardLogger(folder, name="tensorboard", version="", default_hp_metric=False)


def _mlflow(folder: Path, recipe: Recipe) -> Logger:
    from lightning.pytorch.loggers import MLFlowLogger

    noted = folder / _RUN
    known = json.loads(noted.read_text("utf-8"))["run_id"] if noted.is_file() else None
    place = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(folder / 'mlflow.db').resolve()}"
    logger = MLFlowLogger(
        f"edgekit-{recipe.name}", run_name=folder.resolve().name, tracking_uri=place, run_id=known, synchronous=True
    )
    write_json(noted, {"run_id": logger.run_id})
    return logger


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables as ``a.b`` keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value if isinstance(value, str | int | float | bool) else json.dumps(value)
    return flat
