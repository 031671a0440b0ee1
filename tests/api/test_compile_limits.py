"""Limits of flash and RAM: which settings are tried, and what is said where nothing fits."""

from __future__ import annotations

from math import inf
from pathlib import Path

import numpy as np
import pytest
from edge_graphs import Builder

from edgekit.api.compile_limits import Limits, Setting, Taken, fitting
from edgekit.cli.main import main
from edgekit.core.errors import TargetError
from edgekit.deploy.c.choice import Bent
from edgekit.export.tflite_writer import tflite_bytes


class Attempts:
    """A compiler whose images have 100 B of RAM beside an arena of 1,000 B, or of what it is asked for down to 600 B;
    flash falls with the price of a byte and with the purpose.
    """

    def __init__(self) -> None:
        self.seen: list[Setting] = []

    def __call__(self, setting: Setting) -> Taken:
        self.seen.append(setting)
        wanted = setting.bent.max_arena
        arena = 1_000 if wanted is None or wanted >= 1_000 else max(600, wanted)
        price = {"speed": 0.0, "balanced": 20.0, "size": inf}[setting.optimize]
        price = price if setting.bent.flash_price is None else setting.bent.flash_price
        flags = {"speed": 3_000, "balanced": 1_000, "size": 0}[setting.optimize]
        return Taken(20_000 + flags - int(min(price, 500.0)) * 10, arena + 100, arena)


def test_what_fits_is_left_alone() -> None:
    attempt = Attempts()
    assert fitting("balanced", Limits(5_000, 50_000), attempt, "m4") == Setting("balanced")
    assert len(attempt.seen) == 1


def test_ram_is_met_by_the_arena_that_leaves_room_for_the_rest() -> None:
    assert fitting("speed", Limits(ram=800), Attempts(), "m4") == Setting("speed", Bent(max_arena=700))


def test_flash_is_met_by_the_first_kernels_that_fit() -> None:
    assert fitting("balanced", Limits(flash=20_500), Attempts(), "m4") == Setting("balanced", Bent(flash_price=100.0))


def test_the_compilers_flags_come_after_the_kernels() -> None:
    found = fitting("speed", Limits(flash=16_500), Attempts(), "m4")
    assert found == Setting("balanced", Bent(flash_price=inf))


def test_both_limits_are_kept_together() -> None:
    found = fitting("balanced", Limits(800, 16_500), Attempts(), "m4")
    assert found == Setting("balanced", Bent(max_arena=700, flash_price=inf))


@pytest.mark.parametrize(
    ("limits", "said"),
    [(Limits(ram=500), "RAM is limited to 500 B, the least found is 700 B"),
     (Limits(flash=9_000), "flash is limited to 9,000 B, the least found is 15,000 B")],
)  # fmt: skip
def test_what_cannot_be_kept_is_said_with_figures(limits: Limits, said: str) -> None:
    with pytest.raises(TargetError, match=said):
        fitting("speed", limits, Attempts(), "m4")


def model(path: Path) -> Path:
    """Expand, filter, project on 16×16×4: 4,096 B of wide map, which rows make small."""
    builder = Builder(np.random.default_rng(0), (1, 16, 16, 4))
    shortcut = builder.x
    builder.conv2d(32, (1, 1), activation="relu")
    builder.depthwise_conv2d(1, (3, 3))
    builder.conv2d(4, (1, 1))
    builder.append("add", (builder.x.name, shortcut.name), builder.same("sum", shortcut.dims), {"activation": "none"})
    path.write_bytes(tflite_bytes(builder.graph()))
    return path


def test_a_limit_of_ram_makes_layers_run_by_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ziglang")
    source = str(model(tmp_path / "m.tflite"))
    arguments = ["compile", source, "--target", "m4", "--optimize", "speed"]
    assert main([*arguments, "--max-ram", "6 kB", "-o", str(tmp_path / "a")]) == 0
    assert " rows " in capsys.readouterr().out
    assert main([*arguments, "--max-ram", "1 kB", "-o", str(tmp_path / "b")]) == 2
    assert "RAM is limited to 1,000 B" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [(["--target", "m4", "--max-ram", "6"], "no unit"),
     (["--target", "m4", "--sources-only", "--max-flash", "6 kB"], "needs an image"),
     (["--target", "cpu", "--max-ram", "6 kB"], "microcontrollers")],
)  # fmt: skip
def test_limits_that_mean_nothing_are_refused(
    options: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = str(model(tmp_path / "m.tflite"))
    assert main(["compile", source, *options, "-o", str(tmp_path / "out")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
