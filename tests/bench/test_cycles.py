"""The cycle model: costs added by hand from the manuals, branches and flash lines on an emulated core."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import numpy as np
import pytest
from edge_graphs import Builder

from edgekit.bench.cortex_m import Core
from edgekit.bench.cycles.cost import BlockCosts
from edgekit.bench.cycles.estimate import estimate_cycles
from edgekit.bench.cycles.timing import TIMINGS, Span
from edgekit.bench.elf import read_elf
from edgekit.bench.protocol import features_request
from edgekit.core.errors import TargetError
from edgekit.deploy.generate import generate
from edgekit.deploy.memory import Flash
from edgekit.deploy.project import Image, build
from edgekit.deploy.target import find_target

pytest.importorskip("unicorn")
pytest.importorskip("capstone")

# Thumb encodings (Armv7-M Architecture Reference Manual, A7.7)
ADDS, MULS, LDR_A, LDR_B, PUSH = 0x1840, 0x435A, 0x680A, 0x684B, 0xB530  # push {r4, r5, lr}
STR, B_BACK, LDM = 0x600A, 0xE7FE, 0xC90C  # ldm r1!, {r2, r3}
MLA, SMULL, UDIV = (0xFB00, 0x3202), (0xFB80, 0x2301), (0xFBB0, 0xF2F1)


def _bytes(*halves: int) -> bytes:
    return b"".join(half.to_bytes(2, "little") for half in halves)


@pytest.mark.parametrize(
    ("core", "code", "cycles"),
    [
        ("cortex-m4", (ADDS, MULS), Span(2, 2, 2)),
        ("cortex-m4", (LDR_A, LDR_B, ADDS), Span(2 + 1 + 1, 2 + 1 + 1, 2 + 2 + 1)),
        ("cortex-m4", (LDR_A, ADDS, STR), Span(5, 5, 5)),
        ("cortex-m4", (PUSH,), Span(4, 4, 4)),
        ("cortex-m4", (LDM,), Span(3, 3, 3)),
        ("cortex-m4", MLA, Span(1, 1, 1)),
        ("cortex-m3", MLA, Span(2, 2, 2)),
        ("cortex-m3", SMULL, Span(3, 4, 7)),
        ("cortex-m4", UDIV, Span(2, 7, 12)),
        ("cortex-m0", (LDR_A, LDR_B, B_BACK), Span(5, 5, 5)),
    ],
)
def test_a_block_costs_what_the_manual_adds_up_to(core: str, code: tuple[int, ...], cycles: Span) -> None:
    assert BlockCosts(TIMINGS[core]).of(_bytes(*code), 0).cycles == cycles


def test_pairs_issue_together_only_where_independent() -> None:
    costs = BlockCosts(TIMINGS["cortex-m7"])
    add_other = 0x18E4  # adds r4, r4, r3
    assert costs.of(_bytes(ADDS, add_other), 0).cycles.typical == 1
    assert costs.of(_bytes(ADDS, ADDS), 0).cycles.typical == 2


@pytest.fixture(scope="module")
def image() -> Image:
    pytest.importorskip("ziglang")
    builder = Builder(np.random.default_rng(1), (1, 12, 8, 4))
    builder.conv2d(16, (3, 3), activation="relu")
    builder.depthwise_conv2d(1, (3, 3), pad="SAME")
    builder.conv2d(8, (1, 1))
    target = find_target("nucleo-l4r5zi")
    return build(generate(builder.graph(), None, target, "m"), target, Path(tempfile.mkdtemp()) / "out")


CLIP = np.random.default_rng(2).integers(-128, 128, (12, 8, 4), dtype=np.int8)


def test_every_instruction_of_the_model_is_counted(image: Image) -> None:
    estimate = estimate_cycles(image, CLIP)
    core = Core(read_elf(image.path), image.target, {"model": "m_invoke"})
    core.exchange(features_request(CLIP), counted=True)
    assert estimate.instructions == core.span("model")
    assert estimate.instructions < estimate.cycles.low <= estimate.cycles.typical <= estimate.cycles.high
    assert estimate.flash_cycles == 0


def test_flash_costs_each_missed_line_its_wait_states(image: Image) -> None:
    everything = Flash(wait_states=4, line_bytes=32, code_lines=10_000, data_lines=10_000)
    cached, doubled = (
        estimate_cycles(image, CLIP, flash) for flash in (everything, dataclasses.replace(everything, wait_states=8))
    )
    small = estimate_cycles(image, CLIP, dataclasses.replace(everything, code_lines=4, data_lines=1))
    size = sum(len(segment.data) for segment in read_elf(image.path).segments)
    assert 0 < cached.flash_cycles <= 2 * 4 * (size // 32 + 1)  # a line is code or data, seldom both
    assert doubled.flash_cycles == 2 * cached.flash_cycles
    assert small.flash_cycles > cached.flash_cycles
    assert small.cycles.typical - small.flash_cycles == cached.cycles.typical - cached.flash_cycles


def test_a_core_without_a_published_table_is_refused(image: Image) -> None:
    other = dataclasses.replace(image, target=find_target("cortex-m55"))
    with pytest.raises(TargetError, match="no cycle model"):
        estimate_cycles(other, CLIP)
