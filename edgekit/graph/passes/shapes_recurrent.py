"""Output shapes of the operators that remember: svdf and lstm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from edgekit.graph.passes.misfit import need

Dims = tuple[int, ...]


def svdf_dims(inputs: Sequence[Dims], attrs: Mapping[str, Any]) -> Dims:
    """[1, F / rank] of x, feature, time, perhaps a bias, and memory."""
    need(len(inputs) in (4, 5), "takes x, two weights, perhaps a bias, and a memory")
    x, feature, time, *_, memory = inputs
    rank = attrs["rank"]
    need(len(x) == len(feature) == len(time) == 2, "input and weights must have rank 2")
    need(x[0] == 1 and x[1] == feature[1], f"weights {feature} on {x}")
    need(rank >= 1 and feature[0] % rank == 0 and time[0] == feature[0], f"{feature[0]} filters of rank {rank}")
    need(prod(memory) == prod(time), f"a memory of {memory} for weights {time}")
    need(len(inputs) == 4 or prod(inputs[3]) == feature[0] // rank, f"a bias of {inputs[3]}")
    return (1, feature[0] // rank)


def lstm_dims(inputs: Sequence[Dims], attrs: Mapping[str, Any]) -> Dims:
    """[1, T, H] of x [1, T, I], four weights [H, I], four [H, H], four biases, hidden state and cell."""
    need(len(inputs) == 15, "takes x, eight weights, four biases, hidden state and cell")
    x, weights, recurrent, biases, state = inputs[0], inputs[1:5], inputs[5:9], inputs[9:13], inputs[13:]
    need(len(x) == 3 and x[0] == 1, f"input {x} must be [1, steps, features]")
    units = prod(biases[0])
    need(all(dims == (units, x[2]) for dims in weights), f"weights {list(weights)} on {x}")
    need(all(dims == (units, units) for dims in recurrent), f"recurrent weights {list(recurrent)} for {units} units")
    need(all(prod(dims) == units for dims in (*biases, *state)), f"biases and state for {units} units")
    return (1, x[1], units)
