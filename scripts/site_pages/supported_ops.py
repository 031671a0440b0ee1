"""SUPPORTED_OPS: which operators become integer-only, and which kernels each has in C. From the tables of the code."""

from __future__ import annotations

from collections.abc import Iterable

from edgekit.deploy.c.emitters import EMITTERS, WIDE_EMITTERS
from edgekit.deploy.c.offers import KERNELS
from edgekit.graph.functions import FUNCTIONS, OPERATORS
from edgekit.graph.ops import EDGE_OPS, INT16_OPS, TABLE_OPS
from edgekit.graph.passes.lower_onnx import RULES as ONNX
from edgekit.graph.passes.tflite_expand import EXPANDED
from edgekit.graph.passes.tflite_rules import RULES as TFLITE

_HEAD = """\
# SUPPORTED_OPS

What `edgekit quantize` and `edgekit compile` take; `edgekit check-budget` counts more ([rules](../rules.md)). Made from
the tables of the code. An operator that is not here is refused by name, never left in floating point silently.
"""
_ISAS = (("dsp", "Cortex-M4, M7, M33"), ("mve", "Cortex-M55"), ("neon", "Armv8-A"))


def page() -> str:
    """The page as Markdown."""
    return _HEAD + _integer() + _files() + _functions()


def _integer() -> str:
    rows = ["| operator | int8 | int16 | C | kernels of its own for |", "|---|---|---|---|---|"]
    for op in EDGE_OPS:
        table = " as a table" if op in TABLE_OPS else ""
        written = "yes" if op in EMITTERS or op in WIDE_EMITTERS else "at the model's edges only"
        own = [title for isa, title in _ISAS if (op, isa) in KERNELS]
        rows.append(f"| `{op}` | yes{table} | {'yes' if op in INT16_OPS else ''} | {written} | {', '.join(own)} |")
    about = "Meaning and attributes: `edgekit/graph/ops.py`. Portable C is there for all; kernels are chosen by target."
    return f"\n## Integer operators\n\n{about}\n\n" + "\n".join(rows) + "\n"


def _files() -> str:
    onnx = {op for op in ONNX if op[0].isupper()} | {operator.onnx for operator in OPERATORS if operator.onnx}
    tflite = {*TFLITE, *EXPANDED}
    return f"\n## Read from ONNX\n\n{_names(onnx)}.\n\n## Read from TFLite\n\n{_names(tflite)}.\n"


def _functions() -> str:
    about = (
        "Any of these of one value, and whatever chain of them comes from one value (GELU in any spelling, SiLU, Mish, "
        "…), is one operator `pointwise`: in int8 a table of 256."
    )
    return f"\n## Functions of one value\n\n{about}\n\n{_names(FUNCTIONS)}.\n"


def _names(ops: Iterable[str]) -> str:
    return ", ".join(f"`{op}`" for op in sorted(ops))
