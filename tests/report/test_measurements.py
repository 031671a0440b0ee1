"""The table of ``edgekit bench``."""

from __future__ import annotations

from edgekit.core.measurement import Measurement
from edgekit.core.quantity import Quantity
from edgekit.report.measurements import measurement_table


def _core() -> Measurement:
    return Measurement(
        "kws", "cortex-m4", "unicorn 2", True, 200,
        instructions=Quantity(3_029_029, "instruction", "emulated"),
        flash=Quantity(31_636, "B", "exact"),
        details={"model_ms": Quantity(43.47, "ms", "estimated")},
        label_agreement=1.0,
    )  # fmt: skip


def _cpu() -> Measurement:
    latency = {key: Quantity(value, "ms", "measured") for key, value in (("p50", 0.25), ("p90", 0.5), ("p99", 1.0))}
    details = {"largest_difference": Quantity(2, "step", "exact")}
    return Measurement(
        "kws", "cpu", "onnxruntime 1", False, 200, latency_ms=latency, details=details, label_agreement=0.995
    )


def test_every_number_carries_the_mark_of_its_method_and_the_legend_explains_it() -> None:
    text = measurement_table([_core(), _cpu()])
    for cell in ("3,029,029 e", "31,636 x", "43.470 ~", "0.250 m", "100.0% of 200", "99.5% of 200", "within 2 steps"):
        assert cell in text
    assert text.rstrip().endswith("m measured, e emulated, x exact, ~ estimated")


def test_columns_that_no_row_has_are_left_out() -> None:
    text = measurement_table([_core()])
    assert "p50" not in text and "instructions" in text and "measured" not in text


def test_a_row_without_figures_says_why_below() -> None:
    broken = Measurement("kws", "cpu", "litert", None, 200, problem="was ended by SIGSEGV")
    other = Measurement("kws", "rpi4", "qemu", False, 200, label_agreement=0.5, problem="scores differ by 9 steps")
    text = measurement_table([broken, other])
    assert "not run" in text and "DIFFER" in text
    assert "1  litert: was ended by SIGSEGV" in text and "2  qemu: scores differ by 9 steps" in text


def test_names_cannot_write_to_the_terminal() -> None:
    hostile = Measurement("a\x1b[2J", "cpu", "c\x1b]0;x\x07", None, 1, problem="\x1b[1m")
    assert "\x1b" not in measurement_table([hostile])
