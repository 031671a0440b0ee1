"""The computed stack bound holds what a core used, and what has no bound is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from edge_graphs import Builder

from edgekit.bench.elf import read_elf
from edgekit.bench.emulate import emulate
from edgekit.bench.stack import stack_bound
from edgekit.core.errors import TargetError
from edgekit.core.resources import resource_folder
from edgekit.deploy.generate import generate
from edgekit.deploy.project import build
from edgekit.deploy.target import find_target
from edgekit.deploy.toolchain import ENTRY, find_toolchain

pytest.importorskip("unicorn")
pytest.importorskip("ziglang")


@pytest.mark.parametrize(
    ("target", "compiler"),
    [("cortex-m4", "zig"), ("cortex-m4", "arm-none-eabi-gcc"), ("cortex-m0", "zig"), ("cortex-m33", "zig")],
)
def test_no_run_uses_more_than_the_bound(target: str, compiler: str, tmp_path: Path) -> None:
    if compiler != "zig" and shutil.which(compiler) is None:
        pytest.skip("install gcc-arm-none-eabi (Debian package)")
    builder = Builder(np.random.default_rng(1), (1, 9, 6, 4))
    builder.conv2d(8, (3, 3), activation="relu")
    builder.depthwise_conv2d(1, (3, 3))
    builder.conv2d(8, (1, 1))
    builder.append(
        "softmax", (builder.x.name,), builder.activation("p", builder.x.dims, scale=1 / 256, zero_point=-128)
    )
    chosen = find_target(target)
    sources = generate(builder.graph(), None, chosen, "tiny")
    image = build(sources, chosen, tmp_path / "image", toolchain=find_toolchain(chosen, compiler))
    clips = np.random.default_rng(2).integers(-128, 128, (3, 9, 6, 4), dtype=np.int8)
    bound = stack_bound(read_elf(image.path), ENTRY)
    used = emulate(image, clips, counted=0).stack
    assert used <= bound <= used + 64
    assert stack_bound(read_elf(image.path), "tiny_invoke") < bound


def _image(tmp_path: Path, body: str) -> Path:
    """A linked image whose main() is ``body``."""
    builder = Builder(np.random.default_rng(1), (1, 4))
    builder.fully_connected(2)
    m4 = find_target("cortex-m4")
    project = tmp_path / "project"
    shutil.copytree(resource_folder("firmware_stubs") / "cortex-m-bare", project)
    (project / "main.c").write_text(f"#include <stdint.h>\nint main(void);\n{body}\n")
    return build(generate(builder.graph(), None, m4, "raw"), m4, tmp_path / "out", project=str(project)).path


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "static volatile int n; __attribute__((noinline)) static int down(int k) { volatile int a[9]; a[0] = k;\n"
            "return n ? a[0] + down(k + 1) + 1 : 0; }\nint main(void) { return down(1); }",
            "calls itself",
        ),
        ("int (*volatile f)(int); int main(void) { return f(1) + 1; }", "through a pointer"),
        ("volatile int n; int main(void) { volatile char a[n]; a[0] = 1; return a[0]; }", "run-time size"),
    ],
)
def test_a_stack_without_a_bound_is_refused(tmp_path: Path, body: str, message: str) -> None:
    with pytest.raises(TargetError, match=message):
        stack_bound(read_elf(_image(tmp_path, body)), ENTRY)


def test_a_function_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="no function"):
        stack_bound(read_elf(_image(tmp_path, "int main(void) { return 0; }")), "absent")
