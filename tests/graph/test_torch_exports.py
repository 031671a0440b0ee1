"""What torch's two exporters write, read, lowered, and held against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.core.errors import UnknownShapeError
from edgekit.graph.float_interpreter import run_float
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph

pytestmark = pytest.mark.filterwarnings("ignore")
NAMES = ["ds-cnn", "cp-mobile", "flattening"]
LAYERS = {
    "ds-cnn": ["conv2d", "depthwise_conv2d", "conv2d", "depthwise_conv2d", "conv2d", "avg_pool2d", "fully_connected"],
    "cp-mobile": [
        *("conv2d", "conv2d"),
        *("conv2d", "depthwise_conv2d", "conv2d", "add"),
        *("conv2d", "depthwise_conv2d", "conv2d", "pad", "avg_pool2d", "add"),
        *("conv2d", "depthwise_conv2d", "conv2d"),
        *("conv2d", "mean"),
    ],
    "flattening": ["conv2d", "max_pool2d", "fully_connected", "fully_connected", "softmax"],
}


def compare(path, dims=None):
    ort = pytest.importorskip("onnxruntime")
    graph = lower(load_graph(path, dims))
    _, height, width, _ = graph.tensor("input").dims
    x = np.random.default_rng(0).normal(size=(4, 1, height, width)).astype(np.float32) * 2
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    want = np.concatenate([session.run(None, {"input": clip[None]})[0] for clip in x])
    np.testing.assert_allclose(run_float(graph, x.transpose(0, 2, 3, 1)), want, rtol=0, atol=1e-4)
    return graph


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("opset", [13, 17])
@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("keep_norm", [False, True])
def test_torchscript(tmp_path, name, opset, dynamic, keep_norm):
    from torch_models import export

    path = export(name, tmp_path / "m.onnx", opset, dynamic=dynamic, keep_norm=keep_norm)
    graph = compare(path, {"batch": 1} if dynamic else None)
    assert sorted(node.op for node in graph.nodes) == sorted(LAYERS[name])
    if dynamic:
        with pytest.raises(UnknownShapeError, match="--dim batch=…"):
            lower(load_graph(path))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("opset", "dynamic"), [(18, False), (20, True)])
def test_dynamo(tmp_path, name, opset, dynamic):
    from torch_models import export

    path = export(name, tmp_path / "m.onnx", opset, dynamo=True, dynamic=dynamic)
    graph = compare(path, {"batch": 1} if dynamic else None)
    assert sorted(node.op for node in graph.nodes) == sorted(LAYERS[name])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("unsigned", [False, True])
@pytest.mark.parametrize("per_channel", [False, True])
def test_qdq_models_of_onnxruntime_become_integer_graphs(tmp_path, name, unsigned, per_channel):
    ort = pytest.importorskip("onnxruntime")
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from torch_models import export

    from edgekit.graph.integer.interpreter import run_integer

    path, quantized = export(name, tmp_path / "m.onnx", 17), tmp_path / "q.onnx"
    dims = load_graph(path).tensor("input").dims
    x = np.random.default_rng(0).normal(size=(40, *dims[1:])).astype(np.float32)

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.clips = iter(x)

        def get_next(self):
            clip = next(self.clips, None)
            return None if clip is None else {"input": clip[None]}

    activations = QuantType.QUInt8 if unsigned else QuantType.QInt8
    quantize_static(
        path, quantized, Reader(), quant_format=QuantFormat.QDQ, activation_type=activations,
        weight_type=QuantType.QInt8, per_channel=per_channel,
    )  # fmt: skip
    graph = lower(load_graph(quantized))
    assert {tensor.dtype for tensor in graph.tensors.values()} == {"int8", "int32"}
    session = ort.InferenceSession(str(quantized), providers=["CPUExecutionProvider"])
    want = np.concatenate([session.run(None, {"input": clip[None]})[0] for clip in x])
    scale, zero = graph.tensor("input").scale_zero()
    integers = np.clip(np.rint(x / np.float32(scale)) + zero, -128, 127).astype(np.int8).transpose(0, 2, 3, 1)
    scale, zero = graph.tensor("output").scale_zero()
    got = (run_integer(graph, integers).astype(np.float32) - zero) * scale
    # ONNX Runtime computes in float between the quantizers: roundings may differ by a step, or two after residuals.
    assert np.abs(got - want).max() <= 2.01 * scale
    assert np.mean(got.argmax(1) == want.argmax(1)) >= 0.95
