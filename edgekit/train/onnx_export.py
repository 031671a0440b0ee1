"""ONNX from a checkpoint: static shapes, one clip, batch norm kept as nodes, provenance in the metadata."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from edgekit.core.errors import BadConfigError, EdgekitError, MissingDependencyError
from edgekit.core.files import atomic_path
from edgekit.core.optional import require
from edgekit.train.hearing import hears_waveforms

if TYPE_CHECKING:
    from edgekit.train.checkpoint import Checkpoint

OPSET = 17
INPUT_NAME = "features"
OUTPUT_NAME = "logits"
TOLERANCE = 1e-4
"""Largest difference, relative to the largest logit (at least 1), that the export may have from the model.

Norms over a quiet band divide by its small deviation: in a trained TF-SepNet that made 2e-5 of float32's rounding.
"""


def write_onnx(checkpoint: Checkpoint, path: Path) -> None:
    """Write ``path``: input ``features`` [1, 1, H, W] float32, output ``logits`` [1, classes] float32.

    The file is checked in ONNX Runtime, where that is installed, before it appears under its name.

    Raises:
        BadConfigError: the model hears samples, which have no place in a file that takes features.
        EdgekitError: ONNX Runtime's logits differ from the model's by more than TOLERANCE.
    """
    height, width = checkpoint.frontend.input_shape[1:3]
    module = checkpoint.build()
    if hears_waveforms(module):
        text = f"{checkpoint.model} takes samples, an exported model features"
        raise BadConfigError(text, where="export", mend="distil it into a student: edgekit distill --teacher RUN")
    export_module(module, (height, width), path, checkpoint.metadata, name=checkpoint.model)


def export_module(
    module: nn.Module, shape: tuple[int, int], path: Path, metadata: Mapping[str, str], *, name: str = "model"
) -> None:
    """Write a module of [1, 1, H, W] → [1, classes] as ONNX (``shape`` is (H, W)) with ``metadata`` as metadata_props.

    TorchScript's exporter is used on purpose: torch.export's one folds batch norm, or writes each batch norm's
    convolution with a computed zero bias, and either changes the parameter and MAC counts of the ``dcase`` convention.
    """
    onnx = require("onnx", "train")
    module.eval()
    example = torch.zeros(1, 1, *shape)
    with atomic_path(path) as temporary:
        with warnings.catch_warnings(), _quiet("torch.onnx"):
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module,
                (example,),
                str(temporary),
                input_names=[INPUT_NAME],
                output_names=[OUTPUT_NAME],
                opset_version=OPSET,
                dynamo=False,
                # PRESERVE in evaluation mode: batch norm stays a node of its own and uses its moving statistics.
                training=torch.onnx.TrainingMode.PRESERVE,
                do_constant_folding=False,
            )
        model = onnx.load(str(temporary))
        _inline_identities(model.graph)
        model.graph.name = name
        model.producer_name, model.producer_version = "edgekit", ""
        onnx.helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model, full_check=True)
        temporary.write_bytes(model.SerializeToString(deterministic=True))
        _verify(module, shape, temporary)


def _inline_identities(graph: Any) -> None:
    """Give each reader of an Identity-of-an-initializer its own initializer (the exporter merges equal ones)."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    kept = []
    for node in graph.node:
        if node.op_type == "Identity" and node.input[0] in constants:
            copy = graph.initializer.add()
            copy.CopyFrom(constants[node.input[0]])
            copy.name = node.output[0]
            constants[copy.name] = copy
        else:
            kept.append(node)
    del graph.node[:]
    graph.node.extend(kept)
    read = {name for node in kept for name in node.input}
    unused = [tensor for tensor in graph.initializer if tensor.name not in read]
    for tensor in unused:
        graph.initializer.remove(tensor)


def _verify(module: nn.Module, shape: tuple[int, int], path: Path) -> None:
    try:
        runtime = require("onnxruntime", "train")
    except MissingDependencyError:
        return  # not part of the `train` extra; the export itself does not need it
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    generator = np.random.default_rng(0)
    for scale in (0.0, 1.0, 3.0):
        x = generator.normal(0.0, scale, (1, 1, *shape)).astype(np.float32)
        with torch.no_grad():
            expected = module(torch.from_numpy(x)).numpy()
        actual = session.run(None, {INPUT_NAME: x})[0]
        difference = float(np.max(np.abs(actual - expected)))
        if difference > TOLERANCE * max(1.0, float(np.max(np.abs(expected)))):
            raise EdgekitError(
                f"ONNX Runtime's logits differ from the model's by {difference:.2e}",
                where=str(path.name),
                mend="report this model; it cannot be exported as it is",
            )


class _quiet:
    """Silence a logger for the length of a block: the exporter reports packages that nobody asked for."""

    def __init__(self, name: str) -> None:
        self.logger = logging.getLogger(name)

    def __enter__(self) -> None:
        self.level = self.logger.level
        self.logger.setLevel(logging.ERROR)

    def __exit__(self, *_: object) -> None:
        self.logger.setLevel(self.level)
