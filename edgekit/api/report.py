"""``report``: a page about one or several training runs."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgekit.core.errors import BadConfigError, BadFileError
from edgekit.report import figures
from edgekit.report.page import Figure, Page, Section, Table, write_page

_LARGEST = 16 << 20  # bytes of a metrics, history or recipe file; a run writes kilobytes


def report(runs: str | Path | Sequence[str | Path], out: str | Path) -> Path:
    """Write a self-contained HTML page: validation figures of all runs side by side, then each run.

    Args:
        runs: run folders of ``edgekit train``.
        out: the ``.html`` to write.

    Raises:
        BadFileError: a folder that holds no finished epoch, or a damaged file in it.
        BadConfigError: no run given.
    """
    folders = [Path(runs)] if isinstance(runs, str | Path) else [Path(run) for run in runs]
    if not folders:
        raise BadConfigError("no run to report on", mend="give run folders of edgekit train")
    metrics = [_read_json(folder / "metrics.json") for folder in folders]
    sections = [_comparison(folders, metrics)]
    sections += [_run_section(folder) for folder in folders]
    names = ", ".join(folder.name for folder in folders)
    write_page(Page(f"edgekit: {names}", f"{len(folders)} training runs.", tuple(sections)), Path(out))
    return Path(out)


def read_history(path: Path) -> list[dict[str, float]]:
    """``history.csv`` of a run: one mapping an epoch, empty cells left out.

    Raises:
        BadFileError: missing, damaged or without an epoch.
    """
    rows = list(csv.DictReader(_read_text(path).splitlines()))
    try:
        history = [{key: float(value) for key, value in row.items() if key and value} for row in rows]
    except (TypeError, ValueError) as error:
        raise BadFileError("is not a table of numbers", where=str(path), mend="train the run again") from error
    if not history or "epoch" not in history[0]:
        raise BadFileError("holds no epoch", where=str(path), mend="train the run again")
    return history


def _comparison(folders: Sequence[Path], metrics: Sequence[dict[str, Any]]) -> Section:
    rows = []
    for folder, found in zip(folders, metrics, strict=True):
        scores = found.get("validation") or {}
        cells = [_share(scores.get("accuracy")), _share(scores.get("macro_accuracy")), _number(scores.get("log_loss"))]
        rows.append((folder.name, str(found.get("epoch", "?")), *cells))
    header = ("run", "epoch kept", "accuracy", "macro accuracy", "log loss")
    return Section("Validation", tables=(Table(header, tuple(rows), frozenset({1, 2, 3, 4})),))


def _run_section(folder: Path) -> Section:
    history = read_history(folder / "history.csv")
    recipe = tuple((line,) for line in _read_text(folder / "recipe.toml").splitlines() if line.strip())
    drawn = Figure(figures.learning_curves(history), f"Learning curves of {folder.name} over {len(history)} epochs.")
    return Section(folder.name, tables=(Table(("recipe",), recipe),), figures=(drawn,))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(_read_text(path))
    except ValueError as error:
        raise BadFileError("is not JSON", where=str(path), mend="train the run again") from error
    if not isinstance(value, dict):
        raise BadFileError("is not a JSON object", where=str(path), mend="train the run again")
    return value


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            raise BadFileError("is too large for a file of a run", where=str(path), mend="give a run folder")
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFileError("cannot be read", where=str(path), mend="give a run folder of edgekit train") from error


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.2f} %"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
