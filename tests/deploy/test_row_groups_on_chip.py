"""Layers that run by rows in the generated C: bytes equal on random groups, and one figure for the arena everywhere."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from edge_graphs import Builder
from edge_wide import narrow_ends, widened
from fuzz_oracles import ORACLES, Case
from int8_oracles import random_int8
from random_rows import cut_into_rows, rows_cases
from test_students_on_chip import features, settled_model

from edgekit.api.check_budget import check_budget
from edgekit.api.compile import compile as compile_model
from edgekit.budget.tflm_arena import tflm_arena
from edgekit.graph.band_group import band_groups
from edgekit.graph.firmware import firmware
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph

SAMPLE = (70_000, 30)
"""First seed and number of the graphs here: others than in the committed campaign."""
NEEDS = {"cortex-m4": "arm-none-eabi-gcc", "cortex-m55": "qemu-system-arm"}
STATE_BYTES = 64
"""State of the API and of the firmware's main beside the arena, at most."""


@pytest.fixture(scope="module")
def sample() -> list[Case]:
    return rows_cases(*SAMPLE)


@pytest.mark.parametrize("oracle", ["host", *(pytest.param(name, marks=pytest.mark.slow) for name in NEEDS),
                                    pytest.param("dsp-twin", marks=pytest.mark.slow),
                                    pytest.param("mve-twin", marks=pytest.mark.slow)])  # fmt: skip
def test_random_row_groups_give_the_interpreters_bytes(oracle: str, sample: list[Case]) -> None:
    program = NEEDS.get(oracle, "gcc")
    if shutil.which(program) is None:
        pytest.skip(f"install {program}")
    if oracle.startswith("cortex"):
        pytest.importorskip("unicorn" if oracle == "cortex-m4" else "ziglang")
    with cut_into_rows({case.graph.name: case.seed for case in sample}):
        tally = ORACLES[oracle](sample)
    assert tally.disagreements == []
    assert tally.graphs["agree"] == len(sample)


@pytest.mark.parametrize(
    "oracle", ["host", "dsp-twin", "mve-twin", *(pytest.param(name, marks=pytest.mark.slow) for name in NEEDS)]
)
def test_random_row_groups_on_int16_give_the_interpreters_bytes(oracle: str) -> None:
    program = NEEDS.get(oracle, "gcc")
    if shutil.which(program) is None:
        pytest.skip(f"install {program}")
    sample = rows_cases(SAMPLE[0], 12, wide=True)
    with cut_into_rows({case.graph.name: case.seed for case in sample}):
        assert ORACLES[oracle](sample).disagreements == []


def bands(outputs: int, keep: bool, order: tuple[int, ...] = (0, 1, 2)) -> Graph:
    """An image cut into three bands of 2, 3 and 1 rows, a 1×1 operator on each, joined in ``order``.

    Args:
        outputs: 0 for depthwise operators, else channels of convolutions.
        keep: the image is read again behind.
        order: of the bands in the output.
    """
    builder = Builder(np.random.default_rng(len(order) + outputs), (1, 6, 5, 4))
    image, joined = builder.x, []
    for begin, rows in ((0, 2), (2, 3), (5, 1)):
        builder.x = image
        piece = builder.same(builder.name("band"), (1, rows, 5, 4))
        attrs = {"begin": (0, begin, 0, 0), "size": (1, rows, 5, 4), "stride": (1, 1, 1, 1)}
        builder.append("slice", (image.name,), piece, attrs)
        options = {"output_scale": 0.5, "zero_point": 3}
        if outputs:
            builder.conv2d(outputs, (1, 1), **options)
        else:
            builder.depthwise_conv2d(1, (1, 1), **options)
        joined.append(builder.x)
    whole = builder.same("joined", (1, 6, 5, outputs or 4))
    builder.append("concat", tuple(joined[i].name for i in order), whole, {"axis": 1})
    if keep:
        builder.append("add", ("joined", image.name), builder.activation("sum", whole.dims), {"activation": "none"})
    return builder.graph()


