"""A step graph as a TFLite file that keeps its states itself, in resource variables.

The file's second subgraph sets every variable to its value before the stream's first hop; CALL_ONCE runs it once. Then
every call reads the variables, takes a hop, and assigns the states behind it:

    CALL_ONCE(1);  x = READ_VARIABLE(VAR_HANDLE "state");  …the step…;  ASSIGN_VARIABLE(VAR_HANDLE "state", x')
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgekit.core.errors import UnsupportedOpError
from edgekit.export.tflite_op import TfliteOp
from edgekit.export.tflite_writer import Subgraph, model_bytes, subgraph_of
from edgekit.graph.graph import Graph
from edgekit.graph.tensor import Tensor

_INIT = "initial_states"


def stateful_tflite_bytes(graph: Graph, states: Mapping[str, tuple[str, int]]) -> bytes:
    """The TFLite file of a graph whose states are the interpreter's.

    Args:
        graph: edge graph; its first inputs and outputs stay the file's.
        states: of every further input, the output that takes its place at the next call, and its value before the
            first.

    Raises:
        UnsupportedOpError: as :func:`~edgekit.export.tflite_writer.tflite_bytes`; a state of another shape or type
            than the one that follows it.
    """
    for name, (after, _) in states.items():
        before, behind = graph.tensor(name), graph.tensor(after)
        if (before.dims, before.dtype) != (behind.dims, behind.dtype):
            raise UnsupportedOpError(f"{after!r} cannot take the place of {name!r}", where=graph.name)
    step = subgraph_of(graph)
    handles = tuple(_handle(name) for name in states)
    begin = TfliteOp("CALL_ONCE", 1, (), (), "CallOnceOptions", {"InitSubgraphIndex": 1})
    opened = tuple(_opened(name) for name in states)
    read = tuple(TfliteOp("READ_VARIABLE", 1, (_handle_name(name),), (name,), "ReadVariableOptions") for name in states)
    assigned = tuple(_assigned(name, after) for name, (after, _) in states.items())
    outputs = {after for after, _ in states.values()}
    first = Subgraph(
        step.name,
        tuple(name for name in step.inputs if name not in states),
        tuple(name for name in step.outputs if name not in outputs),
        (begin, *opened, *read, *step.operators, *assigned),
        (*step.tensors, *handles),
    )
    return model_bytes([first, _initial(graph, states)], graph)


def _initial(graph: Graph, states: Mapping[str, tuple[str, int]]) -> Subgraph:
    """The subgraph that sets every variable."""
    tensors: list[Tensor] = []
    operators: list[TfliteOp] = []
    for name, (_, value) in states.items():
        tensor = graph.tensor(name)
        constant = tensor.replace(name=f"{name}:initial", data=np.full(tensor.dims, value, tensor.dtype))
        tensors += [_handle(name), constant]
        operators += [_opened(name), _assigned(name, constant.name)]
    return Subgraph(_INIT, (), (), tuple(operators), tuple(tensors))


def _handle_name(state: str) -> str:
    return f"{state}:handle"


def _handle(state: str) -> Tensor:
    return Tensor(_handle_name(state), (1,), "resource")


def _opened(state: str) -> TfliteOp:
    return TfliteOp(
        "VAR_HANDLE", 1, (), (_handle_name(state),), "VarHandleOptions", {"Container": "", "SharedName": state}
    )


def _assigned(state: str, value: str) -> TfliteOp:
    return TfliteOp("ASSIGN_VARIABLE", 1, (_handle_name(state), value), (), "AssignVariableOptions")
