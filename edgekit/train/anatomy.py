"""Which of a model's tensors are its head, and how deep the others lie.

Read off the built model, so that no model has to declare it: the head is whatever grows with the number of classes, and
every model of the registry is a stem, a chain of blocks and what follows them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from edgekit.core.errors import BadConfigError
from edgekit.models.registry import build_model

_CHAINS = ("blocks", "features")
"""Children that hold the blocks in order."""


def head_tensors(name: str, arguments: Mapping[str, Any]) -> dict[str, int]:
    """Tensors of the state dict whose size is the number of classes, and the axis of the classes.

    Args:
        name: of the registry.
        arguments: of its builder, ``classes`` included.

    Raises:
        BadConfigError: an unknown model or argument.
    """
    with torch.device("meta"):
        shapes = [
            {key: tuple(value.shape) for key, value in build_model(name, **more).state_dict().items()}
            for more in (arguments, {**arguments, "classes": int(arguments["classes"]) + 1})
        ]
    pairs = {key: (shape, shapes[1][key]) for key, shape in shapes[0].items() if shape != shapes[1][key]}
    return {key: next(i for i, (a, b) in enumerate(zip(*pair, strict=True)) if a != b) for key, pair in pairs.items()}


@dataclass(frozen=True)
class Depths:
    """How deep the parameters of one model lie.

    Attributes:
        chain: name of the child that holds the blocks.
        blocks: how many there are.
        before: names of the children before the chain; the model's own parameters (tokens, codes) count to them.
    """

    chain: str
    blocks: int
    before: frozenset[str]

    def of(self, name: str) -> int:
        """0 for the stem, 1 … blocks for the blocks, blocks + 1 for what follows."""
        match = re.match(rf"{self.chain}\.(\d+)\.", name)
        if match:
            return 1 + int(match[1])
        child, dot, _ = name.partition(".")
        return 0 if not dot or child in self.before else self.blocks + 1


def depths(model: nn.Module, where: str) -> Depths:
    """The order of a model's parameters from input to output.

    Raises:
        BadConfigError: a model that is no chain of blocks.
    """
    children = [name for name, _ in model.named_children()]
    for chain in _CHAINS:
        if chain in children:
            blocks = getattr(model, chain)
            return Depths(chain, len(blocks), frozenset(children[: children.index(chain)]))
    text = f"{type(model).__name__} has no chain of blocks"
    raise BadConfigError(text, where=where, mend="set start.layer_decay=1 and start.freeze_blocks=0")
