"""Boards: an image for each runs at its own addresses, in every emulator that has the core."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from edge_graphs import Builder

from edgekit.bench.cortex_m import CPU_MODELS
from edgekit.bench.elf import read_elf
from edgekit.bench.emulate import emulate
from edgekit.bench.qemu import PROGRAM, run_in_qemu
from edgekit.budget.toml import read_budget
from edgekit.deploy.boards import BOARDS
from edgekit.deploy.generate import generate
from edgekit.deploy.project import build
from edgekit.deploy.target import TARGETS, find_target
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer


def _graph() -> Graph:
    builder = Builder(np.random.default_rng(1), (1, 6, 5, 2))
    builder.conv2d(4, (3, 3), activation="relu")
    builder.append("reshape", (builder.x.name,), builder.same("flat", (1, builder.x.elements)))
    builder.fully_connected(3)
    return builder.graph()


@pytest.mark.parametrize("name", BOARDS)
def test_an_image_for_the_board_runs_at_its_addresses(name: str, tmp_path: Path) -> None:
    pytest.importorskip("unicorn")
    pytest.importorskip("ziglang")
    target, graph = find_target(name), _graph()
    image = build(generate(graph, None, target, "tiny"), target, tmp_path / "out")
    elf, board = read_elf(image.path), target.memory
    assert board.name == name
    assert min(segment.address for segment in elf.segments) == board.flash.origin + board.boot_bytes
    assert all(board.ram.origin <= s.address < board.ram.end for s in elf.sections if s.writable)
    clips = np.random.default_rng(0).integers(-128, 128, (4, 6, 5, 2), dtype=np.int8)
    expected = run_integer(graph, clips).reshape(4, -1)
    if target.name in CPU_MODELS:
        np.testing.assert_array_equal(emulate(image, clips, counted=0).scores, expected)
    if board.qemu_machine and shutil.which(PROGRAM) is not None:
        np.testing.assert_array_equal(run_in_qemu(image, clips, 3).scores, expected)


@pytest.mark.parametrize("core", ["cortex-m3", "cortex-m4", "cortex-m7", "cortex-m55"])
def test_every_core_that_qemu_has_is_on_a_board_of_its(core: str) -> None:
    assert any(name == core and board.qemu_machine for name, board in BOARDS.values())
    assert core in TARGETS


@pytest.mark.parametrize("name", ["nucleo-l476rg", "nucleo-l4r5zi", "nucleo-f746zg", "nucleo-h743zi"])
def test_memory_is_that_of_the_budget_of_the_same_name(name: str) -> None:
    limits, board = read_budget(name).limits, BOARDS[name][1]
    assert limits["flash"] == board.flash.size
    assert limits["peak_ram"] >= board.ram.size  # of several banks, the largest piece
