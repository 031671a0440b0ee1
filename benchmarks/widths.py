"""What int16 activations cost instead of int8: the same models with both, on emulated cores.

    .venv/bin/python benchmarks/widths.py

Weights are random and ranges calibrated. A row is a model on a core: instructions of an inference, bytes of the arena
and of flash, ``--widths none`` and ``--widths all``; outputs of all clips are held against the integer interpreter's.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from one_build import measured
from pcm_models import float_model
from results_file import write_results

from edgekit.budget.counting import count
from edgekit.features.presets import PRESETS
from edgekit.features.spec import FrontendSpec
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.quantize.ptq import PtqOptions, quantize_graph
from edgekit.train.recipe_file import load_recipe

CORES = ("cortex-m4", "cortex-m55")
WIDTHS = {"int8": "none", "int16": "all"}
CLIPS = 4


def models() -> dict[str, tuple[str, dict[str, Any], FrontendSpec]]:
    """Name in the table: name in the registry with its arguments, and the front-end."""
    road, small = load_recipe("kws-dscnn-8khz"), PRESETS["kws-logmel-40"]
    return {
        "DS-CNN of the road": (road.model.name, dict(road.model.arguments), road.frontend.spec()),
        "CP-Mobile 14 k, GRN": ("cp-mobile-14k", {}, small),
        "TF-SepNet-20": ("tf-sepnet", {"width": 20}, small),
        "BC-ResNet-1": ("bc-resnet-1", {}, small),
        "Tiny-AST 103 k": ("tiny-ast", {}, PRESETS["thesis-128x100"]),
    }


def main() -> int:
    """Run all builds and write ``benchmarks/results/widths.json``."""
    rows = []
    for name, (registered, arguments, spec) in models().items():
        graph, clips = float_model(registered, arguments, spec)
        made = {kind: quantize_graph(graph, clips, PtqOptions(widths=mode)) for kind, mode in WIDTHS.items()}
        for core in CORES:
            row: dict[str, Any] = {"model": name, "target": core, "macs": _macs(made["int8"])}
            for kind, integer in made.items():
                row |= {f"{what}_{kind}": value for what, value in _measured(integer, core).items()}
            row["instructions_ratio"] = row["instructions_int16"] / row["instructions_int8"]
            rows.append(row)
            print(name, core, f"{row['instructions_int8']:,} {row['instructions_int16']:,}", flush=True)
        write_results("widths", rows, about="random weights, calibrated ranges; --optimize balanced, zig")
    return 0 if all(row[f"bytes_differ_{kind}"] == 0 for row in rows for kind in WIDTHS) else 1


def _macs(graph: Graph) -> int:
    return sum(layer.work.true for layer in count(graph).layers if layer.work is not None)


def _measured(graph: Graph, core: str) -> dict[str, int]:
    """A build's figures on CLIPS random inputs."""
    dims = graph.tensor(graph.inputs[0]).dims[1:]
    clips = np.random.default_rng(0).integers(-128, 128, (CLIPS, *dims), dtype=np.int8)
    return measured(graph, core, clips, run_integer(graph, clips).reshape(CLIPS, -1))


if __name__ == "__main__":
    sys.exit(main())
