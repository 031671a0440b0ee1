"""Plans of offline augmentation: which clips get how many copies, by which chains of steps. TOML, by name or file."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, get_type_hints

from edgekit.augment.offline.steps import STEPS, ImpulseResponse, Range, Step
from edgekit.core.config_text import parse_toml, read_config
from edgekit.core.errors import BadConfigError
from edgekit.core.limits import check_limits
from edgekit.core.spelling import did_you_mean

Chain = tuple[Step, ...]

# mode -> the keys that mean something in it, besides about, mode, chain and responses
MODES: Mapping[str, tuple[str, ...]] = {
    "copies": ("copies", "share"),
    "fill-classes": ("clips",),
    "balance-devices": ("device",),
    "every-response": ("device", "share"),
    "recut": ("offset_seconds", "clip_seconds"),
}
_COMMON = ("about", "mode", "chain", "responses")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What an offline augmentation makes.

    Attributes:
        name: of the preset or file; part of the names of the files that are written.
        mode: "copies": ``copies`` of each of a ``share`` of the clips. "fill-classes": each class gets copies of its
            clips until it has ``clips``. "balance-devices": each device gets copies of clips of ``device`` until it
            has as many as the device with the most; the responses are dealt out, so that each device has its own.
            "every-response": one copy by each response of a ``share`` of the clips of ``device``. "recut": segments
            of a recording joined in their order and cut anew from ``offset_seconds`` on into ``clip_seconds``.
        chains: each a sequence of steps; a copy is made by one chain, taken in turn.
        responses: folder of impulse responses, as in :class:`edgekit.augment.spec.Augment`.
    """

    name: str
    mode: str
    about: str = ""
    chains: tuple[Chain, ...] = ((),)
    copies: int = 1
    share: float = 1.0
    clips: int = 0
    device: str = "a"
    offset_seconds: float = 0.0
    clip_seconds: float = 0.0
    responses: str = ""

    def __post_init__(self) -> None:
        where = f"plan {self.name}"
        check_limits(where, copies=(self.copies, 1, 10_000), share=(self.share, 1e-6, 1.0))
        check_limits(where, clips=(self.clips, 0, 10**9), offset_seconds=(self.offset_seconds, 0.0, 3600.0))
        check_limits(where, clip_seconds=(self.clip_seconds, 0.0, 3600.0))
        if self.mode == "fill-classes" and not self.clips:
            raise BadConfigError("clips is missing", where=where, mend="say how many clips a class shall have")
        if self.mode == "recut" and not self.clip_seconds:
            raise BadConfigError("clip_seconds is missing", where=where, mend="say how long the new clips shall be")
        if self.mode != "recut" and not all(self.chains):
            raise BadConfigError("a chain has no step", where=where, mend="write [[chain]] with steps below it")
        if self.needs_responses and not self.responses:
            raise BadConfigError("responses is missing", where=where, mend="name the folder of impulse responses")

    @property
    def needs_responses(self) -> bool:
        """A chain convolves, or the mode deals responses out."""
        dealt = self.mode in ("balance-devices", "every-response")
        return dealt or any(isinstance(step, ImpulseResponse) for chain in self.chains for step in chain)

    def to_json(self) -> dict[str, Any]:
        """Everything that decides about the bytes, as JSON values."""
        plain = {key: getattr(self, key) for key in ("name", "mode", "responses", *MODES[self.mode])}
        chains = [[{"step": step.name, **dataclasses.asdict(step)} for step in chain] for chain in self.chains]  # type: ignore[call-overload]
        return {**plain, "chains": chains}


def plan_names() -> tuple[str, ...]:
    """Names of the plans that come with edgekit."""
    folder = resources.files("edgekit.augment.offline") / "plans"
    return tuple(sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".toml")))


def load_plan(name_or_path: str | Path, **changes: Any) -> Plan:
    """A plan by name or from a ``.toml`` file.

    Args:
        name_or_path: see :func:`plan_names`.
        changes: top-level keys that replace the plan's own, for instance ``clips=500``; None changes nothing.

    Raises:
        BadConfigError: no such plan, not TOML, an unknown key or step, an impossible value.
    """
    name = str(name_or_path)
    if name in plan_names():
        text = (resources.files("edgekit.augment.offline") / "plans" / f"{name}.toml").read_text("utf-8")
    else:
        text = read_config(Path(name), "plan", plan_names())
    table = parse_toml(text, name)
    given = {key: value for key, value in changes.items() if value is not None}
    return plan_from({**table, **given}, Path(name).stem)


def plan_from(table: Mapping[str, Any], name: str) -> Plan:
    """A plan from nested tables, as TOML gives them.

    Raises:
        BadConfigError: an unknown key or step (with the nearest known one), or an impossible value.
    """
    where = f"plan {name}"
    mode = table.get("mode")
    if not isinstance(mode, str) or mode not in MODES:
        raise BadConfigError(f"mode is {mode!r}", where=where, mend=f"use one of {', '.join(MODES)}")
    _check_keys(table, (*_COMMON, *MODES[mode]), where)
    types = get_type_hints(Plan)
    values = {key: _typed(types[key], value, where, key) for key, value in table.items() if key != "chain"}
    chains = table.get("chain", [{}] if mode == "recut" else [])
    if not isinstance(chains, list) or not chains:
        raise BadConfigError("has no chain of steps", where=where, mend="write [[chain]] with steps below it")
    return Plan(name=name, chains=tuple(_chain(chain, where) for chain in chains), **values)


def _chain(table: Any, where: str) -> Chain:
    if not isinstance(table, Mapping):
        raise BadConfigError(f"{table!r} is no chain", where=where, mend="write [[chain]] with steps below it")
    _check_keys(table, STEPS, where, "step")
    return tuple(_step(STEPS[name], options, f"{where}, {name}") for name, options in table.items())


def _step(kind: type[Step], options: Any, where: str) -> Step:
    if not isinstance(options, Mapping):
        raise BadConfigError(f"is {options!r}, not a table", where=where, mend=f"write {kind.name} = {{}}")
    known = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    _check_keys(options, known, where)
    types = get_type_hints(kind)
    return kind(**{key: _typed(types[key], value, where, key) for key, value in options.items()})


def _check_keys(table: Mapping[str, Any], known: Collection[str], where: str, what: str = "key") -> None:
    for key in table:
        if key not in known:
            hint = did_you_mean(key, known, f"known: {', '.join(known)}")
            raise BadConfigError(f"unknown {what} {key!r}", where=where, mend=hint)


def _typed(kind: Any, value: Any, where: str, key: str) -> Any:
    """``value`` as ``kind``; whole numbers stand for floats, a list of two numbers for a range."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind == Range:
        if isinstance(value, list) and len(value) == 2 and all(type(end) in (int, float) for end in value):
            return (float(value[0]), float(value[1]))
        raise BadConfigError(f"{key} is {value!r}", where=where, mend="give a pair [lowest, highest]")
    if kind is float and number:
        return float(value)
    wanted = kind if kind in (int, bool) else str  # a choice is text; the step itself knows which
    if isinstance(value, wanted) and not (wanted is int and isinstance(value, bool)):
        return value
    raise BadConfigError(f"{key} is {value!r}", where=where, mend=f"give {_KINDS[wanted]}")


_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
