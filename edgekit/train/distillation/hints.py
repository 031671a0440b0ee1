"""Hints from inside an online teacher: which layers are compared, and by which loss."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from edgekit.core.errors import BadConfigError
from edgekit.train.distillation.choice import Distillation
from edgekit.train.distillation.projection import FeatureProjection
from edgekit.train.distillation.taps import tapped
from edgekit.train.distillation.vitkd import MIMICKED, VitKd

Shape = tuple[int, int]


class Hints(nn.Module):
    """Loss between layers of student and teacher, with the parameters that it trains.

    Args:
        choice: "projection" or "vitkd" in ``features``.
        student: the student.
        teacher: the teacher.
        shapes: (H, W) of the student's and of the teacher's features.

    Raises:
        BadConfigError: no such layers, or models that do not fit the loss.
    """

    def __init__(self, choice: Distillation, student: nn.Module, teacher: nn.Module, shapes: tuple[Shape, Shape]):
        super().__init__()
        self.choice = choice
        if choice.features == "vitkd":
            self.student_layers, self.teacher_layers = _block_names(student), _block_names(teacher)
        else:
            self.student_layers, self.teacher_layers = [choice.student_layer], [choice.teacher_layer]
        ours = _shape_of(student, self.student_layers[-1], shapes[0])
        theirs = _shape_of(teacher, self.teacher_layers[-1], shapes[1])
        self.loss: FeatureProjection | VitKd
        if choice.features == "projection":
            self.loss = FeatureProjection(ours, theirs)
            return
        self.grid = _common_grid(student, teacher)
        self.loss = VitKd(
            ours[-1],
            theirs[-1],
            self.grid,
            mimic_weight=choice.mimic_weight,
            generate_weight=choice.generate_weight,
            mask_share=choice.mask_share,
        )

    def forward(self, student: Mapping[str, Tensor], teacher: Mapping[str, Tensor]) -> Tensor:
        """Weighted loss, scalar, of what went through the layers."""
        ours = [student[name] for name in self.student_layers]
        theirs = [teacher[name] for name in self.teacher_layers]
        if isinstance(self.loss, FeatureProjection):
            result: Tensor = self.choice.feature_weight * self.loss(ours[0], theirs[0])
            return result
        places = self.grid[0] * self.grid[1]  # class and distillation tokens come before the patches
        out: Tensor = self.loss([tokens[:, -places:] for tokens in ours], [tokens[:, -places:] for tokens in theirs])
        return out


def _block_names(model: nn.Module) -> list[str]:
    """Names of the first two transformer blocks and of the last."""
    blocks = getattr(model, "blocks", None)
    if not isinstance(blocks, nn.Sequential) or not hasattr(model, "grid") or len(blocks) < MIMICKED:
        raise BadConfigError(
            f"{type(model).__name__} has no two transformer blocks over patches",
            where="distillation.features vitkd",
            mend="use a small-vit student and a large-vit teacher, or features = projection",
        )
    return [*(f"blocks.{number}" for number in range(MIMICKED)), f"blocks.{len(blocks) - 1}"]


def _common_grid(student: nn.Module, teacher: nn.Module) -> tuple[int, int]:
    grids = [tuple(int(n) for n in model.grid) for model in (student, teacher)]  # type: ignore[union-attr]
    if grids[0] != grids[1]:
        raise BadConfigError(
            f"the student has a grid of {grids[0]} patches, the teacher {grids[1]}",
            where="distillation.features vitkd",
            mend="give both the same front-end, patch and stride",
        )
    return grids[0][0], grids[0][1]


def _shape_of(model: nn.Module, layer: str, shape: Shape) -> tuple[int, ...]:
    """Shape of the layer's output for one clip, without the batch."""
    was_training = model.training
    with tapped(model, [layer]) as outputs, torch.no_grad():
        model.eval()(torch.zeros(1, 1, *shape, device=next(model.parameters()).device))
    model.train(was_training)
    return tuple(int(size) for size in outputs[layer].shape[1:])
