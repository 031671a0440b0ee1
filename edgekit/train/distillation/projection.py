"""Feature hints through a learned projection (Romero et al. 2015, FitNets): mean of (P(student) − teacher)²."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from edgekit.core.errors import BadConfigError


class FeatureProjection(nn.Module):
    """Mean squared error between a student's features, projected, and a teacher's.

    Maps [N, C, H, W] on both sides are compared place by place on the student's grid, to which the teacher's are
    averaged; tokens [N, T, C] of equal number one by one; anything else as its mean over places: [N, C].

    Args:
        student: shape of the student's features, without the batch.
        teacher: likewise.

    Raises:
        BadConfigError: features that are no maps, tokens or vectors.
    """

    def __init__(self, student: tuple[int, ...], teacher: tuple[int, ...]) -> None:
        super().__init__()
        for shape in (student, teacher):
            if len(shape) not in (1, 2, 3):
                text = f"features of shape {shape} are no maps, tokens or vectors"
                raise BadConfigError(text, where="distillation", mend="name another layer")
        self.maps = len(student) == len(teacher) == 3
        self.tokens = len(student) == len(teacher) == 2 and student[0] == teacher[0]
        wide, wanted = _channels(student), _channels(teacher)
        self.project: nn.Module = nn.Conv2d(wide, wanted, 1) if self.maps else nn.Linear(wide, wanted)

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Scalar: mean over clips, channels and places."""
        if self.maps:
            teacher = functional.adaptive_avg_pool2d(teacher, (int(student.shape[2]), int(student.shape[3])))
        elif not self.tokens:
            student, teacher = _mean(student), _mean(teacher)
        result: Tensor = (self.project(student) - teacher).square().mean()
        return result


def _channels(shape: tuple[int, ...]) -> int:
    return shape[-1] if len(shape) == 2 else shape[0]


def _mean(x: Tensor) -> Tensor:
    """[N, C] of maps, tokens or vectors."""
    if x.dim() == 4:
        return x.mean(dim=(2, 3))
    return x.mean(dim=1) if x.dim() == 3 else x
