"""Flash and RAM from the ELF agree with what the linker laid out."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from edge_graphs import Builder

from edgekit.bench.elf import read_elf
from edgekit.bench.sizes import image_sizes
from edgekit.deploy.generate import generate
from edgekit.deploy.project import build
from edgekit.deploy.target import find_target

pytest.importorskip("ziglang")
pytest.importorskip("elftools")
from elftools.elf.elffile import ELFFile


def test_sizes_equal_the_linker_symbols(tmp_path: Path) -> None:
    target = find_target("cortex-m4")
    builder = Builder(np.random.default_rng(5), (1, 60))
    builder.fully_connected(40)
    image = build(generate(builder.graph(), None, target, "dense"), target, tmp_path / "out")
    elf = read_elf(image.path)
    sizes = image_sizes(elf)
    places = {symbol.name: symbol.address for symbol in elf.symbols}
    data = places["__data_end"] - places["__data_start"]
    bss = places["__bss_end"] - places["__bss_start"]
    assert sizes.ram == data + bss
    assert sizes.stack_reserved == places["__stack_top"] - places["__stack_bottom"] == target.stack_bytes
    # What a programmer would write to flash: the loadable segments.
    assert sizes.flash == pytest.approx(sum(len(segment.data) for segment in elf.segments), abs=16)
    assert sizes.symbols["weights_0"] == (".rodata", 40 * 60)
    table = ELFFile(BytesIO(image.path.read_bytes())).get_section_by_name(".symtab")
    told = {symbol.name: symbol["st_size"] for symbol in table.iter_symbols() if symbol.name}
    assert sizes.symbols["channels_0"] == (".rodata", told["channels_0"])
    assert 40 * 7 <= told["channels_0"] < 40 * 12
    assert sizes.symbols["dense_invoke"][0] == ".text"
