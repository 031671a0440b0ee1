"""What transformers are made of, lowered and held against ONNX Runtime: products, softmax, norms, GELU, tokens."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import helper

from edgekit.core.errors import UnsupportedOpError
from edgekit.graph.graph import Graph
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.models.transformer import TransformerBlock

node = helper.make_node


def ops(graph: Graph) -> list[str]:
    return [item.op for item in graph.nodes]


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_softmax_over_any_axis_of_an_image(bench: Any, axis: int) -> None:
    flat = node("Flatten", ["s"], ["f"])
    dense = node("Gemm", ["f", "w"], ["y"], transB=1)
    path = bench.save([node("Softmax", ["x"], ["s"], axis=axis), flat, dense], [1, 5, 2, 3], {"w": bench.floats(4, 30)})
    assert ops(bench.agree(path)).count("softmax") == 1


@pytest.mark.parametrize("left", ["plain", "transposed"])
@pytest.mark.parametrize("right", ["plain", "transposed"])
def test_product_of_activations_reads_either_side_as_it_lies(bench: Any, left: str, right: str) -> None:
    nodes = [
        node("Relu", ["x"], ["a"]),
        node("Tanh", ["x"], ["b"]),
        node("Transpose", ["a" if left == "transposed" else "b"], ["t"], perm=[0, 2, 1]),
        node("MatMul", ["t", "b"] if left == "transposed" else ["a", "t"], ["y"]),
    ]
    if left == right == "transposed":
        nodes = [*nodes[:2], node("Transpose", ["a"], ["t"], perm=[0, 2, 1]), node("MatMul", ["t", "a"], ["y"])]
    graph = bench.agree(bench.save(nodes, [1, 4, 6]))
    assert "transpose" not in ops(graph)
    assert ops(graph)[-1] == "batch_matmul"


def test_product_with_a_constant_batch(bench: Any) -> None:
    nodes = [node("MatMul", ["x", "w"], ["p"]), node("Flatten", ["p"], ["y"])]
    graph = bench.agree(bench.save(nodes, [1, 3, 4, 5], {"w": bench.floats(3, 5, 2)}))
    assert "batch_matmul" in ops(graph)


@pytest.mark.parametrize("epsilon", [1e-6, 1e-5, 0.3])
def test_layer_norm_over_the_last_axes(bench: Any, epsilon: float) -> None:
    for axis, dims in ((-1, (6,)), (1, (4, 6))):
        norm = node("LayerNormalization", ["x", "g", "b"], ["y"], axis=axis, epsilon=epsilon)
        constants = {"g": bench.floats(*dims), "b": bench.floats(*dims)}
        graph = bench.agree(bench.save([norm], [1, 4, 6], constants))
        assert {"mean", "sub", "mul", "rsqrt"} <= set(ops(graph))


def test_instance_norm(bench: Any) -> None:
    norm = node("InstanceNormalization", ["x", "g", "b"], ["y"], epsilon=1e-3)
    bench.agree(bench.save([norm], [1, 4, 6, 5], {"g": bench.floats(4), "b": bench.floats(4)}))


def test_layer_norm_folds_into_the_layer_behind_it(bench: Any) -> None:
    nodes = [node("LayerNormalization", ["x", "g", "b"], ["n"]), node("MatMul", ["n", "w"], ["y"])]
    constants = {"g": bench.floats(6), "b": bench.floats(6), "w": bench.floats(6, 3)}
    graph = bench.agree(bench.save(nodes, [1, 4, 6], constants))
    assert "depthwise_conv2d" not in ops(graph)


class _Gate(torch.nn.Module):
    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)


GATES = {
    "gelu": torch.nn.GELU(),
    "gelu by tanh": torch.nn.GELU(approximate="tanh"),
    "quick gelu": _Gate(lambda x: x * torch.sigmoid(1.702 * x)),
    "silu": torch.nn.SiLU(),
    "mish": torch.nn.Mish(),
    "elu": torch.nn.ELU(0.7),
    "softplus": torch.nn.Softplus(),
}


def _exported(module: torch.nn.Module, shape: tuple[int, ...], path: Path, opset: int = 17) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(), (torch.zeros(1, *shape),), str(path), input_names=["x"], opset_version=opset, dynamo=False
        )
    return path


@pytest.mark.parametrize("gate", GATES)
def test_activation_of_torch_is_one_operator(bench: Any, gate: str, tmp_path: Path) -> None:
    graph = bench.agree(_exported(GATES[gate], (8, 5), tmp_path / "gate.onnx"), tolerance=1e-5, scale=3.0)
    assert ops(graph) == ["pointwise"]


def test_gelu_operator_of_opset_20(bench: Any) -> None:
    for kind in ("none", "tanh"):
        path = bench.save([node("Gelu", ["x"], ["y"], approximate=kind)], [1, 7, 5], opset=20)
        assert ops(bench.agree(path, tolerance=1e-5)) == ["pointwise"]


def test_mish_operator_of_opset_18(bench: Any) -> None:
    assert ops(bench.agree(bench.save([node("Mish", ["x"], ["y"])], [1, 7, 5], opset=18), tolerance=1e-5)) == [
        "pointwise"
    ]


def test_function_of_two_values_is_not_one_operator(bench: Any) -> None:
    nodes = [
        node("Relu", ["x"], ["a"]),
        node("Softmax", ["x"], ["b"]),
        node("Sigmoid", ["b"], ["g"]),
        node("Mul", ["a", "g"], ["y"]),
    ]
    assert ops(bench.agree(bench.save(nodes, [1, 6]))) == ["relu", "softmax", "logistic", "mul"]


@pytest.mark.parametrize("norm", ["layer", "batch"])
@pytest.mark.parametrize("opset", [13, 17])
def test_transformer_block(bench: Any, norm: str, opset: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    block = TransformerBlock(12, 3, 2.0, norm=norm)
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    graph = bench.agree(_exported(block, (7, 12), tmp_path / "block.onnx", opset))
    counts = {op: ops(graph).count(op) for op in ("batch_matmul", "fully_connected", "softmax", "slice", "pointwise")}
    assert counts == {"batch_matmul": 2, "fully_connected": 6, "softmax": 1, "slice": 0, "pointwise": 1}


@pytest.mark.parametrize(("indices", "kinds"), [(2, ["slice"]), ([1, 2, 3], ["slice"]), ([0, 2, 3], None)])
def test_gather_with_constant_indices(bench: Any, indices: int | list[int], kinds: list[str] | None) -> None:
    path = bench.save([node("Gather", ["x", "i"], ["y"], axis=1)], [1, 5, 3], {"i": np.array(indices, np.int64)})
    found = [op for op in ops(bench.agree(path)) if op != "reshape"]
    assert found == (kinds or ["slice", "slice", "concat"])


def test_class_token_and_positional_codes(bench: Any) -> None:
    nodes = [node("Add", ["x", "codes"], ["a"]), node("Concat", ["token", "a"], ["y"], axis=1)]
    constants = {"codes": bench.floats(1, 4, 6), "token": bench.floats(1, 1, 6)}
    assert ops(bench.agree(bench.save(nodes, [1, 4, 6], constants))) == ["add", "concat"]


def test_other_powers_are_a_function_of_one_value_if_the_exponent_is_one_number(bench: Any) -> None:
    path = bench.save([node("Pow", ["x", "p"], ["y"])], [1, 4], {"p": np.array(3.0, np.float32)})
    assert ops(bench.agree(path)) == ["pointwise"]
    path = bench.save([node("Pow", ["x", "p"], ["y"])], [1, 4], {"p": np.array([1, 2, 3, 4], np.float32)})
    with pytest.raises(UnsupportedOpError, match="Pow with another exponent"):
        lower(load_graph(path))


def test_roots_and_quotients_of_what_is_held_above_zero(bench: Any) -> None:
    """The deviation of attentive pooling, and a clip over its own deviation."""
    clamped = [node("Clip", ["x", "low"], ["c"]), node("Sqrt", ["c"], ["y"])]
    bench.agree(bench.save(clamped, [1, 7], {"low": np.array(1e-2, np.float32)}))
    ratio = [
        node("ReduceMean", ["x"], ["m"], axes=[2]),
        node("Sub", ["x", "m"], ["d"]),
        node("Mul", ["d", "d"], ["s"]),
        node("ReduceMean", ["s"], ["v"], axes=[2]),
        node("Sqrt", ["v"], ["r"]),
        node("Add", ["r", "e"], ["p"]),
        node("Div", ["d", "p"], ["y"]),
    ]
    bench.agree(bench.save(ratio, [1, 3, 40], {"e": np.array(1e-3, np.float32)}), tolerance=1e-3)


def test_a_root_of_what_may_be_negative_is_refused(bench: Any) -> None:
    path = bench.save([node("Clip", ["x", "low"], ["c"]), node("Sqrt", ["c"], ["y"])], [1, 7], {"low": np.float32(-1)})
    with pytest.raises(UnsupportedOpError, match="may be negative"):
        lower(load_graph(path))
