"""Small ONNX models with an LSTM or a GRU, random weights: [1, 1, T, I] in, logits out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

GATES = {"LSTM": 4, "GRU": 3}
STEPS, FEATURES, UNITS, CLASSES = 9, 6, 8, 4


def recurrent_model(
    path: Path,
    op: str,
    *,
    seed: int = 0,
    steps: int = STEPS,
    read: str = "last",
    state: float | None = None,
    **attrs: Any,
) -> Path:
    """Write a model of squeeze, transpose, the layer and a dense layer.

    Args:
        path: where to.
        op: "LSTM" or "GRU".
        seed: of the weights.
        steps: T.
        read: "last" state by Gather, "final" by the layer's second output, or the "mean" of all.
        state: value of the initial state, none when None.
        attrs: of the layer.
    """
    rng = np.random.default_rng(seed)
    directions = 2 if attrs.get("direction") == "bidirectional" else 1
    rows = GATES[op] * UNITS
    arrays = {
        "axis1": np.array([1]),
        "last": np.array(-1),
        "W": rng.normal(0, 0.6, (directions, rows, FEATURES)).astype(np.float32),
        "R": rng.normal(0, 0.5, (directions, rows, UNITS)).astype(np.float32),
        "B": rng.normal(0, 0.3, (directions, 2 * rows)).astype(np.float32),
        "dense": rng.normal(0, 1, (directions * UNITS, CLASSES)).astype(np.float32),
        "rows": np.array([0, 1, directions * UNITS]),
    }
    inputs = ["time_first", "W", "R", "B"]
    if state is not None:
        arrays["state"] = np.full((directions, 1, UNITS), state, np.float32)
        inputs += ["", "state"]
    nodes = [
        helper.make_node("Squeeze", ["x", "axis1"], ["frames"]),
        helper.make_node("Transpose", ["frames"], ["time_first"], perm=[1, 0, 2]),
        helper.make_node(op, inputs, ["Y", "Y_h"], name="layer", hidden_size=UNITS, **attrs),
        *_readers(read, directions),
        helper.make_node("MatMul", ["state_out", "dense"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "recurrent",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, steps, FEATURES])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, CLASSES])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path


def _readers(read: str, directions: int) -> list[onnx.NodeProto]:
    if read == "final":
        turned = helper.make_node("Transpose", ["Y_h"], ["beside"], perm=[1, 0, 2])
        return [turned, helper.make_node("Flatten", ["beside"], ["state_out"])]
    # As PyTorch exports it: both directions beside one another.
    source = [
        helper.make_node("Transpose", ["Y"], ["beside"], perm=[0, 2, 1, 3]),
        helper.make_node("Reshape", ["beside", "rows"], ["all"]),
    ]
    if directions == 1:
        source = [helper.make_node("Squeeze", ["Y", "axis1"], ["all"])]
    if read == "mean":
        return [*source, helper.make_node("ReduceMean", ["all"], ["state_out"], axes=[0], keepdims=0)]
    return [*source, helper.make_node("Gather", ["all", "last"], ["state_out"], axis=0)]


def walking_clips(count: int, seed: int = 0, steps: int = STEPS) -> np.ndarray:
    """float32 [N, T, I, 1] in ±2: features that change slowly, as a spectrum's do."""
    changes = np.random.default_rng(seed).normal(0, 0.5, (count, steps, FEATURES, 1))
    return np.clip(changes.cumsum(axis=1), -2, 2).astype(np.float32)
