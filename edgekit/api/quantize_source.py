"""The model that ``quantize`` is given, float or quantized by another package, and its integer form."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.api.float_leftover import lowered
from edgekit.core.errors import BadConfigError
from edgekit.core.progress import Progress
from edgekit.graph.graph import Graph
from edgekit.graph.passes.lower import lower, lower_unrounded
from edgekit.graph.readers.load import load_graph
from edgekit.graph.rounding import with_rounding

if TYPE_CHECKING:
    import numpy as np

    from edgekit.quantize.ptq import PtqOptions

QDQ = "qdq"
"""Method of a model that another package quantized already."""


@dataclass(frozen=True, eq=False)
class Source:
    """A model file.

    Attributes:
        path: of the file.
        read: as the file has it.
        graph: the float edge graph; of a QDQ model, the one that it rounds.
        rounded: it is a QDQ model.
    """

    path: Path
    read: Graph
    graph: Graph
    rounded: bool

    def method(self, asked: str) -> str:
        """Who quantizes it."""
        return QDQ if self.rounded else asked

    def with_widths(
        self, features: np.ndarray, method: str, options: PtqOptions, otherwise: bool, progress: Progress
    ) -> PtqOptions:
        """Widths for "auto": int8 but for norms where others quantized, or ``otherwise`` something else decides."""
        if otherwise or self.method(method) != "ptq":
            return replace(options, widths="norms")
        from edgekit.quantize.choose_widths import with_widths

        return with_widths(self.graph, features, options, progress)

    def integer(
        self, features: np.ndarray, method: str, options: PtqOptions, progress: Progress
    ) -> tuple[Graph, Graph]:
        """The float graph that was quantized (equalised and widened, perhaps) and its integer form."""
        if self.rounded:
            return self.graph, lower(self.read, features)
        if method == "ptq":
            from edgekit.quantize.ptq import prepared, quantize_prepared

            base = prepared(self.graph, options)
            return base, quantize_prepared(base, features, options, progress)
        from edgekit.quantize.foreign import quantized_by

        return self.graph, quantized_by(method, self.path, self.graph, features)


def open_source(path: Path, dims: Mapping[str, int] | None, *, plain: bool, rounding: str | None = None) -> Source:
    """Read and lower a model.

    Args:
        path: ``.onnx`` or ``.tflite``; ``.keras``, ``.h5`` or a SavedModel's folder through TensorFlow's converter.
        dims: sizes of unknown dimensions by name.
        plain: nothing was asked for that only edgekit's own quantizer does.
        rounding: of its integer form, "twice" or "once" (graph/rounding.py); None: as the file says.

    Raises:
        BadConfigError: a QDQ model, and not ``plain``; no such rounding.
        StaysFloatError: operators without integer form.
        UnsupportedOpError: an integer model, or one that TensorFlow does not convert.
        MissingDependencyError: a Keras model or SavedModel, and no TensorFlow.
    """
    from edgekit.quantize.ptq import require_float

    read = with_rounding(_read(path, dims), rounding)
    rounded = any(node.op == "QuantizeLinear" for node in read.nodes)
    if rounded and not plain:
        raise BadConfigError("is quantized already", where=str(path), mend="give clips and an output alone")
    graph = lower_unrounded(read) if rounded else lowered(read, str(path))
    require_float(graph)
    return Source(path, read, graph, rounded)


def _read(path: Path, dims: Mapping[str, int] | None) -> Graph:
    from edgekit.quantize.tensorflow_models import converted, is_tensorflow_model

    if not is_tensorflow_model(path):
        return load_graph(path, dims)
    with tempfile.TemporaryDirectory(prefix="edgekit-quantize-") as folder:
        file = Path(folder) / f"{path.stem}.tflite"
        file.write_bytes(converted(path))
        return load_graph(file, dims)
