"""Integer edge graphs as QDQ ONNX: float operators between QuantizeLinear and DequantizeLinear."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from edgekit.core.errors import UnsupportedOpError
from edgekit.core.files import write_bytes
from edgekit.export.onnx_builder import OnnxBuilder
from edgekit.export.onnx_layout import TO_NCHW, is_wide
from edgekit.export.qdq_ops import emit
from edgekit.export.qdq_recurrent import carried_states
from edgekit.graph.graph import Graph, Node
from edgekit.graph.ops import PAIR_OPS
from edgekit.graph.streaming.describe import next_name
from edgekit.graph.tensor import Quantization, Tensor

OPSET = 17
_IR_VERSION = 8
WIDE_DOMAIN = "com.microsoft"
"""Of QuantizeLinear and DequantizeLinear where activations are int16: ONNX's own know int16 since opset 21, at which
ONNX Runtime 1.31 moves some of them past a Reshape and then refuses their types."""


def write_qdq_onnx(graph: Graph, path: Path) -> None:
    """Write ``graph`` to ``path``; see :func:`qdq_model`."""
    write_bytes(path, qdq_model(graph).SerializeToString(deterministic=True))


def qdq_model(graph: Graph) -> onnx.ModelProto:
    """The QDQ form of an integer edge graph.

    Input and output are float32, rank 4 as NCHW: the model takes the place of the float ONNX that it was made from.
    Weights are int8 initializers, biases int32 ones, each behind a DequantizeLinear; every activation passes a
    QuantizeLinear/DequantizeLinear pair of its own scale. ``graph.metadata`` becomes metadata_props. A float graph has
    neither: it is plain ONNX.

    Raises:
        UnsupportedOpError: not an edge graph, or an element type that has no form in ONNX.
    """
    if graph.dialect != "edge":
        raise UnsupportedOpError(f"a graph of dialect {graph.dialect!r} is not written", mend="lower it first")
    model = _Writer(graph).model()
    onnx.checker.check_model(model, full_check=True)
    return model


class _Writer:
    """``_float`` maps each activation of the graph to the ONNX name of its dequantized value."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._out = OnnxBuilder()
        self._float: dict[str, str] = {}
        self._carried = carried_states(graph)

    def model(self) -> onnx.ModelProto:
        """The model, not yet checked."""
        graph, out = self._graph, self._out
        inputs = []
        for name in graph.inputs:
            tensor = graph.tensor(name)
            inputs.append(_value_info(out.name(name), tensor))
            self._float[name] = self._rounded(name, tensor)
        for name in self._carried:
            inputs.append(_state_info(out.name(name), graph.tensor(name)))
        for node in graph.nodes:
            self._append(node)
        outputs = []
        for name in graph.outputs:
            final = out.node("Identity", [self._float[name]], name)
            outputs.append(_value_info(final, graph.tensor(name)))
        outputs += [_state_info(next_name(name), graph.tensor(name)) for name in self._carried]
        proto = helper.make_graph(out.nodes, graph.name or "model", inputs, outputs, out.initializers)
        wide = is_wide(graph)
        opsets = [helper.make_opsetid("", OPSET), *([helper.make_opsetid(WIDE_DOMAIN, 1)] if wide else [])]
        for node in proto.node if wide else ():
            if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
                node.domain = WIDE_DOMAIN
        model = helper.make_model(proto, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="edgekit")
        helper.set_model_props(model, dict(sorted(graph.metadata.items())))
        return model

    def _append(self, node: Node) -> None:
        kept = self._graph.variables
        inputs = [self._read(node, name) if name and name not in kept else "" for name in node.inputs]
        inputs = [name if name in self._carried else read for name, read in zip(node.inputs, inputs, strict=True)]
        output = self._graph.tensor(node.outputs[0])
        result = emit(self._out, self._graph, node, inputs)
        self._float[output.name] = self._rounded(result, output)

    def _read(self, node: Node, name: str) -> str:
        tensor = self._graph.tensor(name)
        if not tensor.constant:
            return self._float[name]
        return self._constant(node, tensor)

    def _rounded(self, x: str, tensor: Tensor) -> str:
        """``x`` through QuantizeLinear and DequantizeLinear; float tensors (before quantize) pass."""
        if tensor.dtype == "float32":
            return x
        if tensor.dtype not in ("int8", "int16") or tensor.quant is None:
            raise UnsupportedOpError(f"{tensor.dtype} tensor", where=tensor.name, mend="quantize the model first")
        scale, zero = self._parameters(tensor.name, tensor.quant, np.dtype(tensor.dtype))
        quantized = self._out.node("QuantizeLinear", [x, scale, zero], f"{tensor.name}/quantized")
        return self._out.node("DequantizeLinear", [quantized, scale, zero], f"{tensor.name}/dequantized")

    def _constant(self, node: Node, tensor: Tensor) -> str:
        if tensor.dtype == "float32" and tensor.data is not None:
            if self._graph.tensor(node.outputs[0]).dtype != "float32":
                raise UnsupportedOpError("float32 constant", where=tensor.name, mend="quantize the model first")
            return self._out.constant(tensor.name, _onnx_layout(node, tensor)[0])
        if tensor.quant is None or tensor.data is None or tensor.dtype not in ("int8", "int16", "int32", "int64"):
            raise UnsupportedOpError(f"{tensor.dtype} constant", where=tensor.name, mend="quantize the model first")
        data, axis = _onnx_layout(node, tensor)
        if tensor.dtype == "int64":  # a bias beside int16: DequantizeLinear does not take its type
            return self._out.constant(tensor.name, (data * tensor.quant.scale.astype(np.float64)).astype(np.float32))
        scale, zero = self._parameters(tensor.name, tensor.quant, data.dtype)
        attributes: dict[str, Any] = {} if tensor.quant.per_tensor else {"axis": axis}
        stored = self._out.constant(tensor.name, data)
        return self._out.node("DequantizeLinear", [stored, scale, zero], f"{tensor.name}/dequantized", **attributes)

    def _parameters(self, name: str, quant: Quantization, dtype: np.typing.DTypeLike) -> tuple[str, str]:
        scale, zero = quant.scale, quant.zero_point.astype(dtype)
        if quant.per_tensor:
            scale, zero = scale.reshape(()), zero.reshape(())
        return self._out.constant(f"{name}/scale", scale), self._out.constant(f"{name}/zero_point", zero)


def _onnx_layout(node: Node, tensor: Tensor) -> tuple[np.ndarray, int]:
    """Constant data in ONNX's order, and the channel axis there."""
    data = np.asarray(tensor.data)
    if node.op in PAIR_OPS or node.op == "concat":
        return (data.transpose(TO_NCHW) if data.ndim == 4 else data), 0
    if tensor.name != node.inputs[1] or node.op == "fully_connected":
        return data, 0
    if node.op == "conv2d":
        return data.transpose(TO_NCHW), 0
    if node.op == "depthwise_conv2d":
        return data.transpose(3, 0, 1, 2), 0  # [1,kh,kw,C·m] to [C·m,1,kh,kw]
    return (data.transpose(TO_NCHW) if data.ndim == 4 else data), 0


def _state_info(name: str, tensor: Tensor) -> onnx.ValueInfoProto:
    """An lstm's state as ONNX has it, [1, 1, H]."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, tensor.elements])


def _value_info(name: str, tensor: Tensor) -> onnx.ValueInfoProto:
    dims = tensor.dims
    shape = [dims[axis] for axis in TO_NCHW] if len(dims) == 4 else list(dims)
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
