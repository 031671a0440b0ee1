"""Positional codes of public ViT checkpoints, fitted to another grid and to joint or split form."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from edgekit.core.errors import BadFileError
from edgekit.models.patches import Grid, resize_codes
from edgekit.models.teachers.large_vit import LargeVit

JOINT = "pos_embed"
SPLIT = ("new_pos_embed", "freq_new_pos_embed", "time_new_pos_embed")


def fit_codes(model: LargeVit, given: Mapping[str, Tensor], rows: int, time: str) -> dict[str, Tensor]:
    """The checkpoint's positional codes as ``model`` holds them.

    Joint codes become split ones by their means over time and over frequency, as PaSST was started from ViT; split ones
    become joint by their sum. A token that the checkpoint lacks keeps the model's own code.

    Args:
        model: where they go; its grid and layout say how.
        given: renamed tensors of the checkpoint.
        rows: frequency rows of the joint codes' grid, 0 where it is square.
        time: "crop" or "interpolate" (patches.resize_codes).

    Returns:
        Tensors by the model's names.

    Raises:
        BadFileError: codes of an impossible shape.
    """
    width = int(model.cls_token.shape[2])
    if JOINT in given:
        tokens, codes = _joint(given, width, rows)
        codes = resize_codes(codes, model.grid, time)
        frequency, span = codes.mean(dim=3, keepdim=True), codes.mean(dim=2, keepdim=True)
    else:
        tokens, frequency, span = _split(given, width)
        frequency = resize_codes(frequency, (model.grid[0], 1), time)
        span = resize_codes(span, (1, model.grid[1]), time)
        codes = frequency + span
    if model.layout.split_codes:
        return {SPLIT[0]: _tokens(tokens, model.new_pos_embed), SPLIT[1]: frequency, SPLIT[2]: span}
    count = 2 if model.layout.distillation else 1
    own = _tokens(tokens, model.pos_embed[:, :count])
    return {JOINT: torch.cat((own, codes.flatten(2).transpose(1, 2)), dim=1)}


def _joint(given: Mapping[str, Tensor], width: int, rows: int) -> tuple[Tensor, Tensor]:
    """Codes of the tokens [1, 1 or 2, C] and of the patches [1, C, F, T]."""
    codes = given[JOINT].float()
    extra = 2 if "dist_token" in given else 1
    if codes.dim() != 3 or codes.shape[0] != 1 or codes.shape[2] != width or codes.shape[1] <= extra:
        raise _bad(JOINT, codes, f"(1, tokens, {width})")
    grid = _grid(int(codes.shape[1]) - extra, rows, codes)
    return codes[:, :extra], codes[:, extra:].transpose(1, 2).reshape(1, width, *grid)


def _grid(patches: int, rows: int, codes: Tensor) -> Grid:
    side = rows or math.isqrt(patches)
    if patches % side or (not rows and side * side != patches):
        raise _bad(JOINT, codes, f"a grid of {rows} rows" if rows else "a square grid")
    return side, patches // side


def _split(given: Mapping[str, Tensor], width: int) -> tuple[Tensor, Tensor, Tensor]:
    wanted = {SPLIT[0]: (1, None, width), SPLIT[1]: (1, width, None, 1), SPLIT[2]: (1, width, 1, None)}
    found = []
    for name, shape in wanted.items():
        codes = given.get(name)
        fits = codes is not None and codes.dim() == len(shape) and min(codes.shape) > 0
        if codes is None or not fits or any(a not in (None, b) for a, b in zip(shape, codes.shape, strict=True)):
            raise _bad(name, codes, str(shape))
        found.append(codes.float())
    return found[0], found[1], found[2]


def _tokens(given: Tensor, own: Tensor) -> Tensor:
    """The given codes of the first tokens, the model's own for those that are missing."""
    count = min(int(given.shape[1]), int(own.shape[1]))
    if count == own.shape[1]:
        return given[:, :count]
    return torch.cat((given[:, :count], own.detach()[:, count:].to(given.device)), dim=1)


def _bad(name: str, codes: Tensor | None, wanted: str) -> BadFileError:
    shape = "missing" if codes is None else tuple(codes.shape)
    return BadFileError(f"{name} is {shape}, not {wanted}", mend="give a checkpoint of a known layout")
