"""From an integer graph and its front-end to C sources: names, digest and files in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit import __version__
from edgekit.core.digest import digest_bytes
from edgekit.core.errors import BadConfigError, DigestMismatchError
from edgekit.deploy.c.choice import STRAIGHT, Bent, Optimize
from edgekit.deploy.c.header import header
from edgekit.deploy.c.identifiers import identifier, require_identifier
from edgekit.deploy.c.interface import API_VERSION, Interface, read_labels
from edgekit.deploy.c.model import Model, emit_model
from edgekit.deploy.c.sources import api_source, model_source, state_header
from edgekit.deploy.target import Target
from edgekit.features.spec import FrontendSpec, from_json
from edgekit.features.spec_file import load_spec
from edgekit.graph.graph import Graph
from edgekit.graph.ops import FRONTEND_DIGEST_KEY, FRONTEND_KEY
from edgekit.graph.passes.integer_core import integer_core
from edgekit.graph.row_group import RowGroup
from edgekit.graph.timeline import timeline

if TYPE_CHECKING:
    from edgekit.deploy.frontend.generate import Precision

NO_FRONTEND = "none"
"""Says that a model is to be compiled without its front-end."""


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
    api = Interface(safe, graph.name, model, labels, spec, digest)
    files = {
        f"{safe}.h": header(api),
        f"{safe}.c": api_source(api),
        f"{safe}_state.h": state_header(api),
        f"{safe}_model.c": model_source(api),
    }
    costs: dict[str, Any] = {}
    if spec is not None:
        costs = _add_frontend(files, spec, safe, model, frontend_precision(spec, target, optimize))
    return Sources(
        name=safe,
        files=files,
        manifest={**_manifest(api, target, optimize), **costs, "files": _hashes(files)},
        has_frontend=spec is not None,
        input_size=api.input_size,
        output_size=api.output_size,
        clip_samples=spec.clip_samples if spec is not None else 0,
        state_bytes=model.plan.arena_bytes + int(costs.get("frontend_state_bytes", 0)),
        optimize=optimize,
    )


def choose_frontend(graph: Graph, frontend: str | Path | FrontendSpec | None) -> FrontendSpec | None:
    """The front-end to compile in.

    Args:
        graph: whose metadata may carry one.
        frontend: None takes the one that travels in the model, if there is one; "none" leaves it out; else a preset,
            a file or a spec.

    Raises:
        BadConfigError: no such front-end, or the one in the model is damaged.
        BadFileError: its file cannot be read.
    """
    if isinstance(frontend, FrontendSpec):
        return frontend
    if frontend is not None:
        return None if str(frontend) == NO_FRONTEND else load_spec(frontend)
    text = graph.metadata.get(FRONTEND_KEY)
    return from_json(text, where=f"{graph.name}: metadata {FRONTEND_KEY}") if text else None


def check_frontend(core: Graph, spec: FrontendSpec, digest: str) -> None:
    """The model and the front-end belong together.

    Raises:
        DigestMismatchError: the model's metadata names another front-end.
        BadConfigError: the front-end makes another number of values than the model takes.
    """
    if digest and digest != spec.digest:
        raise DigestMismatchError(
            f"the model was made for front-end {digest}, given is {spec.digest}",
            where=core.name,
            mend="give the front-end that the model was trained with, or leave it out: it travels in the model",
        )
    dims = core.tensor(core.inputs[0]).dims
    if tuple(dim for dim in dims if dim != 1) != tuple(dim for dim in spec.input_shape if dim != 1):
        raise BadConfigError(
            f"the front-end makes {list(spec.input_shape)}, the model takes {list(dims)}",
            where=core.name,
            mend="give the front-end that the model was trained with",
        )


def frontend_precision(spec: FrontendSpec, target: Target, optimize: Optimize) -> Precision:
    """64-bit integers, which keep features within 1e-3, where they are affordable and nothing else was asked for.

    Magnitudes always have them: their logarithm reaches twice as far below full scale as that of powers.
    """
    from edgekit.deploy.frontend import fixed

    if not target.fpu and fixed.fits(spec):
        return "fixed"
    return "exact" if spec.power == 1 or (optimize == "balanced" and target.fpu) else "fast"


def _add_frontend(
    files: dict[str, str], spec: FrontendSpec, name: str, model: Model, precision: Precision
) -> dict[str, Any]:
    # Here, because the front-end's tables need scientific code that a model alone does not.
    from edgekit.deploy.frontend.generate import generate_frontend

    scale, zero_point = model.input.scale_zero()
    made = generate_frontend(spec, name, scale, zero_point, precision=precision)
    files[f"{name}_frontend.h"] = made.header
    files[f"{name}_frontend.c"] = made.source
    return {
        "frontend_state_bytes": made.state_bytes,
        "frontend_table_bytes": made.table_bytes,
        "frontend_precision": precision,
    }


def _manifest(api: Interface, target: Target, optimize: Optimize) -> dict[str, Any]:
    plan = api.model.plan
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
        "arena_bytes": plan.arena_bytes,
        "arena_lower_bound": plan.lower_bound,
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


def _hashes(files: Mapping[str, str]) -> dict[str, str]:
    return {name: digest_bytes(text.encode("utf-8")) for name, text in sorted(files.items())}
