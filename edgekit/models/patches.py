"""Spectrograms as grids of patches: projection, positional codes, and which patches are kept in training."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgekit.core.errors import BadConfigError

Grid = tuple[int, int]
"""Patches over (frequency, time)."""


class PatchEmbedding(nn.Module):
    """One linear projection of each patch; patches overlap where the stride is smaller than their side."""

    def __init__(self, patch: tuple[int, int], stride: tuple[int, int], width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(1, width, patch, stride)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 1, F, T] → [N, C, F', T']."""
        out: Tensor = self.proj(x)
        return out


def patch_grid(shape: Sequence[int], patch: tuple[int, int], stride: tuple[int, int]) -> Grid:
    """Patches that fit into features of (F, T).

    Raises:
        BadConfigError: none fits.
    """
    grid = tuple((size - side) // step + 1 for size, side, step in zip(shape, patch, stride, strict=True))
    if len(grid) != 2 or min(grid) < 1:
        raise BadConfigError(f"no patch of {patch} fits into features of {tuple(shape)}", mend="use smaller patches")
    return grid[0], grid[1]


def to_tokens(patches: Tensor) -> Tensor:
    """[N, C, F', T'] → [N, F'·T', C], row by row over the grid."""
    batch, width, rows, columns = (int(size) for size in patches.shape)
    return patches.reshape(batch, width, rows * columns).transpose(1, 2)


def for_batch(tokens: Tensor, batch: int) -> Tensor:
    """Learned tokens [1, K, C] → [N, K, C], the same for each clip."""
    return tokens if batch == 1 else tokens.expand(batch, -1, -1)


def sine_codes(grid: Grid, width: int) -> Tensor:
    """Fixed positional codes [1, F'·T', C]: the first half of the channels codes frequency, the second time.

    Each half is sines, then cosines of position / 10000^(i/(C/4)) (Vaswani et al. 2017, in two dimensions).

    Raises:
        BadConfigError: C is no multiple of 4.
    """
    if width % 4:
        raise BadConfigError(f"width {width} is no multiple of 4, which sine codes need", mend="use learned codes")
    rates = torch.exp(-math.log(10_000.0) * torch.arange(width // 4, dtype=torch.float64) / (width // 4))

    def axis(length: int) -> Tensor:
        angles = torch.arange(length, dtype=torch.float64)[:, None] * rates
        return torch.cat((angles.sin(), angles.cos()), dim=1)  # [length, C/2]

    frequency = axis(grid[0])[:, None].expand(-1, grid[1], -1)
    time = axis(grid[1])[None].expand(grid[0], -1, -1)
    return torch.cat((frequency, time), dim=2).reshape(1, grid[0] * grid[1], width).float()


def resize_codes(codes: Tensor, grid: Grid, time: str = "crop") -> Tensor:
    """Positional codes for another grid: [1, C, F, T] → [1, C, F', T'].

    Frequency is interpolated (bicubic). Time is cropped in the middle where the new grid is shorter and interpolated
    where it is longer, as the published fine-tuning of PaSST and AST does: a second stays as many columns as it was;
    with ``time="interpolate"`` it is always interpolated.

    Raises:
        BadConfigError: an unknown ``time``.
    """
    if time not in ("crop", "interpolate"):
        raise BadConfigError(f"unknown way {time!r} to fit time", mend="use 'crop' or 'interpolate'")
    if time == "crop" and codes.shape[3] > grid[1]:
        start = (codes.shape[3] - grid[1]) // 2
        codes = codes[:, :, :, start : start + grid[1]]
    if tuple(codes.shape[2:]) == grid:
        return codes.clone()
    return functional.interpolate(codes.float(), size=grid, mode="bicubic", align_corners=False)


def structured_keep(grid: Grid, rows: int, columns: int, device: torch.device | None = None) -> Tensor:
    """Indices of the patches that remain when whole frequency rows and time columns are dropped at random.

    Returns:
        int64 [(F' − rows)·(T' − columns)], ascending, counted row by row over the grid.

    Raises:
        BadConfigError: nothing would remain.
    """
    if not 0 <= rows < grid[0] or not 0 <= columns < grid[1]:
        raise BadConfigError(
            f"cannot drop {rows} rows and {columns} columns of {grid[0]}×{grid[1]} patches", mend="drop fewer"
        )
    kept_rows = _choose(grid[0], grid[0] - rows, device)
    kept_columns = _choose(grid[1], grid[1] - columns, device)
    return (kept_rows[:, None] * grid[1] + kept_columns[None]).flatten()


def unstructured_keep(keep: Tensor, drop: int) -> Tensor:
    """``keep`` without ``drop`` of its indices chosen at random.

    Raises:
        BadConfigError: nothing would remain.
    """
    if not 0 <= drop < len(keep):
        raise BadConfigError(f"cannot drop {drop} of {len(keep)} patches", mend="drop fewer")
    return keep[_choose(len(keep), len(keep) - drop, keep.device)]


def _choose(count: int, kept: int, device: torch.device | None) -> Tensor:
    return torch.randperm(count, device=device)[:kept].sort().values
