"""Hooks of the documentation: links to files of the checkout become their paths, since the site holds pages only."""

from __future__ import annotations

import re

_OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./([^)#]+)(?:#[^)]*)?\)")


def on_page_markdown(markdown: str, **_: object) -> str:
    """``[models/level.py](../edgekit/models/level.py)`` → the path as code."""
    return _OUTSIDE.sub(_as_path, markdown)


def _as_path(match: re.Match[str]) -> str:
    text, path = match[1], match[2]
    return f"`{path}`" if text.strip("`") in path else f"{text} (`{path}`)"
