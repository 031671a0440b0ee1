"""Tensors of a downloaded checkpoint by name; no code from the file is run."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from edgekit.core.errors import BadFileError
from edgekit.core.optional import require
from edgekit.models.teachers.checkpoint_names import WRAPPERS

LARGEST_FILE = 4 << 30
_MOST_TENSORS = 20_000
_UNREADABLE = (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError, TypeError, AttributeError)
"""What torch.load and the safetensors reader raise for damaged or unsafe files."""


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors of a ``.safetensors`` file or a ``.pt``/``.pth``/``.ckpt`` file, on the CPU.

    A ``.pt`` file is read with ``weights_only=True``; what it holds under "state_dict" or "model" is unwrapped.

    Raises:
        BadFileError: missing, too large, damaged, with anything that is not plain data, or without tensors.
    """
    if not path.is_file():
        raise BadFileError("no such file", where=str(path), mend="download the checkpoint and name its path")
    if path.stat().st_size > LARGEST_FILE or _unpacked(path) > LARGEST_FILE:
        raise BadFileError("larger than 4 GiB", where=str(path), mend="this is no checkpoint of these models")
    loaded = _safetensors(path) if path.suffix == ".safetensors" else _torch(path)
    tensors = {name: value for name, value in loaded.items() if isinstance(name, str) and isinstance(value, Tensor)}
    if not tensors or len(tensors) > _MOST_TENSORS:
        raise BadFileError(f"{len(tensors)} tensors in it", where=str(path), mend="give a checkpoint of weights")
    return tensors


def _unpacked(path: Path) -> int:
    """Bytes of all members of a zip file, 0 of any other file."""
    if not zipfile.is_zipfile(path):
        return 0
    try:
        with zipfile.ZipFile(path) as archive:
            return sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise BadFileError(f"a damaged archive: {error}", where=str(path), mend="download it again") from error


def _safetensors(path: Path) -> Mapping[str, Any]:
    reader = require("safetensors", "train")
    files = require("safetensors.torch", "train")
    try:
        loaded: Mapping[str, Any] = files.load_file(path, device="cpu")
    except (reader.SafetensorError, *_UNREADABLE) as error:
        raise BadFileError(f"not a safetensors file: {error}", where=str(path), mend="download it again") from error
    return loaded


def _torch(path: Path) -> Mapping[str, Any]:
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadFileError(
            f"no plain weights in it: {reason}", where=str(path), mend="give a file of tensors only, or a .safetensors"
        ) from error
    for wrapper in WRAPPERS:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(wrapper), Mapping):
            loaded = loaded[wrapper]
    if not isinstance(loaded, Mapping):
        raise BadFileError("no table of tensors in it", where=str(path), mend="save model.state_dict()")
    return loaded
