"""Generated C under a static analyser, the strict warnings of two compilers, and a C++ caller."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from edge_graphs import Builder
from edge_ops import OPS

from edgekit.deploy.generate import generate
from edgekit.deploy.project import write_files
from edgekit.deploy.target import Target, find_target
from edgekit.deploy.toolchain import find_toolchain
from edgekit.features.presets import PRESETS
from edgekit.graph.graph import Graph

HOST = find_target("cpu")
TARGETS: dict[str, Target] = {
    "portable": HOST,
    "dsp": replace(HOST, dsp=True),
    "mve": replace(HOST, dsp=True, mve=True),
    "neon": replace(HOST, neon=True),
}
LINT = (
    "cppcheck", "--std=c11", "--enable=warning,portability,performance", "--error-exitcode=1", "--quiet",
    "--suppress=missingIncludeSystem",
    "--suppress=shiftTooManyBitsSigned",  # deploy/c/fixed_point.py: right shifts of negative values are arithmetic
    "--suppress=duplicateAssignExpression",  # two sums of one filter begin with the same bias
)  # fmt: skip
STRICT = ("-std=c11", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror", "-c")
CALLER = """\
#include "model.h"

int main() {
    static model_state state;
    model_result result = {};
    const int16_t silence[160] = {};
    return model_init(&state) + model_push(&state, silence, 160, &result) + model_invoke(&state, nullptr, nullptr);
}
"""


def _listener() -> Graph:
    """A small model on the features of a preset."""
    builder = Builder(np.random.default_rng(4), (1, 49, 10, 1))
    builder.conv2d(8, (5, 3), stride=(3, 2), activation="relu")
    pooled = builder.activation("pooled", (1, 8), scale=builder.x.scale_zero()[0])
    builder.append("mean", (builder.x.name,), pooled, {"axes": (1, 2), "keep_dims": False})
    builder.fully_connected(6)
    return builder.graph()


def _write_all(target: Target, folder: Path) -> list[str]:
    """Every operator, and a model with its front-end; names of the C files."""
    for op, make in OPS.items():
        name = "op_" + "".join(letter if letter.isalnum() else "_" for letter in op)
        write_files(generate(make(np.random.default_rng(3)).graph(), None, target, name).files, folder)
    write_files(generate(_listener(), PRESETS["kws-mfcc-49x10"], target, "model").files, folder)
    return sorted(path.name for path in folder.glob("*.c"))


@pytest.mark.parametrize("name", TARGETS)
def test_cppcheck_finds_nothing(name: str, tmp_path: Path) -> None:
    if shutil.which(LINT[0]) is None:
        pytest.skip("install cppcheck (Debian package)")
    _write_all(TARGETS[name], tmp_path)
    done = subprocess.run([*LINT, "."], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", TARGETS)
def test_strict_warnings_are_none(name: str, tmp_path: Path) -> None:
    names = _write_all(TARGETS[name], tmp_path)
    find_toolchain(HOST).run([*STRICT, *names], tmp_path)


def test_a_caller_in_cpp_builds_and_gets_error_codes(tmp_path: Path) -> None:
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("install g++ (Debian package)")
    names = [name for name in _write_all(HOST, tmp_path) if name.startswith("model")]
    find_toolchain(HOST).run(["-std=c11", "-c", *names], tmp_path)
    (tmp_path / "caller.cpp").write_text(CALLER)
    objects = [Path(name).with_suffix(".o").name for name in names]
    command = [compiler, "-std=c++14", "-Wall", "-Wextra", "-Wconversion", "-Werror", "caller.cpp", *objects]
    subprocess.run([*command, "-o", "caller"], cwd=tmp_path, check=True)
    assert subprocess.run([tmp_path / "caller"], check=False).returncode == 255  # NULL: -1
