"""No module of edgekit imports itself through others, and the script that says so can tell."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
from structure import circles, figures


def test_a_circle_is_found_and_what_leads_to_it_is_not_in_it() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set(), "e": {"f"}, "f": {"e", "d"}}
    assert circles(graph) == ["b <-> c", "e <-> f"]


def test_the_package_has_no_circle_and_nothing_out_of_hand() -> None:
    found = figures()
    assert {name: found[name] for name in ("import_circles", "files_over_300", "functions_over_60")} == {
        "import_circles": [],
        "files_over_300": [],
        "functions_over_60": [],
    }
