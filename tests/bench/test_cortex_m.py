"""The emulated core: exact counts against an instruction-by-instruction hook, faults, limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edge_graphs import Builder

from edgekit.bench.cortex_m import Core
from edgekit.bench.elf import read_elf
from edgekit.bench.emulate import emulate
from edgekit.bench.protocol import features_request
from edgekit.bench.thumb import count_instructions
from edgekit.core.errors import BadConfigError, BadFileError, TargetError
from edgekit.deploy.generate import generate
from edgekit.deploy.project import Image, build
from edgekit.deploy.target import find_target

unicorn = pytest.importorskip("unicorn")
capstone = pytest.importorskip("capstone")
pytest.importorskip("ziglang")

M4 = find_target("cortex-m4")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    builder = Builder(np.random.default_rng(1), (1, 6, 5, 2))
    builder.conv2d(4, (3, 3), activation="relu")
    builder.depthwise_conv2d(1, (3, 3))
    builder.fully_connected(3)
    sources = generate(builder.graph(), None, M4, "tiny")
    return build(sources, M4, tmp_path_factory.mktemp("image") / "out")


@pytest.fixture(scope="module")
def clip() -> np.ndarray:
    return np.random.default_rng(2).integers(-128, 128, (6, 5, 2), dtype=np.int8)


def _core(image: Image) -> Core:
    core = Core(read_elf(image.path), M4, {"model": "tiny_invoke"})
    core.exchange(b"")
    return core


class _Oracle:
    """Counts instruction by instruction. unicorn's instruction hook leaves out those whose IT condition fails; a core
    issues them all the same, so that an IT instruction stands for itself and all that it governs."""

    def __init__(self, core: Core, function: int) -> None:
        self.total = self.inside = 0
        self._function, self._return, self._governed = function, -1, range(0)
        self._decoder = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
        core._core.ctl_flush_tb()  # what has run before was translated without the hook
        core._core.hook_add(unicorn.UC_HOOK_CODE, self._one)

    def _one(self, emulator: Any, address: int, size: int, _: object) -> None:
        if address == self._function:
            self._return = emulator.reg_read(unicorn.arm_const.UC_ARM_REG_LR) & ~1
        if address == self._return:
            self._return = -1
        if address in self._governed:
            return
        code = bytes(emulator.mem_read(address, 20))
        first = int.from_bytes(code[:2], "little")
        issued = 1
        if first >> 8 == 0xBF and first & 0xF:  # IT: 1 to 4 instructions, by the lowest bit of the mask that is set
            issued += 4 - ((first & -first).bit_length() - 1)
            body = list(self._decoder.disasm(code[2:], address + 2))[: issued - 1]
            self._governed = range(address + 2, body[-1].address + body[-1].size)
        self.total += issued
        self.inside += issued if self._return >= 0 else 0


def test_counts_equal_an_instruction_by_instruction_count(image: Image, clip: np.ndarray) -> None:
    core, other = _core(image), _core(image)
    core.exchange(features_request(clip), counted=True)
    function = read_elf(image.path).symbol("tiny_invoke")
    assert function is not None
    oracle = _Oracle(other, function.address)
    other.exchange(features_request(clip))
    assert core.span("model") == oracle.inside
    assert core.instructions == oracle.total
    assert oracle.inside > 10_000


def test_static_count_equals_capstone_on_every_function(image: Image) -> None:
    elf = read_elf(image.path)
    code = next(segment for segment in elf.segments if segment.address == 0).data
    decoder = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
    checked = 0
    for symbol in elf.symbols:
        if symbol.kind == "function" and symbol.size:
            body = code[symbol.address : symbol.address + symbol.size]
            decoded = list(decoder.disasm(body, symbol.address))
            end = sum(instruction.size for instruction in decoded)  # literal pools at the end do not decode
            assert count_instructions(body[:end]) == len(decoded), symbol.name
            checked += len(decoded)
    assert checked > 300


def test_half_an_instruction_is_an_error() -> None:
    with pytest.raises(TargetError):
        count_instructions(bytes([0x00, 0xF0]))


def test_instruction_limit_ends_a_run(image: Image, clip: np.ndarray) -> None:
    core = _core(image)
    core.instruction_limit = 500
    with pytest.raises(TargetError, match="more than 500 instructions"):
        core.exchange(features_request(clip), counted=True)


def test_counting_does_not_change_the_answer(image: Image, clip: np.ndarray) -> None:
    core = _core(image)
    counted = core.exchange(features_request(clip), counted=True)
    before = core.instructions
    assert core.exchange(features_request(clip)) == counted
    assert core.instructions == before


def test_a_request_of_the_wrong_length_is_reported(image: Image, clip: np.ndarray) -> None:
    core = _core(image)
    with pytest.raises(TargetError, match="ended with status"):
        core.exchange(features_request(clip[:3]))


def _raw_image(tmp_path: Path, body: str) -> Path:
    """A linked image whose main() is ``body``."""
    builder = Builder(np.random.default_rng(1), (1, 4))
    builder.fully_connected(2)
    sources = generate(builder.graph(), None, M4, "raw")
    project = tmp_path / "project"
    project.mkdir()
    from edgekit.core.resources import resource_folder

    stub = resource_folder("firmware_stubs") / "cortex-m-bare"
    for path in stub.rglob("*"):
        if path.is_file():
            target = project / path.relative_to(stub)
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(path.read_bytes())
    (project / "main.c").write_text(f'#include <stdint.h>\n#include "semihosting.h"\nint main(void);\n{body}\n')
    return build(sources, M4, tmp_path / "out", project=str(project)).path


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("int main(void) { return *(volatile int *)0x10000000; }", "read or fetch of 4 B at 0x10000000"),
        ("int main(void) { *(volatile int *)0x50000000 = 1; return 0; }", "write of 4 B at 0x50000000"),
        ('int main(void) { __asm__ volatile("udf #0"); return 0; }', "Invalid instruction"),
        (
            "static volatile int depth; static int down(int n) { volatile int a[64]; a[0] = n; depth = n;\n"
            "return a[0] + (n ? down(n + 1) : 0); }\nint main(void) { return down(1); }",
            "stack overflow",
        ),
    ],
)
def test_faults_say_what_and_where(tmp_path: Path, body: str, message: str) -> None:
    core = Core(read_elf(_raw_image(tmp_path, body)), M4)
    with pytest.raises(TargetError, match=message) as error:
        core.exchange(b"")
    assert "main+" in str(error.value) or "down+" in str(error.value)


def test_an_image_that_is_no_elf_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "firmware.elf"
    for data in (b"", b"\x7fELF", b"text", b"\x7fELF\x01\x01\x01" + b"\xff" * 100):
        path.write_bytes(data)
        with pytest.raises(BadFileError):
            read_elf(path)


def test_clips_of_another_type_are_refused(image: Image) -> None:
    with pytest.raises(BadConfigError):
        emulate(image, np.zeros((2, 6, 5, 2), dtype=np.float32))
    with pytest.raises(BadConfigError):
        emulate(image, np.zeros((0, 6, 5, 2), dtype=np.int8))


def test_two_processes_answer_as_one(image: Image) -> None:
    clips = np.random.default_rng(3).integers(-128, 128, (7, 6, 5, 2), dtype=np.int8)
    one, two = emulate(image, clips, counted=2), emulate(image, clips, counted=2, processes=2)
    np.testing.assert_array_equal(one.scores, two.scores)
    np.testing.assert_array_equal(one.labels, two.labels)
    assert one.counts == two.counts
    assert one.stack == two.stack
