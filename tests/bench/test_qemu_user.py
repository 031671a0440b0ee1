"""Programs for a Raspberry Pi in QEMU's user mode: outputs, and counts that owe nothing to the plug-in."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from edge_graphs import tiny_graph

from edgekit.bench.elf import read_elf
from edgekit.bench.protocol import features_request
from edgekit.bench.qemu_user import PROGRAM, run_in_qemu_user
from edgekit.core.errors import MissingDependencyError, TargetError
from edgekit.deploy.generate import generate
from edgekit.deploy.project import Image, build
from edgekit.deploy.target import find_target
from edgekit.graph.integer.interpreter import run_integer

pytest.importorskip("ziglang")
needs_qemu = pytest.mark.skipif(shutil.which(PROGRAM) is None, reason="install qemu-user (Debian package)")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    target = find_target("rpi4")
    return build(
        generate(tiny_graph(), None, target, "tiny"), target, tmp_path_factory.mktemp("pi") / "out", project="process"
    )


CLIPS = np.random.default_rng(0).integers(-128, 128, (3, 6, 5, 2), dtype=np.int8)


@needs_qemu
def test_the_emulated_program_gives_the_interpreters_bytes(image: Image) -> None:
    run = run_in_qemu_user(image, CLIPS, 3)
    np.testing.assert_array_equal(run.scores, run_integer(tiny_graph(), CLIPS).reshape(3, -1))
    assert len(run.counts) == 3 and run.clip_scores is None


@needs_qemu
def test_the_count_equals_a_single_stepped_trace(image: Image, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    command = [PROGRAM, "-singlestep", "-d", "exec,nochain", "-D", str(trace), str(image.path)]
    assert subprocess.run(command, input=features_request(CLIPS[0]), capture_output=True, check=False).returncode == 0
    steps = [int(found, 16) for found in re.findall(r"^Trace \d+: \w+ \[\w+/(\w+)/", trace.read_text(), re.M)]
    invoke = read_elf(image.path).symbol("tiny_invoke")
    assert invoke is not None
    entry = steps.index(invoke.address)
    expected = steps.index(steps[entry - 1] + 4, entry) - entry
    assert run_in_qemu_user(image, CLIPS[:1], 3).counts[0].model == expected > 2000


@needs_qemu
def test_inputs_that_are_not_counted_give_the_same_bytes(image: Image) -> None:
    clips = np.random.default_rng(3).integers(-128, 128, (5, 6, 5, 2), dtype=np.int8)
    run = run_in_qemu_user(image, clips, 3, counted=2)
    np.testing.assert_array_equal(run.scores, run_in_qemu_user(image, clips, 3).scores)
    assert len(run.counts) == 2


def test_missing_qemu_names_the_package(image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependencyError, match="qemu-user"):
        run_in_qemu_user(image, CLIPS, 3)


@needs_qemu
def test_a_wrong_number_of_bytes_is_an_error_not_a_hang(image: Image) -> None:
    with pytest.raises(TargetError, match="does not know the request"):
        run_in_qemu_user(image, np.zeros((1, 5, 5, 2), dtype=np.int8), 3)


def test_a_zero_2_has_the_processor_of_a_raspberry_pi_3() -> None:
    """Both are Cortex-A53 (BCM2710A1 and BCM2837B0)."""
    assert find_target("rpi-zero2") is find_target("rpi3")
    assert "-mcpu=cortex-a53" in find_target("rpi-zero2").gcc_flags
