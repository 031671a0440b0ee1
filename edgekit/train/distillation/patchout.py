"""Synchronised patchout: the student drops the patches that the teacher dropped."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from edgekit.core.errors import BadConfigError

Grid = tuple[int, int]


def check_synchronised(student: nn.Module, teacher: nn.Module) -> Grid:
    """The grid of patches (frequency, time) that student and teacher share.

    Raises:
        BadConfigError: one of them has no patches, the grids differ, or the teacher drops none.
    """
    grids: list[Any] = [getattr(model, "grid", None) for model in (student, teacher)]
    if None in grids or not hasattr(teacher, "sample_keep"):
        raise BadConfigError(
            "patchout can be synchronised between two models of patches only",
            where="distillation",
            mend="use a small-vit student and a large-vit teacher, or synchronise_patchout=false",
        )
    if tuple(grids[0]) != tuple(grids[1]):
        raise BadConfigError(
            f"the student has {grids[0][0]}×{grids[0][1]} patches, the teacher {grids[1][0]}×{grids[1][1]}",
            where="distillation",
            mend="give both the same front-end, patch and stride",
        )
    keep = teacher.sample_keep(grids[1], torch.device("cpu"))  # type: ignore[operator]
    if keep is None:
        text = "the teacher drops no patches"
        raise BadConfigError(text, where="distillation", mend="use a teacher that was trained with patchout")
    return int(grids[0][0]), int(grids[0][1])


def sample_shared(teacher: nn.Module, grid: Grid, device: torch.device) -> Tensor:
    """Patches that both keep in this step, int64 [K], drawn as the teacher draws its own."""
    keep: Tensor = teacher.sample_keep(grid, device)  # type: ignore[operator]
    return keep
