"""Runs a step graph hop by hop: the reference of everything that is exported from it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgekit.core.errors import BadConfigError
from edgekit.graph.float_interpreter import run_float_node
from edgekit.graph.float_recurrent import go_on
from edgekit.graph.graph import Node
from edgekit.graph.integer.interpreter import empty_memory, prepare, run_node
from edgekit.graph.ops import RECURRENT_OPS, activation_inputs
from edgekit.graph.streaming.types import StreamGraph


class StreamRunner:
    """A stream in progress, float or integer.

    Args:
        form: what :func:`~edgekit.graph.streaming.step.stream` made.
    """

    def __init__(self, form: StreamGraph) -> None:
        self._form = form
        self._graph = form.graph
        self._integer = form.graph.tensor(form.graph.outputs[0]).dtype != "float32"
        self._prepared = prepare(form.graph) if self._integer else None
        self.hops = 0
        self.states: dict[str, np.ndarray] = {}
        self._memory: dict[str, np.ndarray] = {}
        self.restart()

    def restart(self) -> None:
        """Forget everything that was heard."""
        self.hops = 0
        for state in self._form.states:
            tensor = self._graph.tensor(state.input)
            self.states[state.name] = np.full((1, *tensor.dims), state.initial, tensor.dtype)
        self._memory = empty_memory(self._graph) if self._integer else {}

    def step(self, frames: np.ndarray) -> np.ndarray:
        """One hop.

        Args:
            frames: [hop, …], time first, of the input's dtype.

        Returns:
            The output's values, of the output's shape; valid after ``warmup`` hops.

        Raises:
            BadConfigError: the wrong shape or dtype.
        """
        source = self._graph.tensor(self._graph.inputs[0])
        if frames.dtype != np.dtype(source.dtype) or frames.size != source.elements:
            raise BadConfigError(
                f"{frames.dtype} {list(frames.shape)} is no hop", where=source.name, mend=f"give {list(source.dims)}"
            )
        values = {source.name: frames.reshape(1, *source.dims)}
        values.update({state.input: self.states[state.name] for state in self._form.states})
        for node in self._graph.nodes:
            output = self._graph.tensor(node.outputs[0])
            values[output.name] = self._run(node, values).reshape(1, *output.dims)
        for state in self._form.states:
            if self.hops >= state.skip:
                self.states[state.name] = values[state.output]
        for state in self._form.variables:
            if self.hops < state.skip:
                self._memory.pop(state.name, None)
                self._memory.update(self._empty(state.name))
        self.hops += 1
        result: np.ndarray = values[self._graph.outputs[0]][0]
        return result

    def run(self, frames: np.ndarray) -> np.ndarray:
        """Outputs of all whole hops of [frames, …], one a hop: [hops, *output shape]."""
        hop = self._form.hop
        return np.stack([self.step(frames[i : i + hop]) for i in range(0, len(frames) - hop + 1, hop)])

    def _run(self, node: Node, values: Mapping[str, np.ndarray]) -> np.ndarray:
        if self._prepared is None:
            if node.op in RECURRENT_OPS:
                return go_on(self._graph, node, values[node.inputs[0]], self._memory)
            return run_float_node(self._graph, node, values)
        inputs = tuple(self._value(values, name) for name in activation_inputs(node))
        return run_node(node, self._prepared[node.name], inputs, self._memory)

    def _empty(self, name: str) -> dict[str, np.ndarray]:
        """What a variable tensor holds before anything was heard; a float one is left out, which is 0."""
        return {name: empty_memory(self._graph)[name]} if self._integer else {}

    def _value(self, values: Mapping[str, np.ndarray], name: str) -> np.ndarray:
        if name in values:
            return values[name]
        tensor = self._graph.tensor(name)
        return np.asarray(tensor.data).reshape(1, *tensor.dims)
