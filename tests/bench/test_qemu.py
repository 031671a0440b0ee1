"""The same image in QEMU: outputs, stack, and an instruction count that owes nothing to unicorn."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from edge_graphs import tiny_graph

from edgekit.bench.cortex_m import Core
from edgekit.bench.elf import read_elf
from edgekit.bench.emulate import emulate
from edgekit.bench.protocol import features_request
from edgekit.bench.qemu import PROGRAM, run_in_qemu
from edgekit.core.errors import MissingDependencyError, TargetError
from edgekit.deploy.generate import generate
from edgekit.deploy.project import Image, build
from edgekit.deploy.target import find_target

pytest.importorskip("unicorn")
pytest.importorskip("ziglang")
needs_qemu = pytest.mark.skipif(shutil.which(PROGRAM) is None, reason="install qemu-system-arm (Debian package)")


def _image(target: str, folder: Path) -> Image:
    chosen = find_target(target)
    return build(generate(tiny_graph(), None, chosen, "tiny"), chosen, folder / "out")


@needs_qemu
@pytest.mark.parametrize("target", ["cortex-m3", "cortex-m4", "cortex-m7"])
def test_qemu_and_unicorn_agree_on_outputs_and_stack(target: str, tmp_path: Path) -> None:
    image = _image(target, tmp_path)
    clips = np.random.default_rng(0).integers(-128, 128, (10, 6, 5, 2), dtype=np.int8)
    first, second = run_in_qemu(image, clips, 3), emulate(image, clips, counted=0)
    np.testing.assert_array_equal(first.scores, second.scores)
    np.testing.assert_array_equal(first.labels, second.labels)
    assert first.stack == second.stack


@needs_qemu
def test_instruction_count_equals_a_single_stepped_qemu_trace(tmp_path: Path) -> None:
    image, trace = _image("cortex-m4", tmp_path), tmp_path / "trace"
    request = features_request(np.random.default_rng(0).integers(-128, 128, (6, 5, 2), dtype=np.int8))
    command = [
        PROGRAM, "-M", "mps2-an386", "-kernel", str(image.path), "-semihosting-config", "enable=on,target=native",
        "-display", "none", "-monitor", "none", "-serial", "none", "-singlestep", "-d", "exec,nochain",
        "-D", str(trace),
    ]  # fmt: skip
    assert subprocess.run(command, input=request, capture_output=True, check=False).returncode == 0
    steps = [int(found, 16) for found in re.findall(r"^Trace \d+: \w+ \[\w+/(\w+)/", trace.read_text(), re.M)]
    invoke = read_elf(image.path).symbol("tiny_invoke")
    assert invoke is not None
    entry = steps.index(invoke.address)
    call = steps[entry - 1]
    expected = steps.index(call + 4, entry) - entry
    core = Core(read_elf(image.path), image.target, {"model": "tiny_invoke"})
    core.exchange(request, counted=True)
    assert core.span("model") == expected
    assert expected > 5000


def test_missing_qemu_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = _image("cortex-m4", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependencyError, match="qemu-system-arm"):
        run_in_qemu(image, np.zeros((1, 6, 5, 2), dtype=np.int8), 3)


def test_a_target_without_a_machine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="no QEMU machine"):
        run_in_qemu(_image("cortex-m33", tmp_path), np.zeros((1, 6, 5, 2), dtype=np.int8), 3)


@needs_qemu
@pytest.mark.parametrize("target", ["cortex-m3", "cortex-m4", "cortex-m7"])
def test_qemu_and_unicorn_count_the_same_instructions(target: str, tmp_path: Path) -> None:
    image = _image(target, tmp_path)
    clips = np.random.default_rng(0).integers(-128, 128, (3, 6, 5, 2), dtype=np.int8)
    first, second = run_in_qemu(image, clips, 3, counted=True), emulate(image, clips)
    np.testing.assert_array_equal(first.scores, second.scores)
    assert first.counts == second.counts and first.counts[0].model > 5000


@needs_qemu
def test_counting_sees_what_ran_uncounted_before(tmp_path: Path) -> None:
    image = _image("cortex-m4", tmp_path)
    clip = np.random.default_rng(0).integers(-128, 128, (6, 5, 2), dtype=np.int8)
    cold, warm = (Core(read_elf(image.path), image.target, {"model": "tiny_invoke"}) for _ in range(2))
    cold.exchange(features_request(clip), counted=True)
    warm.exchange(features_request(clip))
    warm.exchange(features_request(clip), counted=True)
    assert warm.span("model") == cold.span("model")
