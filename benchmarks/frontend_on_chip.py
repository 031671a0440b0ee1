"""What a hop of 40 log-mels costs on Cortex-M4 and M0, and how many int8 inputs equal the reference's.

    EDGEKIT_DATA=… python benchmarks/frontend_on_chip.py [--clips 300]

Preset kws-logmel-40: 16 kHz, 10 ms hop. Instructions are counted in unicorn over one clip of synthetic speech. The
bytes are compared on recordings of FSDD, taken for recordings at 16 kHz: the comparison needs signals, not sense. The
input's scale is that of the clips' own range. Every precision runs on the host for that: cores give the same bytes
(tests/bench/test_pcm.py). Exits 1 below 99.9 % (exact, fast) or 99 % (fixed).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from results_file import write_results

from edgekit.bench.cortex_m import Core
from edgekit.bench.elf import read_elf
from edgekit.bench.protocol import pcm_request
from edgekit.deploy.frontend.generate import Precision
from edgekit.deploy.frontend.host import host_frontend
from edgekit.deploy.generate import generate
from edgekit.deploy.project import build
from edgekit.deploy.target import find_target
from edgekit.features.presets import PRESETS
from edgekit.features.quantized import quantize_features
from edgekit.features.reference import features
from edgekit.features.signals import synthetic_clips
from edgekit.graph.graph import Graph, Node
from edgekit.graph.tensor import Quantization, Tensor

SPEC = PRESETS["kws-logmel-40"]
CASES: tuple[tuple[str, str, Precision, float], ...] = (
    # core, purpose, the precision that it gives there, least share of equal bytes
    ("cortex-m4", "balanced", "exact", 0.999),
    ("cortex-m4", "speed", "fast", 0.999),
    ("cortex-m0", "balanced", "fixed", 0.99),
)


def main() -> int:
    """Write ``benchmarks/results/frontend_on_chip.json``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=300)
    options = parser.parse_args()
    clips = _recordings(Path(os.environ.get("EDGEKIT_DATA", "")) / "fsdd", options.clips)
    real = np.stack([features(SPEC, clip) for clip in clips])
    scale = float((real.max() - real.min()) / 255)
    zero = int(np.rint(-128 - real.min() / scale))
    expected = quantize_features(real.astype(np.float32), scale, zero)
    rows = [_row(*case, clips, expected, scale, zero) for case in CASES]
    write_results("frontend_on_chip", rows, preset="kws-logmel-40")
    return 0 if all(row["int8_equal"] >= case[3] for row, case in zip(rows, CASES, strict=True)) else 1


def _row(
    core: str, purpose: str, precision: Precision, _: float, clips: list[np.ndarray], expected: np.ndarray,
    scale: float, zero: int,
) -> dict[str, Any]:  # fmt: skip
    with host_frontend(SPEC, "int8", scale, zero, precision) as front:
        found = np.stack([front.clip(clip) for clip in clips])
    steps = np.abs(found.astype(np.int64) - expected)
    return {
        "target": core,
        "optimize": purpose,
        "precision": precision,
        "instructions_a_hop": _instructions(core, purpose, precision, scale, zero) / SPEC.frames,
        "clips": len(clips),
        "int8_equal": float(np.mean(steps == 0)),
        "int8_steps": int(steps.max()),
    }


def _instructions(core: str, purpose: str, precision: Precision, scale: float, zero: int) -> int:
    """Of one clip, front-end alone: the model behind it takes the mean of the features."""
    target = find_target(core)
    sources = generate(_mean(scale, zero), SPEC, target, "model", purpose)  # type: ignore[arg-type]
    if sources.manifest["frontend_precision"] != precision:
        raise ValueError(f"{core} has {sources.manifest['frontend_precision']}")
    clip = synthetic_clips(SPEC.sample_rate, SPEC.clip_samples, 1)["speech-like"]
    with tempfile.TemporaryDirectory() as folder:
        elf = read_elf(build(sources, target, Path(folder) / "image").path)
    emulated = Core(elf, target, {"frontend": "model_frontend_push"})
    emulated.exchange(b"")
    emulated.exchange(pcm_request(clip), counted=True)
    return emulated.span("frontend") or 0


def _mean(scale: float, zero: int) -> Graph:
    quantization = Quantization(np.float32([scale]), np.int64([zero]))
    shape = (1, *SPEC.feature_shape, 1)
    tensors = {
        "input": Tensor("input", shape, "int8", quantization),
        "output": Tensor("output", (1, 1), "int8", quantization),
    }
    node = Node("mean", "mean", ("input",), ("output",), {"axes": (1, 2), "keep_dims": False})
    return Graph("mean", "edge", tensors, (node,), ("input",), ("output",))


def _recordings(folder: Path, count: int) -> list[np.ndarray]:
    """int16 clips, spread over the data set."""
    files = sorted(folder.rglob("*.flac"))
    if not files:
        sys.exit("set EDGEKIT_DATA to the folder of the data sets; fsdd is needed")
    return [soundfile.read(path, dtype="int16")[0] for path in files[:: max(1, len(files) // count)][:count]]


if __name__ == "__main__":
    sys.exit(main())
