"""ONNX files into a Graph of the ``onnx`` dialect (package ``onnx``; nothing of the file is executed)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgekit.core.errors import BadFileError
from edgekit.graph.graph import Graph
from edgekit.graph.readers.limits import MAX_TEXT, read_file
from edgekit.graph.readers.onnx_bodies import graph_of
from edgekit.graph.readers.onnx_check import check_standard
from edgekit.graph.readers.onnx_functions import inline_functions
from edgekit.graph.readers.onnx_shapes import bind_dims, infer_shapes
from edgekit.graph.readers.onnx_source import DEFAULT_DOMAINS, check_graphs, read_source

OPSET_KEY = "onnx.opset"
"""Metadata key under which a read graph carries the version of the default operator set."""
MEND = "export or download the model again"
FOREIGN_ERRORS = (ValueError, TypeError, OverflowError, IndexError)
"""What protobuf, onnx' helpers and numpy raise on fields that parse but make no sense."""


def read_onnx(path: Path | str, dims: Mapping[str, int] | None = None) -> Graph:
    """Read an ONNX model.

    Every tensor has a shape; a dimension that neither the file, ``dims`` nor inference tells is ``Unknown(symbol)``.
    Operators of other domains are called "domain::Op". ``Constant`` nodes are constants of the graph, local functions
    are inlined, other operators are kept as they are, known or not. ``metadata_props`` go to ``Graph.metadata``,
    together with ``onnx.opset``. Tensor attributes are numpy arrays, bodies of control flow Graphs (onnx_bodies.py).

    Args:
        path: the file; external data is read from its folder only.
        dims: size by symbol of the model's unknown dimensions ("INPUT:AXIS" where it has no symbol).

    Raises:
        BadFileError: not ONNX, damaged, inconsistent, or beyond a limit of readers/limits.py.
        UnsupportedOpError: an element type that edgekit does not know.
        BadConfigError: ``dims`` names a dimension that the model has not.
    """
    place = Path(path)
    model = _parse(read_file(place, "ONNX model"), place)
    try:
        check_graphs(model)
        model = inline_functions(model)
        check_graphs(model)
        bind_dims(model, dims)
        return _graph(model, place)
    except FOREIGN_ERRORS as error:
        raise BadFileError("damaged ONNX model: a field makes no sense", where=str(place), mend=MEND) from error
    except BadFileError as error:
        spot = f"{place}: {error.where}" if error.where else str(place)
        raise BadFileError(error.what, where=spot, mend=error.mend or MEND) from error


def _parse(data: bytes, place: Path) -> Any:
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.ModelProto.FromString(data)
    except (DecodeError, ValueError) as error:  # ValueError: text that is not UTF-8
        raise BadFileError("not an ONNX model, or a damaged one", where=str(place), mend=MEND) from error
    if not model.HasField("graph") or not model.graph.output or not model.opset_import:
        raise BadFileError("not an ONNX model, or a truncated one", where=str(place), mend=MEND)
    return model


def _graph(model: Any, place: Path) -> Graph:
    from onnx import defs

    opsets: dict[str, int] = {}
    for entry in model.opset_import:
        domain = "" if entry.domain in DEFAULT_DOMAINS else entry.domain
        opsets[domain] = max(entry.version, opsets.get(domain, 0))
    newest = defs.onnx_opset_version()
    if not 1 <= opsets.get("", 1) <= newest:
        raise BadFileError(
            f"operator set {opsets['']} is not known, {newest} is the newest", mend="pip install --upgrade onnx"
        )
    if model.ir_version < 3:
        raise BadFileError(f"IR version {model.ir_version} knows no operator sets, which the model names")
    if model.ir_version == 3 and not {item.name for item in model.graph.initializer} <= {
        item.name for item in model.graph.input
    }:
        raise BadFileError("of IR version 3, whose initializers have to be inputs as well, and are not")
    body = infer_shapes(read_source(model.graph, place.parent), opsets)
    graph = graph_of(body, place.stem, _metadata(model, opsets))
    check_standard(model)  # last, because the checks above say more clearly what is wrong
    return graph


def _metadata(model: Any, opsets: Mapping[str, int]) -> dict[str, str]:
    entries = {entry.key: entry.value for entry in model.metadata_props if len(entry.value) <= MAX_TEXT}
    return {**entries, OPSET_KEY: str(opsets[""])} if "" in opsets else entries
