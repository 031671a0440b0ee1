"""Recurrent keyword models on the way to the chip: sizes, errors against float, and equal bytes in four places.

    python benchmarks/recurrent.py

A row for ``kws-gru`` and ``kws-lstm`` (49 frames of 10 features, 32 units, random weights of seed 0): post-training
quantization over 64 clips whose features walk at random, and for 32 others the bytes of TFLM, LiteRT's reference
kernels and the generated C on this machine and on an emulated Cortex-M4 against edgekit's interpreter.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from results_file import write_results

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from c_batches import run_on_core, run_on_host
from int8_oracles import litert_outputs, tflm_outputs

from edgekit.bench.elf import read_elf
from edgekit.bench.sizes import image_sizes
from edgekit.deploy.generate import Sources, generate
from edgekit.deploy.target import find_target
from edgekit.export.tflite_writer import tflite_bytes
from edgekit.features.quantized import quantize_features
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.models.registry import build_model
from edgekit.quantize.compare import compare
from edgekit.quantize.ptq import quantize_graph
from edgekit.train.onnx_export import export_module

SHAPE = (49, 10)
CALIBRATION, CLIPS, ON_CORE = 64, 32, 4


def main() -> None:
    """Print the table and write ``benchmarks/results/recurrent.json``."""
    write_results("recurrent", [_row(name) for name in ("kws-gru", "kws-lstm")])


def _row(name: str) -> dict[str, Any]:
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        export_module(
            build_model(name).eval(), SHAPE, path, {"edgekit.labels": json.dumps([str(i) for i in range(12)])}
        )
        graph = lower(load_graph(path))
        integer = quantize_graph(graph, _walks(CALIBRATION, 0))
        return {"model": name, **_described(graph, integer), **_bytes(integer), **_in_c(integer, Path(folder))}


def _walks(count: int, seed: int) -> np.ndarray:
    changes = np.random.default_rng(seed).normal(0, 0.4, (count, *SHAPE, 1))
    return np.clip(changes.cumsum(axis=1), -3, 3).astype(np.float32)


def _described(graph: Graph, integer: Graph) -> dict[str, Any]:
    difference = compare(graph, integer, _walks(CALIBRATION, 0))
    return {
        "nodes": len(integer.nodes),
        "float_ops": sum(tensor.dtype.startswith("float") for tensor in integer.tensors.values()),
        "constant_bytes": sum(tensor.nbytes for tensor in integer.tensors.values() if tensor.constant),
        "max_error": round(difference.max_error, 4),
        "output_range": round(difference.output_range, 4),
    }


def _fed(integer: Graph, count: int) -> np.ndarray:
    return quantize_features(_walks(count, 1), *integer.tensor(integer.inputs[0]).scale_zero())


def _bytes(integer: Graph) -> dict[str, Any]:
    """Against the two runtimes, whose variable tensors are reset before every clip."""
    content, clips = tflite_bytes(integer), _fed(integer, CLIPS)
    ours = run_integer(integer, clips).astype(int)
    tflm, litert = (oracle(content, clips, reset=True).astype(int) for oracle in (tflm_outputs, litert_outputs))
    return {
        "tflite_bytes": len(content),
        "tflm_equal": bool(np.array_equal(tflm, ours)),
        "litert_steps_off": int(np.abs(litert - ours).max()),
        "litert_share_off": round(float(np.mean(litert != ours)), 4),
    }


def _in_c(integer: Graph, folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("cpu", "cortex-m4"):
        target, clips = find_target(name), _fed(integer, ON_CORE)
        sources: Sources = generate(integer, None, target, "model")
        place = folder / name
        if name == "cpu":
            answer = run_on_host([sources], [clips], place)[0]
        else:
            answer = run_on_core([sources], [clips], target, place)[0]
            found |= {"m4_image_flash_bytes": image_sizes(read_elf(place / "image.elf")).flash}
        expected = run_integer(integer, clips).reshape(ON_CORE, -1)
        found[f"{name}_equal"] = answer.outputs is not None and bool(np.array_equal(answer.outputs, expected))
        found["arena_bytes"] = sources.state_bytes
    return found


if __name__ == "__main__":
    main()
