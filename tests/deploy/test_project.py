"""Projects: what does not fit is refused, nothing is half-written, the host program works, compilers are found."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import numpy as np
import pytest
from edge_graphs import Builder

from edgekit.core.errors import BadConfigError, MissingDependencyError, TargetError
from edgekit.deploy import toolchain
from edgekit.deploy.generate import generate
from edgekit.deploy.memory import Board, Region
from edgekit.deploy.project import build
from edgekit.deploy.target import Target, find_target
from edgekit.deploy.toolchain import find_toolchain
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer

M4 = find_target("cortex-m4")


def _graph() -> Graph:
    builder = Builder(np.random.default_rng(5), (1, 600))
    builder.fully_connected(40)
    return builder.graph()


def _with_memory(flash: int, ram: int) -> Target:
    board = Board("small-board", Region(0, flash), Region(0x2000_0000, ram))
    return dataclasses.replace(M4, board=board)


@pytest.mark.parametrize(("flash", "ram", "memory"), [(16 << 10, 64 << 10, "flash"), (1 << 20, 4608, "RAM")])
def test_an_image_that_does_not_fit_is_refused_and_nothing_is_written(
    tmp_path: Path, flash: int, ram: int, memory: str
) -> None:
    pytest.importorskip("ziglang")
    target = _with_memory(flash, ram)
    with pytest.raises(TargetError, match=f"does not fit.*{memory}"):
        build(generate(_graph(), None, target, "big"), target, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_the_linker_reports_ram_that_the_estimate_let_pass(tmp_path: Path) -> None:
    pytest.importorskip("ziglang")
    target = _with_memory(1 << 20, 4096 + 704)  # state and stack just fit, the project's own variables do not
    with pytest.raises(TargetError, match="RAM of small-board"):
        build(generate(_graph(), None, target, "big"), target, tmp_path / "out")


def test_host_program_prints_the_interpreters_best_score(tmp_path: Path) -> None:
    graph, host = _graph(), find_target("cpu")
    image = build(generate(graph, None, host, "dense"), host, tmp_path / "out")
    assert image.warnings == ""
    clips = np.random.default_rng(0).integers(-128, 128, (5, 600), dtype=np.int8)
    done = subprocess.run([image.path], input=clips.tobytes(), capture_output=True, check=True)
    scores = run_integer(graph, clips)
    expected = [f"{row.argmax()}\t\t{row.max()}" for row in scores]
    assert done.stdout.decode().splitlines() == expected
    partial = subprocess.run([image.path], input=clips.tobytes()[:-1], capture_output=True, check=False)
    assert partial.returncode == 1


def test_unknown_projects_and_toolchains_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadConfigError, match="cortex-m-bare"):
        build(generate(_graph(), None, M4, "m"), M4, tmp_path / "out", project="fortran")
    with pytest.raises(BadConfigError, match="another build system"):
        build(generate(_graph(), None, M4, "m"), M4, tmp_path / "out", project="arduino")
    with pytest.raises(BadConfigError, match="arm-none-eabi-gcc"):
        find_toolchain(M4, "msvc")
    with pytest.raises(BadConfigError, match="does not build"):
        find_toolchain(M4, "gcc")


def test_without_any_compiler_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(toolchain.shutil, "which", lambda name: None)
    for target in (M4, find_target("cpu")):
        with pytest.raises(MissingDependencyError, match=r"edgekit\[mcu\]"):
            find_toolchain(target)


def test_compiler_errors_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "bad.c").write_text("int main(void) { return missing; }\n")
    with pytest.raises(TargetError, match="missing") as error:
        find_toolchain(find_target("cpu")).run(["bad.c", "-o", "bad"], tmp_path)
    assert "\n" not in str(error.value)
