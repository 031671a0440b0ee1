"""Which parameters learn how fast: groups of the optimiser, learning rate over the steps, parameters at rest."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.nn import Parameter
from torch.nn.modules.batchnorm import _BatchNorm

from edgekit.train.anatomy import depths, head_tensors
from edgekit.train.recipe import Recipe, Schedule

Group = dict[str, Any]
_STEEP = 5.0  # of the exponential warm-up, as Laine & Aila 2017 and the training of PaSST have it


def make_optimiser(model: nn.Module, recipe: Recipe, further: nn.Module | None = None) -> torch.optim.Optimizer:
    """AdamW or SGD with Nesterov momentum; batch norm and biases are not decayed.

    Args:
        model: the student.
        recipe: its ``[optimiser]``, and ``start.layer_decay``.
        further: modules that are trained beside it, at the full learning rate.
    """
    choice = recipe.optimiser
    extra = list(further.parameters()) if further is not None else []
    groups = _by_depth(model, recipe) if recipe.start.layer_decay < 1.0 else []
    groups += _decayed_or_not(extra if groups else [*model.parameters(), *extra], recipe, 1.0)
    if choice.name == "sgd":
        return torch.optim.SGD(groups, choice.learning_rate, choice.momentum, nesterov=choice.momentum > 0)
    return torch.optim.AdamW(groups, choice.learning_rate, fused=True)  # one kernel instead of ten a tensor


def _by_depth(model: nn.Module, recipe: Recipe) -> list[Group]:
    """Groups from the stem to the head, each with its own learning rate."""
    order = depths(model, f"recipe {recipe.name}")
    levels: dict[int, list[Parameter]] = {}
    for name, parameter in model.named_parameters():
        levels.setdefault(order.of(name), []).append(parameter)
    deepest = order.blocks + 1
    scaled = {depth: recipe.start.layer_decay ** (deepest - depth) for depth in sorted(levels)}
    return [group for depth, scale in scaled.items() for group in _decayed_or_not(levels[depth], recipe, scale)]


def _decayed_or_not(parameters: Iterable[Parameter], recipe: Recipe, scale: float) -> list[Group]:
    """Matrices, which are decayed, and vectors, which are not; empty groups are left out."""
    learning = [p for p in parameters if p.requires_grad]
    matrices = [p for p in learning if p.dim() > 1]
    vectors = [p for p in learning if p.dim() <= 1]
    groups: list[Group] = [
        {"params": matrices, "weight_decay": recipe.optimiser.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    if scale != 1.0:
        for group in groups:
            group["lr"] = recipe.optimiser.learning_rate * scale
    return [group for group in groups if group["params"]]


def learning_rate_factor(step: int, schedule: Schedule, steps: int) -> float:
    """Share of the learning rate at optimiser step ``step``: warm-up, flat, decay, and the final share to the end.

    A linear warm-up rises from 1/(w + 1) over w steps, an exponential one is exp(−5·(1 − step/w)²). A cosine decay is
    half a period, a linear one a straight line.

    Args:
        step: from 0.
        schedule: how many epochs each part takes; ``decay_epochs`` 0 decays until the run ends.
        steps: optimiser steps of an epoch.
    """
    warm, flat = schedule.warmup_epochs * steps, schedule.flat_epochs * steps
    if step < warm:
        return (step + 1) / (warm + 1) if schedule.warmup == "linear" else math.exp(-_STEEP * (1 - step / warm) ** 2)
    length = schedule.decay_epochs * steps or schedule.epochs * steps - warm - flat
    share = min(1.0, max(0.0, step - warm - flat) / max(1.0, length))
    left = 0.5 * (1.0 + math.cos(math.pi * share)) if schedule.decay == "cosine" else 1.0 - share
    return schedule.final_factor + (1.0 - schedule.final_factor) * left


class Rest:
    """Which parameters rest in an epoch, after ``[start]``.

    Args:
        model: the student.
        recipe: ``start.freeze_blocks``, ``start.head_epochs`` and the model's name.
        classes: number of outputs.
    """

    def __init__(self, model: nn.Module, recipe: Recipe, classes: int) -> None:
        self.choice = recipe.start
        names = [name for name, _ in model.named_parameters()]
        heads = head_tensors(recipe.model.name, {**recipe.model.arguments, "classes": classes})
        self.all_but_head = frozenset(name for name in names if name not in heads)
        self.first: frozenset[str] = frozenset()
        if self.choice.freeze_blocks:
            order = depths(model, f"recipe {recipe.name}")
            self.first = frozenset(name for name in names if order.of(name) <= self.choice.freeze_blocks)

    def apply(self, model: nn.Module, epoch: int) -> None:
        """Switch gradients on and off for ``epoch`` (from 0); batch norms at rest keep their statistics."""
        resting = self.all_but_head if epoch < self.choice.head_epochs else self.first
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name not in resting)
        for name, module in model.named_modules():
            if isinstance(module, _BatchNorm) and f"{name}.weight" in resting:
                module.eval()
