"""Devices of torch by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.core.errors import BadConfigError

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda")


def check_device(device: str) -> None:
    """Raise BadConfigError for an unknown name."""
    if device not in DEVICES:
        raise BadConfigError(f"unknown device {device!r}", mend=f"use one of {', '.join(DEVICES)}")


def pick_device(device: str) -> torch.device:
    """The device of that name; of "auto", CUDA where there is one.

    Raises:
        BadConfigError: an unknown name, or no CUDA device.
    """
    import torch

    check_device(device)
    if device == "cuda" and not torch.cuda.is_available():
        raise BadConfigError("torch finds no CUDA device", where="--device cuda", mend="use --device cpu")
    return torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")
