"""From an integer step graph and its front-end to C sources that take a hop at a time."""

from __future__ import annotations

from typing import Any

from edgekit.core.model_metadata import FRONTEND_DIGEST_KEY
from edgekit.deploy.c.choice import Optimize
from edgekit.deploy.c.identifiers import identifier, require_identifier
from edgekit.deploy.c.interface import read_labels
from edgekit.deploy.c.stream_header import StreamInterface, stream_header
from edgekit.deploy.c.stream_model import emit_stream
from edgekit.deploy.c.stream_sources import stream_api_source, stream_source, stream_state_header
from edgekit.deploy.generate import Sources, sources_of
from edgekit.deploy.target import Target
from edgekit.deploy.with_frontend import check_frames
from edgekit.features.spec import FrontendSpec
from edgekit.graph.streaming.types import StreamGraph


def generate_stream(
    form: StreamGraph,
    spec: FrontendSpec | None,
    target: Target,
    name: str | None = None,
    optimize: Optimize = "balanced",
) -> Sources:
    """C11 sources of a streaming model, with its front-end when ``spec`` is given.

    Args:
        form: integer step graph with an int8 input and output (graph/streaming/step.py).
        spec: the front-end to compile in; it makes a frame of each ``hop_length`` samples, without padding.
        target: chooses kernels.
        name: prefix of the C API, made from the graph's name when None; must be a safe identifier.
        optimize: what kernels are chosen for.

    Raises:
        UnsupportedOpError: an operator without a kernel, a float model.
        DigestMismatchError: the model was made for another front-end.
        BadConfigError: an unsafe ``name``, or a front-end whose frames are not the model's.
    """
    graph = form.graph
    safe = identifier(graph.name) if name is None else require_identifier(name)
    digest = graph.metadata.get(FRONTEND_DIGEST_KEY, "")
    if spec is not None:
        check_frames(graph, form.hop, spec, digest)
        digest = spec.digest
    model = emit_stream(form, target, optimize)
    labels = read_labels(graph, graph.tensor(graph.outputs[0]).elements)
    api = StreamInterface(safe, graph.name, labels, spec, digest, model, warmup_hops(form, spec))
    files = {
        f"{safe}.h": stream_header(api),
        f"{safe}.c": stream_api_source(api),
        f"{safe}_state.h": stream_state_header(api),
        f"{safe}_model.c": stream_source(api),
    }
    hop = form.hop * spec.hop_length if spec is not None else 0
    return sources_of(
        api, files, target, optimize, _manifest(api), call="step", clip_samples=hop, ring_bytes=model.ring_bytes
    )


def warmup_hops(form: StreamGraph, spec: FrontendSpec | None) -> int:
    """Hops until the scores are those of a whole window; the first frames of PCM reach back before its start."""
    before = 0 if spec is None else -(-max(spec.window_length - spec.hop_length, 0) // spec.hop_length)
    return -(-(form.window + before) // form.hop)


def _manifest(api: StreamInterface) -> dict[str, Any]:
    model = api.model
    return {
        "stream": {
            "hop_frames": model.form.hop,
            "window_frames": model.form.window,
            "warmup_hops": api.warmup,
            "ring_bytes": model.ring_bytes,
            "since_start": model.form.since_start,
            "rings": [
                {"tensor": ring.state.name, "entries": ring.state.kept, "bytes": ring.nbytes} for ring in model.rings
            ],
        },
        "layers": [{"name": name, "kernel": kernel} for name, kernel in model.kernels.items()],
    }
