"""Published JSON schemas (draft 2020-12) of what edgekit prints."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

SCHEMAS: tuple[str, ...] = ("check-budget", "diff", "eval", "inspect", "report")


def json_schema(name: str) -> dict[str, Any]:
    """The schema of ``edgekit NAME --format json`` ("inspect": of ``edgekit data inspect``).

    Args:
        name: one of :data:`SCHEMAS`.
    """
    text = resources.files(__name__).joinpath(f"{name}.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
