"""Texts of configuration files that users name: recipes, plans, search spaces."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgekit.core.errors import BadConfigError
from edgekit.core.spelling import did_you_mean

LARGEST_BYTES = 1 << 20


def read_config(path: Path, kind: str, names: Sequence[str] = ()) -> str:
    """The text of a configuration file.

    Args:
        path: of the file.
        kind: what it is, for messages: "recipe".
        names: of those that come with edgekit, to suggest one where there is no such file.

    Raises:
        BadConfigError: no file, larger than LARGEST_BYTES, or no UTF-8 text.
    """
    if not path.is_file():
        hint = did_you_mean(
            path, names, f"{kind}s: {', '.join(names)}; or give a .toml file" if names else "give a TOML file"
        )
        raise BadConfigError(f"is neither a {kind} nor a file", where=str(path), mend=hint)
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise BadConfigError("is larger than 1 MiB", where=str(path), mend=f"give a {kind}")
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfigError("cannot be read as UTF-8 text", where=str(path), mend="give a TOML file") from error


def parse_toml(text: str, where: str) -> dict[str, Any]:
    """The tables of a TOML text.

    Raises:
        BadConfigError: it is not TOML, or nested too deeply to be read.
    """
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadConfigError(f"not TOML: {error}", where=where, mend="mend the file") from error
