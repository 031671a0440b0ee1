"""One entry for model files: suffix and first bytes decide which reader reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgekit.core.errors import BadConfigError, BadFileError
from edgekit.graph.graph import Graph
from edgekit.graph.tensor import Tensor, Unknown

SUFFIXES = (".onnx", ".tflite", ".pt2")


def load_graph(path: Path | str, dims: Mapping[str, int] | None = None) -> Graph:
    """Read a model file of any kind that edgekit knows into a graph of its own dialect.

    Args:
        path: ``.onnx``, ``.tflite`` or ``.pt2``.
        dims: sizes of unknown dimensions by name, as in ``--dim batch=1``.

    Raises:
        BadFileError: no such file, a folder, an unknown suffix, contents of another kind, or a damaged model.
        BadConfigError: ``dims`` names a dimension that the model has not.
    """
    place = Path(path)
    suffix = place.suffix.lower()
    if place.is_dir():
        raise BadFileError("is a folder, not a model", where=str(place), mend="name a model file in it")
    if not place.exists():
        raise BadFileError("no such file", where=str(place), mend="check the path")
    if suffix not in SUFFIXES:
        raise BadFileError(
            f"unknown kind of model {suffix or '(no suffix)'}", where=str(place), mend=f"give {', '.join(SUFFIXES)}"
        )
    tflite_inside = _head(place)[4:8] == b"TFL3"
    if tflite_inside != (suffix == ".tflite") and (tflite_inside or _looks_like_onnx(place)):
        other = ".tflite" if tflite_inside else ".onnx"
        raise BadFileError(f"holds a {other} model", where=str(place), mend=f"rename it to *{other}")
    if suffix == ".pt2":
        from edgekit.graph.readers.pt2_reader import read_pt2

        return read_pt2(place, dims)
    if suffix == ".onnx":
        from edgekit.graph.readers.onnx_reader import read_onnx

        return read_onnx(place, dims)
    from edgekit.graph.readers.tflite_reader import read_tflite

    return bind_unknown(read_tflite(place), dims)


def bind_unknown(graph: Graph, dims: Mapping[str, int] | None) -> Graph:
    """The graph with its Unknown dimensions replaced by name (for formats without shape inference).

    Raises:
        BadConfigError: a name that no tensor has, or a size below 1.
    """
    if not dims:
        return graph
    known = {dim.name for tensor in graph.tensors.values() for dim in tensor.shape if isinstance(dim, Unknown)}
    for name, size in dims.items():
        if name not in known:
            listed = ", ".join(sorted(known)) or "none: it is static"
            raise BadConfigError(f"the model has no dimension {name!r}", mend=f"its unknown dimensions are {listed}")
        if size < 1:
            raise BadConfigError(f"dimension {name!r} cannot be {size}", mend="give a positive number")
    return graph.replace(tensors={name: _bound(tensor, dims) for name, tensor in graph.tensors.items()})


def _bound(tensor: Tensor, dims: Mapping[str, int]) -> Tensor:
    shape = tuple(dims.get(dim.name, dim) if isinstance(dim, Unknown) else dim for dim in tensor.shape)
    return tensor.replace(shape=shape)


def _head(place: Path) -> bytes:
    try:
        with place.open("rb") as stream:
            return stream.read(16)
    except OSError as error:
        raise BadFileError(f"cannot read: {error.strerror}", where=str(place), mend="check its permissions") from error


def _looks_like_onnx(place: Path) -> bool:
    """Whether the file starts like a ModelProto: field 1 (ir_version) as a small varint, then field 2 to 8."""
    head = _head(place)
    return len(head) > 3 and head[0] == 0x08 and 0 < head[1] < 0x20 and head[2] in (0x12, 0x1A, 0x22, 0x2A, 0x3A, 0x42)
