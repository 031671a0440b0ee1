"""The front-end of generated sources: which one, whether it belongs to the model, its files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.core.errors import BadConfigError
from edgekit.deploy.c.choice import Optimize
from edgekit.deploy.target import Target
from edgekit.features.embedded import check_digest, embedded_spec
from edgekit.features.spec import FrontendSpec
from edgekit.features.spec_file import load_spec
from edgekit.graph.graph import Graph
from edgekit.graph.tensor import Tensor

if TYPE_CHECKING:
    from edgekit.deploy.frontend.generate import Precision

NO_FRONTEND = "none"
"""Says that a model is to be compiled without its front-end."""
_MEND = "give the front-end that the model was trained with"


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
    return embedded_spec(graph.metadata, graph.name)


def check_frontend(core: Graph, spec: FrontendSpec, digest: str) -> None:
    """The model and the front-end belong together.

    Raises:
        DigestMismatchError: the model's metadata names another front-end.
        BadConfigError: the front-end makes another number of values than the model takes.
    """
    check_digest(spec, digest, core.name)
    dims = core.tensor(core.inputs[0]).dims
    if tuple(dim for dim in dims if dim != 1) != tuple(dim for dim in spec.input_shape if dim != 1):
        made = f"the front-end makes {list(spec.input_shape)}, the model takes {list(dims)}"
        raise BadConfigError(made, where=core.name, mend=_MEND)


def check_frames(graph: Graph, hop: int, spec: FrontendSpec, digest: str) -> None:
    """The same for a stream, whose input is ``hop`` frames of the front-end.

    Raises:
        DigestMismatchError: the model's metadata names another front-end.
        BadConfigError: the front-end's frames have another number of values than the model's.
    """
    check_digest(spec, digest, graph.name)
    values = graph.tensor(graph.inputs[0]).elements // hop
    if values != spec.bins:
        made = f"a frame of the front-end has {spec.bins} values, one of the model {values}"
        raise BadConfigError(made, where=graph.name, mend=_MEND)


def frontend_precision(spec: FrontendSpec, target: Target, optimize: Optimize) -> Precision:
    """64-bit integers, which keep features within 1e-3, where they are affordable and nothing else was asked for.

    Magnitudes always have them: their logarithm reaches twice as far below full scale as that of powers.
    """
    from edgekit.deploy.frontend import fixed

    if not target.fpu and fixed.fits(spec):
        return "fixed"
    return "exact" if spec.power == 1 or (optimize == "balanced" and target.fpu) else "fast"


def add_frontend(
    files: dict[str, str], spec: FrontendSpec | None, name: str, source: Tensor, precision: Precision, *, stream: bool
) -> dict[str, Any]:
    """Write the front-end's files into ``files``; nothing where there is none.

    Args:
        files: file name to text.
        spec: the front-end.
        name: prefix of the C API.
        source: the model's input, whose quantization it writes.
        precision: of frontend_precision().
        stream: a frame a hop instead of clips.

    Returns:
        what the manifest says of it.
    """
    if spec is None:
        return {}
    # Here, because the front-end's tables need scientific code that a model alone does not.
    from edgekit.deploy.frontend.generate import generate_frontend

    scale, zero_point = source.scale_zero()
    made = generate_frontend(spec, name, scale, zero_point, precision=precision, stream=stream)
    files |= made.files
    return {
        "frontend_state_bytes": made.state_bytes,
        "frontend_table_bytes": made.table_bytes,
        "frontend_precision": precision,
    }
