"""Operators that remember, appended to a chain of random_graphs.py: svdf and lstm.

TFLM carries the state of both from clip to clip. An lstm over several steps begins at zero with every clip, so its
oracles are reset in between; a graph has one kind or the other.
"""

from __future__ import annotations

from math import prod

import numpy as np
from edge_graphs import quant
from int8_oracles import random_int8
from random_chain import Chain, Unfit

from edgekit.graph.graph import Graph
from edgekit.graph.tensor import Tensor

GATES = "ifco"


def resets(graph: Graph) -> bool:
    """Whether every clip begins without a past."""
    return any(node.op == "lstm" and not node.attrs["carried"] for node in graph.nodes)


def svdf(chain: Chain, memory: str = "int16") -> None:
    """Of one frame, with a memory of up to eight."""
    dims = chain.x.dims
    if any(node.op == "lstm" for node in chain.nodes) or prod(dims) > 200:
        raise Unfit
    _shaped(chain, (1, prod(dims)))
    width, rank, units, length = prod(dims), chain.number(1, 3), chain.number(1, 12), chain.number(1, 8)
    source = chain.x
    feature = _weights(chain, (units * rank, width), 1 / np.sqrt(width))
    limits = np.iinfo(memory)
    step = source.scale_zero()[0] * feature.scale_zero()[0] * np.sqrt(width) * 75 * 75 * 3 / limits.max
    kept = _variable(chain, (1, units * rank * length), memory, float(step), 0)
    values = chain.rng.integers(-limits.max, limits.max + 1, (units * rank, length)).astype(memory)
    time = chain.keep(Tensor(chain.name("time"), values.shape, memory, quant(1 / limits.max, 0), values))
    factor = np.float32(step) * np.float32(1 / limits.max)
    spread = np.sqrt(rank * length) * limits.max**2 / 6
    output = chain.activation(chain.name("svdf"), (1, units), scale=float(factor * spread / chain.rng.uniform(30, 90)))
    bias = ""
    if chain.rng.integers(4):
        data = chain.rng.normal(0, spread / 4, units).astype(np.int32)
        bias = chain.keep(Tensor(chain.name("bias"), (units,), "int32", quant(float(factor), 0), data)).name
    attrs = {"rank": rank, "activation": "none"}
    chain.append("svdf", (source.name, feature.name, time.name, bias, kept.name), output, attrs)


def lstm(chain: Chain) -> None:
    """Over up to twelve steps; a single step goes on from clip to clip."""
    dims = chain.x.dims
    if any(node.op == "svdf" or node.op == "lstm" for node in chain.nodes) or prod(dims) > 300:
        raise Unfit
    divisors = [steps for steps in range(1, 13) if prod(dims) % steps == 0]
    steps = divisors[chain.number(0, len(divisors) - 1)]
    _shaped(chain, (1, steps, prod(dims) // steps))
    source, units = chain.x, chain.number(1, 12)
    scale, zero_point = float(chain.rng.uniform(0.3, 1.2)) / 128, chain.number(-60, 60)
    hidden = _variable(chain, (1, units), "int8", scale, zero_point)
    cell = _variable(chain, (1, units), "int16", 2.0 ** chain.number(-14, -9), 0)
    width = source.dims[2]
    weights = [_weights(chain, (units, width), _reach(chain, source, width)) for _ in GATES]
    recurrent = [_weights(chain, (units, units), _reach(chain, hidden, units)) for _ in GATES]
    biases = [_bias(chain, source, tensor) for tensor in weights]
    names = [tensor.name for tensor in (source, *weights, *recurrent, *biases, hidden, cell)]
    output = chain.activation(chain.name("lstm"), (1, steps, units), scale=scale, zero_point=zero_point)
    attrs = {"cell_clip": float(chain.pick(0.0, 0.0, 1.5)), "carried": steps == 1}  # type: ignore[arg-type]
    chain.append("lstm", tuple(names), output, attrs)


def _shaped(chain: Chain, dims: tuple[int, ...]) -> None:
    if chain.x.dims != dims:
        chain.append("reshape", (chain.x.name,), chain.same(chain.name("frames"), dims))


def _weights(chain: Chain, shape: tuple[int, ...], largest: float) -> Tensor:
    """Symmetric int8 weights of up to ``largest``."""
    data = np.maximum(random_int8(chain.rng, shape), -127)
    return chain.keep(Tensor(chain.name("weights"), shape, "int8", quant(largest / 127, 0), data))


def _reach(chain: Chain, source: Tensor, inputs: int) -> float:
    """Weights whose sums of products come to a few units, where gates bend."""
    return float(chain.rng.uniform(0.3, 4)) / (source.scale_zero()[0] * 75 * np.sqrt(inputs))


def _bias(chain: Chain, source: Tensor, weights: Tensor) -> Tensor:
    scale = np.float32(source.scale_zero()[0]) * np.float32(weights.scale_zero()[0])
    data = np.clip(chain.rng.normal(0, 1 / float(scale), weights.dims[0]), -(2**30), 2**30).astype(np.int32)
    return chain.keep(Tensor(chain.name("bias"), data.shape, "int32", quant(float(scale), 0), data))


def _variable(chain: Chain, dims: tuple[int, ...], dtype: str, scale: float, zero_point: int) -> Tensor:
    return chain.keep(Tensor(chain.name("kept"), dims, dtype, quant(scale, zero_point), variable=True))
