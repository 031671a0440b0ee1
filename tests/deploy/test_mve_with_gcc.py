"""Helium kernels through GCC, whose register allocation is another than clang's."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from edge_graphs import Builder

from edgekit.deploy.generate import generate
from edgekit.deploy.project import build
from edgekit.deploy.target import find_target
from edgekit.deploy.toolchain import find_toolchain


@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="install gcc-arm-none-eabi (Debian package)")
def test_eight_sums_at_once_find_their_registers(tmp_path: Path) -> None:
    builder = Builder(np.random.default_rng(0), (1, 9, 9, 3))
    builder.conv2d(6, (4, 4), stride=(3, 1), pad=((0, 1), (1, 2)), activation="relu")
    builder.conv2d(26, (3, 2), stride=(2, 2), pad=((1, 1), (0, 1)))
    builder.pool2d("max_pool2d", (2, 4), pad="VALID")
    target = find_target("cortex-m55")
    sources = generate(builder.graph(), None, target, "sums")
    assert [layer["kernel"].split()[0] for layer in sources.manifest["layers"]][:2] == ["mve", "mve"]
    image = build(sources, target, tmp_path / "image", toolchain=find_toolchain(target, "arm-none-eabi-gcc"))
    assert image.warnings == ""
