"""Distances at which an output may overwrite its input: checked against the kernels' order of reads and writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from edge_graphs import Builder
from edge_wide import widened
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.graph.firmware import firmware_plan
from edgekit.graph.graph import Graph
from edgekit.graph.overlap import input_overlaps
from edgekit.graph.passes.integer_core import integer_core
from edgekit.graph.passes.lower import lower
from edgekit.graph.placement import Overlap
from edgekit.graph.readers.tflite_reader import read_tflite
from edgekit.graph.scratch import scratch_sizes


def _safe(graph: Graph, distance: int) -> bool:
    """Position after position: is any byte read that an earlier position's output has overwritten?

    The input begins ``distance`` bytes behind the output; a position reads all its window before it writes.
    """
    node = graph.nodes[0]
    _, height, width, channels = graph.tensor(node.inputs[0]).dims
    _, out_height, out_width, outputs = graph.tensor(node.outputs[0]).dims
    kernel = graph.tensor(node.inputs[1]).dims[1:3] if len(node.inputs) > 1 else node.attrs["window"]
    dilation = node.attrs.get("dilation", (1, 1))
    (top, _), (left, _) = node.attrs["pad"]
    for q in range(out_height * out_width):
        row, column = divmod(q, out_width)
        rows = [row * node.attrs["stride"][0] - top + k * dilation[0] for k in range(kernel[0])]
        columns = [column * node.attrs["stride"][1] - left + k * dilation[1] for k in range(kernel[1])]
        reads = [(y * width + x) * channels for y in rows for x in columns if 0 <= y < height and 0 <= x < width]
        if reads and distance + min(reads) < q * outputs:
            return False
    return True


@settings(max_examples=150, deadline=None)
@given(
    size=st.tuples(st.integers(4, 12), st.integers(4, 9), st.integers(1, 6)),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    outputs=st.integers(1, 12),
    pad=st.sampled_from(["SAME", "VALID"]),
)
def test_a_convolution_reads_nothing_that_it_has_overwritten(
    size: tuple[int, int, int], kernel: tuple[int, int], stride: tuple[int, int], outputs: int, pad: str
) -> None:
    builder = Builder(np.random.default_rng(0), (1, *size))
    builder.conv2d(outputs, kernel, stride=stride, pad=pad)
    graph = builder.graph()
    wide = {name: how.distance for name, how in input_overlaps(widened(graph, 0)).items()}
    for distance in (how.distance for how in input_overlaps(graph).values()):
        assert all(found == 2 * distance for found in wide.values())  # two bytes an element
        assert _safe(graph, distance)
        assert distance == 0 or not _safe(graph, distance - outputs - 1)  # not much farther than it must be


def test_a_kernel_that_gathers_channels_whole_runs_in_place() -> None:
    builder = Builder(np.random.default_rng(0), (1, 20, 10, 16))
    builder.depthwise_conv2d(1, (3, 3))
    builder.depthwise_conv2d(1, (3, 3), stride=(2, 2))
    builder.depthwise_conv2d(2, (3, 3))
    graph = builder.graph()
    names = [node.name for node in graph.nodes]
    assert input_overlaps(graph) == dict.fromkeys(
        names[:2], Overlap(0, exact=True)
    )  # with a multiplier the bytes of a channel move


def test_the_keyword_spotter_needs_one_map_and_little_more(models_root: Path) -> None:
    core = integer_core(lower(read_tflite(models_root / "kws_ref_model.tflite")))
    plan = firmware_plan(core)
    largest = max(core.tensor(name).nbytes for node in core.nodes for name in node.outputs)
    assert largest == 8_000
    assert plan.arena_bytes == plan.lower_bound == largest + 512
    assert firmware_plan(core, in_place=False).arena_bytes > 2 * largest


def test_an_input_that_is_read_again_is_not_overwritten() -> None:
    builder = Builder(np.random.default_rng(0), (1, 8, 8, 16))
    builder.conv2d(16, (1, 1))
    left = builder.x
    builder.conv2d(16, (1, 1))
    total = builder.activation("sum", left.dims, scale=2 * left.scale_zero()[0])
    builder.append("add", (left.name, builder.x.name), total, {"activation": "none"})
    plan = firmware_plan(builder.graph())
    assert plan.in_place.get(builder.nodes[1].outputs[0]) is None


@pytest.mark.parametrize("seed", range(3))
def test_taking_over_never_costs_memory(seed: int) -> None:
    rng = np.random.default_rng(seed)
    builder = Builder(rng, (1, 16, 12, int(rng.integers(2, 9))))
    for _ in range(6):
        builder.conv2d(int(rng.integers(2, 40)), (1, 1) if rng.integers(2) else (3, 3))
        builder.depthwise_conv2d(1, (3, 3))
    graph = builder.graph()
    assert firmware_plan(graph).arena_bytes <= firmware_plan(graph, in_place=False).arena_bytes


def test_a_sum_goes_on_in_the_shortcut_so_that_wide_buffers_die() -> None:
    """Two inverted-residual blocks: expand to four times the width, project back, add. By hand: the input's 1,600 B and
    the wide map's 6,400 B are all that must live at once, whatever the number of blocks."""
    builder = Builder(np.random.default_rng(3), (1, 10, 10, 16))
    for number in range(2):
        shortcut = builder.x
        builder.conv2d(64, (1, 1), activation="relu")
        builder.conv2d(16, (1, 1))
        builder.append("add", (builder.x.name, shortcut.name), builder.same(f"sum{number}", shortcut.dims))
    graph = builder.graph()
    plan = firmware_plan(graph)
    assert plan.arena_bytes - max(scratch_sizes(graph).values()) <= 1600 + 6400 + 64
