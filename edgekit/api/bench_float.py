"""Float models for ``bench``: runs as PyTorch programs and ONNX, or ONNX files, with what the reference answers."""

from __future__ import annotations

import io
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgekit.bench.on_float import BATCH, FloatInputs
from edgekit.core import run_files
from edgekit.core.errors import BadConfigError
from edgekit.graph.float_interpreter import run_float
from edgekit.graph.graph import Graph
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph

if TYPE_CHECKING:
    from edgekit.train.checkpoint import Checkpoint


def is_run(path: Path) -> bool:
    """Whether ``path`` is a run folder or a checkpoint."""
    return (path / run_files.CHECKPOINT).is_file() or path.suffix.lower() == ".safetensors"


def is_float(graph: Graph) -> bool:
    """Whether a lowered graph computes in float32 throughout."""
    return all(tensor.dtype == "float32" for tensor in graph.tensors.values() if tensor.data is None)


def run_inputs(path: Path, clips: int, seed: int) -> FloatInputs:
    """A run with random features.

    Args:
        path: run folder, or ``.safetensors`` file.
        clips: how many features.
        seed: of them.

    Raises:
        BadFileError: the checkpoint is damaged.
        EdgekitError: it cannot be exported.
        BadConfigError: the model hears samples instead of features.
    """
    from edgekit.train.checkpoint import load_checkpoint
    from edgekit.train.onnx_export import write_onnx

    checkpoint = load_checkpoint(path)
    with tempfile.TemporaryDirectory(prefix="edgekit-bench-") as folder:
        file = Path(folder) / run_files.MODEL
        write_onnx(checkpoint, file)
        graph, onnx = lower(load_graph(file)), file.read_bytes()
    name = path.name if path.is_dir() else path.parent.name or path.stem
    features, expected = _answers(graph, clips, seed)
    return FloatInputs(name, onnx, _program(checkpoint, 1), _program(checkpoint, BATCH), features, expected)


def onnx_inputs(path: Path, graph: Graph, clips: int, seed: int) -> FloatInputs:
    """A float ONNX file with random features; ``graph`` is the file lowered."""
    features, expected = _answers(graph, clips, seed)
    return FloatInputs(path.name, path.read_bytes(), None, None, features, expected)


def _answers(graph: Graph, clips: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    if clips < 1:
        raise BadConfigError("nothing to measure", where="--clips", mend="give at least one clip")
    dims = graph.tensor(graph.inputs[0]).dims
    features = np.random.default_rng(seed).normal(0.0, 1.0, (clips, *dims[1:])).astype(np.float32)
    return features, run_float(graph, features).reshape(clips, -1)


def _program(checkpoint: Checkpoint, batch: int) -> bytes:
    """torch.export's program for ``batch`` clips: loads without edgekit's classes."""
    import torch

    height, width = checkpoint.frontend.input_shape[1:3]
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(checkpoint.build().eval(), (torch.zeros(batch, 1, height, width),))
        torch.export.save(program, buffer)
    return buffer.getvalue()
