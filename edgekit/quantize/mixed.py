"""int16 where int8 costs most, as far as memory goes: which layers compute in 16 bits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgekit.core.progress import Progress, silent
from edgekit.graph.graph import Graph
from edgekit.graph.ops import INT16_OPS
from edgekit.graph.passes.widen import widths
from edgekit.graph.planner import plan_memory
from edgekit.quantize.ptq import PtqOptions, prepared, quantize_prepared
from edgekit.quantize.sensitivity import sensitivity


def with_wide_layers(
    graph: Graph, clips: np.ndarray, options: PtqOptions, ram_bytes: int, progress: Progress = silent
) -> PtqOptions:
    """``options`` with the layers that shall compute in int16.

    Layers are tried in the order of the error that each alone makes in the logits (quantize/sensitivity.py); one is
    taken where the planned activation memory of the model, borders between widths included, stays within ``ram_bytes``.

    Args:
        graph: float edge graph.
        clips: float32 [N, H, W, C].
        options: how to quantize; what is int16 already stays so.
        ram_bytes: most planned activation memory.
        progress: told about the analysis.

    Raises:
        MissingDependencyError: torch is not installed.
    """
    base = prepared(graph, options)
    rows = sensitivity(base, quantize_prepared(base, clips, options, progress), clips, progress)
    known = {node.name: node for node in graph.nodes}
    costly = sorted((row for row in rows if row.layer in known), key=lambda row: -row.alone_error)
    for row in costly:
        if known[row.layer].op in INT16_OPS:
            trial = replace(options, wide_layers=(*options.wide_layers, row.layer))
            if planned_bytes(prepared(graph, trial)) <= ram_bytes:
                options = trial
    return options


def planned_bytes(graph: Graph) -> int:
    """Planned activation memory of a float graph in the widths that it is marked with."""
    width = widths(graph)
    tensors = {name: t.replace(dtype=width[name]) if name in width else t for name, t in graph.tensors.items()}
    return plan_memory(graph.replace(tensors=tensors)).arena_bytes
