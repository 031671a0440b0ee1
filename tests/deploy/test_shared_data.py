"""Equal constant arrays become one, under the name of the first."""

from __future__ import annotations

from edgekit.deploy.c.shared_data import shared_data

WEIGHTS = "static const int8_t weights_{}[2] = {{\n    1, {},\n}};\n"


def test_equal_arrays_are_one_and_their_readers_follow() -> None:
    data = (WEIGHTS.format(3, 2), WEIGHTS.format(12, 2), WEIGHTS.format(30, 5))
    kept, calls = shared_data(data, ("f(weights_3, x);", "f(weights_12, x);", "f(weights_30, weights_120);"))
    assert kept == (data[0], data[2])
    assert calls == ("f(weights_3, x);", "f(weights_3, x);", "f(weights_30, weights_120);")


def test_tables_of_addresses_are_compared_after_what_they_refer_to() -> None:
    table = "static const gate gates_{}[1] = {{\n    {{weights_{}}},\n}};\n"
    data = (WEIGHTS.format(1, 2), table.format(1, 1), WEIGHTS.format(2, 2), table.format(2, 2))
    kept, calls = shared_data(data, ("run(gates_2);",))
    assert kept == data[:2]
    assert calls == ("run(gates_1);",)


def test_arrays_of_another_type_or_size_stay() -> None:
    data = ("static const int8_t a_1[1] = {\n    0,\n};\n", "static const int16_t a_2[1] = {\n    0,\n};\n")
    assert shared_data(data, ("f(a_1, a_2);",)) == (data, ("f(a_1, a_2);",))


def test_packed_weights_are_shared_as_others_are() -> None:
    """A recurrent layer on a DSP core had its weights once a step: their definition begins with an alignment."""
    row = "static const _Alignas(4) int8_t weights_{}[4] = {{\n    1, 2, 3, 4,\n}};\n"
    kept, calls = shared_data([row.format(1), row.format(2)], ["f(weights_1);", "f(weights_2);"])
    assert kept == (row.format(1),)
    assert calls == ("f(weights_1);", "f(weights_1);")
