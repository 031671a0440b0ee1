"""``stream``: whether a model streams exactly, what a hop costs, and its step as ONNX, TFLite and C."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.core.errors import BadConfigError
from edgekit.core.files import atomic_folder, write_bytes
from edgekit.graph.graph import Graph
from edgekit.graph.passes.integer_core import integer_core
from edgekit.graph.passes.lower import lower
from edgekit.graph.readers.load import load_graph
from edgekit.graph.streaming.describe import described, with_description
from edgekit.graph.streaming.remember import remembers
from edgekit.graph.streaming.step import Recurrent
from edgekit.graph.streaming.step import stream as stream_graph
from edgekit.graph.streaming.types import NotStreamableError, Obstacle, StreamGraph

if TYPE_CHECKING:
    from edgekit.deploy.project import Image
    from edgekit.features.spec import FrontendSpec

AXES = {"height": 1, "width": 2}
DESCRIPTION = "stream.json"
C_FOLDER = "c"


@dataclass(frozen=True, eq=False)
class StreamResult:
    """What is known of a model as a stream.

    Attributes:
        model: the file.
        form: its streaming form; None where layers stand in the way.
        obstacles: these layers.
        hop_macs, window_macs: multiply-accumulates of a step and of the whole window (convention "true").
        hop_ms: milliseconds between two decisions; None where the model names no front-end.
        files: what was written.
        image: the image built for a target.
    """

    model: Path
    form: StreamGraph | None
    obstacles: tuple[Obstacle, ...]
    hop_macs: int | None = None
    window_macs: int | None = None
    hop_ms: float | None = None
    files: tuple[Path, ...] = ()
    image: Image | None = None

    @property
    def frame_macs(self) -> float | None:
        """Multiply-accumulates a frame."""
        return None if self.form is None or self.hop_macs is None else self.hop_macs / self.form.hop

    @property
    def saving(self) -> float | None:
        """How many times fewer multiply-accumulates a frame takes than the window."""
        return None if not self.frame_macs or self.window_macs is None else self.window_macs / self.frame_macs

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for ``--format json``."""
        return {
            "model": str(self.model),
            "streams": self.form is not None,
            "obstacles": [vars(item) for item in self.obstacles],
            **({} if self.form is None else described(self.form)),
            "hop_ms": self.hop_ms,
            "macs_per_hop": self.hop_macs,
            "macs_per_frame": self.frame_macs,
            "macs_per_window": self.window_macs,
            "files": [str(path) for path in self.files],
        }


def stream(
    model: str | Path,
    out: str | Path | None = None,
    *,
    time: str | None = None,
    recurrent: Recurrent = "carried",
    target: str | None = None,
    frontend: str | Path | FrontendSpec | None = None,
    name: str | None = None,
    toolchain: str | None = None,
    build: bool = True,
    optimize: str = "balanced",
) -> StreamResult:
    """Derive the exact streaming form of a window model.

    Args:
        model: ``.onnx`` or ``.tflite`` of windows, float or int8, or a run folder.
        out: folder for the step as ``.stream.onnx``, ``.stream.tflite`` and, with its states in resource variables,
            ``.stateful.tflite`` (float models where TFLite can say it), ``stream.json`` and, with ``target``, the C;
            nothing is written when None.
        time: axis of time in [1, 1, H, W], "height" or "width"; None takes it from the model's front-end.
        recurrent: what becomes of a recurrence's state, as in :func:`edgekit.graph.streaming.step.stream`.
        target: build the C of an int8 model for it.
        frontend: to compile in, as in :func:`edgekit.api.compile.compile`.
        name: prefix of the C API; made from the file's name when None.
        toolchain: "zig", "arm-none-eabi-gcc", "gcc" or "cc" instead of the first that is there.
        build: False writes the C only.
        optimize: "size", "speed" or "balanced".

    Returns:
        The result; with ``obstacles`` and without ``form`` where the model does not stream.

    Raises:
        BadConfigError: time is neither given nor known, or a target without a folder.
        EdgekitError: as :func:`edgekit.api.compile.compile`.
    """
    from edgekit.features.embedded import embedded_spec

    path = Path(model)
    if target is not None and out is None:
        raise BadConfigError("C needs a folder", where="--target", mend="give one with -o")
    window = _window_graph(path)
    spec = embedded_spec(window.metadata, window.name)
    try:
        form = stream_graph(window, _axis(window, spec, time), recurrent)
    except NotStreamableError as error:
        return StreamResult(path, None, error.obstacles)
    result = _counted(path, window, form, spec)
    if out is None:
        return result
    return _written(result, form, Path(out), target, frontend, name, toolchain, build, optimize)


