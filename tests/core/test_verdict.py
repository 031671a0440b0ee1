from __future__ import annotations

import pytest

from edgekit.core.errors import BadConfigError, EdgekitError
from edgekit.core.quantity import Quantity
from edgekit.core.verdict import ModelVerdict, Outcome, Verdict, worst


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([], "undecided"),
        (["pass"], "pass"),
        (["pass", "undecided"], "undecided"),
        (["pass", "undecided", "fail"], "fail"),
    ],
)
def test_nothing_undecided_passes(outcomes: list[Outcome], expected: str) -> None:
    assert worst(outcomes) == expected


def test_exit_codes_follow_the_worst_model() -> None:
    def model(outcome: Outcome) -> ModelVerdict:
        return ModelVerdict("m", "b", outcome, {}, ())

    assert Verdict(()).exit_code == 2
    assert Verdict((model("pass"),)).exit_code == 0
    assert Verdict((model("pass"), model("fail"))).exit_code == 1
    assert Verdict((model("pass"), model("undecided"))).exit_code == 2


def test_a_quantity_names_a_known_method() -> None:
    with pytest.raises(BadConfigError, match="guessed"):
        Quantity(1, "B", "guessed")  # type: ignore[arg-type]
    assert Quantity(1, "B", "exact").to_json() == {"value": 1, "unit": "B", "method": "exact"}


def test_an_error_is_one_line_with_place_and_cure() -> None:
    error = EdgekitError("is not\nan ONNX file", where="a.onnx", mend="export it again")
    assert str(error) == "a.onnx: is not an ONNX file (export it again)"
