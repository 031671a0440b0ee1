"""Independent int8 interpreters that edgekit's integer arithmetic is held against."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.graph.integer.params import Accumulate


def litert_outputs(model: bytes, clips: np.ndarray, *, reset: bool = False) -> np.ndarray:
    """Outputs [N, …] of LiteRT's reference kernels (not XNNPACK, not the optimised ones), one clip a call.

    ``reset``: variable tensors begin with real 0 at every clip, not at the first alone.
    """
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    interpreter = litert.Interpreter(
        model_content=model, experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    source, output = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    outputs = []
    for clip in clips:
        if reset:
            interpreter.reset_all_variables()
        interpreter.set_tensor(source["index"], clip.reshape(source["shape"]))
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(output["index"]).reshape(_without_batch(output["shape"])).copy())
    return np.stack(outputs)


def tflm_outputs(model: bytes, clips: np.ndarray, *, reset: bool = False) -> np.ndarray:
    """Outputs [N, …] of the TensorFlow Lite for Microcontrollers interpreter, one clip a call; ``reset`` as above."""
    runtime = pytest.importorskip("tflite_micro.python.tflite_micro.runtime")
    interpreter = runtime.Interpreter.from_bytes(model, arena_size=len(model) * 10 + (1 << 21))
    shape = interpreter.get_input_details(0)["shape"]
    outputs = []
    for clip in clips:
        if reset:
            interpreter.reset()
        interpreter.set_input(clip.reshape(shape), 0)
        interpreter.invoke()
        output = interpreter.get_output(0)
        outputs.append(output.reshape(_without_batch(output.shape)).copy())
    return np.stack(outputs)


def round_once(arithmetic: Accumulate, sums: np.ndarray) -> np.ndarray:
    """LiteRT's requantization of fully connected layers, in place of graph/integer/accumulate.py's ``requantize``:
    (acc · multiplier + half) >> (31 − shift), rounded once where TFLM rounds twice."""
    shift = 31 - arithmetic.shift.astype(np.int64)
    product = (sums.astype(np.int64) + arithmetic.bias) * arithmetic.multiplier.astype(np.int64)
    scaled = (product + (np.int64(1) << (shift - 1))) >> shift
    clamp = arithmetic.clamp
    return np.clip(scaled + arithmetic.output_zero_point, clamp.low, clamp.high).astype(np.int8)


def random_int8(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Uniform int8 values, both ends included."""
    return rng.integers(-128, 128, size=shape, dtype=np.int8)


def _without_batch(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(shape[1:]) if len(shape) > 1 and shape[0] == 1 else tuple(shape)
