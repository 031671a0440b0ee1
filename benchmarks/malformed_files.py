"""Model files that no gate may pass: each is broken or hostile in one way that its name says."""

from __future__ import annotations

import json
import os
import random
import struct
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "graph"))

from tflite_files import Op, Sub, Value
from tflite_files import model_bytes as tflite_bytes

node = helper.make_node
Maker = Callable[[Path], Path]
MAKERS: dict[str, Maker] = {}
"""Name of the case to the function that writes it into an empty folder and returns the file."""


def case(name: str) -> Callable[[Maker], Maker]:
    """Decorator: file the maker under ``name``."""

    def put(maker: Maker) -> Maker:
        MAKERS[name] = maker
        return maker

    return put


def write_corpus(folder: Path) -> Iterator[tuple[str, Path]]:
    """Write every case into a folder of its own; yields (name, file)."""
    for name, maker in MAKERS.items():
        place = folder / name.replace(" ", "-").replace("/", "-").replace(":", "")
        place.mkdir(parents=True)
        yield name, maker(place)


def write_good(folder: Path) -> Iterator[tuple[str, Path]]:
    """Write the files that the broken ones are made from; yields (kind, file)."""
    folder.mkdir(parents=True)
    yield "ONNX", put(folder, good_onnx())
    yield "TFLite", put(folder, good_tflite(), "model.tflite")
    yield ".pt2", pack(folder, good_pt2())


def good_onnx() -> bytes:
    """Conv 3×3, Relu, Flatten, Gemm on [1, 1, 8, 8]."""
    generator = np.random.default_rng(0)
    constants = {"w": (4, 1, 3, 3), "v": (5, 256), "b": (5,)}
    nodes = [
        node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]),
        node("Relu", ["a"], ["r"]),
        node("Flatten", ["r"], ["f"]),
        node("Gemm", ["f", "v", "b"], ["y"], transB=1),
    ]
    return model_bytes(
        nodes,
        [1, 1, 8, 8],
        {name: generator.normal(size=dims).astype(np.float32) for name, dims in constants.items()},
        out=[1, 5],
    )


