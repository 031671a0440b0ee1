"""Fixtures of the graph tests: small ONNX models made with onnx' own helpers and run with ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.graph.float_interpreter import run_float
from edgekit.graph.graph import Graph
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph


class OnnxBench:
    """Builds one-input models, and holds the lowered graph against ONNX Runtime."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.random = np.random.default_rng(7)

    def floats(self, *dims: int, low: float = -1.0, high: float = 1.0) -> np.ndarray:
        return self.random.uniform(low, high, dims).astype(np.float32)

    def save(
        self,
        nodes: Sequence[Any],
        shape: Sequence[int | str],
        constants: dict[str, np.ndarray] | None = None,
        opset: int = 17,
        name: str = "model",
        output_rank: int | None = None,
    ) -> Path:
        """A model with input "x" and output "y" made of ``nodes``."""
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        rank = [None] * output_rank if output_rank is not None else None
        graph = helper.make_graph(
            list(nodes),
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, rank)],
            [numpy_helper.from_array(np.asarray(value), key) for key, value in (constants or {}).items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
        path = self.folder / f"{name}.onnx"
        onnx.save(model, path)
        return path

    def agree(self, path: Path, tolerance: float = 1e-4, clips: int = 3, scale: float = 2.0) -> Graph:
        """Lower the model, compare with ONNX Runtime on random clips, return the edge graph."""
        ort = pytest.importorskip("onnxruntime")
        source = load_graph(path)
        graph = lower(source)
        dims = source.tensor(source.inputs[0]).dims
        x = self.random.normal(size=(clips, *dims[1:])).astype(np.float32) * np.float32(scale)
        session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        want = np.concatenate([session.run(None, {source.inputs[0]: clip[None]})[0] for clip in x])
        last = len(dims) > 2 and graph.tensor(graph.inputs[0]).dims == (1, *dims[2:], dims[1])
        got = run_float(graph, np.moveaxis(x, 1, -1) if last else x)
        if want.ndim == 4:
            want = want.transpose(0, 2, 3, 1)
        assert got.shape == want.shape
        np.testing.assert_allclose(got, want, rtol=0, atol=tolerance)
        return graph


@pytest.fixture
def bench(tmp_path: Path) -> OnnxBench:
    return OnnxBench(tmp_path)


@pytest.fixture(scope="session")
def mutate() -> Callable[[bytes, int], bytes]:
    """A damaged copy of a file: cut, bits flipped, words replaced by extremes, or bytes of its end changed."""

    def damaged(data: bytes, seed: int) -> bytes:
        random = np.random.default_rng(seed)
        copy = bytearray(data)
        match seed % 4:
            case 0:
                return bytes(copy[: int(random.integers(len(copy)))])
            case 1:
                for _ in range(int(random.integers(1, 10))):
                    copy[int(random.integers(len(copy)))] ^= 1 << int(random.integers(8))
            case 2:
                for _ in range(int(random.integers(1, 6))):
                    at = int(random.integers(len(copy) - 4))
                    words = [b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\0\0\0\x80", random.bytes(4)]
                    copy[at : at + 4] = words[int(random.integers(len(words)))]
            case _:
                for _ in range(int(random.integers(1, 6))):
                    at = len(copy) - 1 - int(random.integers(min(len(copy), 6000)))
                    copy[at] = int(random.integers(256))
        return bytes(copy)

    return damaged
