"""``budget``: list, show and write budgets; rank submissions by the formula of DCASE 2023."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgekit.api.model_files import ModelReader
from edgekit.budget.check import select
from edgekit.budget.limits import LIMITS
from edgekit.budget.new import budget_text
from edgekit.budget.rank import Ranked, Submission, rank
from edgekit.budget.toml import Budget, budget_names, parse_budget, read_budget
from edgekit.core.errors import BadConfigError, BadFileError
from edgekit.core.files import write_text
from edgekit.core.units import parse_count, parse_ratio

_MAX_BYTES = 1 << 22
_UNITS = {"memory": "B", "macs": "MAC"}
_COLUMNS = ("name", "accuracy", "memory", "macs", "model")


def list_budgets() -> tuple[Budget, ...]:
    """The budgets that come with edgekit, by name."""
    return tuple(read_budget(name) for name in budget_names())


def show_budget(name_or_path: str | Path) -> tuple[Budget, dict[str, str]]:
    """A budget and the rule of each of its limits.

    Raises:
        BadConfigError: no such budget, or a bad file.
    """
    budget = read_budget(name_or_path)
    rules = {key: LIMITS[key].rule for key in budget.limits}
    return budget, rules | {f"latency.{target}": LIMITS["latency"].rule for target in budget.latency}


def new_budget(
    path: str | Path,
    limits: Mapping[str, str],
    *,
    source: str,
    counting: str = "true",
    description: str = "",
    overwrite: bool = False,
) -> Budget:
    """Write a commented budget file and read it back.

    Args:
        path: the file, ``NAME.toml``.
        limits: key of a limit ("macs", "latency.cortex-m4") to its value with unit ("30 M", "20 ms").
        source: where the limits come from: a rule page, a data sheet, a decision.
        counting: convention of bytes and MACs.
        description: one line for lists.
        overwrite: replace a file that exists.

    Raises:
        BadConfigError: a limit, unit, convention or name that is wrong, no limit, no source, or the file exists.
    """
    file = Path(path)
    if file.suffix != ".toml":
        raise BadConfigError("a budget is a .toml file", where=str(file), mend=f"name it {file.name}.toml")
    if file.exists() and not overwrite:
        raise BadConfigError("the file exists", where=str(file), mend="choose another name, or give --force")
    latency = {key.removeprefix("latency."): text for key, text in limits.items() if key.startswith("latency.")}
    counts = {key: text for key, text in limits.items() if not key.startswith("latency.")}
    known = [key for key in counts if key in LIMITS and key != "latency"]
    text = budget_text(
        {key: counts[key] for key in known}, latency, counting=counting, source=source, description=description
    )
    # Unknown keys are given to the parser as well, which names the nearest.
    wrong = "".join(f"{json.dumps(key)} = {json.dumps(counts[key])}\n" for key in counts if key not in known)
    checked = text.replace("[limits]\n", f"[limits]\n{wrong}", 1) if wrong else text
    budget = parse_budget(file.stem, checked, where=str(file))
    write_text(file, text)
    return budget


def rank_submissions(path: str | Path) -> tuple[Ranked, ...]:
    """Rank the submissions of a CSV or JSON file by the formula of DCASE 2023 Task 1.

    Each row has a ``name`` and an ``accuracy`` (0.57 or "57 %"), and either ``memory`` (bytes, or "128 kB") and
    ``macs`` (29419156, or "29.4 M") or a ``model``: a file beside the table whose memory and MACs are counted by the
    challenge's convention. The JSON that ``edgekit eval --costs`` prints is taken as it is.

    Raises:
        BadConfigError: a missing or unknown column, a value that is none, a model that cannot be counted.
        BadFileError: the file, or a model, cannot be read.
    """
    file = Path(path)
    rows = _rows(file)
    return rank([_submission(row, file, number) for number, row in enumerate(rows, 1)])


def _rows(path: Path) -> Sequence[Mapping[str, Any]]:
    try:
        with path.open("rb") as stream:
            data = stream.read(_MAX_BYTES + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise BadFileError(f"cannot be read: {error.strerror}", where=str(path), mend="check the path") from error
    except UnicodeDecodeError as error:
        raise BadFileError("is not UTF-8 text", where=str(path), mend="give a CSV or JSON table") from error
    if len(data) > _MAX_BYTES:
        raise BadFileError("is too large for a table of submissions", where=str(path), mend="give fewer rows")
    if path.suffix.lower() != ".json":
        return list(csv.DictReader(io.StringIO(text), skipinitialspace=True))
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadFileError(f"is not JSON: {error}", where=str(path), mend="give a list of objects") from error
    if isinstance(rows, dict) and rows.get("submissions") == []:
        raise BadConfigError("holds no submission", where=str(path), mend="evaluate with --costs")
    rows = rows.get("submissions") if isinstance(rows, dict) else rows
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadFileError("is no list of objects", where=str(path), mend='write [{"name": "a", "accuracy": 0.57, …}]')
    return rows


def _submission(row: Mapping[str, Any], path: Path, number: int) -> Submission:
    where = f"{path}: submission {number}"
    unknown = [str(key) for key in row if key not in _COLUMNS]
    if unknown:
        raise BadConfigError(f"unknown column {unknown[0]!r}", where=where, mend=f"columns: {', '.join(_COLUMNS)}")
    name = str(_cell(row, "name", where))
    accuracy = parse_ratio(_cell(row, "accuracy", where), where=f"{where}: accuracy")
    if row.get("model"):
        memory, macs = _counted(path.parent / str(row["model"]), where)
        return Submission(name, accuracy, memory, macs)
    memory, macs = (_count(_cell(row, key, where), unit, f"{where}: {key}") for key, unit in _UNITS.items())
    return Submission(name, accuracy, memory, macs)


def _cell(row: Mapping[str, Any], key: str, where: str) -> Any:
    value = row.get(key)
    if value is None or value == "":
        mend = "give it, or a model file" if key in ("memory", "macs") else "give it"
        raise BadConfigError(f"has no {key}", where=where, mend=mend)
    return value


def _count(value: Any, unit: str, where: str) -> int:
    """A count with its unit; a whole number without one is in the base unit."""
    text = f"{value}".strip()
    return int(text) if text.isascii() and text.isdigit() else parse_count(value, unit, where=where)


def _counted(path: Path, where: str) -> tuple[int, int]:
    """Memory and MACs of a model in the challenge's convention."""
    tallies = select(ModelReader(None, None).read(path).counts, "dcase", None)
    memory, macs = tallies["parameter_bytes"].quantity, tallies["macs"].quantity
    if memory is None or macs is None:
        reasons = tallies["macs"].reasons or tallies["parameter_bytes"].reasons
        raise BadConfigError(f"{path.name} is not decided: {reasons[0].text}", where=where, mend=reasons[0].mend)
    return int(memory.value), int(macs.value)
