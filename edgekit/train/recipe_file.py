"""Recipes from TOML files, the overrides of ``--set``, and back to TOML."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from edgekit.core.config_text import parse_toml, read_config
from edgekit.core.errors import BadConfigError
from edgekit.core.spelling import did_you_mean
from edgekit.train.recipe import Recipe

_MOST_BASES = 8
_DEPENDENT = (("name", "arguments"), ("preset", "fields"))
"""Of a table: a key, and the key whose values make no sense with another value of the first."""


def recipe_names() -> tuple[str, ...]:
    """Names of the recipes that come with edgekit."""
    folder = resources.files("edgekit.train") / "recipes"
    return tuple(sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".toml")))


def load_recipe(name_or_path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """A recipe by name or from a ``.toml`` file, on top of its ``base``, with ``a.b=value`` overrides applied.

    ``base = "other"`` names a recipe, or a file beside this one: what this recipe sets wins, key by key. With another
    model or front-end than the base's, the base's arguments or fields are left out.

    Raises:
        BadConfigError: no such recipe, not TOML, a base that leads back to itself, an unknown key, a value of the wrong
            type or out of range.
    """
    name = str(name_or_path)
    table = _composed(name, ())
    table["name"] = table.get("name", Path(name).stem)
    for override in overrides:
        set_key(table, override)
    return recipe_from(table, where=name)


def recipe_from(table: Mapping[str, Any], *, where: str = "recipe") -> Recipe:
    """A recipe from nested tables.

    Raises:
        BadConfigError: an unknown key (with the nearest known one), a wrong type, an impossible value.
    """
    recipe: Recipe = _build(Recipe, table, where, "")
    return recipe


def to_toml(recipe: Recipe) -> str:
    """The recipe with every key written out."""
    lines: list[str] = []
    _write_table(recipe.to_json(), "", lines)
    return "\n".join(lines) + "\n"


def _composed(name: str, above: tuple[str, ...]) -> dict[str, Any]:
    """The table of a recipe merged onto those of its bases; names and published figures are not inherited."""
    if name in above or len(above) > _MOST_BASES:
        raise BadConfigError(f"leads to itself: {' → '.join((*above, name))}", where="base", mend="name another base")
    if name in recipe_names():
        text = (resources.files("edgekit.train") / "recipes" / f"{name}.toml").read_text("utf-8")
    else:
        text = read_config(Path(name), "recipe", recipe_names())
    table = parse_toml(text, name)
    base = table.pop("base", None)
    if base is None:
        return table
    if not isinstance(base, str):
        raise BadConfigError(f"base is {base!r}", where=name, mend="give the name of a recipe or a file")
    if base not in recipe_names():
        base = str(Path(name).parent / base)
    below = _composed(base, (*above, name))
    for key in ("name", "about", "published"):
        below.pop(key, None)
    return _merged(below, table)


def _merged(below: dict[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    """``table`` on top of ``below``, tables key by key."""
    out = dict(below)
    for key, value in table.items():
        under = out.get(key)
        if isinstance(value, Mapping) and isinstance(under, dict):
            for chosen, dependent in _DEPENDENT:
                if value.get(chosen, under.get(chosen)) != under.get(chosen):
                    under = {name: item for name, item in under.items() if name != dependent}
            out[key] = _merged(under, value)
        else:
            out[key] = value
    return out


def set_key(table: dict[str, Any], override: str) -> None:
    """Set one key from ``a.b=value``; the value is TOML, or a bare word taken as text."""
    key, equals, text = override.partition("=")
    parts = [part.strip() for part in key.split(".")]
    if not equals or not all(parts):
        raise BadConfigError(f"{override!r} is no override", where="--set", mend="write for instance schedule.epochs=5")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    node = table
    for part in parts[:-1]:
        node = node.setdefault(part, {})
        if not isinstance(node, dict):
            raise BadConfigError(f"{part!r} is no table", where=f"--set {override}", mend="check the key")
    node[parts[-1]] = value


def _build(kind: Any, table: Any, where: str, path: str) -> Any:
    if not isinstance(table, Mapping):
        raise BadConfigError(f"{path} is {table!r}, not a table", where=where, mend=f"write [{path}]")
    types = get_type_hints(kind)
    known = [item.name for item in fields(kind)]
    values = {}
    for key, value in table.items():
        full = f"{path}.{key}" if path else str(key)
        if key not in known:
            hint = did_you_mean(key, known, f"known: {', '.join(known)}")
            raise BadConfigError(f"unknown key {full!r}", where=where, mend=hint)
        wanted = types[key]
        values[key] = _build(wanted, value, where, full) if is_dataclass(wanted) else _value(wanted, value, where, full)
    return kind(**values)


def _value(kind: Any, value: Any, where: str, path: str) -> Any:
    """``value`` as ``kind``: whole numbers may stand for floats, nothing else is converted."""
    origin = get_origin(kind)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if origin is Literal:
        if value in get_args(kind) and isinstance(value, str):
            return value
        hint = did_you_mean(value, get_args(kind))
        raise BadConfigError(f"{path} is {value!r}", where=where, mend=hint)
    if kind is float and number:
        return float(value)
    if origin is tuple and isinstance(value, list | tuple) and len(value) == len(get_args(kind)):
        return tuple(_value(item, part, where, path) for item, part in zip(get_args(kind), value, strict=True))
    if origin is not tuple and isinstance(value, origin or kind) and not (kind is int and isinstance(value, bool)):
        return dict(value) if isinstance(value, Mapping) else value
    raise BadConfigError(
        f"{path} is {value!r}", where=where, mend=f"give {_NAMES.get(origin or kind, 'another value')}"
    )


_NAMES: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    str: "text",
    tuple: "a pair [low, high]",
    Mapping: "a table",
}


def _write_table(table: Mapping[str, Any], path: str, lines: list[str]) -> None:
    """Plain keys first, then the tables: TOML's own order."""
    for key, value in table.items():
        if not isinstance(value, Mapping):
            lines.append(f"{_key(key)} = {_toml(value)}")
    for key, value in table.items():
        if isinstance(value, Mapping):
            inner = f"{path}.{_key(key)}" if path else _key(key)
            lines.extend(["", f"[{inner}]"])
            _write_table(value, inner, lines)


def _key(key: str) -> str:
    plain = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if plain else json.dumps(key)


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    return json.dumps(value) if not isinstance(value, float) else repr(value)
