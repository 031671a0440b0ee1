"""What goes through named modules while a model runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn

from edgekit.core.errors import BadConfigError
from edgekit.core.spelling import did_you_mean


@contextlib.contextmanager
def tapped(model: nn.Module, names: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """A dictionary that holds, after each forward pass inside the block, the output of each named module.

    Raises:
        BadConfigError: no module of that name.
    """
    outputs: dict[str, Tensor] = {}
    handles = [_module(model, name).register_forward_hook(partial(_keep, outputs, name)) for name in names]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


def _keep(outputs: dict[str, Tensor], name: str, module: nn.Module, inputs: Any, output: Tensor) -> None:
    outputs[name] = output


def _module(model: nn.Module, name: str) -> nn.Module:
    modules = dict(model.named_modules())
    if name not in modules or not name:
        known = [known for known in modules if known]
        top = ", ".join(known_name for known_name, _ in model.named_children())
        mend = did_you_mean(name, known, otherwise=f"it has {top}")
        raise BadConfigError(f"no layer {name!r} in {type(model).__name__}", where="distillation", mend=mend)
    result: nn.Module = modules[name]
    return result
