"""What a sweep found: its trials, and the front of those that no other beats in every objective."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.core.files import atomic_path
from edgekit.core.optional import require
from edgekit.train.sweep.space import Space

if TYPE_CHECKING:
    import optuna

_STATES = {"COMPLETE": "trained", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running", "WAITING": "waiting"}


@dataclass(frozen=True)
class TrialRow:
    """One trial.

    Attributes:
        number: in the study.
        state: "trained", "pruned", "failed", "running" or "waiting".
        values: of the searched keys.
        gain: the first objective; None where it was not trained to the end.
        costs: of the exported int8 model; empty where they are not known.
        run: its run folder below the sweep's.
        why: why it was pruned or failed.
    """

    number: int
    state: str
    values: dict[str, Any]
    gain: float | None
    costs: dict[str, int]
    run: str
    why: str

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary."""
        return asdict(self)


def trial_rows(trials: Sequence[optuna.trial.FrozenTrial], space: Space) -> list[TrialRow]:
    """The trials as rows, in the order of their numbers."""
    listed = {choice.key for choice in space.choices if choice.values}
    rows = []
    for trial in sorted(trials, key=lambda item: item.number):
        values = {key: json.loads(value) if key in listed else value for key, value in trial.params.items()}
        notes = trial.user_attrs
        rows.append(
            TrialRow(
                number=trial.number,
                state=_STATES[trial.state.name],
                values=values,
                gain=trial.values[0] if trial.values and trial.state.name == "COMPLETE" else None,
                costs=dict(notes.get("costs", {})),
                run=f"trials/{notes['place']}" if "place" in notes else "",
                why=str(notes.get("why", "")),
            )
        )
    return rows


def pareto(rows: Sequence[TrialRow], costs: Sequence[str]) -> list[TrialRow]:
    """Trained trials that no other beats: as good in the gain and in all ``costs`` and better in one; best gain first.

    Without costs, the best trial (the first of equals).
    """
    trained = [row for row in rows if row.gain is not None]
    front = [row for row in trained if not any(_beats(other, row, costs) for other in trained)]
    ranked = sorted(front, key=lambda row: (-(row.gain or 0.0), row.number))
    return ranked if costs else ranked[:1]


def _beats(a: TrialRow, b: TrialRow, costs: Sequence[str]) -> bool:
    pairs = [(-(a.gain or 0.0), -(b.gain or 0.0)), *((a.costs[name], b.costs[name]) for name in costs)]
    return all(x <= y for x, y in pairs) and any(x < y for x, y in pairs)


def draw_front(rows: Sequence[TrialRow], front: Sequence[TrialRow], gain: str, cost: str, path: Path) -> None:
    """Accuracy against one cost, the front as a line; the file's ending says the format.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    require("matplotlib", "report")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    trained = [(row.costs[cost], row.gain) for row in rows if row.gain is not None]
    axes.scatter([place for place, _ in trained], [height for _, height in trained], s=18, label="trained")
    line = sorted((row.costs[cost], row.gain or 0.0, row.number) for row in front)
    axes.plot([place for place, _, _ in line], [height for _, height, _ in line], "o-", color="C1", label="front")
    for place, height, number in line:
        axes.annotate(str(number), (place, height), textcoords="offset points", xytext=(4, 4))
    axes.set_xlabel(cost.replace("_", " "))
    axes.set_ylabel(f"validation {gain.replace('_', ' ')}")
    axes.legend()
    axes.grid(alpha=0.3)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:], metadata={"Date": None} if path.suffix == ".svg" else None)
