"""Models by name: a decorator puts a builder here, :func:`build_model` finds it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from edgekit.core.errors import BadConfigError
from edgekit.core.spelling import did_you_mean
from edgekit.models.variants import VARIANTS

if TYPE_CHECKING:
    from torch import nn

Builder = TypeVar("Builder", bound=Callable[..., Any])

_SHELVES = ("students", "teachers", "acoustic", "speakers")
"""Folders of this room in which a module that registers a model is found by lying there."""

# What lies elsewhere: model name -> module that registers it.
_MODULES: dict[str, str] = {
    "partitioned": "edgekit.models.partitioned",
    # plug-ins of a room above this one, known here by name only
    "adapted-vit": "edgekit.adapt.vit",
    "reprogrammed": "edgekit.adapt.reprogram.model",
    "torchvision": "edgekit.adapt.torchvision_models",
}
_BUILDERS: dict[str, Callable[..., Any]] = {}

Causality = Callable[[str], dict[str, Any]] | str
"""What a student says of its causal twin: its arguments where time is "height" or "width", or why there is none."""
_CAUSALITY: dict[str, Causality] = {}


def register(name: str, *, causal: Causality = "") -> Callable[[Builder], Builder]:
    """Decorator: make a class or function available as ``build_model(name, **arguments)``.

    Args:
        name: of the model.
        causal: see :data:`Causality`; "" says nothing, and there is no twin.
    """

    def put(builder: Builder) -> Builder:
        _BUILDERS[name], _CAUSALITY[name] = builder, causal
        return builder

    return put


def causality() -> dict[str, Causality]:
    """What every model says of its causal twin."""
    _open_shelves()
    return dict(_CAUSALITY)


@cache
def _open_shelves() -> None:
    """Import every module of the shelves once, so that their models register; they need torch, as building does."""
    for shelf in _SHELVES:
        package = importlib.import_module(f"edgekit.models.{shelf}")
        for entry in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(entry.name)


def model_names() -> tuple[str, ...]:
    """All registered names and variants, sorted."""
    _open_shelves()
    return tuple(sorted({*_MODULES, *_BUILDERS, *VARIANTS}))


def build_model(name: str, **arguments: Any) -> nn.Module:
    """The model ``name`` with fresh weights: [N, 1, H, W] float32 → logits [N, classes].

    Raises:
        BadConfigError: unknown model, unknown argument, or an impossible value of one.
    """
    if name not in model_names():
        hint = did_you_mean(name, model_names())
        raise BadConfigError(f"unknown model {name!r}", mend=hint)
    if name in VARIANTS:
        return build_model(VARIANTS[name].model, **{**VARIANTS[name].arguments, **arguments})
    if name not in _BUILDERS:
        importlib.import_module(_MODULES[name])
    builder = _BUILDERS[name]
    parameters = inspect.signature(builder).parameters
    known = list(parameters)
    for key in arguments:
        if key not in known:
            hint = did_you_mean(key, known, f"it takes {', '.join(known)}")
            raise BadConfigError(f"unknown argument {key!r}", where=f"model {name}", mend=hint)
    missing = [key for key, item in parameters.items() if item.default is item.empty and key not in arguments]
    if missing:
        mend = "use edgekit adapt --source RUN" if "source" in missing else "set it in model.arguments"
        raise BadConfigError(f"argument {missing[0]!r} is missing", where=f"model {name}", mend=mend)
    model: nn.Module = builder(**arguments)
    return model
