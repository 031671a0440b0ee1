"""ViTKD (Yang et al. 2022): a transformer's first layers are mimicked, its last one is generated.

α·Σ(W·s − t)²/N over the first two layers, and β/λ·Σ over masked tokens of (G(masked W·s) − t)²/N for the last layer,
where G is 3×3 convolution, ReLU, 3×3 convolution on the grid of tokens, which need not be square.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

Grid = tuple[int, int]
MIMICKED = 2
"""Layers from the first on that are mimicked."""


class VitKd(nn.Module):
    """Loss with parameters of its own (alignment, mask token, generator), which are trained and thrown away.

    Args:
        student_width: channels of the student's tokens.
        teacher_width: channels of the teacher's tokens.
        grid: patches over (frequency, time), the same in both.
        mimic_weight: α.
        generate_weight: β.
        mask_share: λ, share of tokens that are masked.
    """

    def __init__(
        self,
        student_width: int,
        teacher_width: int,
        grid: Grid,
        *,
        mimic_weight: float = 3e-5,
        generate_weight: float = 3e-6,
        mask_share: float = 0.5,
    ) -> None:
        super().__init__()
        self.grid, self.mimic_weight, self.generate_weight, self.mask_share = (
            grid,
            mimic_weight,
            generate_weight,
            mask_share,
        )
        self.align_first = nn.ModuleList(nn.Linear(student_width, teacher_width) for _ in range(MIMICKED))
        self.align_last = nn.Linear(student_width, teacher_width)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, teacher_width))
        self.generator = nn.Sequential(
            nn.Conv2d(teacher_width, teacher_width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(teacher_width, teacher_width, 3, padding=1),
        )

    def forward(self, student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
        """Scalar; each sequence holds the patch tokens [N, F'·T', C] after the first two layers and after the last.

        Which tokens are masked is drawn from torch's generator.
        """
        masked = self.draw_mask(student[-1])
        return self.mimic(student[:MIMICKED], teacher[:MIMICKED]) + self.generate(student[-1], teacher[-1], masked)

    def mimic(self, student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
        """α·Σ(W·s + b − t)²/N over the layers, scalar."""
        pairs = zip(self.align_first, student, teacher, strict=True)
        errors = [(align(ours) - theirs).square().sum() for align, ours, theirs in pairs]
        return self.mimic_weight * torch.stack(errors).sum() / len(student[0])

    def draw_mask(self, tokens: Tensor) -> Tensor:
        """Masked tokens of each clip, bool [N, F'·T']: a random share λ of them."""
        clips, count = int(tokens.shape[0]), int(tokens.shape[1])
        order = torch.rand(clips, count, device=tokens.device).argsort(dim=1)
        return order >= int(count * (1.0 - self.mask_share))

    def generate(self, student: Tensor, teacher: Tensor, masked: Tensor) -> Tensor:
        """β/λ·Σ(G(tokens, mask token where masked) − t)²/N over the masked tokens, scalar."""
        tokens = torch.where(masked[:, :, None], self.mask_token, self.align_last(student))  # [N, F'·T', C]
        clips, _, width = tokens.shape
        maps = tokens.transpose(1, 2).reshape(clips, width, *self.grid)  # [N, C, F', T']
        made = self.generator(maps).flatten(2).transpose(1, 2)
        error = ((made - teacher).square() * masked[:, :, None]).sum()
        result: Tensor = self.generate_weight / self.mask_share * error / clips
        return result
