"""Classes × devices, and the spread over seen and unseen devices, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.train.evaluation.cross_table import ALL_CLASSES, cross_table

LABELS = ("bus", "park", "tram")
#                    a  a  b  b  s4 s4 s5 s5 none
TARGETS = np.array([0, 1, 0, 0, 0, 1, 0, 1, 1])
RIGHT = np.array([1, 1, 1, 0, 1, 0, 0, 0, 1], bool)
DEVICES = ["a", "a", "b", "b", "s4", "s4", "s5", "s5", None]


def test_table_with_seen_and_unseen_devices() -> None:
    table = cross_table("device", LABELS, TARGETS, RIGHT, DEVICES, {"a", "b", "c"})
    assert table is not None
    assert (table.groups, table.seen) == (("a", "b", "s4", "s5"), (True, True, False, False))
    assert list(table.rows) == ["bus", "park", ALL_CLASSES]  # no clip is a tram
    bus, park, every = table.rows.values()
    assert bus.accuracy == (1.0, 0.5, 1.0, 0.0) and bus.clips == (1, 2, 1, 1)
    assert park.accuracy == (1.0, None, 0.0, 0.0)
    assert every.accuracy == (1.0, 0.5, 0.5, 0.0)
    seen, unseen = bus.spreads["seen"], bus.spreads["unseen"]
    # 1 and 1/2: mean 3/4, deviations ±1/4, n − 1 = 1.
    assert (seen.groups, seen.mean, seen.std) == (2, 0.75, pytest.approx(np.sqrt(2 * 0.25**2)))
    assert (unseen.mean, unseen.std) == (0.5, pytest.approx(np.sqrt(0.5)))
    assert (park.spreads["seen"].groups, park.spreads["seen"].std) == (1, None)


def test_without_knowledge_of_the_training_all_groups_are_one_set() -> None:
    table = cross_table("device", LABELS, TARGETS, RIGHT, DEVICES)
    assert table is not None and table.seen is None
    spread = table.rows[ALL_CLASSES].spreads
    assert list(spread) == ["all"] and spread["all"].mean == pytest.approx(0.5)


def test_a_set_without_a_group_is_left_out() -> None:
    table = cross_table("device", LABELS, TARGETS, RIGHT, DEVICES, {"a", "b", "s4", "s5"})
    assert table is not None and list(table.rows["bus"].spreads) == ["seen"]


def test_no_groups_no_table() -> None:
    assert cross_table("speaker", LABELS, TARGETS, RIGHT, [None] * 9) is None
