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
from edgekit.core.errors import BadConfigError
from edgekit.deploy.boards import boards, read_board
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


@pytest.mark.parametrize("name", boards())
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
    assert any(name == core and board.qemu_machine for name, board in boards().values())
    assert core in TARGETS


# Memory maps of the reference manuals: first address of flash and of the largest RAM, sizes in KiB.
MAPS = {
    "nucleo-g0b1re": (0x0800_0000, 512, 0x2000_0000, 144),
    "nucleo-l152re": (0x0800_0000, 512, 0x2000_0000, 80),
    "nucleo-l476rg": (0x0800_0000, 1024, 0x2000_0000, 96),
    "nucleo-l4r5zi": (0x0800_0000, 2048, 0x2000_0000, 640),
    "nucleo-f746zg": (0x0800_0000, 1024, 0x2000_0000, 320),
    "nucleo-h743zi": (0x0800_0000, 2048, 0x2400_0000, 512),
    "nucleo-u575zi-q": (0x0800_0000, 2048, 0x2000_0000, 768),
    "raspberry-pi-pico": (0x1000_0000, 2048, 0x2000_0000, 264),
    "nrf52840-dk": (0, 1024, 0x2000_0000, 256),
    "arduino-nano-33-ble": (0x1_0000, 960, 0x2000_0000, 256),
    "nrf5340-dk": (0, 1024, 0x2000_0000, 512),
    "mps2-an386": (0, 4096, 0x2000_0000, 4096),
    "mps3-an547": (0, 512, 0x2000_0000, 512),
}


@pytest.mark.parametrize("name", MAPS)
def test_memory_is_that_of_the_reference_manual(name: str) -> None:
    board = boards()[name][1]
    assert (board.flash.origin, board.flash.size // 1024, board.ram.origin, board.ram.size // 1024) == MAPS[name]


@pytest.mark.parametrize(
    ("table", "word"),
    [
        ({"cpu": "cortex-m4"}, "cpu"),
        ({"core": "cortex-m4", "flash_at": "0x0"}, "flash_at"),
        ({"flash": "1 MB", "ram": "1 MB"}, "core"),
        ({"core": "cortex-m4", "flash": "1 MB"}, "ram"),
    ],
)
def test_a_damaged_board_is_an_error_that_names_the_key(table: dict[str, object], word: str) -> None:
    with pytest.raises(BadConfigError, match=word):
        read_board({"board": table}, Path("mine.toml"))
