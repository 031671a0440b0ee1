"""Time of layers: every layer has one, and together they are the time of the model."""

from __future__ import annotations

import time

import numpy as np
import pytest
from edge_graphs import Builder

from edgekit.bench.host import host_model
from edgekit.bench.layer_times import layer_times
from edgekit.core.errors import MissingDependencyError
from edgekit.deploy.generate import generate
from edgekit.deploy.target import find_target
from edgekit.deploy.toolchain import find_toolchain
from edgekit.graph.firmware import firmware_plan


def test_layers_add_up_to_the_model_and_the_large_one_is_slowest() -> None:
    try:
        find_toolchain(find_target("cpu"))
    except MissingDependencyError as error:
        pytest.skip(str(error))
    builder = Builder(np.random.default_rng(0), (1, 32, 24, 8))
    builder.conv2d(4, (1, 1))
    builder.conv2d(48, (5, 5))
    builder.conv2d(4, (1, 1))
    graph = builder.graph()
    found = layer_times(graph)
    steps = [step.node.rpartition(" … ")[2] for step in firmware_plan(graph).steps]
    assert list(found) == steps
    assert max(found, key=lambda name: found[name]) in steps[:2]
    with host_model(generate(graph, None, find_target("cpu"))) as model:
        one = np.zeros((1, model.sources.input_size), np.int8)
        spent = []
        for _ in range(50):
            begin = time.perf_counter()
            model.invoke(one)
            spent.append(1e6 * (time.perf_counter() - begin))
    assert sum(found.values()) == pytest.approx(np.median(spent), rel=0.5)
