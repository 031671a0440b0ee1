"""The memory plan: sound (checked by running it on bytes), tight, deterministic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.core.errors import UnknownShapeError
from edgekit.graph.graph import Graph, Node
from edgekit.graph.passes.lower import lower
from edgekit.graph.placement import ALIGNMENT
from edgekit.graph.planner import IN_PLACE_OPS, plan_memory
from edgekit.graph.readers.tflite_reader import read_tflite
from edgekit.graph.tensor import Tensor, Unknown


def chain(*steps, inputs=("x",), outputs=("y",), **sizes):
    """A graph of int8 tensors; each step is (op, inputs, output)."""
    tensors = {name: Tensor(name, (1, size), "int8") for name, size in sizes.items()}
    nodes = tuple(Node(op, f"n{i}", tuple(read), (made,)) for i, (op, read, made) in enumerate(steps))
    return Graph("g", "edge", tensors, nodes, inputs, outputs)


def run_on_bytes(graph, plan):
    """Execute the plan on a real arena: every tensor is written with bytes of its own and read back by its readers.

    An in-place output overwrites the input that it may, after that input was read.
    """
    arena = np.zeros(plan.arena_bytes, np.int64)
    marks = {name: index + 1 for index, name in enumerate(plan.offsets)}

    def cells(name):
        return arena[plan.offsets[name] : plan.offsets[name] + graph.tensor(name).nbytes]

    for name in graph.inputs:
        cells(name)[:] = marks[name]
    for node in graph.nodes:
        outputs = set(node.outputs)
        for name in node.inputs:
            assert np.all(cells(name) == marks[name]), f"{node.name} reads {name}, which was overwritten"
        for name in outputs:
            donor = plan.in_place.get(name)
            assert donor is None or node.op in IN_PLACE_OPS["edge"]
            cells(name)[:] = marks[name]
        for name in node.inputs:
            if name not in {plan.in_place.get(output) for output in outputs}:
                assert np.all(cells(name) == marks[name]), f"{node.name} writes over its input {name}"
    for name in graph.outputs:
        assert np.all(cells(name) == marks[name]), f"output {name} was overwritten"


@st.composite
def graphs(draw):
    """Random graphs with branches, several readers and several outputs."""
    count = draw(st.integers(1, 25))
    tensors = {"t0": Tensor("t0", (draw(st.integers(1, 300)),), "int8")}
    nodes = []
    for index in range(1, count + 1):
        names = list(tensors)
        op = draw(st.sampled_from(["conv2d", "relu", "add", "reshape", "mean"]))
        width = 2 if op == "add" else 1
        read = tuple(draw(st.sampled_from(names)) for _ in range(width))
        size = max(tensors[name].elements for name in read) if op in IN_PLACE_OPS["edge"] else draw(st.integers(1, 300))
        tensors[f"t{index}"] = Tensor(f"t{index}", (size,), "int8")
        nodes.append(Node(op, f"n{index}", read, (f"t{index}",)))
    outputs = draw(st.lists(st.sampled_from(list(tensors)), min_size=1, max_size=3, unique=True))
    return Graph("g", "edge", tensors, tuple(nodes), ("t0",), tuple(outputs))


@given(graphs())
@settings(max_examples=300, deadline=None)
def test_no_tensor_is_overwritten_while_it_is_needed(graph):
    plan = plan_memory(graph)
    run_on_bytes(graph, plan)
    assert plan.lower_bound <= plan.arena_bytes
    assert all(offset % ALIGNMENT == 0 for offset in plan.offsets.values())
    assert plan == plan_memory(graph)


@given(graphs())
@settings(max_examples=100, deadline=None)
def test_lower_bound_is_the_largest_sum_of_live_buffers(graph):
    plan = plan_memory(graph)
    last = {
        name: max([i for i, node in enumerate(graph.nodes) if name in node.inputs], default=-1)
        for name in graph.tensors
    }
    made = {name: i for i, node in enumerate(graph.nodes) for name in node.outputs}
    largest = 0
    for step in range(len(graph.nodes)):
        live = [
            name
            for name in graph.tensors
            if made.get(name, 0) <= step and (max(last[name], made.get(name, 0)) >= step or name in graph.outputs)
        ]
        # An output and the input that it replaces are one buffer at their common step.
        shared = {plan.in_place[name] for name in live if name in plan.in_place and made[name] == step}
        largest = max(largest, sum(-(-graph.tensor(n).nbytes // 16) * 16 for n in live if n not in shared))
    assert plan.lower_bound == largest


def test_reference_models(models_root):
    # Two 25×5×64 maps of int8, and a layer of 640 beside one of 128.
    assert plan_memory(lower(read_tflite(models_root / "kws_ref_model.tflite"))).arena_bytes == 16_000
    assert plan_memory(lower(read_tflite(models_root / "ad01_int8.tflite"))).arena_bytes == 768
    assert plan_memory(read_tflite(models_root / "kws_ref_model_float32.tflite")).arena_bytes == 64_000


def test_convolution_never_runs_in_place():
    plan = plan_memory(chain(("conv2d", ["x"], "y"), x=64, y=64))
    assert plan.arena_bytes == 128
    assert not plan.in_place


def test_relu_reshape_and_add_take_over_a_dying_input():
    graph = chain(
        ("relu", ["x"], "a"),
        ("reshape", ["a"], "b"),
        ("conv2d", ["b"], "c"),
        ("add", ["c", "b"], "y"),
        x=64, a=64, b=64, c=64, y=64,
    )  # fmt: skip
    plan = plan_memory(graph)
    assert dict(plan.in_place) == {"a": "x", "b": "a", "y": "c"}
    assert plan.arena_bytes == 128


def test_an_input_that_is_read_later_or_is_an_output_is_not_overwritten():
    graph = chain(("relu", ["x"], "a"), ("add", ["a", "x"], "y"), outputs=("y", "a"), x=32, a=32, y=32)
    assert dict(plan_memory(graph).in_place) == {"y": "x"}


def test_a_broadcast_side_of_an_addition_is_not_taken_over():
    graph = chain(("conv2d", ["x"], "s"), ("add", ["s", "x"], "y"), x=64, s=1, y=64)
    assert dict(plan_memory(graph).in_place) == {"y": "x"}


def test_outputs_live_to_the_end_and_inputs_until_their_last_reader():
    graph = chain(
        ("conv2d", ["x"], "early"), ("conv2d", ["early"], "a"), ("conv2d", ["a"], "y"),
        outputs=("early", "y"), x=16, early=16, a=16, y=16,
    )  # fmt: skip
    plan = plan_memory(graph)
    assert plan.lifetimes == {"x": (0, 0), "early": (0, 2), "a": (1, 2), "y": (2, 2)}
    assert [step.bytes for step in plan.steps] == [32, 32, 48]
    assert plan.steps[2].live == ("early", "a", "y")


def test_working_memory_of_a_kernel_is_planned_beside_its_tensors():
    graph = chain(("conv2d", ["x"], "a"), ("conv2d", ["a"], "y"), x=16, a=16, y=16)
    plan = plan_memory(graph, scratch={"n1": 100})
    assert plan.arena_bytes == 16 + 16 + 112
    assert plan.offsets["n1:scratch"] % ALIGNMENT == 0
    assert plan.lifetimes["n1:scratch"] == (1, 1)


def test_greedy_by_size_reaches_the_bound_where_order_of_birth_does_not():
    # Placed as they come, the large tensor d would land behind the small ones.
    graph = chain(
        ("conv2d", ["x"], "b"), ("conv2d", ["b"], "c"), ("conv2d", ["c"], "d"), ("conv2d", ["d"], "y"),
        x=16, b=160, c=16, d=320, y=16,
    )  # fmt: skip
    plan = plan_memory(graph)
    assert plan.arena_bytes == plan.lower_bound == 336


def test_unknown_dimensions_are_reported():
    graph = chain(("relu", ["x"], "y"), x=4, y=4)
    broken = graph.replace(tensors={**graph.tensors, "y": Tensor("y", (1, Unknown("time")), "int8")})
    with pytest.raises(UnknownShapeError, match="--dim time"):
        plan_memory(broken)


def test_long_graphs_are_planned_quickly():
    count = 3000
    tensors = {f"t{i}": Tensor(f"t{i}", (1 + i * 37 % 101,), "int8") for i in range(count + 1)}
    nodes = tuple(Node("conv2d", f"n{i}", (f"t{i}",), (f"t{i + 1}",)) for i in range(count))
    plan = plan_memory(Graph("g", "edge", tensors, nodes, ("t0",), (f"t{count}",)))
    assert plan.arena_bytes == plan.lower_bound
