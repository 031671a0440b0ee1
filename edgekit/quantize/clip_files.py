"""Calibration features from arrays and ``.npz`` files, brought to the model's input shape."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from edgekit.core.errors import BadFileError, DataError
from edgekit.graph.graph import Graph

FEATURES_KEY = "features"
"""Name of the array in a ``.npz`` file that holds several."""

DIGEST_KEY = "frontend_digest"
"""Name of the optional text array that says which front-end made the features."""

_SLIDING = frozenset({"conv2d", "depthwise_conv2d", "max_pool2d", "avg_pool2d"})
MAX_BYTES = 4 << 30
"""Largest unpacked size of a calibration file."""


def read_clip_file(path: Path) -> tuple[np.ndarray, str | None]:
    """Features and the digest of their front-end (None where the file does not say).

    Pickled objects are not loaded.

    Raises:
        BadFileError: not a ``.npz`` file, damaged, too large, or no single numeric array in it.
    """
    mend = f"write it with numpy.savez(path, {FEATURES_KEY}=array)"
    try:
        _check_size(path)
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise BadFileError("no such file", where=str(path), mend="check the path") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, TypeError) as error:
        raise BadFileError("is not a readable .npz file of numbers", where=str(path), mend=mend) from error
    digest = arrays.pop(DIGEST_KEY, None)
    if FEATURES_KEY not in arrays and len(arrays) != 1:
        names = ", ".join(sorted(arrays)) or "none"
        raise BadFileError(f"holds no array {FEATURES_KEY!r} (arrays: {names})", where=str(path), mend=mend)
    features = arrays[FEATURES_KEY] if FEATURES_KEY in arrays else next(iter(arrays.values()))
    if not np.issubdtype(features.dtype, np.floating):
        raise BadFileError(f"features are {features.dtype}", where=str(path), mend="store float32")
    return features, None if digest is None else str(digest)


def fit_clips(features: np.ndarray, graph: Graph) -> np.ndarray:
    """Features as [N, H, W, C] for the input [1, H, W, C] of an edge graph.

    Also accepted: [N, H, W] where C is 1, and [N, C, H, W]; for an input [1, T, C] also [N, T, C, 1], and [N, C, T]
    where a convolution reads it, whose files have the channels in front.

    Raises:
        DataError: none of these shapes.
    """
    shape = tuple(graph.tensor(graph.inputs[0]).dims[1:])
    if features.shape[1:] == shape:
        return features
    if len(shape) == 2 and features.shape[1:] == (*shape, 1):
        return features[..., 0]
    if len(shape) == 2 and features.shape[1:] == shape[::-1] and _is_sequence_of_channels(graph):
        return features.transpose(0, 2, 1)
    if len(shape) == 3 and features.ndim == 3 and features.shape[1:] == shape[:2] and shape[2] == 1:
        return features[..., None]
    if len(shape) == 3 and features.ndim == 4 and features.shape[1:] == (shape[2], *shape[:2]):
        return features.transpose(0, 2, 3, 1)
    wanted = ", ".join(map(str, shape))
    raise DataError(
        f"calibration of shape {features.shape}; the model needs [N, {wanted}]", mend="use the model's own front-end"
    )


def _is_sequence_of_channels(graph: Graph) -> bool:
    """Whether the first layer slides over the input [1, T, C], as an image of height 1."""
    readers, seen = graph.consumers(), graph.inputs[0]
    while [node.op for node in readers.get(seen, [])] == ["reshape"]:
        seen = readers[seen][0].outputs[0]
    return bool(readers.get(seen)) and all(node.op in _SLIDING for node in readers[seen])


def _check_size(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    if size > MAX_BYTES:
        raise BadFileError(f"unpacks to {size:,} bytes", where=str(path), mend="give fewer clips")
