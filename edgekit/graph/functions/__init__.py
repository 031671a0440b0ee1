"""Functions of one value, one file a family: what the ``pointwise`` operator computes, in float and as a table of 256.

A module of this folder is found by lying here. Its ``FUNCTIONS`` (:class:`~edgekit.graph.functions.kind.Function`) are
what expressions are made of, its ``OPERATORS`` (:class:`~edgekit.graph.functions.kind.Operator`) what files spell as
one operator. Readers, float and integer interpreter, C, both writers and quantization-aware training take them from
here. TFLM has none of these functions; it gathers from the table (export/table_lookup.py) and the generated C looks up:
the same bytes on every road.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from edgekit.graph.functions.kind import Expression, Function, Operator

_MODULES = [importlib.import_module(f"{__name__}.{entry.name}") for entry in pkgutil.iter_modules(__path__)]

FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {function.name: function for module in _MODULES for function in getattr(module, "FUNCTIONS", ())}
)
"""Functions by name."""


def _applied(name: str, attrs: Mapping[str, Any]) -> Expression:
    return (name, "x")


OPERATORS: tuple[Operator, ...] = (
    *(operator for module in _MODULES for operator in getattr(module, "OPERATORS", ())),
    *(
        Operator(partial(_applied, function.name), function.onnx, function.tflite)
        for function in FUNCTIONS.values()
        if function.arguments == 1
    ),
)
"""Operators of files that are a function of one value, functions themselves among them."""
