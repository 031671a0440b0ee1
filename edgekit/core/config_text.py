"""Texts of configuration files that users name: recipes, plans, search spaces."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from edgekit.core.errors import BadConfigError

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
        near = difflib.get_close_matches(str(path), names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"{kind}s: {', '.join(names)}; or give a .toml file"
        raise BadConfigError(f"is neither a {kind} nor a file", where=str(path), mend=hint)
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise BadConfigError("is larger than 1 MiB", where=str(path), mend=f"give a {kind}")
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfigError("cannot be read as UTF-8 text", where=str(path), mend="give a TOML file") from error
