"""Packed weights: numbers of four bits in flash, the same bytes out on hosts and emulated cores."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from edge_graphs import Builder
from kernel_bytes import CORTEX_M, TWINS, check_core, check_twins, kernels_of

from edgekit.bench.elf import read_elf
from edgekit.bench.sizes import image_sizes
from edgekit.budget.counting import count
from edgekit.deploy.c.choice import Bent
from edgekit.deploy.generate import Sources, generate
from edgekit.deploy.project import build
from edgekit.deploy.target import find_target
from edgekit.export.tflite_writer import write_tflite
from edgekit.graph.firmware import firmware
from edgekit.graph.graph import Graph
from edgekit.graph.packing import packed_bytes, packed_layers
from edgekit.graph.readers.load import load_graph
from edgekit.graph.scratch import CODES


def clustered(graph: Graph, values: int = 16, low: int = -127, high: int = 127, seed: int = 0) -> Graph:
    """The graph with weights of ``values`` different values from [low, high], drawn anew for each layer."""
    rng = np.random.default_rng(seed)
    tensors = dict(graph.tensors)
    for node in graph.nodes:
        if node.op in ("conv2d", "fully_connected"):
            weights = tensors[node.inputs[1]]
            book = rng.choice(np.arange(low, high + 1), values, replace=False)
            tensors[weights.name] = weights.replace(data=rng.choice(book, weights.dims).astype(np.int8))
    return graph.replace(tensors=tensors)


def convolutions(seed: int) -> Graph:
    """Gathered and direct, in fours and twos, with rests, depths of no whole group, in place, border rows."""
    builder = Builder(np.random.default_rng(seed), (1, 9, 7, 3))
    builder.conv2d(24, (3, 3), pad="SAME", activation="relu")  # 63 positions of 27 values
    builder.conv2d(33, (1, 1), activation="relu6")
    builder.conv2d(40, (1, 1))  # 33 values
    builder.conv2d(12, (4, 4), stride=(2, 1), pad="SAME", activation="relu")  # 640 values: two at a time
    builder.conv2d(70, (1, 1), activation="relu", zero_point=-128)
    builder.conv2d(10, (3, 2), stride=(3, 3), pad="SAME")  # a few positions
    return builder.graph()


def dense(seed: int) -> Graph:
    """One row: no block of patches."""
    builder = Builder(np.random.default_rng(seed), (1, 7, 5, 1))
    builder.append("reshape", (builder.x.name,), builder.same("flat", (1, builder.x.elements)))
    for outputs, activation in ((66, "relu"), (64, "none"), (33, "relu6"), (31, "none")):
        builder.fully_connected(outputs, activation=activation)
    return builder.graph()


def lone_positions(seed: int) -> Graph:
    """Convolutions with fewer positions than a block."""
    builder = Builder(np.random.default_rng(seed), (1, 6, 5, 4))
    builder.conv2d(30, (4, 4))  # six positions
    builder.conv2d(33, (2, 2), stride=(2, 2))  # one
    builder.conv2d(40, (1, 1))
    return builder.graph()


GRAPHS: dict[str, Callable[[int], Graph]] = {"convolutions": convolutions, "dense": dense, "lone": lone_positions}


def _packed(made: list[Sources]) -> list[str]:
    return [kernel for kernel in kernels_of(made) if "packed" in kernel]


@pytest.mark.parametrize("isa", CORTEX_M)
def test_bytes_are_the_interpreter_s_under_sanitizers(isa: str, tmp_path: Path) -> None:
    graphs = [clustered(make(1)) for make in GRAPHS.values()]
    names = _packed(check_twins(graphs, TWINS[isa], tmp_path, "size"))
    assert len(names) >= 9
    assert isa == "portable" or sum(name.startswith(isa) for name in names) >= 9


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4"])
def test_bytes_on_emulated_cores(core: str, name: str, tmp_path: Path) -> None:
    assert _packed([check_core(clustered(GRAPHS[name](7)), core, tmp_path / "image", "size", count=4)])


@pytest.mark.parametrize("compiler", ["zig", pytest.param("arm-none-eabi-gcc", marks=pytest.mark.slow)])
def test_bytes_on_the_emulated_m55(compiler: str, tmp_path: Path) -> None:
    for name, make in GRAPHS.items():
        sources = check_core(clustered(make(7)), "cortex-m55", tmp_path / name, "size", compiler, count=4)
        assert all(kernel.startswith("mve") for kernel in _packed([sources]))


def test_int4_weights_are_packed_whatever_their_codebook(tmp_path: Path) -> None:
    graph = clustered(convolutions(5), 16, -8, 7)
    for isa in CORTEX_M:
        folder = tmp_path / isa
        folder.mkdir()
        assert _packed(check_twins([graph], TWINS[isa], folder, "size"))


def test_seventeen_values_are_not_packed() -> None:
    graph = clustered(convolutions(5), 17)
    assert packed_layers(graph, float("inf")) == {}
    assert not any(node.attrs.get(CODES) for node in firmware(graph, "size").graph.nodes)


def test_size_packs_and_the_image_is_smaller(tmp_path: Path) -> None:
    graph, target = clustered(convolutions(5)), find_target("cortex-m4")
    flash = {}
    for name, model in (("few", graph), ("many", convolutions(5))):
        image = build(generate(model, None, target, "m", "size"), target, tmp_path / name)
        flash[name] = image_sizes(read_elf(image.path)).flash
    assert flash["few"] < flash["many"] - 3000


def test_speed_never_packs_and_balanced_weighs_instructions_against_flash() -> None:
    """The last layers have so few positions that a byte of flash costs less than 20 instructions, the first do not."""
    graph = clustered(lone_positions(5))
    assert packed_layers(graph, 0.0) == {}
    few, all_layers = packed_layers(graph, 20.0), packed_layers(graph, float("inf"))
    assert set(few) <= set(all_layers)
    for node in graph.nodes:
        positions = graph.tensor(node.outputs[0]).elements // graph.tensor(node.outputs[0]).dims[-1]
        if node.name in few and positions >= 4:
            assert 0.1 * positions * graph.tensor(node.inputs[1]).elements < 20 * few[node.name]


def test_flash_of_a_layer_is_half_its_weights_and_the_codebook() -> None:
    graph = clustered(convolutions(5))
    node = graph.nodes[2]  # 40 filters of 33 values, rows filled up to 36
    assert packed_bytes(graph, node) == 40 * 18 + 16


def test_working_memory_is_in_the_plan() -> None:
    graph = clustered(dense(5))
    plain, packed = firmware(graph, "speed").plan.arena_bytes, firmware(graph, "size").plan.arena_bytes
    assert packed >= plain + 1024


def test_the_budget_s_numbers_are_the_firmware_s(tmp_path: Path) -> None:
    """RAM of the balanced plan exactly; flash between its lower bound, which packed weights keep, and its estimate."""
    graph, target = clustered(lone_positions(5)), find_target("cortex-m4")
    write_tflite(graph, tmp_path / "m.tflite")
    tallies = count(load_graph(tmp_path / "m.tflite")).tallies
    weights = sum(graph.tensor(node.inputs[1]).elements for node in graph.nodes)
    balanced = generate(graph, None, target, "m")
    assert tallies["peak_ram"].known == balanced.manifest["arena_bytes"]
    small = generate(graph, None, target, "m", "size")
    flash = image_sizes(read_elf(build(small, target, tmp_path / "image").path)).flash
    at_least, estimate = tallies["flash"].at_least, tallies["flash"].known
    assert at_least is not None and weights / 2 <= at_least < 0.75 * weights
    assert at_least < flash < estimate


def test_short_flash_makes_a_balanced_image_pack() -> None:
    graph, target = clustered(convolutions(5)), find_target("cortex-m4")
    packed = [
        len(_packed([generate(graph, None, target, "m", "balanced", Bent(flash_price=price))]))
        for price in (20.0, float("inf"))
    ]
    assert packed[0] < packed[1]
