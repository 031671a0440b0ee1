"""``check_budget``: models against budgets."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.budget.check import check, unreadable
from edgekit.budget.counting import count
from edgekit.budget.limits import COUNTINGS
from edgekit.budget.tally import Tally
from edgekit.budget.toml import DEFAULT_BUDGET, Budget, read_budget
from edgekit.core.errors import BadConfigError, BadFileError, DigestMismatchError, EdgekitError
from edgekit.core.verdict import ModelVerdict, Verdict
from edgekit.graph.graph import Graph
from edgekit.graph.ops import FRONTEND_DIGEST_KEY, FRONTEND_KEY
from edgekit.graph.readers.load import SUFFIXES, load_graph
from edgekit.graph.tensor import Unknown

if TYPE_CHECKING:
    from edgekit.features.spec import FrontendSpec

Paths = str | Path | Sequence[str | Path]
Budgets = str | Path | Budget | Sequence[str | Path | Budget]


def check_budget(
    paths: Paths,
    budgets: Budgets = (),
    *,
    frontend: str | Path | FrontendSpec | None = None,
    counting: str | None = None,
    dims: Mapping[str, int] | None = None,
    measured: Mapping[str, float] | None = None,
) -> Verdict:
    """Judge every model against every budget.

    A model that cannot be read is undecided and does not keep the others from being judged.

    Args:
        paths: ``.onnx`` or ``.tflite`` files, or folders of them.
        budgets: names, ``.toml`` files or Budgets; none means :data:`~edgekit.budget.toml.DEFAULT_BUDGET`.
        frontend: preset, file or spec whose cost belongs to the model; else the one embedded in the model.
        counting: "true" or "dcase" instead of each budget's own convention.
        dims: sizes of unknown dimensions by name; a name counts for every model that has it.
        measured: "accuracy", "accuracy_drop" (shares from 0 to 1) and "latency.TARGET" (ms), for limits on those.

    Raises:
        BadConfigError: no model named, an unknown budget, convention or dimension, a bad budget or front-end.
    """
    judged = _budgets(budgets, counting)
    spec = _spec(frontend)
    wanted = dict(dims or {})
    used: set[str] = set()
    seen: set[str] = set()
    verdicts: list[ModelVerdict] = []
    for path in _files(paths):
        try:
            if isinstance(path, EdgekitError):
                raise path
            graph = _load(path, wanted, used, seen)
            cost = _frontend_tally(graph, spec, str(path))
        except EdgekitError as error:
            name = error.where or "" if isinstance(path, EdgekitError) else str(path)
            verdicts.extend(unreadable(name, budget, error) for budget in judged)
            continue
        counts = count(graph)
        verdicts.extend(check(str(path), counts, budget, frontend=cost, measured=measured) for budget in judged)
    _refuse_unused(wanted, used, seen)
    return Verdict(tuple(verdicts))


def _budgets(budgets: Budgets, counting: str | None) -> list[Budget]:
    if counting is not None and counting not in COUNTINGS:
        near = difflib.get_close_matches(counting, COUNTINGS, n=1)
        cure = f"did you mean {near[0]}?" if near else f"use one of {', '.join(COUNTINGS)}"
        raise BadConfigError(f"unknown counting convention {counting!r}", mend=cure)
    several = [budgets] if isinstance(budgets, str | Path | Budget) else list(budgets)
    read = [item if isinstance(item, Budget) else read_budget(item) for item in several or [DEFAULT_BUDGET]]
    return [dataclasses.replace(item, counting=counting or item.counting) for item in read]


def _files(paths: Paths) -> list[Path | EdgekitError]:
    """Model files in the order given, folders replaced by the models in them; an error stands for an empty folder."""
    several = [paths] if isinstance(paths, str | Path) else list(paths)
    if not several:
        raise BadConfigError("no model is named", mend="give .onnx or .tflite files, or a folder of them")
    files: list[Path | EdgekitError] = []
    for path in map(Path, several):
        if not path.is_dir():
            files.append(path)
            continue
        try:
            found = sorted(item for item in path.iterdir() if item.suffix.lower() in SUFFIXES and item.is_file())
        except OSError as error:
            files.append(BadFileError(f"cannot be listed: {error.strerror}", where=str(path), mend="check the path"))
            continue
        empty = BadFileError("the folder holds no model", where=str(path), mend="put .onnx or .tflite files into it")
        files.extend(found or [empty])
    return files


def _load(path: Path, dims: Mapping[str, int], used: set[str], seen: set[str]) -> Graph:
    """The graph with those of ``dims`` bound that it has; notes the names used and seen."""
    graph = load_graph(path)
    if not dims:
        return graph
    named = graph.inputs if graph.dialect == "onnx" else tuple(graph.tensors)
    known = {dim.name for name in named for dim in graph.tensor(name).shape if isinstance(dim, Unknown)}
    seen.update(known)
    own = {name: size for name, size in dims.items() if name in known}
    used.update(own)
    return load_graph(path, own) if own else graph


def _refuse_unused(dims: Mapping[str, int], used: set[str], seen: set[str]) -> None:
    for name in dims:
        if name not in used:
            near = difflib.get_close_matches(name, seen, n=1)
            listed = ", ".join(sorted(seen)) or "none: all models are static"
            cure = f"did you mean {near[0]}?" if near else f"unknown dimensions: {listed}"
            raise BadConfigError(f"no model has an unknown dimension {name!r}", where="--dim", mend=cure)


def _spec(frontend: str | Path | FrontendSpec | None) -> FrontendSpec | None:
    if frontend is None or not isinstance(frontend, str | Path):
        return frontend
    from edgekit.features.spec import load_spec

    return load_spec(frontend)


def _frontend_tally(graph: Graph, spec: FrontendSpec | None, where: str) -> Tally | None:
    """Cost of the front-end that is given, or else embedded in the model.

    Raises:
        DigestMismatchError: the one given is not the one embedded.
        BadConfigError: the one embedded is damaged.
    """
    text, digest = graph.metadata.get(FRONTEND_KEY), graph.metadata.get(FRONTEND_DIGEST_KEY)
    if spec is None and text is None:
        return None
    from edgekit.budget.frontend_cost import frontend_macs, frontend_parts
    from edgekit.features.spec import from_json

    if text is not None:
        embedded = from_json(text, where=f"{where}: metadata {FRONTEND_KEY}")
        digest = digest or embedded.digest
        spec = spec or embedded
    if spec is None:
        return None
    if digest is not None and digest != spec.digest:
        raise DigestMismatchError(
            "the model was made for another front-end",
            where=where,
            mend="give the front-end that it was trained with, or leave --frontend out",
        )
    cost = frontend_macs(spec)
    parts = tuple(frontend_parts(spec).items())
    return Tally(int(cost.value), cost.unit, cost.method, (), cost.convention, cost.caveat, parts)