def _window_graph(path: Path) -> Graph:
    """The window's edge graph; of an integer one its int8 core."""
    if path.is_dir():
        from edgekit.api.export import export

        with tempfile.TemporaryDirectory(prefix="edgekit-stream-") as folder:
            return lower(load_graph(export(path, folder).model))
    graph = lower(load_graph(path))
    return integer_core(graph) if any(tensor.dtype == "int8" for tensor in graph.tensors.values()) else graph


def _axis(graph: Graph, spec: FrontendSpec | None, time: str | None) -> int:
    if time is not None:
        if time not in AXES:
            raise BadConfigError(f"there is no axis {time!r}", where="--time", mend=f"use one of {', '.join(AXES)}")
        return AXES[time]
    if remembers(graph):
        return 1  # a frame an inference: it has no axis of time
    if spec is None:
        raise BadConfigError(
            "the model does not say which axis is time", where=graph.name, mend="say --time height or --time width"
        )
    return 1 if spec.layout == "time_freq" else 2


def _counted(path: Path, window: Graph, form: StreamGraph, spec: FrontendSpec | None) -> StreamResult:
    from edgekit.budget.counting import count

    macs = [count(graph, plan=False).tallies["macs_true"].known for graph in (form.graph, window)]
    hop_ms = None if spec is None else 1e3 * form.hop * spec.hop_length / spec.sample_rate
    return StreamResult(path, form, (), int(macs[0]), int(macs[1]), hop_ms)


def _written(
    result: StreamResult,
    form: StreamGraph,
    folder: Path,
    target: str | None,
    frontend: str | Path | FrontendSpec | None,
    name: str | None,
    toolchain: str | None,
    build: bool,
    optimize: str,
) -> StreamResult:
    stem = result.model.name.split(".")[0] or "model"
    with atomic_folder(folder) as work:
        names = _write_files(form, work, stem)
    files = tuple(folder / file for file in names)
    if target is None:
        return replace(result, files=files)
    image, sources = _compiled(form, folder / C_FOLDER, target, frontend, name or stem, toolchain, build, optimize)
    return replace(result, files=(*files, *sources), image=image)


def _write_files(form: StreamGraph, work: Path, stem: str) -> list[str]:
    """The step as files of the runtimes that can say it; returns their names.

    ONNX has no svdf, TFLite no float form of some functions; no runtime's own variable waits some calls before it is
    first written.
    """
    from edgekit.core.errors import UnsupportedOpError
    from edgekit.export.qdq_writer import write_qdq_onnx
    from edgekit.export.tflite_stateful import stateful_tflite_bytes
    from edgekit.export.tflite_writer import write_tflite

    graph = with_description(form)
    (work / DESCRIPTION).write_text(json.dumps(described(form), indent=2) + "\n", "utf-8")
    names = [DESCRIPTION]
    if not any(node.op == "svdf" for node in graph.nodes):
        write_qdq_onnx(graph, work / f"{stem}.stream.onnx")
        names.insert(0, f"{stem}.stream.onnx")
    if any(state.skip for state in form.variables):
        return names
    try:
        write_tflite(graph, work / f"{stem}.stream.tflite")
        names.append(f"{stem}.stream.tflite")
        if form.states and not any(state.skip for state in form.states):
            states = {state.input: (state.output, state.initial) for state in form.states}
            write_bytes(work / f"{stem}.stateful.tflite", stateful_tflite_bytes(graph, states))
            names.append(f"{stem}.stateful.tflite")
    except UnsupportedOpError:
        if graph.tensor(graph.inputs[0]).dtype != "float32":
            raise
    return names


def _compiled(
    form: StreamGraph,
    folder: Path,
    target: str,
    frontend: str | Path | FrontendSpec | None,
    name: str,
    toolchain: str | None,
    build: bool,
    optimize: str,
) -> tuple[Image | None, tuple[Path, ...]]:
    from edgekit.deploy.c.choice import check_optimize
    from edgekit.deploy.c.identifiers import identifier
    from edgekit.deploy.generate_stream import generate_stream
    from edgekit.deploy.project import build as build_image
    from edgekit.deploy.project import check_ram, project_files, write_files
    from edgekit.deploy.target import find_target
    from edgekit.deploy.toolchain import find_toolchain
    from edgekit.deploy.with_frontend import choose_frontend

    chosen = find_target(target)
    spec = choose_frontend(form.graph, frontend)
    sources = generate_stream(form, spec, chosen, identifier(name), check_optimize(optimize))
    if build:
        image = build_image(sources, chosen, folder, toolchain=find_toolchain(chosen, toolchain))
        return image, (image.path,)
    check_ram(sources, chosen)
    with atomic_folder(folder) as work:
        write_files(project_files(sources, chosen), work)
    return None, tuple(folder / file for file in sources.files)
