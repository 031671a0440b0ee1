"""Sketches of variants draw the variant; models without a sketch are absent."""

from __future__ import annotations

import pytest
from model_counts import counts

from edgekit.budget.counting import count
from edgekit.budget.sketch_graph import sketch_graph
from edgekit.core.errors import BadConfigError
from edgekit.models.sketches.registry import SKETCHES


@pytest.mark.parametrize(
    ("name", "arguments"), [("ds-cnn-s", {}), ("ds-cnn-m", {"classes": 5}), ("ds-cnn-l", {"channels": 64})]
)
def test_sketch_of_a_variant_counts_like_the_variant(name: str, arguments: dict[str, object]) -> None:
    tallies = count(sketch_graph(name, arguments, (49, 10), "batch norm"), plan=False).tallies
    found = tuple(tallies[key].known for key in ("parameters", "macs_dcase", "macs_true"))
    assert found == counts(name, (49, 10), **arguments)


def test_remedies_of_a_variant_start_from_its_own_width() -> None:
    change, arguments = next(SKETCHES["ds-cnn-m"].narrower[0]({"classes": 5}))
    assert (change, arguments["channels"], arguments["classes"]) == ("channels 172 → 168", 168, 5)


@pytest.mark.parametrize("name", ["passt", "ast", "large-vit", "mn10"])
def test_models_without_a_sketch_get_none(name: str) -> None:
    with pytest.raises(BadConfigError, match="no sketch"):
        sketch_graph(name, {}, (128, 100), "batch norm")
