"""edgekit takes an audio classifier from recordings to a chip.

Whatever the command line does is one function here, loaded when it is first used, so that importing edgekit stays
light.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
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
    "distill": "edgekit.api.distill",
    "list_recipes": "edgekit.api.recipes",
    "sweep": "edgekit.api.sweep",
    "soup": "edgekit.api.soup",
    "adapt": "edgekit.api.adapt",
    "train_picture_source": "edgekit.api.source",
    "torchvision_source": "edgekit.api.source",
    "voice2series": "edgekit.api.voice2series",
    "join": "edgekit.api.join",
    "store_logits": "edgekit.api.logits",
    "evaluate": "edgekit.api.evaluate",
    "evaluate_models": "edgekit.api.evaluate",
    "paired_bootstrap": "edgekit.train.evaluation.bootstrap",
    "verify_speakers": "edgekit.api.verify",
    "export": "edgekit.api.export",
    "quantize": "edgekit.api.quantize",
    "check_budget": "edgekit.api.check_budget",
    "diff": "edgekit.api.diff",
    "rank_submissions": "edgekit.api.budget",
    "compile": "edgekit.api.compile",
    "stream": "edgekit.api.stream",
    "bench": "edgekit.api.bench",
    "bench_pair": "edgekit.api.bench_pair",
    "verify_features": "edgekit.api.verify_features",
    "synthesise": "edgekit.api.data",
    "fetch": "edgekit.api.data",
    "inspect_manifest": "edgekit.api.inspect",
    "augment": "edgekit.api.augment",
    "wake": "edgekit.api.wake",
    "report": "edgekit.api.report",
    "run": "edgekit.api.run",
    "run_live": "edgekit.api.run",
    "run_stream": "edgekit.api.run_stream",
    "run_stream_live": "edgekit.api.run_stream",
    "doctor": "edgekit.api.doctor",
    "demo": "edgekit.api.demo",
}

# Public functions that share their name with a room: the room itself is handed out, and can be called.
_ROOMS = frozenset({"adapt", "augment", "train", "export", "quantize", "bench", "report"})

__all__ = [*_PUBLIC, "__version__"]


class _CallableRoom(ModuleType):
    """A room that, called, does what its command does: ``edgekit.train(…)`` beside ``edgekit.train.loop``."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return _function(self.__name__.rpartition(".")[2])(*arguments, **options)


class _Package(ModuleType):
    """edgekit itself; the import system hands it every room by ``setattr``."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _ROOMS and isinstance(value, ModuleType):
            value.__class__ = _CallableRoom
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def _function(name: str) -> Any:
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'edgekit' has no attribute {name!r}")
    return importlib.import_module(f"edgekit.{name}") if name in _ROOMS else _function(name)


def __dir__() -> list[str]:
    return sorted(__all__)
