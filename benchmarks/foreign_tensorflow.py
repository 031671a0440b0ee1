"""Run by a Python that has TensorFlow: an edge graph as TensorFlow operators, through its converter, int8.

    python foreign_tensorflow.py GRAPH.json ARRAYS.npz CALIBRATION.npy OUT.tflite

GRAPH.json and ARRAYS.npz are what benchmarks/foreign_files.py writes of a float edge graph; the calibration clips have
channels last.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

Attrs = Mapping[str, Any]


def _padded(x: Any, attrs: Attrs) -> Any:
    return tf.pad(x, [[0, 0], *attrs["pad"], [0, 0]]) if np.any(attrs["pad"]) else x


def _with_bias(y: Any, inputs: list[Any]) -> Any:
    return y if len(inputs) < 3 or inputs[2] is None else tf.nn.bias_add(y, tf.reshape(inputs[2], [-1]))


def _conv2d(inputs: list[Any], attrs: Attrs, dims: list[int]) -> Any:
    filters = tf.transpose(inputs[1], [1, 2, 3, 0])
    stride = [1, *attrs["stride"], 1]
    y = tf.nn.conv2d(_padded(inputs[0], attrs), filters, stride, "VALID", dilations=attrs["dilation"])
    return _with_bias(y, inputs)


def _depthwise(inputs: list[Any], attrs: Attrs, dims: list[int]) -> Any:
    filters, (rows, columns) = tf.transpose(inputs[1], [1, 2, 3, 0]), attrs["stride"]
    x = _padded(inputs[0], attrs)
    if rows == columns:
        return _with_bias(
            tf.nn.depthwise_conv2d(x, filters, [1, rows, columns, 1], "VALID", dilations=attrs["dilation"]), inputs
        )
    # TensorFlow has no depthwise layer of two different strides.
    y = tf.nn.depthwise_conv2d(x, filters, [1, 1, 1, 1], "VALID")[:, ::rows, ::columns, :]
    return _with_bias(y, inputs)


def _dense(inputs: list[Any], attrs: Attrs, dims: list[int]) -> Any:
    rows = tf.reshape(inputs[0], [-1, inputs[1].shape[1]])
    return tf.reshape(_with_bias(tf.linalg.matmul(rows, inputs[1], transpose_b=True), inputs), dims)


def _average(inputs: list[Any], attrs: Attrs, dims: list[int]) -> Any:
    return tf.nn.avg_pool2d(_padded(inputs[0], attrs), attrs["window"], [1, *attrs["stride"], 1], "VALID")


def _slice(inputs: list[Any], attrs: Attrs, dims: list[int]) -> Any:
    begin, size, stride = attrs["begin"], attrs["size"], attrs["stride"]
    ends = [first + length for first, length in zip(begin, size, strict=True)]
    return tf.strided_slice(inputs[0], begin, ends, stride)


def _ranked(x: Any, rank: int) -> Any:
    return tf.reshape(x, [1] * (rank - len(x.shape)) + list(x.shape))


def _matmul(inputs: list[Any], attrs: Attrs, dims: list[int]) -> Any:
    first, second = (_ranked(side, len(dims)) for side in inputs)
    return tf.linalg.matmul(first, second, transpose_a=attrs["adj_x"], transpose_b=attrs["adj_y"])


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "add": lambda x, y: x + y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "erf": tf.math.erf,
    "logistic": tf.math.sigmoid,
    "tanh": tf.math.tanh,
}
"""What the models' functions of one value are made of."""


def _pointwise(formula: Any, x: Any) -> Any:
    if isinstance(formula, str):
        return x
    if isinstance(formula, int | float):
        return formula
    return FUNCTIONS[formula[0]](*(_pointwise(part, x) for part in formula[1:]))


def _maximum(inputs: list[Any], attrs: Attrs, dims: list[int]) -> Any:
    return tf.nn.max_pool2d(inputs[0], attrs["window"], [1, *attrs["stride"], 1], "VALID")


OPERATORS: Mapping[str, Callable[[list[Any], Attrs, list[int]], Any]] = {
    "conv2d": _conv2d,
    "depthwise_conv2d": _depthwise,
    "fully_connected": _dense,
    "avg_pool2d": _average,
    "mean": lambda x, attrs, dims: tf.reshape(tf.reduce_mean(x[0], attrs["axes"], keepdims=True), dims),
    "pad": lambda x, attrs, dims: tf.pad(x[0], attrs["pads"]),
    "add": lambda x, attrs, dims: x[0] + x[1],
    "mul": lambda x, attrs, dims: x[0] * x[1],
    "sub": lambda x, attrs, dims: x[0] - x[1],
    "max_pool2d": _maximum,
    "slice": _slice,
    "concat": lambda x, attrs, dims: tf.concat([_ranked(part, len(dims)) for part in x], attrs["axis"]),
    "transpose": lambda x, attrs, dims: tf.transpose(x[0], attrs["perm"]),
    "batch_matmul": _matmul,
    "softmax": lambda x, attrs, dims: tf.nn.softmax(x[0] * attrs["beta"]),
    "pointwise": lambda x, attrs, dims: _pointwise(attrs["expression"], x[0]),
    "rsqrt": lambda x, attrs, dims: tf.math.rsqrt(x[0]),
    "relu": lambda x, attrs, dims: tf.nn.relu(x[0]),
    "reshape": lambda x, attrs, dims: tf.reshape(x[0], dims),
}
ACTIVATIONS: Mapping[str, Callable[[Any], Any]] = {"none": lambda y: y, "relu": tf.nn.relu, "relu6": tf.nn.relu6}


class Model(tf.Module):  # type: ignore[misc]
    """The graph as one function."""

    def __init__(self, graph: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        super().__init__()
        self.graph, self.arrays = graph, arrays
        self.run = tf.function(self._run, input_signature=[tf.TensorSpec(graph["dims"], tf.float32)])

    def _run(self, x: Any) -> Any:
        values = {self.graph["input"]: x}
        for op, names, output, attrs, dims in self.graph["nodes"]:
            inputs = [
                tf.constant(self.arrays[name]) if name in self.arrays else values[name] if name else None
                for name in names
            ]
            made = OPERATORS[op](inputs, attrs, dims)
            values[output] = ACTIVATIONS[attrs.get("activation", "none")](tf.reshape(made, dims))
        return values[self.graph["output"]]


def main(graph: str, arrays: str, calibration: str, out: str) -> None:
    """Convert as TensorFlow's guide to full integer quantization does."""
    model = Model(json.loads(Path(graph).read_text("utf-8")), dict(np.load(arrays)))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([model.run.get_concrete_function()], model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([clip[None]] for clip in np.load(calibration))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    Path(out).write_bytes(converter.convert())


if __name__ == "__main__":
    main(*sys.argv[1:5])
