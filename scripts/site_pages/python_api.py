"""The reference of the Python functions: docstrings of what ``import edgekit`` offers."""

from __future__ import annotations

import edgekit

_HEAD = """\
# Python

Whatever the command line does is one function of `edgekit`, with the same answers. Made from the docstrings.
"""


def page() -> str:
    """The page as Markdown with one mkdocstrings block a name."""
    blocks = []
    for name, module in sorted(edgekit._PUBLIC.items(), key=lambda item: (not item[0][0].isupper(), item[0].lower())):
        blocks.append(f"\n## edgekit.{name}\n\n::: {module}.{name}\n")
    return _HEAD + "".join(blocks)
