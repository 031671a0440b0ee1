"""Texts out of strangers' files, made safe for where they are printed: names of layers may hold anything."""

from __future__ import annotations

import unicodedata


def plain(text: str, keep: str = "") -> str:
    r"""``text`` with every control, format and surrogate character written as ``\x1b``, except those of ``keep``.

    Nothing printed can then move a cursor, start a workflow command on a new line, or reverse the reading order.
    """
    if text.isprintable():
        return text
    return "".join(c if c in keep or unicodedata.category(c)[0] != "C" else _escape(c) for c in text)


def markdown(text: str) -> str:
    """``text`` as one cell of a Markdown table, without any formatting of its own."""
    safe = plain(" ".join(text.split()))
    for special in "\\`*_{}[]<>|#!~&":
        safe = safe.replace(special, f"\\{special}" if special not in "<>&" else _ENTITIES[special])
    return safe


_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65_536 else f"\\U{code:08x}"
