"""From an integer step graph and its front-end to C sources that take a hop at a time."""

from __future__ import annotations

from typing import Any

from edgekit import __version__
from edgekit.core.digest import digest_bytes
from edgekit.core.errors import BadConfigError, DigestMismatchError
from edgekit.deploy.c.choice import Optimize
from edgekit.deploy.c.identifiers import identifier, require_identifier
from edgekit.deploy.c.interface import API_VERSION, read_labels
from edgekit.deploy.c.stream_header import StreamInterface, stream_header
from edgekit.deploy.c.stream_model import emit_stream
from edgekit.deploy.c.stream_sources import stream_api_source, stream_source, stream_state_header
from edgekit.deploy.generate import Sources, frontend_precision
from edgekit.deploy.target import Target
from edgekit.features.spec import FrontendSpec
from edgekit.graph.ops import FRONTEND_DIGEST_KEY
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
        _check_frames(form, spec, digest)
        digest = spec.digest
    model = emit_stream(form, target, optimize)
    labels = read_labels(graph, graph.tensor(graph.outputs[0]).elements)
    api = StreamInterface(safe, graph.name, model, labels, spec, digest, warmup_hops(form, spec))
    files = {
        f"{safe}.h": stream_header(api),
        f"{safe}.c": stream_api_source(api),
        f"{safe}_state.h": stream_state_header(api),
        f"{safe}_model.c": stream_source(api),
    }
    costs: dict[str, Any] = {}
    if spec is not None:
        costs = _add_frontend(files, spec, api, target, optimize)
    manifest = {**_manifest(api, target, optimize), **costs}
    manifest["files"] = {file: digest_bytes(text.encode("utf-8")) for file, text in sorted(files.items())}
    return Sources(
        name=safe,
        files=files,
        manifest=manifest,
        has_frontend=spec is not None,
        input_size=api.input_size,
        output_size=api.output_size,
        clip_samples=form.hop * spec.hop_length if spec is not None else 0,
        state_bytes=model.plan.arena_bytes + model.ring_bytes + int(costs.get("frontend_state_bytes", 0)),
        optimize=optimize,
        call="step",
    )


def warmup_hops(form: StreamGraph, spec: FrontendSpec | None) -> int:
    """Hops until the scores are those of a whole window; the first frames of PCM reach back before its start."""
    before = 0 if spec is None else -(-max(spec.window_length - spec.hop_length, 0) // spec.hop_length)
    return -(-(form.window + before) // form.hop)


def _check_frames(form: StreamGraph, spec: FrontendSpec, digest: str) -> None:
    if digest and digest != spec.digest:
        raise DigestMismatchError(
            f"the model was made for front-end {digest}, given is {spec.digest}",
            where=form.graph.name,
            mend="give the front-end that the model was trained with, or leave it out: it travels in the model",
        )
    values = form.graph.tensor(form.graph.inputs[0]).elements // form.hop
    if values != spec.bins:
        raise BadConfigError(
            f"a frame of the front-end has {spec.bins} values, one of the model {values}",
            where=form.graph.name,
            mend="give the front-end that the model was trained with",
        )


def _add_frontend(
    files: dict[str, str], spec: FrontendSpec, api: StreamInterface, target: Target, optimize: Optimize
) -> dict[str, Any]:
    # Here, because the front-end's tables need scientific code that a model alone does not.
    from edgekit.deploy.frontend.generate import generate_frontend

    graph = api.model.form.graph
    scale, zero_point = graph.tensor(graph.inputs[0]).scale_zero()
    precision = frontend_precision(spec, target, optimize)
    made = generate_frontend(spec, api.name, scale, zero_point, precision=precision, stream=True)
    files[f"{api.name}_frontend.h"] = made.header
    files[f"{api.name}_frontend.c"] = made.source
    return {
        "frontend_state_bytes": made.state_bytes,
        "frontend_table_bytes": made.table_bytes,
        "frontend_precision": precision,
    }


def _manifest(api: StreamInterface, target: Target, optimize: Optimize) -> dict[str, Any]:
    model = api.model
    return {
        "schema_version": 1,
        "generator": f"edgekit {__version__}",
        "api_version": API_VERSION,
        "name": api.name,
        "model": api.title,
        "target": target.name,
        "instruction_set": target.isa,
        "optimize": optimize,
        "frontend_digest": api.frontend_digest or None,
        "frontend_compiled": api.frontend is not None,
        "sample_rate": None if api.frontend is None else api.frontend.sample_rate,
        "labels": list(api.labels),
        "input_bytes": api.input_size,
        "output_bytes": api.output_size,
        "arena_bytes": model.plan.arena_bytes,
        "arena_lower_bound": model.plan.lower_bound,
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
