"""The public reference models in C: bytes equal to TFLM's on this machine and on an emulated Cortex-M4."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from int8_oracles import litert_outputs, random_int8, round_once, tflm_outputs

from edgekit.bench.elf import read_elf
from edgekit.bench.emulate import emulate
from edgekit.bench.host import host_model
from edgekit.bench.qemu import PROGRAM, run_in_qemu
from edgekit.bench.sizes import image_sizes
from edgekit.deploy.generate import generate
from edgekit.deploy.project import build
from edgekit.deploy.target import find_target
from edgekit.graph.graph import Graph
from edgekit.graph.integer import fully_connected
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph

MODELS = ("kws_ref_model", "ad01_int8")
# Instructions, flash and RAM of TFLM with CMSIS-NN's kernels on a Cortex-M4 (published with the reference models).
TFLM_CMSIS = {"kws_ref_model": (7_697_227, 108_076, 23_536)}
# What edgekit promises on a Cortex-M4: instructions, flash of the whole image, RAM, stack from reset on.
LIMITS = {"kws_ref_model": (3_100_000, 32_000, 8_600, 300), "ad01_int8": (370_000, 275_000, 1_500, 200)}


def _load(models_root: Path, name: str, count: int) -> tuple[Graph, np.ndarray, np.ndarray]:
    path = models_root / f"{name}.tflite"
    graph = lower(load_graph(path))
    clips = random_int8(np.random.default_rng(7), (count, *graph.tensor(graph.inputs[0]).dims[1:]))
    return graph, clips, tflm_outputs(path.read_bytes(), clips).reshape(count, -1)


def _check_host(models_root: Path, name: str, count: int) -> None:
    graph, clips, expected = _load(models_root, name, count)
    with host_model(generate(graph, None, find_target("cpu"), name)) as model:
        assert model.warnings == ""
        np.testing.assert_array_equal(model.invoke(clips), expected)


def _check_m4(models_root: Path, name: str, count: int, folder: Path) -> None:
    pytest.importorskip("unicorn")
    pytest.importorskip("ziglang")
    graph, clips, expected = _load(models_root, name, count)
    m4 = find_target("cortex-m4")
    image = build(generate(graph, None, m4, name), m4, folder / "image")
    run = emulate(image, clips, counted=1)
    np.testing.assert_array_equal(run.scores, expected)
    sizes = image_sizes(read_elf(image.path))
    found = (run.counts[0].model, sizes.flash, sizes.ram, run.stack)
    assert all(value <= limit for value, limit in zip(found, LIMITS[name], strict=True)), found
    if name in TFLM_CMSIS:
        instructions, flash, ram = TFLM_CMSIS[name]
        assert run.counts[0].model < instructions
        assert sizes.flash < flash
        assert sizes.ram + run.stack < ram


@pytest.mark.skipif(shutil.which(PROGRAM) is None, reason="install qemu-system-arm (Debian package)")
@pytest.mark.parametrize(("name", "limit"), [("kws_ref_model", 900_000), ("ad01_int8", 60_000)])
def test_helium_equals_tflm_within_its_instructions(models_root: Path, name: str, limit: int, tmp_path: Path) -> None:
    pytest.importorskip("ziglang")
    graph, clips, expected = _load(models_root, name, 5)
    m55 = find_target("cortex-m55")
    image = build(generate(graph, None, m55, name), m55, tmp_path / "image")
    run = run_in_qemu(image, clips, expected.shape[1], counted=True)
    np.testing.assert_array_equal(run.scores, expected)
    assert max(count.model for count in run.counts) <= limit


@pytest.mark.parametrize("name", MODELS)
def test_host_build_equals_tflm(models_root: Path, name: str) -> None:
    _check_host(models_root, name, 50)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_host_build_equals_tflm_on_1000_inputs(models_root: Path, name: str) -> None:
    _check_host(models_root, name, 1000)


@pytest.mark.parametrize("name", MODELS)
def test_litert_differs_from_the_c_only_by_rounding_fully_connected_layers_once(
    models_root: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph, clips, _ = _load(models_root, name, 200)
    expected = litert_outputs((models_root / f"{name}.tflite").read_bytes(), clips).reshape(200, -1)
    with host_model(generate(graph, None, find_target("cpu"), name)) as model:
        np.testing.assert_array_equal(model.invoke(clips), run_integer(graph, clips).reshape(200, -1))
    monkeypatch.setattr(fully_connected, "requantize", round_once)
    np.testing.assert_array_equal(run_integer(graph, clips).reshape(200, -1), expected)


@pytest.mark.parametrize("name", MODELS)
def test_emulated_m4_equals_tflm_with_less_of_everything(models_root: Path, name: str, tmp_path: Path) -> None:
    _check_m4(models_root, name, 3, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_emulated_m4_equals_tflm_on_20_inputs(models_root: Path, name: str, tmp_path: Path) -> None:
    _check_m4(models_root, name, 20, tmp_path)
