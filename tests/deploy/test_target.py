"""The target table checks itself and helps with typos."""

from __future__ import annotations

import dataclasses

import pytest

from edgekit.core.errors import BadConfigError, TargetError
from edgekit.deploy.boards import boards
from edgekit.deploy.memory import Region
from edgekit.deploy.target import MCU_TARGETS, TARGETS, find_target


@pytest.mark.parametrize(
    "name",
    ["cortex-m0", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "cpu", "rpi3", "rpi4", "rpi5"],
)
def test_every_promised_target_is_there(name: str) -> None:
    assert find_target(name).name == name


@pytest.mark.parametrize(("alias", "name"), [("host", "cpu"), ("m4", "cortex-m4"), ("cortex-m0plus", "cortex-m0")])
def test_aliases(alias: str, name: str) -> None:
    assert find_target(alias) is TARGETS[name]


def test_unknown_target_lists_the_allowed_ones_and_the_nearest() -> None:
    with pytest.raises(BadConfigError) as error:
        find_target("cortex-m5")
    assert all(name in str(error.value) for name in TARGETS)
    assert "did you mean" in str(error.value)


def test_flash_at_zero_and_ram_in_the_sram_region() -> None:
    for name in MCU_TARGETS:
        board = TARGETS[name].memory
        assert board.flash.origin == 0
        assert board.ram.origin == 0x2000_0000  # Armv7-M memory map: SRAM region
        assert board.ram.end <= 0x4000_0000


def test_a_core_has_the_sizes_of_its_home_board() -> None:
    for name in MCU_TARGETS:
        core, home = boards()[TARGETS[name].home]
        memory = TARGETS[name].memory
        assert core == name
        assert (memory.name, memory.flash.size, memory.ram.size) == (home.name, home.flash.size, home.ram.size)


def test_impossible_targets_are_refused() -> None:
    with pytest.raises(BadConfigError):
        Region(0xFFFF_FFFF, 2)
    with pytest.raises(BadConfigError):
        dataclasses.replace(TARGETS["cortex-m4"], home="")
    with pytest.raises(BadConfigError):
        dataclasses.replace(TARGETS["cortex-m4"], stack_bytes=1001)
    with pytest.raises(BadConfigError):
        dataclasses.replace(TARGETS["rpi4"], zig_cpu="")
    with pytest.raises(BadConfigError):
        dataclasses.replace(TARGETS["rpi4"], board=TARGETS["cortex-m4"].memory)
    with pytest.raises(TargetError):
        _ = TARGETS["cpu"].memory