def model_bytes(
    nodes: list[Any],
    shape: list[Any],
    constants: dict[str, Any] | None = None,
    initializers: tuple[Any, ...] = (),
    out: list[Any] | None = None,
) -> bytes:
    """An ONNX model from x of ``shape`` to y of shape ``out``, which is left out where it is None."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, out)],
        [
            *(numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()),
            *initializers,
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def put(folder: Path, data: bytes, name: str = "model.onnx") -> Path:
    """Write ``data``."""
    path = folder / name
    path.write_bytes(data)
    return path


def _noise(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)


# --- any suffix

for suffix in ("onnx", "tflite", "pt2", "safetensors"):
    MAKERS[f"empty .{suffix}"] = lambda folder, s=suffix: put(folder, b"", f"model.{s}")
    MAKERS[f"random .{suffix}"] = lambda folder, s=suffix: put(folder, _noise(20_000, 1), f"model.{s}")
    MAKERS[f"zeros .{suffix}"] = lambda folder, s=suffix: put(folder, bytes(20_000), f"model.{s}")
    MAKERS[f"text .{suffix}"] = lambda folder, s=suffix: put(folder, b"this is no model\n" * 99, f"model.{s}")
    MAKERS[f"folder .{suffix}"] = lambda folder, s=suffix: _folder(folder / f"model.{s}")
MAKERS["random with a TFL3 mark"] = lambda folder: put(folder, b"\x1c\0\0\0TFL3" + _noise(9_000, 2), "model.tflite")
MAKERS["eight bytes .tflite"] = lambda folder: put(folder, b"\0\0\0\0TFL3", "model.tflite")


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


# --- ONNX

for share in (1, 10, 35, 60, 90, 99):
    MAKERS[f"ONNX cut at {share} %"] = lambda folder, s=share: put(folder, good_onnx()[: len(good_onnx()) * s // 100])


def _weight(dims: list[int], **fields: Any) -> Any:
    return TensorProto(name="w", data_type=TensorProto.FLOAT, dims=dims, **fields)


def _matmul(weight: Any) -> bytes:
    return model_bytes([node("MatMul", ["x", "w"], ["y"])], [1, 4], initializers=(weight,))


MAKERS["ONNX initializer of 2^20 by 2^20 without data"] = lambda f: put(f, _matmul(_weight([2**20, 2**20])))
MAKERS["ONNX initializer of 2^40"] = lambda f: put(f, _matmul(_weight([2**40], raw_data=bytes(64))))
MAKERS["ONNX initializer with a negative dimension"] = lambda f: put(f, _matmul(_weight([-4, 4], raw_data=bytes(64))))
MAKERS["ONNX initializer with a zero beside 2^62"] = lambda f: put(f, _matmul(_weight([0, 2**62])))
MAKERS["ONNX initializer shorter than its shape"] = lambda f: put(f, _matmul(_weight([4, 4], raw_data=bytes(60))))
MAKERS["ONNX initializer of rank 2000"] = lambda f: put(f, _matmul(_weight([1] * 2000, raw_data=bytes(4))))
MAKERS["ONNX input of 2^40"] = lambda f: put(f, model_bytes([node("Relu", ["x"], ["y"])], [1, 2**40]))
MAKERS["ONNX input of 2^30 by 2^30"] = lambda f: put(f, model_bytes([node("Relu", ["x"], ["y"])], [2**30, 2**30]))
MAKERS["ONNX input with a negative dimension"] = lambda f: put(f, model_bytes([node("Relu", ["x"], ["y"])], [1, -7]))
MAKERS["ONNX ConstantOfShape of 2^33"] = lambda f: put(
    f, model_bytes([node("ConstantOfShape", ["t"], ["y"])], [1], {"t": np.array([2**33], np.int64)})
)
MAKERS["ONNX Range to 2^60"] = lambda f: put(
    f,
    model_bytes(
        [node("Range", ["a", "b", "c"], ["y"])],
        [1],
        {"a": np.int64(0), "b": np.int64(2**60), "c": np.int64(1)},
    ),
)
MAKERS["ONNX cycle"] = lambda f: put(
    f, model_bytes([node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"]), node("Relu", ["b"], ["y"])], [1, 4])
)
MAKERS["ONNX node that reads itself"] = lambda f: put(f, model_bytes([node("Add", ["x", "y"], ["y"])], [1, 4]))
MAKERS["ONNX value made twice"] = lambda f: put(
    f, model_bytes([node("Relu", ["x"], ["y"]), node("Abs", ["x"], ["y"])], [1, 4])
)
MAKERS["ONNX value that nobody makes"] = lambda f: put(f, model_bytes([node("Add", ["x", "ghost"], ["y"])], [1, 4]))
MAKERS["ONNX output that nobody makes"] = lambda f: put(f, model_bytes([node("Relu", ["x"], ["z"])], [1, 4]))
MAKERS["ONNX two initializers of one name"] = lambda f: put(
    f,
    model_bytes(
        [node("Add", ["x", "w"], ["y"])],
        [1, 4],
        initializers=(numpy_helper.from_array(np.ones(4, np.float32), "w"),) * 2,
    ),
)
MAKERS["ONNX without operators"] = lambda f: put(f, model_bytes([], [1, 4]))
MAKERS["ONNX with an operator nobody knows"] = lambda f: put(f, model_bytes([node("Mystery", ["x"], ["y"])], [1, 4]))
MAKERS["ONNX convolution whose weights do not fit"] = lambda f: put(
    f, model_bytes([node("Conv", ["x", "w"], ["y"])], [1, 3, 8, 8], {"w": np.ones((4, 2, 3, 3), np.float32)})
)
MAKERS["ONNX product whose sides do not fit"] = lambda f: put(
    f, model_bytes([node("MatMul", ["x", "w"], ["y"])], [1, 4], {"w": np.ones((5, 4), np.float32)})
)


@case("ONNX with a length that becomes a rank")
def _rank_bomb(folder: Path) -> Path:
    """What onnx' own shape inference answered with 22 GB."""
    nodes = [
        node("Reshape", ["x", "t"], ["r"]), node("Shape", ["r"], ["s"]), node("ConstantOfShape", ["s"], ["z"]),
        node("Equal", ["s", "z"], ["e"]), node("Where", ["e", "z", "s"], ["w"]), node("Expand", ["x", "w"], ["y"]),
    ]  # fmt: skip
    return put(folder, model_bytes(nodes, [1], {"t": np.array([2**59], np.int64)}))


@case("ONNX Concat that doubles 60 times")
def _doubling(folder: Path) -> Path:
    nodes = [node("Shape", ["x"], ["s0"])]
    nodes += [node("Concat", [f"s{i}"] * 2, [f"s{i + 1}"], axis=0) for i in range(60)]
    return put(folder, model_bytes([*nodes, node("Expand", ["x", "s60"], ["y"])], [1, 4]))


