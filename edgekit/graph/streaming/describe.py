"""A step graph's own account of itself: what travels in the metadata of exported files and in ``stream.json``."""

from __future__ import annotations

from typing import Any

from edgekit.core.digest import canonical_json
from edgekit.graph.graph import Graph
from edgekit.graph.streaming.types import StreamGraph

STREAM_KEY = "edgekit.stream"
"""Metadata key: the description as canonical JSON."""


def next_name(variable: str) -> str:
    """ONNX, which keeps nothing, has a variable tensor as an input of its name and an output of this one."""
    return f"{variable}/next"


def described(form: StreamGraph) -> dict[str, Any]:
    """What whoever runs the step needs: how much to feed, and which output becomes which input."""
    graph = form.graph
    return {
        "hop_frames": form.hop,
        "window_frames": form.window,
        "warmup_hops": form.warmup,
        "unused_frames": form.unused,
        "since_start": form.since_start,
        "input": graph.inputs[0],
        "output": graph.outputs[0],
        "state_bytes": form.state_bytes,
        "variables": [
            {
                "name": state.name,
                "next": next_name(state.name),
                "shape": list(graph.tensor(state.name).dims),
                "dtype": graph.tensor(state.name).dtype,
                "initial": state.initial,
                "keep_initial_hops": state.skip,
            }
            for state in form.variables
        ],
        "states": [
            {
                "input": state.input,
                "output": state.output,
                "kind": state.kind,
                "shape": list(graph.tensor(state.input).dims),
                "dtype": graph.tensor(state.input).dtype,
                "initial": state.initial,
                "keep_initial_hops": state.skip,
            }
            for state in form.states
        ],
    }


def with_description(form: StreamGraph) -> Graph:
    """The step graph with the description in its metadata: the graph that is exported."""
    return form.graph.replace(metadata={**form.graph.metadata, STREAM_KEY: canonical_json(described(form))})
