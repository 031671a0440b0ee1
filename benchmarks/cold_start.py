"""Cold start of the gate: from the shell to a verdict, beside ``python -c "import onnx"``, in turns in one run.

    python benchmarks/cold_start.py [--pairs 15]

Models: a 128 kB float CNN that passes, the same against a budget that it fails, one of edgekit's own students (whose
failing verdict carries suggestions), and a 512 MB model with external data. Wall times are medians of the pairs; the
ratio of processor times (user + system) says the same on a busy machine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from results_file import write_results

IMPORT = ("-c", "import onnx")


@dataclass(frozen=True)
class Seconds:
    """One run of a command: wall clock and processor time."""

    wall: float
    cpu: float


def timed(*command: str) -> Seconds:
    """Run ``python COMMAND`` with its output thrown away."""
    begin = time.perf_counter()
    child = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, _, usage = os.wait4(child.pid, 0)
    return Seconds(time.perf_counter() - begin, usage.ru_utime + usage.ru_stime)


def cnn(path: Path) -> Path:
    """A float CNN of 32,608 parameters, about 128 kB."""
    draw = np.random.default_rng(0)
    shapes = {"w0": (32, 1, 3, 3), "w1": (32, 1, 3, 3), "w2": (128, 32, 1, 1), "w3": (128, 1, 3, 3), "w4": (200, 128)}
    weights = [numpy_helper.from_array(draw.normal(0, 0.1, s).astype(np.float32), n) for n, s in shapes.items()]
    nodes = [
        helper.make_node("Conv", ["x", "w0"], ["c0"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c0"], ["r0"]),
        helper.make_node("Conv", ["r0", "w1"], ["c1"], group=32, pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["c1", "w2"], ["c2"]),
        helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("Conv", ["r2", "w3"], ["c3"], group=128, pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["c3"], ["g"]),
        helper.make_node("Flatten", ["g"], ["f"]),
        helper.make_node("Gemm", ["f", "w4"], ["y"], transB=1),
    ]
    return _save(path, nodes, weights, [1, 1, 40, 49], [1, 200])


def large(folder: Path) -> Path:
    """512 MB of weights in a sparse file beside the model."""
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[16_000, 8_000])
    weight.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "w.bin"), ("offset", "0"), ("length", str(4 * 16_000 * 8_000))):
        weight.external_data.add(key=key, value=value)
    with (folder / "w.bin").open("wb") as file:
        file.truncate(4 * 16_000 * 8_000)
    nodes = [helper.make_node("Gemm", ["x", "w"], ["y"])]
    return _save(folder / "large.onnx", nodes, [weight], [1, 16_000], [1, 8_000])


def _save(path: Path, nodes: list[Any], weights: list[Any], x: list[int], y: list[int]) -> Path:
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, x)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, y)]
    graph = helper.make_graph(nodes, "cold-start", inputs, outputs, weights)
    path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString())
    return path


def student(path: Path) -> Path:
    """DS-CNN of the registry with random weights, as ``edgekit export`` writes it."""
    from edgekit.features.spec_file import load_spec
    from edgekit.models.registry import build_model
    from edgekit.train.checkpoint import Checkpoint
    from edgekit.train.onnx_export import write_onnx

    arguments = {"classes": 12, "channels": [128] * 6}
    weights = build_model("ds-cnn", **arguments).state_dict()
    spec = load_spec("kws-logmel-40")
    labels = tuple(f"word{i}" for i in range(12))
    write_onnx(Checkpoint(model="ds-cnn", arguments=arguments, frontend=spec, labels=labels, weights=weights), path)
    return path


def main() -> int:
    """Prints the table, writes the result; 1 where a verdict came with another exit code than it should."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=15)
    pairs = parser.parse_args().pairs
    rows, right = [], True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for case, model, limits, expected in _cases(folder):
            command = ("-m", "edgekit", "check-budget", str(model), "--budget", str(limits))
            code = subprocess.run([sys.executable, *command], capture_output=True, check=False).returncode
            right &= code == expected
            taken = [(timed(*command), timed(*IMPORT)) for _ in range(pairs)]
            rows.append({"case": case, "exit_code": code, **_ratios(taken)})
    write_results("cold_start", rows, pairs=pairs, beside='python -c "import onnx"')
    return 0 if right else 1


def _cases(folder: Path) -> list[tuple[str, Path, Path | str, int]]:
    small = cnn(folder / "cnn.onnx")
    tight, wide = folder / "tight.toml", folder / "wide.toml"
    for path, limits in ((tight, 'macs = "1 M"'), (wide, 'macs = "1 G"\nparameter_bytes = "1 GB"')):
        path.write_text(f'description = "x"\nsource = "x"\ncounting = "true"\n[limits]\n{limits}\n')
    return [
        ("128 kB CNN, pass", small, wide, 0),
        ("128 kB CNN, fail", small, tight, 1),
        ("student over its budget, with suggestions", student(folder / "student.onnx"), tight, 1),
        ("512 MB of external weights", large(folder), wide, 0),
    ]


def _ratios(taken: list[tuple[Seconds, Seconds]]) -> dict[str, float]:
    ours, theirs = zip(*taken, strict=True)
    wall = [statistics.median(run.wall for run in runs) for runs in (ours, theirs)]
    cpu = [statistics.median(run.cpu for run in runs) for runs in (ours, theirs)]
    return {
        "seconds": round(wall[0], 3),
        "import_onnx_seconds": round(wall[1], 3),
        "wall_ratio": round(wall[0] / wall[1], 2),
        "cpu_ratio": round(cpu[0] / cpu[1], 2),
    }


if __name__ == "__main__":
    sys.exit(main())
