"""Small good models of every kind, a mutator with seeds, and independent judges of what a mutation left behind."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from malformed_files import good_onnx, good_tflite, model_bytes, node
from onnx import TensorProto, helper, numpy_helper
from tflite_files import Op, Sub, Value
from tflite_files import model_bytes as tflite_bytes


@cache
def good_files() -> Mapping[str, tuple[str, bytes]]:
    """Name to (suffix, bytes); each is judged PASS by check-budget against a roomy budget, and good by its judge."""
    return {
        "ONNX convolutions": (".onnx", good_onnx()),
        "ONNX with shape arithmetic": (".onnx", _onnx_shapes()),
        "ONNX quantized (QDQ)": (".onnx", _onnx_qdq()),
        "ONNX loop and branch": (".onnx", _onnx_control()),
        "ONNX LSTM": (".onnx", _onnx_lstm()),
        "TFLite float": (".tflite", good_tflite()),
        "TFLite int8": (".tflite", _tflite_int8()),
        "TFLite loop": (".tflite", _tflite_loop()),
        "torch.export": (".pt2", _pt2()),
        "safetensors": (".safetensors", _safetensors()),
    }


def _floats(*dims: int) -> np.ndarray:
    return np.random.default_rng(prod_seed(dims)).normal(size=dims).astype(np.float32)


def prod_seed(dims: tuple[int, ...]) -> int:
    """A seed from dims, so that equal shapes give equal files."""
    return int(np.prod(dims)) + len(dims)


def _onnx_shapes() -> bytes:
    """Attention whose reshape targets are computed in the graph."""
    nodes = [
        node("Shape", ["x"], ["s"]), node("Gather", ["s", "zero"], ["n"]), node("Unsqueeze", ["n", "first"], ["n1"]),
        node("Concat", ["n1", "rest"], ["t"], axis=0), node("MatMul", ["x", "w"], ["q"]),
        node("Reshape", ["q", "t"], ["h"]), node("Transpose", ["h"], ["k"], perm=[0, 2, 1]),
        node("MatMul", ["h", "k"], ["c"]), node("Softmax", ["c"], ["p"], axis=-1), node("MatMul", ["p", "h"], ["m"]),
        node("LayerNormalization", ["m", "g"], ["y"], axis=-1),
    ]  # fmt: skip
    constants = {
        "zero": np.int64(0), "first": np.array([0], np.int64), "rest": np.array([-1, 8], np.int64),
        "w": _floats(8, 8), "g": _floats(8),
    }  # fmt: skip
    return model_bytes(nodes, [1, 6, 8], constants, out=[1, 6, 8])


def _onnx_qdq() -> bytes:
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], ["xq"]), node("DequantizeLinear", ["xq", "s", "z"], ["xd"]),
        node("DequantizeLinear", ["wq", "ws", "wz"], ["wd"], axis=0),
        node("Conv", ["xd", "wd"], ["c"], strides=[2, 2], pads=[1, 1, 1, 1], group=2),
        node("QuantizeLinear", ["c", "s", "z"], ["cq"]), node("DequantizeLinear", ["cq", "s", "z"], ["cd"]),
        node("MaxPool", ["cd"], ["m"], kernel_shape=[2, 2], strides=[2, 2]), node("GlobalAveragePool", ["m"], ["y"]),
    ]  # fmt: skip
    constants = {
        "s": np.float32(0.1), "z": np.int8(3), "wq": np.ones((4, 2, 3, 3), np.int8),
        "ws": np.full(4, 0.02, np.float32), "wz": np.zeros(4, np.int8),
    }  # fmt: skip
    return model_bytes(nodes, [1, 4, 12, 10], constants, out=[1, 4, 1, 1])


def _onnx_control() -> bytes:
    def info(name: str, dims: Any = None, kind: int = TensorProto.FLOAT) -> Any:
        return helper.make_tensor_value_info(name, kind, dims)

    body = helper.make_graph(
        [node("MatMul", ["h", "w"], ["p"]), node("Tanh", ["p"], ["h2"]), node("Identity", ["c"], ["c2"])],
        "body",
        [info("i", [], TensorProto.INT64), info("c", [], TensorProto.BOOL), info("h", [1, 8])],
        [info("c2", [], TensorProto.BOOL), info("h2", [1, 8])],
        [numpy_helper.from_array(_floats(8, 8), "w")],
    )
    sides = {
        side: helper.make_graph([node(op, ["l"], [side])], side, [], [info(side, [1, 8])])
        for side, op in (("then_branch", "Relu"), ("else_branch", "Sigmoid"))
    }
    nodes = [
        node("Loop", ["m", "go", "x"], ["l"], body=body),
        node("ReduceSum", ["l"], ["r"], keepdims=0),
        node("Cast", ["r"], ["c"], to=TensorProto.BOOL),
        node("If", ["c"], ["y"], **sides),
    ]
    return model_bytes(nodes, [1, 8], {"m": np.int64(5), "go": np.array(True)}, out=[1, 8])


def _onnx_lstm() -> bytes:
    nodes = [node("LSTM", ["x", "w", "r", "b"], ["s"], hidden_size=6), node("Squeeze", ["s", "one"], ["y"])]
    constants = {"w": _floats(1, 24, 4), "r": _floats(1, 24, 6), "b": _floats(1, 48), "one": np.array([1], np.int64)}
    return model_bytes(nodes, [5, 1, 4], constants, out=[5, 1, 6])


def _tflite_int8() -> bytes:
    def value(name: str, shape: tuple[int, ...], dtype: str = "int8", data: Any = None, scale: float = 0.1) -> Value:
        return Value(name, shape, dtype, data=data, scale=scale)

    options = {"Padding": 0, "StrideH": 2, "StrideW": 2, "DilationHFactor": 1, "DilationWFactor": 1}
    values = [
        value("x", (1, 12, 10, 3)), value("w", (4, 3, 3, 3), data=np.ones((4, 3, 3, 3))),
        value("b", (4,), "int32", np.zeros(4), 0.01), value("c", (1, 6, 5, 4)),
        value("d", (1, 3, 3, 4), data=np.ones((1, 3, 3, 4))), value("e", (4,), "int32", np.zeros(4), 0.01),
        value("p", (1, 6, 5, 4)), Value("shape", (2,), "int32", data=[1, 120]), value("f", (1, 120)),
        value("v", (3, 120), data=np.ones((3, 120))), value("y", (1, 3)),
    ]  # fmt: skip
    operators = [
        Op("CONV_2D", ("x", "w", "b"), ("c",), "Conv2DOptions", options),
        Op("DEPTHWISE_CONV_2D", ("c", "d", "e"), ("p",), "DepthwiseConv2DOptions",
           {**options, "StrideH": 1, "StrideW": 1, "DepthMultiplier": 1}),
        Op("RESHAPE", ("p", "shape"), ("f",), "ReshapeOptions"),
        Op("FULLY_CONNECTED", ("f", "v", ""), ("y",), "FullyConnectedOptions"),
    ]  # fmt: skip
    return tflite_bytes(Sub(values, operators, ("x",), ("y",)))


def _tflite_loop() -> bytes:
    scalar = [Value("i", (), "int32"), Value("h", (1, 8))]
    condition = Sub(
        [*scalar, Value("n", (), "int32", data=5), Value("go", (), "bool")],
        [Op("LESS", ("i", "n"), ("go",), "LessOptions")], ("i", "h"), ("go",),
    )  # fmt: skip
    body = Sub(
        [*scalar, Value("one", (), "int32", data=1), Value("i2", (), "int32"), Value("h2", (1, 8)),
         Value("w", (8, 8), data=np.ones((8, 8)))],
        [Op("ADD", ("i", "one"), ("i2",), "AddOptions"),
         Op("FULLY_CONNECTED", ("h", "w", ""), ("h2",), "FullyConnectedOptions")],
        ("i", "h"), ("i2", "h2"),
    )  # fmt: skip
    main = Sub(
        [Value("x", (1, 8)), Value("zero", (), "int32", data=0), Value("end", (), "int32"), Value("y", (1, 8))],
        [Op("WHILE", ("zero", "x"), ("end", "y"), "WhileOptions", {"CondSubgraphIndex": 1, "BodySubgraphIndex": 2})],
        ("x",), ("y",),
    )  # fmt: skip
    return tflite_bytes(main, condition, body)


def _pt2() -> bytes:
    """A small network exported by torch itself."""
    import warnings

    import torch
    from torch import nn

    torch.manual_seed(0)
    layers = (nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3), nn.Softmax(-1))
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(name) / "m.pt2"
        program = torch.export.export(nn.Sequential(*layers).eval(), (torch.zeros(1, 1, 6, 6),))
        for node in program.graph.nodes:
            node.meta.pop("stack_trace", None)  # it has the checkout's path, and a seed must mean the same anywhere
        torch.export.save(program, path)
        return path.read_bytes()


def _safetensors() -> bytes:
    """A DS-CNN as its registry draws it, named in the metadata, weights all zero."""
    import json

    from edgekit.budget.sketch_graph import sketch_graph
    from edgekit.core.model_metadata import FRONTEND_KEY, MODEL_KEY
    from edgekit.features.presets import PRESETS

    spec = PRESETS["kws-mfcc-49x10"]
    arguments = {"classes": 4, "channels": 8}
    graph = sketch_graph("ds-cnn", arguments, spec.feature_shape, "batch norm")
    header: dict[str, Any] = {
        "__metadata__": {
            FRONTEND_KEY: spec.canonical(),
            MODEL_KEY: json.dumps({"name": "ds-cnn", "arguments": arguments}),
        }
    }
    end = 0
    for tensor in graph.tensors.values():
        if tensor.constant and tensor.shape:
            header[tensor.name] = {
                "dtype": "F32",
                "shape": list(tensor.dims),
                "data_offsets": [end, end + tensor.nbytes],
            }
            end += tensor.nbytes
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(end)


def mutate(data: bytes, seed: int) -> bytes:
    """A damaged copy: cut, bits flipped, words replaced by extremes, bytes exchanged, pieces doubled or left out."""
    random = np.random.default_rng(seed)
    copy = bytearray(data)

    def at(margin: int = 0) -> int:
        return int(random.integers(max(1, len(copy) - margin)))

    match seed % 6:
        case 0:
            return bytes(copy[: at()])
        case 1:
            for _ in range(int(random.integers(1, 10))):
                copy[at()] ^= 1 << int(random.integers(8))
        case 2:
            extremes = [b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\1\0\0\0"]
            for _ in range(int(random.integers(1, 6))):
                place = at(4)
                copy[place : place + 4] = [*extremes, random.bytes(4)][int(random.integers(6))]
        case 3:
            for _ in range(int(random.integers(1, 4))):
                copy[at()] = int(random.integers(256))
        case 4:
            place, length = at(), int(random.integers(1, 64))
            copy[place:place] = copy[place : place + length]
        case _:
            place, length = at(), int(random.integers(1, 64))
            del copy[place : place + length]
    return bytes(copy)


# --- judges: each loads the file with the format's own software and says what is wrong with it, "" for nothing


def onnx_fault(path: Path) -> str:
    """ONNX' checker, and ONNX Runtime, which resolves shapes and types; a file is good when either accepts it."""
    import onnx
    import onnxruntime

    try:
        onnx.checker.check_model(onnx.load(path), full_check=False)
        checker = ""
    except Exception as error:
        checker = f"checker: {_line(error)}"
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    try:
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        return f"{checker or 'checker: nothing'}; runtime: {_line(error)}" if checker else ""
    return ""


def tflite_fault(path: Path) -> str:
    """LiteRT: the file verified, its tensors allocated, every operator prepared."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    try:
        kind = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        Interpreter(str(path), experimental_op_resolver_type=kind).allocate_tensors()
    except Exception as error:
        return _line(error)
    return ""


def pt2_fault(path: Path) -> str:
    """torch.export.load."""
    import torch

    try:
        torch.export.load(path)
    except Exception as error:
        return _line(error)
    return ""


def safetensors_fault(path: Path) -> str:
    """The safetensors package, every tensor read."""
    from safetensors import safe_open

    try:
        with safe_open(path, framework="np") as stream:
            for name in stream.keys():  # noqa: SIM118 - not a mapping
                stream.get_tensor(name)
    except Exception as error:
        return _line(error)
    return ""


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


JUDGES: Mapping[str, Callable[[Path], str]] = {
    ".onnx": onnx_fault,
    ".tflite": tflite_fault,
    ".pt2": pt2_fault,
    ".safetensors": safetensors_fault,
}
"""Suffix to the judge of its files."""
