"""How commands print results: the option that chooses, and one JSON document on stdout."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import click


def format_option(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """``--format`` of these, the first by default."""
    choice = click.Choice(names)
    return click.option(
        "--format", "form", type=choice, default=names[0], show_default=True, help="Of what is printed."
    )


FORMAT = format_option("text", "json")


def echo_json(document: Mapping[str, Any]) -> None:
    """Print ``document`` with a "schema_version", 1 where it has none; NaN and infinities are null (JSON has none)."""
    click.echo(json.dumps(_finite({"schema_version": 1, **document}), indent=2))


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value