@case("ONNX functions that multiply")
def _functions(folder: Path) -> Path:
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    functions = []
    for level in range(12):
        inner = [
            node(f"f{level - 1}", ["a"], [f"b{i}"], domain="own") if level else node("Relu", ["a"], [f"b{i}"])
            for i in range(20)
        ]
        functions.append(helper.make_function("own", f"f{level}", ["a"], ["b0"], inner, imports))
    graph = onnx.ModelProto.FromString(model_bytes([node("f11", ["x"], ["y"], domain="own")], [1, 4])).graph
    model = helper.make_model(graph, opset_imports=imports, functions=functions, ir_version=8)
    return put(folder, model.SerializeToString())


@case("ONNX branches nested in branches")
def _nested(folder: Path) -> Path:
    inner = helper.make_graph([node("Relu", ["x"], ["r"])], "g", [], [helper.make_tensor_value_info("r", 1, None)])
    for _ in range(13):
        inner = helper.make_graph(
            [node("If", ["c"], ["r"], then_branch=inner, else_branch=inner)], "g", [],
            [helper.make_tensor_value_info("r", 1, None)],
        )  # fmt: skip
    nodes = [node("Cast", ["x"], ["c"], to=9), node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)]
    return put(folder, model_bytes(nodes, []))


@case("ONNX protobuf nested 5,000 deep")
def _deep(folder: Path) -> Path:
    data = b""
    for _ in range(5_000):
        data = b"\x3a" + _varint(len(data)) + data  # field 7, a message
    return put(folder, b"\x08\x08" + data)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


@case("ONNX with a million empty nodes")
def _many(folder: Path) -> Path:
    model = onnx.ModelProto.FromString(good_onnx())
    payload = model.graph.SerializeToString() + b"\x0a\x00" * 1_000_000
    return put(folder, b"\x08\x08" + b"\x3a" + _varint(len(payload)) + payload + b"\x42\x02\x10\x11")


