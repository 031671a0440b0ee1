"""Counts of edgekit's own checkpoints (``.safetensors``), without torch.

A checkpoint holds weights and the name of a registered model, but no operators. Parameters and bytes are exact, from
the header. Everything else comes from the model's sketch (models/sketches) where it has exactly the weights of the
file; where it has not, or the file names no model, it stays undecided.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.budget.counting import count
from edgekit.budget.counts import Counts, LayerCount
from edgekit.budget.ram import KEYS as RAM_KEYS
from edgekit.budget.tally import Reason, Tally
from edgekit.core.errors import EdgekitError
from edgekit.core.model_metadata import MODEL_KEY
from edgekit.graph.graph import Graph
from edgekit.graph.tensor import Tensor

if TYPE_CHECKING:
    from edgekit.graph.readers.safetensors_header import SafetensorsHeader

_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")
_MEND = "export it first: edgekit export"
_MAX_METADATA = 1 << 16


def read_checkpoint(path: Path) -> tuple[Graph, Counts]:
    """The graph that the checkpoint's model has (without operators where that is not known) and its counts.

    Raises:
        BadFileError: no safetensors file, or a damaged one.
    """
    from edgekit.graph.readers.safetensors_header import read_safetensors_header

    header = read_safetensors_header(path)
    stored = _stored(header)
    try:
        graph = _sketch(header)
    except EdgekitError as error:
        return _without_operators(path, header, stored, error.what)
    counts = count(graph)
    return graph, Counts(counts.layers, {**counts.tallies, **stored}, counts.dims)


def _stored(header: SafetensorsHeader) -> dict[str, Tally]:
    """Parameters and their bytes, as the file stores them."""
    weights = [tensor for tensor in header.tensors.values() if not _buffer(tensor)]
    parameters = sum(tensor.elements for tensor in weights)
    learned = sum(tensor.nbytes for tensor in weights)
    every = sum(tensor.nbytes for tensor in header.tensors.values())
    parts = tuple((tensor.name, tensor.elements) for tensor in weights)
    sizes = tuple((tensor.name, tensor.nbytes) for tensor in weights)
    text = "from the header of the checkpoint"
    return {
        "parameters": Tally(parameters, "parameter", "exact", (), "", text, parts),
        "parameter_bytes_true": Tally(every, "B", "exact", (), "true", f"{text}, buffers included", sizes),
        "parameter_bytes_dcase": Tally(learned, "B", "exact", (), "dcase", text, sizes),
    }


def _buffer(tensor: Tensor) -> bool:
    return tensor.name.rpartition(".")[2] in _BUFFERS


def _sketch(header: SafetensorsHeader) -> Graph:
    """The sketched graph of the model that the metadata names, if it has the weights that the file has.

    Raises:
        EdgekitError: no such model, no front-end, or other weights.
    """
    from edgekit.budget.sketch_graph import sketch_graph
    from edgekit.features.embedded import embedded_spec

    spec = embedded_spec(header.metadata, "the checkpoint")
    model = _model(header.metadata.get(MODEL_KEY, ""))
    if model is None or spec is None:
        raise EdgekitError("the checkpoint does not name its model and front-end")
    graph = sketch_graph(model["name"], model["arguments"], spec.feature_shape, "batch norm")
    drawn = Counter(tensor.shape for tensor in graph.tensors.values() if tensor.constant and tensor.shape)
    found = Counter(tensor.shape for tensor in header.tensors.values() if tensor.shape)
    if drawn != found or any(t.dtype != "float32" for t in header.tensors.values() if t.shape):
        raise EdgekitError(f"its weights are not those of the model {model['name']} that it names")
    return graph.replace(metadata={**graph.metadata, **header.metadata})


def _model(text: str) -> dict[str, Any] | None:
    """Name and arguments of the registered model; None where the text is none."""
    try:
        value = json.loads(text) if len(text) <= _MAX_METADATA else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return None
    return value if isinstance(value.get("arguments"), dict) else None


def _without_operators(
    path: Path, header: SafetensorsHeader, stored: dict[str, Tally], why: str
) -> tuple[Graph, Counts]:
    reason = Reason(f"a checkpoint holds no operators, and {why}", "", _MEND)
    undecided = {
        "macs_true": Tally(0, "MAC", "exact", (reason,), "true"),
        "macs_dcase": Tally(0, "MAC", "exact", (reason,), "dcase"),
        "other_ops": Tally(0, "op", "exact", (reason,)),
        "float_ops": Tally(0, "op", "exact", (reason,)),
        "flash": Tally(stored["parameter_bytes_true"].known, "B", "estimated", (reason,)),
        **{key: Tally(0, "B", "planned", (reason,)) for key in RAM_KEYS},
    }
    layers = tuple(_layer(tensor, reason) for tensor in header.tensors.values())
    graph = Graph(path.stem, "aten", {}, (), (), (), dict(header.metadata))
    return graph, Counts(layers, {**undecided, **stored})


def _layer(tensor: Tensor, reason: Reason) -> LayerCount:
    """A row a tensor: no operator is known."""
    elements, nbytes = (0, 0) if _buffer(tensor) else (tensor.elements, tensor.nbytes)
    rest = tensor.nbytes - nbytes
    shape = "×".join(map(str, tensor.shape))
    return LayerCount(tensor.name, "weights", shape, elements, nbytes, rest, None, undecided=reason.text)
