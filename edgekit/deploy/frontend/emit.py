"""Text of C: templates, number literals and tables."""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_TEMPLATES = Path(__file__).resolve().parent / "templates"
_WIDTH = 118


def fill(template: str, values: Mapping[str, object]) -> str:
    """A file of ``templates/`` with its ``$placeholders`` replaced; a missing value is an error."""
    return string.Template((_TEMPLATES / template).read_text("utf-8")).substitute(values)


def float_literal(value: float) -> str:
    """Shortest decimal that gives the same float32, with the suffix of a float."""
    text = np.format_float_scientific(np.float32(value), trim="0", exp_digits=1)
    return f"{text.replace('e+0', '').replace('e+', 'e')}f"


def table(ctype: str, name: str, values: NDArray[np.generic]) -> str:
    """``static const ctype name[n] = {…};`` from a 1-D array."""
    if np.issubdtype(values.dtype, np.floating):
        texts: Iterable[str] = (float_literal(float(v)) for v in values)
    else:
        suffix = "U" if values.dtype == np.uint32 else ""
        texts = (f"{int(v)}{suffix}" for v in values)
    lines, line = [], "   "
    for text in texts:
        if len(line) + len(text) + 2 > _WIDTH:
            lines.append(line)
            line = "   "
        line += f" {text},"
    lines.append(line.rstrip(","))
    return f"static const {ctype} {name}[{values.size}] = {{\n" + "\n".join(lines) + "\n};\n\n"