def _external(location: str) -> bytes:
    weight = _weight([4, 4], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", location), ("offset", "0"), ("length", "64")):
        weight.external_data.add(key=key, value=value)
    return _matmul(weight)


@case("ONNX external data through ..")
def _dots(folder: Path) -> Path:
    put(folder, bytes(64), "outside.bin")
    (folder / "inside").mkdir()
    return put(folder / "inside", _external("../outside.bin"))


@case("ONNX external data with an absolute path")
def _absolute(folder: Path) -> Path:
    return put(folder, _external(str(put(folder, bytes(64), "weights.bin").resolve())))


@case("ONNX external data through a symbolic link")
def _symlink(folder: Path) -> Path:
    (folder / "inside").mkdir()
    (folder / "inside" / "link.bin").symlink_to(put(folder, bytes(64), "outside.bin"))
    return put(folder / "inside", _external("link.bin"))


@case("ONNX external data through a hard link")
def _hardlink(folder: Path) -> Path:
    (folder / "inside").mkdir()
    os.link(put(folder, bytes(64), "outside.bin"), folder / "inside" / "hard.bin")
    return put(folder / "inside", _external("hard.bin"))


@case("ONNX external data from a device")
def _device(folder: Path) -> Path:
    return put(folder, _external("/dev/zero"))


@case("ONNX external data that is too short")
def _short(folder: Path) -> Path:
    put(folder, bytes(63), "short.bin")
    return put(folder, _external("short.bin"))


# --- TFLite


def good_tflite() -> bytes:
    """Two fully connected float layers, 8 → 16 → 4, and a Softmax."""
    return tflite_bytes(_dense_layers())


def _dense_layers() -> Sub:
    values = [
        Value("x", (1, 8)), Value("w", (16, 8), data=np.ones((16, 8))), Value("b", (16,), data=np.ones(16)),
        Value("h", (1, 16)), Value("v", (4, 16), data=np.ones((4, 16))), Value("z", (1, 4)), Value("y", (1, 4)),
    ]  # fmt: skip
    operators = [
        Op("FULLY_CONNECTED", ("x", "w", "b"), ("h",), "FullyConnectedOptions"),
        Op("FULLY_CONNECTED", ("h", "v", ""), ("z",), "FullyConnectedOptions"),
        Op("SOFTMAX", ("z",), ("y",), "SoftmaxOptions", {"Beta": 1.0}),
    ]
    return Sub(values, operators, ("x",), ("y",))


for share in (1, 20, 50, 80, 99):
    MAKERS[f"TFLite cut at {share} %"] = lambda folder, s=share: put(
        folder, good_tflite()[: len(good_tflite()) * s // 100], "model.tflite"
    )


def _edited(part: str, index: int, **fields: Any) -> Maker:
    """The good TFLite file with fields of one value or operator, or of the subgraph, replaced."""

    def maker(folder: Path) -> Path:
        sub = _dense_layers()
        target = sub if part == "graph" else getattr(sub, part)[index]
        for name, value in fields.items():
            setattr(target, name, value)
        return put(folder, tflite_bytes(sub), "model.tflite")

    return maker


MAKERS["TFLite buffer index out of range"] = _edited("values", 1, buffer=999)
MAKERS["TFLite operator input out of range"] = _edited("ops", 0, inputs=("x", 77, "b"))
MAKERS["TFLite operator output out of range"] = _edited("ops", 0, outputs=(2**30,))
MAKERS["TFLite operator input of -2"] = _edited("ops", 0, inputs=(-2, "w", "b"))
MAKERS["TFLite graph input out of range"] = _edited("graph", 0, inputs=(-1,))
MAKERS["TFLite graph output out of range"] = _edited("graph", 0, outputs=(500,))
MAKERS["TFLite operator code out of range"] = _edited("ops", 0, code=40)
MAKERS["TFLite constant of 2^20 by 2^20 without data"] = _edited("values", 1, shape=(2**20, 2**20), data=None, raw=b"")
MAKERS["TFLite constant of 2^15 by 2^15 with 512 bytes"] = _edited(
    "values", 1, shape=(2**15, 2**15), data=None, raw=bytes(512)
)
MAKERS["TFLite constant longer than its buffer"] = _edited("values", 1, shape=(16, 9), data=None, raw=bytes(512))
MAKERS["TFLite negative dimension"] = _edited("values", 0, shape=(1, -8))
MAKERS["TFLite activation of 2^60"] = _edited("values", 3, shape=(2**30, 2**30))
MAKERS["TFLite cycle"] = _edited("ops", 0, inputs=("y", "w", "b"))
MAKERS["TFLite value made twice"] = _edited("ops", 1, outputs=("h",))
MAKERS["TFLite weights that do not fit"] = _edited("values", 0, shape=(1, 7))
MAKERS["TFLite output that does not fit"] = _edited("values", 3, shape=(1, 3))
MAKERS["TFLite without operators"] = _edited("graph", 0, ops=[])
MAKERS["TFLite with an operator nobody knows"] = _edited("ops", 2, op="PLACEHOLDER_FOR_GREATER_OP_CODES", options="")
MAKERS["TFLite without subgraphs"] = lambda folder: put(folder, tflite_bytes(), "model.tflite")


@case("TFLite subgraph that calls itself")
def _self_call(folder: Path) -> Path:
    call = Op("CALL", ("x",), ("y",), "CallOptions", {"Subgraph": 0})
    data = tflite_bytes(Sub([Value("x", (1, 8)), Value("y", (1, 8))], [call], ("x",), ("y",)))
    return put(folder, data, "model.tflite")


@case("TFLite subgraphs that multiply")
def _calls(folder: Path) -> Path:
    subgraphs = []
    for level in range(7):
        values = [Value("x", (1, 8)), *(Value(f"y{i}", (1, 8)) for i in range(40))]
        calls = [Op("CALL", ("x",), (f"y{i}",), "CallOptions", {"Subgraph": level + 1}) for i in range(40)]
        subgraphs.append(Sub(values, calls, ("x",), ("y0",)))
    leaf = Sub([Value("x", (1, 8)), Value("y", (1, 8))], [Op("RELU", ("x",), ("y",))], ("x",), ("y",))
    return put(folder, tflite_bytes(*subgraphs, leaf), "model.tflite")


# --- torch.export archives


def good_pt2() -> dict[str, bytes]:
    """Entries of an archive as torch.export.save writes it: one Linear, 8 → 4."""

    def meta(*sizes: int) -> dict[str, Any]:
        return {"dtype": 7, "sizes": [{"as_int": size} for size in sizes]}

    def tensor(name: str) -> dict[str, Any]:
        return {"as_tensor": {"name": name}}

    graph = {
        "inputs": [tensor("p_weight"), tensor("p_bias"), tensor("x")],
        "outputs": [tensor("linear")],
        "nodes": [
            {
                "target": "torch.ops.aten.linear.default",
                "inputs": [
                    {"name": "input", "arg": tensor("x")},
                    {"name": "weight", "arg": tensor("p_weight")},
                    {"name": "bias", "arg": tensor("p_bias")},
                ],
                "outputs": [tensor("linear")],
            }
        ],
        "tensor_values": {"p_weight": meta(4, 8), "p_bias": meta(4), "x": meta(1, 8), "linear": meta(1, 4)},
    }
    specs = [{"parameter": {"arg": {"name": f"p_{key}"}, "parameter_name": key}} for key in ("weight", "bias")]
    program = {
        "graph_module": {"graph": graph, "signature": {"input_specs": specs, "output_specs": []}},
        "range_constraints": {},
    }
    config = {
        "config": {
            "weight": {"path_name": "weight_0", "use_pickle": False, "tensor_meta": meta(4, 8)},
            "bias": {"path_name": "weight_1", "use_pickle": False, "tensor_meta": meta(4)},
        }
    }
    return {
        "m/models/model.json": json.dumps(program).encode(),
        "m/data/weights/model_weights_config.json": json.dumps(config).encode(),
        "m/data/weights/weight_0": bytes(128),
        "m/data/weights/weight_1": bytes(16),
    }


def pack(folder: Path, entries: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    """Write the entries as ``model.pt2``."""
    path = folder / "model.pt2"
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


def _pt2(**changes: bytes | None) -> Maker:
    """The good archive with entries replaced or left out, by the last part of their names."""

    def maker(folder: Path) -> Path:
        entries = {
            name: changes.get(name.rpartition("/")[2].partition(".")[0], data) for name, data in good_pt2().items()
        }
        return pack(folder, {name: data for name, data in entries.items() if data is not None}, zipfile.ZIP_DEFLATED)

    return maker


MAKERS[".pt2 without a program"] = _pt2(model=None)
MAKERS[".pt2 without weights"] = _pt2(weight_0=None)
MAKERS[".pt2 with weights that are too short"] = _pt2(weight_0=bytes(127))
MAKERS[".pt2 with a program that is no JSON"] = _pt2(model=b"{'graph_module'")
MAKERS[".pt2 with a program nested 100,000 deep"] = _pt2(model=b"[" * 100_000)
MAKERS[".pt2 with ten million empty lists"] = _pt2(model=b"[" + b"[]," * 5_000_000 + b"[]]")
MAKERS[".pt2 with a program that is a list"] = _pt2(model=b"[1, 2, 3]")


@case(".pt2 deflate bomb")
def _bomb(folder: Path) -> Path:
    path = folder / "model.pt2"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("m/models/model.json", "w") as entry:
        for _ in range(1_024):
            entry.write(bytes(2**20))
    return path


@case(".pt2 packed with LZMA")
def _lzma(folder: Path) -> Path:
    return pack(folder, good_pt2(), zipfile.ZIP_LZMA)


@case(".pt2 with a shape that lies")
def _lying(folder: Path) -> Path:
    entries = good_pt2()
    program = json.loads(entries["m/models/model.json"])
    program["graph_module"]["graph"]["tensor_values"]["linear"]["sizes"][1]["as_int"] = 1
    return pack(folder, {**entries, "m/models/model.json": json.dumps(program).encode()})


for share in (10, 50, 95):
    MAKERS[f".pt2 cut at {share} %"] = lambda folder, s=share: _cut(pack(folder, good_pt2()), s)


def _cut(path: Path, share: int) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * share // 100])
    return path


# --- safetensors


def _safetensors(header: bytes, data: bytes, length: int | None = None) -> Maker:
    first = struct.pack("<Q", len(header) if length is None else length)
    return lambda folder: put(folder, first + header + data, "model.safetensors")


_ENTRY = b'{"w": {"dtype": "F32", "shape": [4, 4], "data_offsets": [0, 64]}}'
MAKERS["safetensors header of 2^60"] = _safetensors(_ENTRY, bytes(64), 2**60)
MAKERS["safetensors without its weights"] = _safetensors(_ENTRY, b"")
MAKERS["safetensors of 2^20 by 2^20"] = _safetensors(_ENTRY.replace(b"[4, 4]", b"[1048576, 1048576]"), bytes(64))
MAKERS["safetensors with a negative dimension"] = _safetensors(_ENTRY.replace(b"[4, 4]", b"[-4, -4]"), bytes(64))
MAKERS["safetensors nested 100,000 deep"] = _safetensors(b"[" * 100_000, b"")
MAKERS["safetensors with weights that overlap"] = _safetensors(
    _ENTRY[:-1] + b', "v": {"dtype": "F32", "shape": [4, 4], "data_offsets": [0, 64]}}', bytes(64)
)
MAKERS["safetensors without a model"] = _safetensors(_ENTRY, bytes(64))
