"""From an integer graph and its front-end to C sources: names, digest and files in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from edgekit.core.model_metadata import FRONTEND_DIGEST_KEY
from edgekit.deploy.c.choice import STRAIGHT, Bent, Optimize
from edgekit.deploy.c.header import header
from edgekit.deploy.c.identifiers import identifier, require_identifier
from edgekit.deploy.c.interface import Interface, Names, read_labels
from edgekit.deploy.c.model import emit_model
from edgekit.deploy.c.sources import api_source, model_source, state_header
from edgekit.deploy.manifest import common_manifest, file_hashes
from edgekit.deploy.target import Target
from edgekit.deploy.with_frontend import add_frontend, check_frontend, frontend_precision
from edgekit.features.spec import FrontendSpec
from edgekit.graph.graph import Graph
from edgekit.graph.passes.integer_core import integer_core
from edgekit.graph.row_group import RowGroup
from edgekit.graph.timeline import timeline


@dataclass(frozen=True, eq=False)
class Sources:
    """Generated files, not yet written.

    Attributes:
        name: prefix of the C API.
        files: file name to text; the ``.c`` files among them are all to be compiled.
        manifest: plain JSON: what was generated from what, sizes, hashes of the files.
        has_frontend: ``<name>_push`` is there.
        input_size, output_size: bytes of one inference's input and output.
        clip_samples: samples of one clip, 0 without a front-end.
        state_bytes: estimate of the state struct: arena and front-end.
        optimize: what kernels were chosen for, and compilers are told.
        call: ``<name>_<call>`` computes the model: "invoke" on a window, or "step" on a hop of a stream.
    """

    name: str
    files: Mapping[str, str]
    manifest: Mapping[str, Any]
    has_frontend: bool
    input_size: int
    output_size: int
    clip_samples: int
    state_bytes: int
    optimize: Optimize = "balanced"
    call: str = "invoke"


def generate(
    graph: Graph,
    spec: FrontendSpec | None,
    target: Target,
    name: str | None = None,
    optimize: Optimize = "balanced",
    bent: Bent = STRAIGHT,
) -> Sources:
    """C11 sources of a model, with its front-end when ``spec`` is given.

    Args:
        graph: integer edge graph, batch 1, one input and output (int8, or float32 ends that fall away).
        spec: the front-end to compile in.
        target: chooses kernels.
        name: prefix of the C API, made from the graph's name when None; must be a safe identifier.
        optimize: what kernels are chosen for: few instructions ("speed"), little flash ("size") or both.
        bent: to a memory.

    Raises:
        UnsupportedOpError: an operator without a kernel, a float model.
        DigestMismatchError: the model was made for another front-end.
        BadConfigError: an unsafe ``name``, or a front-end of another shape than the model's input.
    """
    safe = identifier(graph.name) if name is None else require_identifier(name)
    digest = graph.metadata.get(FRONTEND_DIGEST_KEY, "")
    core = integer_core(graph)
    if spec is not None:
        check_frontend(core, spec, digest)
        digest = spec.digest
    model = emit_model(core, target, optimize, bent)
    labels = read_labels(graph, model.output.elements)
    api = Interface(safe, graph.name, labels, spec, digest, model)
    files = {
        f"{safe}.h": header(api),
        f"{safe}.c": api_source(api),
        f"{safe}_state.h": state_header(api),
        f"{safe}_model.c": model_source(api),
    }
    clip = spec.clip_samples if spec is not None else 0
    return sources_of(api, files, target, optimize, _manifest(api), call="invoke", clip_samples=clip)


def sources_of(
    api: Names,
    files: dict[str, str],
    target: Target,
    optimize: Optimize,
    manifest: Mapping[str, Any],
    *,
    call: Literal["invoke", "step"],
    clip_samples: int,
    ring_bytes: int = 0,
) -> Sources:
    """The model's ``files`` with those of its front-end, and all that the manifest says of them.

    Args:
        api: names and numbers.
        files: of the model, file name to text.
        target: chooses the front-end's precision.
        optimize: likewise.
        manifest: what is to be said of this kind of model besides.
        call: "invoke" on a clip, or "step" on a hop of a stream.
        clip_samples: of PCM a decision, 0 without a front-end.
        ring_bytes: of a stream's state beside the arena.
    """
    spec, stream = api.frontend, call == "step"
    precision = "exact" if spec is None else frontend_precision(spec, target, optimize)
    costs = add_frontend(files, spec, api.name, api.source, precision, stream=stream)
    told = {**common_manifest(api, target, optimize), **manifest, **costs, "files": file_hashes(files)}
    return Sources(
        name=api.name,
        files=files,
        manifest=told,
        has_frontend=spec is not None,
        input_size=api.input_size,
        output_size=api.output_size,
        clip_samples=clip_samples,
        state_bytes=api.plan.arena_bytes + ring_bytes + int(costs.get("frontend_state_bytes", 0)),
        optimize=optimize,
        call=call,
    )


def _manifest(api: Interface) -> dict[str, Any]:
    plan = api.plan
    return {
        "row_groups": [
            {"layers": [node.name for node in group.nodes], "rows": group.tile, "working_bytes": group.nbytes}
            for group in api.model.firmware.groups
            if isinstance(group, RowGroup)
        ],
        "memory_timeline": [moment.to_json() for moment in timeline(plan, api.model.graph.inputs)],
        "layers": [
            {"name": node.name, "op": node.op, "kernel": api.model.kernels[node.name], "live_bytes": step.bytes}
            for nodes, step in zip(api.model.firmware.steps, plan.steps, strict=True)
            for node in nodes
        ],
    }
