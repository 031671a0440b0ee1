"""Budget files: units, conventions, typos, and the budgets that come with edgekit."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekit.budget.toml import DEFAULT_BUDGET, Budget, budget_names, parse_budget, read_budget
from edgekit.core.errors import BadConfigError

SOURCE = 'source = "a data sheet"\n'


def parse(text: str) -> Budget:
    return parse_budget("mine", text, where="mine.toml")


@pytest.mark.parametrize(
    "text,key,value",
    [
        ('parameter_bytes = "128 kB"', "parameter_bytes", 128_000),
        ('parameter_bytes = "128 KiB"', "parameter_bytes", 131_072),
        ('macs = "30 M"', "macs", 30_000_000),
        ("macs = 30_000_000", "macs", 30_000_000),
        ('flash = "2 MiB"', "flash", 2_097_152),
        ("float_ops = 0", "float_ops", 0),
        ('accuracy = "90 %"', "accuracy", 0.9),
    ],
)
def test_units_in_strings(text: str, key: str, value: float) -> None:
    assert parse(f"{SOURCE}[limits]\n{text}\n").limits == {key: value}


def test_latency_belongs_to_a_target() -> None:
    budget = parse(f'{SOURCE}[limits.latency]\ncortex-m4 = "20 ms"\nrpi4 = "1.5 s"\n')
    assert budget.latency == {"cortex-m4": 20.0, "rpi4": 1500.0}


@pytest.mark.parametrize(
    "text,suggestion",
    [
        ('[limits]\nmac = "30 M"', "did you mean 'macs'?"),
        ('[limits]\nparameter_byte = "1 kB"', "did you mean 'parameter_bytes'?"),
        ('[limits]\npeak_memory = "1 kB"', "peak_ram"),
        ('counting = "dacse"\n[limits]\nmacs = 1', "did you mean 'dcase'?"),
        ('sorce = "x"\n[limits]\nmacs = 1', "did you mean 'source'?"),
        ('[limits.latency]\ncortex-m44 = "20 ms"', "did you mean 'cortex-m4'?"),
        ("macs = 1", "move it below a line [limits]"),
        ('[limits]\nlatency = "20 ms"', "[limits.latency]"),
    ],
)
def test_a_typo_is_an_error_with_a_suggestion(text: str, suggestion: str) -> None:
    with pytest.raises(BadConfigError) as caught:
        parse(SOURCE + text)
    assert suggestion in str(caught.value)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        'macs = "-5 M"',
        "macs = -5",
        "macs = 1.5",
        "macs = true",
        'macs = "30 MB"',
        'macs = "many"',
        'parameter_bytes = "128"',
        'parameter_bytes = "128 KB"',
        'parameter_bytes = "128 MAC"',
        'peak_ram = "1.5 B"',
        'accuracy = "120 %"',
        "accuracy = -0.1",
        "macs = [1, 2]",
    ],
)
def test_wrong_units_and_negative_limits_are_errors(line: str) -> None:
    with pytest.raises(BadConfigError, match=line.split(" ")[0]):
        parse(f"{SOURCE}[limits]\n{line}\n")


@pytest.mark.parametrize("text", ["", "[limits]\n", "limits = 3\n", "source = 3\n[limits]\nmacs = 1\n"])
def test_a_budget_without_limits_is_an_error_and_never_a_pass(text: str) -> None:
    with pytest.raises(BadConfigError):
        parse(text if "source" in text else SOURCE + text)


def test_a_budget_names_its_source() -> None:
    with pytest.raises(BadConfigError, match="source"):
        parse("[limits]\nmacs = 1\n")


def test_not_toml(tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadConfigError, match="UTF-8"):
        read_budget(bad)
    bad.write_text("limits = ")
    with pytest.raises(BadConfigError, match="is not TOML"):
        read_budget(bad)


def test_a_missing_file_and_a_wrong_name() -> None:
    with pytest.raises(BadConfigError, match="cannot read"):
        read_budget("nowhere/none.toml")
    with pytest.raises(BadConfigError, match="did you mean 'dcase2024-task1'"):
        read_budget("dcase2024task1")


def test_budgets_that_come_with_edgekit_are_valid_and_sourced() -> None:
    names = budget_names()
    required = {f"dcase{year}-task1" for year in (2022, 2023, 2024, 2025)}
    assert required | {"mlperf-tiny-kws", DEFAULT_BUDGET, "nucleo-l4r5zi"} <= set(names)
    for name in names:
        budget = read_budget(name)
        assert budget.name == name
        assert len(budget.source) > 20
        assert budget.description


@pytest.mark.parametrize("year", [2022, 2023, 2024, 2025])
def test_the_challenges_limits(year: int) -> None:
    """The rule pages: 128 kB of parameters and 30 M multiply-accumulates, counted by the challenge's counter."""
    budget = read_budget(f"dcase{year}-task1")
    assert budget.counting == "dcase"
    assert budget.limits["parameter_bytes"] == 128_000
    assert budget.limits["macs"] == 30_000_000
    assert budget.limits.get("parameters") == (128_000 if year == 2022 else None)


BOARDS = {  # KiB of flash (None: none to limit) and of the largest RAM in one piece, from the data sheets
    "nucleo-l476rg": (1024, 96),
    "nucleo-l4r5zi": (2048, 192 + 64 + 384),
    "nucleo-f746zg": (1024, 64 + 240 + 16),
    "nucleo-h743zi": (2048, 512),
    "nrf52840": (1024, 256),
    "nrf5340": (1024, 512),
    "rp2040": (2048, 4 * 64 + 2 * 4),
    "rp2350": (4096, 8 * 64 + 2 * 4),
    "esp32-s3": (8192, 320),
    "corstone-300": (None, 1024 + 1024),
    "raspberry-pi-3": (None, 1 << 20),
    "raspberry-pi-4": (None, 1 << 20),
    "raspberry-pi-5": (None, 4 << 20),
    "raspberry-pi-zero-2": (None, 512 << 10),
}


@pytest.mark.parametrize("board", BOARDS)
def test_boards_have_the_memory_of_their_data_sheets(board: str) -> None:
    flash, ram = BOARDS[board]
    budget = read_budget(board)
    assert budget.limits.get("flash") == (None if flash is None else flash * 1024)
    assert budget.limits["peak_ram"] == ram * 1024
