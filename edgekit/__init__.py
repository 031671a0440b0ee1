"""edgekit takes an audio classifier from recordings to a chip.

Whatever the command line does is one function here, loaded when it is first used, so that importing edgekit stays
light.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# public name -> module that defines it
_PUBLIC: dict[str, str] = {
    "FrontendSpec": "edgekit.features.spec",
    "Manifest": "edgekit.data.manifest",
    "Graph": "edgekit.graph.graph",
    "Quantity": "edgekit.core.quantity",
    "Verdict": "edgekit.core.verdict",
    "EdgekitError": "edgekit.core.errors",
    "train": "edgekit.api.train",
    "evaluate": "edgekit.api.evaluate",
    "export": "edgekit.api.export",
    "quantize": "edgekit.api.quantize",
    "check_budget": "edgekit.api.check_budget",
    "diff": "edgekit.api.diff",
    "rank_submissions": "edgekit.api.budget",
    "compile": "edgekit.api.compile",
    "bench": "edgekit.api.bench",
    "verify_features": "edgekit.api.features",
    "synthesise": "edgekit.api.data",
    "fetch": "edgekit.api.data",
    "report": "edgekit.api.report",
    "demo": "edgekit.api.demo",
}

__all__ = [*_PUBLIC, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'edgekit' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
