from __future__ import annotations

import pytest

from edgekit.core.errors import BadConfigError
from edgekit.core.units import format_count, parse_count, parse_milliseconds, parse_ratio


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("128 kB", "B", 128_000),
        ("128 KiB", "B", 131_072),
        ("1.5 MiB", "B", 1_572_864),
        ("30 M", "MAC", 30_000_000),
        ("30 MMACs", "MAC", 30_000_000),
        ("30_000_000", "MAC", 30_000_000),
        (61_148, "parameter", 61_148),
        ("0", "op", 0),
    ],
)
def test_counts_with_units_are_read(text: object, unit: str, value: int) -> None:
    assert parse_count(text, unit, where="here") == value


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("128", "B"),  # bytes without a unit: kB or KiB?
        ("128 kb", "B"),
        ("128 KB", "B"),
        ("-1 kB", "B"),
        ("0.5 B", "B"),
        ("30 MB", "MAC"),
        ("many", "MAC"),
        ("", "B"),
        (True, "MAC"),
        (1.5, "MAC"),
        (None, "MAC"),
    ],
)
def test_wrong_units_are_refused_with_a_cure(text: object, unit: str) -> None:
    with pytest.raises(BadConfigError) as caught:
        parse_count(text, unit, where="budget.toml: macs")
    assert "budget.toml: macs" in str(caught.value) and "\n" not in str(caught.value)


def test_durations_and_shares() -> None:
    assert parse_milliseconds("20 ms", where="x") == 20.0
    assert parse_milliseconds("1.5 s", where="x") == 1500.0
    assert parse_ratio("90 %", where="x") == pytest.approx(0.9)
    assert parse_ratio(0.25, where="x") == 0.25
    for bad in ("20", "20 m", "-1 ms"):
        with pytest.raises(BadConfigError):
            parse_milliseconds(bad, where="x")
    for bad in ("120 %", "-0.1", "x", True):
        with pytest.raises(BadConfigError):
            parse_ratio(bad, where="x")


def test_exact_counts_are_not_rounded_for_the_reader() -> None:
    assert format_count(29_419_156, "MAC") == "29,419,156 MAC"
