"""A sweep as data: which keys of a recipe are searched, within which limits, for what. TOML in, dataclasses out.

::

    objectives = ["macro_accuracy", "macs"]   # the first is maximised, costs are minimised
    budget = "dcase2024-task1"                # name or file; trials over it are not trained
    trials = 40

    [space]
    "model.arguments.base_channels" = { values = [16, 24, 32] }
    "optimiser.learning_rate" = { low = 1e-4, high = 1e-2, log = true }
    "augment.shift_ms" = { low = 0, high = 200, step = 50 }
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from edgekit.core.config_text import parse_toml, read_config
from edgekit.core.errors import BadConfigError
from edgekit.core.limits import check_limits
from edgekit.core.spelling import did_you_mean
from edgekit.train.recipe import Recipe
from edgekit.train.recipe_file import recipe_from

Gain = Literal["macro_accuracy", "accuracy"]
Cost = Literal["macs", "parameters", "parameter_bytes"]
GAINS: tuple[str, ...] = get_args(Gain)
COSTS: tuple[str, ...] = get_args(Cost)
_RANGE = frozenset({"low", "high", "step", "log"})


@dataclass(frozen=True)
class Choice:
    """One searched key.

    Attributes:
        key: of the recipe, ``a.b``.
        values: what it may be; empty for a range.
        low, high: of a range, both included; whole numbers if both are.
        step: of the range; 0 for any value.
        log: whether the range is searched by its logarithm.
    """

    key: str
    values: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    step: float = 0.0
    log: bool = False

    @property
    def corners(self) -> tuple[Any, ...]:
        """Values that must make a recipe for the space to be sound: all of a list, both ends of a range."""
        return self.values or (self.low, self.high)


@dataclass(frozen=True)
class Space:
    """A sweep.

    Attributes:
        choices: what is searched.
        objectives: "macro_accuracy" or "accuracy" of the validation clips first, then costs of the exported int8 model
            ("macs", "parameters", "parameter_bytes").
        budget: name or file of a budget; empty for none.
        trials: how many, those over the budget included.
        sampler: "tpe" or "random".
        pruner: "median" stops trials that are worse than half of the earlier ones at the same epoch, with a single
            objective only; "none".
        seed: of the sampler.
    """

    choices: tuple[Choice, ...]
    objectives: tuple[str, ...] = ("macro_accuracy",)
    budget: str = ""
    trials: int = 20
    sampler: Literal["tpe", "random"] = "tpe"
    pruner: Literal["median", "none"] = "none"
    seed: int = 0

    def __post_init__(self) -> None:
        check_limits("sweep", trials=(self.trials, 1, 1_000_000), seed=(self.seed, 0, 2**31 - 1))
        if not self.choices:
            raise BadConfigError("nothing is searched", where="space", mend="add keys below [space]")
        if not self.objectives or self.objectives[0] not in GAINS or len(set(self.objectives)) < len(self.objectives):
            mend = f"begin with one of {', '.join(GAINS)}, then costs: {', '.join(COSTS)}"
            raise BadConfigError(f"objectives are {list(self.objectives)}", where="space", mend=mend)
        for name in self.objectives[1:]:
            _one_of("objectives", name, COSTS)
        _one_of("sampler", self.sampler, ("tpe", "random"))
        _one_of("pruner", self.pruner, ("median", "none"))
        if self.pruner != "none" and len(self.objectives) > 1:
            text = "pruning needs a single objective: a front has no order"
            raise BadConfigError(text, where="space", mend='set pruner = "none"')

    def to_json(self) -> dict[str, Any]:
        """Plain values, by which a study knows its space; how many trials there are may change."""
        plain = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in _MAY_CHANGE}
        plain["choices"] = [{f.name: getattr(choice, f.name) for f in fields(Choice)} for choice in self.choices]
        return plain


_MAY_CHANGE = ("choices", "trials")


def load_space(path: Path, recipe: Recipe) -> Space:
    """The space in a TOML file, each key and each end of a range tried on ``recipe``.

    Raises:
        BadConfigError: no or a bad file, an unknown key, or a value that the recipe cannot have.
    """
    where = str(path)
    table = parse_toml(read_config(path, "space"), where)
    known = [field.name for field in fields(Space) if field.name != "choices"]
    for key in table:
        if key != "space":
            _one_of(where, key, (*known, "space"))
    searched = table.pop("space", {})
    if not isinstance(searched, Mapping):
        raise BadConfigError("[space] is no table", where=where, mend="write [space]")
    choices = tuple(_choice(str(key), value, where) for key, value in searched.items())
    if isinstance(table.get("objectives"), list):
        table["objectives"] = tuple(table["objectives"])
    for key, kind in {"objectives": tuple, "budget": str, "trials": int, "seed": int}.items():
        if key in table and (not isinstance(table[key], kind) or isinstance(table[key], bool)):
            raise BadConfigError(f"{key} is {table[key]!r}", where=where, mend="see edgekit sweep --help")
    space = Space(choices, **table)
    for choice in choices:
        for value in choice.corners:
            with_values(recipe, {choice.key: value}, where)
    return space


def with_values(recipe: Recipe, values: Mapping[str, Any], where: str) -> Recipe:
    """``recipe`` with the keys of ``values`` set.

    Raises:
        BadConfigError: an unknown key, or a value out of range.
    """
    table = recipe.to_json()
    for key, value in values.items():
        *path, last = key.split(".")
        node = table
        for part in path:
            node = node.setdefault(part, {})
            if not isinstance(node, dict):
                raise BadConfigError(f"{part!r} of {key} is no table", where=where, mend="check the key")
        node[last] = value
    return recipe_from(table, where=where)


def _choice(key: str, table: Any, where: str) -> Choice:
    place = f"{where}: {key}"
    if not isinstance(table, Mapping):
        raise BadConfigError("is no table", where=place, mend="write { values = [...] } or { low = a, high = b }")
    if set(table) == {"values"} and isinstance(table["values"], list) and table["values"]:
        return Choice(key, tuple(table["values"]))
    if not {"low", "high"} <= set(table) <= _RANGE:
        raise BadConfigError(f"has {', '.join(table)}", where=place, mend="give values, or low and high (step, log)")
    low, high, step = table["low"], table["high"], table.get("step", 0)
    log = table.get("log", False)
    numbers = all(isinstance(n, int | float) and not isinstance(n, bool) for n in (low, high, step))
    if not numbers or not isinstance(log, bool) or low >= high or step < 0 or (log and (low <= 0 or step)):
        mend = "low below high; log needs low > 0 and no step"
        raise BadConfigError("is no range", where=place, mend=mend)
    return Choice(key, (), low, high, step, log)


def _one_of(where: str, value: Any, known: tuple[str, ...]) -> None:
    if value not in known:
        mend = did_you_mean(value, known)
        raise BadConfigError(f"unknown {value!r}", where=where, mend=mend)