@pytest.mark.parametrize(
    ("graph", "in_place"),
    [(bands(0, False), True), (bands(0, True), False), (bands(4, False), True), (bands(7, False), False),
     (bands(0, False, (2, 0, 1)), False)],
)  # fmt: skip
def test_bands_of_rows_are_read_and_written_where_the_whole_tensors_lie(graph: Graph, in_place: bool) -> None:
    plan = firmware(graph)
    assert [step.op for step in plan.plan.steps] == ["bands", "add"][: len(plan.plan.steps)]
    assert (plan.plan.in_place.get("joined") == "input") == in_place
    assert plan.plan.sizes.keys() <= {"input", "joined", "sum", "concat_6:scratch"}
    clips = random_int8(np.random.default_rng(1), (4, 6, 5, 4))
    case = Case(0, graph, clips, run_integer(graph, clips).reshape(4, -1))
    for oracle in ("host", "dsp-twin"):
        assert ORACLES[oracle]([case]).disagreements == []


@pytest.mark.parametrize("graph", [bands(0, False), bands(4, False), bands(0, False, (2, 0, 1))])
def test_bands_of_int16_as_well(graph: Graph) -> None:
    wide = narrow_ends(widened(graph, 0))
    assert "bands" in [step.op for step in firmware(wide).plan.steps]
    clips = random_int8(np.random.default_rng(1), (4, 6, 5, 4))
    case = Case(0, wide, clips, run_integer(wide, clips).reshape(4, -1))
    for oracle in ("host", "dsp-twin"):
        assert ORACLES[oracle]([case]).disagreements == []


def test_bands_of_other_images_are_no_group() -> None:
    graph = bands(0, False)
    columns = [
        node.replace(attrs={**node.attrs, "begin": (0, 0, 0, 0), "size": (1, 2, 4, 4)})
        if node.name == "slice_0"
        else node
        for node in graph.nodes
    ]
    assert band_groups(graph.replace(nodes=tuple(columns)), {}, {}) == ()
    assert len(band_groups(graph, {}, {})) == 1


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The DCASE baseline as an int8 file, with random weights."""
    pytest.importorskip("torch")
    from edgekit.export.tflite_writer import write_tflite
    from edgekit.features.presets import PRESETS
    from edgekit.quantize.ptq import quantize_graph
    from edgekit.train.onnx_export import export_module

    folder, shape = tmp_path_factory.mktemp("baseline"), PRESETS["dcase2024-baseline"].feature_shape
    export_module(settled_model("cp-mobile", {}, shape), shape, folder / "m.onnx", {})
    clips = features(8, shape, 100).transpose(0, 2, 3, 1)
    write_tflite(quantize_graph(lower(load_graph(folder / "m.onnx")), clips), folder / "m.tflite")
    return folder / "m.tflite"


def peak_ram(model: Path) -> int:
    (verdict,) = check_budget(model).models
    quantity = verdict.quantities["peak_ram"]
    assert quantity is not None
    return int(quantity.value)


@pytest.mark.slow
def test_the_budget_gates_ram_is_the_firmwares_where_layers_run_by_rows(baseline: Path, tmp_path: Path) -> None:
    pytest.importorskip("ziglang")
    result = compile_model(baseline, "cortex-m4", out=tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert result.sources.manifest["row_groups"]
    arena = peak_ram(baseline)
    assert manifest["arena_bytes"] == arena
    assert result.sizes is not None
    assert arena < result.sizes.ram <= arena + STATE_BYTES


@pytest.mark.slow
def test_the_dcase_baseline_needs_less_than_half_of_tflms_arena(baseline: Path) -> None:
    pytest.importorskip("tflite_micro")
    assert peak_ram(baseline) < tflm_arena(baseline).value / 2
