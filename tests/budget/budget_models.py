"""Small models for the tests of the budget room: ONNX files by hand and by torch, TFLite graphs by hand."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgekit.graph.graph import Graph, Node
from edgekit.graph.readers.load import load_graph
from edgekit.graph.tensor import Quantization, Tensor


def save_onnx(
    path: Path,
    nodes: list[Any],
    inputs: dict[str, list[int | str]],
    outputs: dict[str, list[int | str]],
    constants: dict[str, np.ndarray] | None = None,
    opset: int = 17,
    metadata: dict[str, str] | None = None,
    elem_type: int = TensorProto.FLOAT,
) -> Path:
    graph = helper.make_graph(
        nodes,
        "hand",
        [helper.make_tensor_value_info(name, elem_type, dims) for name, dims in inputs.items()],
        [helper.make_tensor_value_info(name, elem_type, dims) for name, dims in outputs.items()],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid("com.example", 1)], ir_version=8
    )
    helper.set_model_props(model, metadata or {})
    onnx.save(model, path)
    return path


def conv_onnx(path: Path, batch: int | str = 1, frames: int | str = 20, **options: Any) -> Path:
    """Conv 3×3, 4 → 8 channels over 10 × ``frames``, pad 1, with bias; then Relu."""
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], name="conv1", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["y"], name="relu1"),
    ]
    weights = {"w": np.zeros((8, 4, 3, 3), np.float32), "b": np.zeros(8, np.float32)}
    return save_onnx(path, nodes, {"x": [batch, 4, 10, frames]}, {"y": [batch, 8, 10, frames]}, weights, **options)


def export_torch(module: Any, inputs: tuple[Any, ...], path: Path, opset: int = 17) -> Graph:
    """The module as ONNX with its batch norms kept, read back.

    Its parameters become random first: the exporter merges equal ones (γ = 1 of two batch norms) into one.
    """
    import torch

    module.eval()
    generator = torch.Generator().manual_seed(0)
    for tensor in module.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            inputs,
            str(path),
            opset_version=opset,
            dynamo=False,
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=True,
        )
    return load_graph(path)


def tflite_graph(nodes: list[Node], tensors: list[Tensor], inputs: tuple[str, ...], outputs: tuple[str, ...]) -> Graph:
    return Graph("hand", "tflite", {tensor.name: tensor for tensor in tensors}, tuple(nodes), inputs, outputs)


def int8(name: str, *shape: int) -> Tensor:
    return Tensor(name, shape, "int8", Quantization(np.float32(0.1), 0))


def float32(name: str, *shape: int) -> Tensor:
    return Tensor(name, shape, "float32")


def weights(name: str, *shape: int, dtype: str = "int8") -> Tensor:
    data = np.zeros(shape, np.float32 if dtype == "float32" else dtype)
    # A bias has the scale of input × weight, as its kernels demand.
    quant = None if dtype == "float32" else Quantization(np.float32(0.01 if dtype == "int32" else 0.1), 0)
    return Tensor(name, shape, dtype, quant, data=data)
