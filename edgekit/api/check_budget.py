"""``check_budget``: models against budgets."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.api.model_files import CountedModel, ModelReader, Paths, frontend_tally, model_files
from edgekit.budget.check import check, unreadable
from edgekit.budget.limits import COUNTINGS
from edgekit.budget.toml import DEFAULT_BUDGET, Budget, read_budget
from edgekit.core.errors import BadConfigError, EdgekitError
from edgekit.core.model_metadata import MODEL_KEY
from edgekit.core.quantity import Quantity
from edgekit.core.spelling import did_you_mean
from edgekit.core.verdict import ModelVerdict, Verdict

if TYPE_CHECKING:
    from edgekit.features.spec import FrontendSpec

Budgets = str | Path | Budget | Sequence[str | Path | Budget]


def check_budget(
    paths: Paths,
    budgets: Budgets = (),
    *,
    frontend: str | Path | FrontendSpec | None = None,
    counting: str | None = None,
    dims: Mapping[str, int] | None = None,
    measured: Mapping[str, float] | None = None,
    tflm: bool = False,
) -> Verdict:
    """Judge every model against every budget.

    A model that cannot be read is undecided and does not keep the others from being judged. A model of edgekit's
    registry that fails gets suggestions: the known remedies that reach the budget, with their counts.

    Args:
        paths: ``.onnx``, ``.tflite``, ``.pt2`` or ``.safetensors`` files, or folders of them.
        budgets: names, ``.toml`` files or Budgets; none means :data:`~edgekit.budget.toml.DEFAULT_BUDGET`.
        frontend: preset, file or spec whose cost belongs to the model; else the one embedded in the model.
        counting: "true" or "dcase" instead of each budget's own convention.
        dims: sizes of unknown dimensions by name; a name counts for every model that has it.
        measured: "accuracy", "accuracy_drop" (shares from 0 to 1) and "latency.TARGET" (ms), for limits on those.
        tflm: ask the package tflite-micro, where it is installed, what arena TFLM takes; runs its C++ on the files.

    Raises:
        BadConfigError: no model named, an unknown budget, convention or dimension, a bad budget or front-end.
    """
    judged = read_budgets(budgets, counting)
    reader = ModelReader(frontend, dims)
    verdicts: list[ModelVerdict] = []
    for path in model_files(paths):
        try:
            if isinstance(path, EdgekitError):
                raise path
            model = reader.read(path)
        except EdgekitError as error:
            name = error.where or "" if isinstance(path, EdgekitError) else str(path)
            verdicts.extend(unreadable(name, budget, error) for budget in judged)
            continue
        arena = _tflm(model.path) if tflm else {}
        for budget in judged:
            verdict = judge(model, budget, measured)
            verdicts.append(dataclasses.replace(verdict, quantities={**verdict.quantities, **arena}))
    reader.refuse_unused()
    return Verdict(tuple(verdicts))


def _tflm(path: Path) -> dict[str, Quantity | None]:
    """TFLM's arena under its key; None where it is not known, with the reason on the logger."""
    from edgekit.budget.tflm_arena import tflm_arena

    try:
        return {"peak_ram_tflm": tflm_arena(path)}
    except EdgekitError as error:
        logging.getLogger("edgekit").warning("TFLM's arena is not known: %s", error)
        return {"peak_ram_tflm": None}


def judge(model: CountedModel, budget: Budget, measured: Mapping[str, float] | None = None) -> ModelVerdict:
    """One counted model against one budget, with suggestions where it fails."""
    verdict = check(str(model.path), model.counts, budget, frontend=model.frontend_tally, measured=measured)
    if model.frontend is not None:
        from edgekit.budget.frontend_cost import frontend_quantities

        more = frontend_quantities(model.frontend)
        verdict = dataclasses.replace(verdict, quantities={**verdict.quantities, **more})
    if verdict.outcome != "fail" or MODEL_KEY not in model.graph.metadata:
        return verdict
    from edgekit.budget.suggest import suggestions

    found = suggestions(model.graph, model.counts, budget, frontend=model.frontend, frontend_tally=frontend_tally)
    return dataclasses.replace(verdict, suggestions=found)


def read_budgets(budgets: Budgets, counting: str | None, default: str | None = DEFAULT_BUDGET) -> list[Budget]:
    """The budgets named, in the convention ``counting`` where one is given; ``default`` where none is named.

    Raises:
        BadConfigError: an unknown budget or convention, or a bad budget file.
    """
    if counting is not None and counting not in COUNTINGS:
        raise BadConfigError(f"unknown counting convention {counting!r}", mend=did_you_mean(counting, COUNTINGS))
    several = [budgets] if isinstance(budgets, str | Path | Budget) else list(budgets)
    if not several and default is not None:
        several = [default]
    read = [item if isinstance(item, Budget) else read_budget(item) for item in several]
    return [dataclasses.replace(item, counting=counting or item.counting) for item in read]
