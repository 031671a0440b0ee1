"""Where edgekit's integers and a runtime's real numbers part: in reading the file, or in the kernels' rounding.

:func:`in_real_numbers` rounds where the file does and computes in between with real numbers; :func:`rounded_once` is
the integer interpreter with one rounding where TFLite has two.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from edgekit.graph.float_interpreter import run_float
from edgekit.graph.passes.lower import FLOAT_PASSES
from edgekit.graph.passes.lower_onnx import lower_onnx
from edgekit.graph.passes.qdq import stated_graph
from edgekit.graph.passes.widen import widths
from edgekit.graph.readers.load import load_graph

CLIPS = 48
"""Clips a run of the float interpreter."""

NAME = "multiply_by_quantized_multiplier"
"""TFLite's rescaling of a sum: the product is rounded at its 31st bit, and again where it ends."""


@contextmanager
def rounded_once() -> Iterator[None]:
    """Within this, every kernel of the interpreter that rescales rounds the real product once, halves to even."""
    kernels = [module for name, module in sys.modules.items() if name.startswith("edgekit.graph.integer.")]
    kept = [(module, getattr(module, NAME)) for module in kernels if hasattr(module, NAME)]
    try:
        for module, _ in kept:
            setattr(module, NAME, _once)
        yield
    finally:
        for module, function in kept:
            setattr(module, NAME, function)


def _once(x: np.ndarray, multiplier: np.ndarray | int, shift: np.ndarray | int) -> np.ndarray:
    factor = np.asarray(multiplier, np.float64) * np.exp2(np.asarray(shift, np.float64) - 31)
    rounded: np.ndarray = np.rint(np.asarray(x, np.float64) * factor).astype(np.int64)
    return rounded


def in_real_numbers(path: Path, clips: np.ndarray) -> np.ndarray:
    """Logits of a QDQ model for float32 [N, H, W, C]: its weights and its activations rounded where and as it says."""
    lowered, scales = lower_onnx(load_graph(path))
    for step in FLOAT_PASSES:
        lowered = step(lowered)
    bare, stated, _ = stated_graph(lowered, scales)
    plain = bare.rebuild(node.replace(op="reshape") if node.op == "quantize" else node for node in bare.nodes)
    width = widths(bare)

    def rounded(name: str, values: np.ndarray) -> np.ndarray:
        if name not in stated or width[name] != "int8":
            return values
        scale, zero_point = stated[name].scalar()
        kept: np.ndarray = np.clip(np.rint(values / scale) + zero_point, -128, 127) - zero_point
        return (kept * scale).astype(np.float32)

    starts = range(0, len(clips), CLIPS)
    return np.concatenate([run_float(plain, clips[at : at + CLIPS], False, rounded) for at in starts])
