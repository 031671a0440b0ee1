"""Model files as check-budget and diff take them in: found, read, counted, with the front-end that belongs to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.budget.counting import count
from edgekit.budget.counts import Counts
from edgekit.budget.tally import Tally
from edgekit.core.errors import BadConfigError, BadFileError, EdgekitError
from edgekit.core.model_metadata import FRONTEND_KEY
from edgekit.core.spelling import did_you_mean
from edgekit.graph.graph import Graph
from edgekit.graph.readers.load import SUFFIXES, load_graph
from edgekit.graph.tensor import Unknown

if TYPE_CHECKING:
    from edgekit.features.spec import FrontendSpec

CHECKPOINT_SUFFIX = ".safetensors"
MODEL_SUFFIXES = (*SUFFIXES, CHECKPOINT_SUFFIX)
"""What a folder is searched for."""
_LISTED = " or ".join(MODEL_SUFFIXES)

Paths = str | Path | Sequence[str | Path]


@dataclass(frozen=True)
class CountedModel:
    """One model file with everything that a gate wants to know of it.

    Attributes:
        path: the file.
        graph, counts: as read and as counted.
        frontend: the front-end given or embedded; None where none is known.
        frontend_tally: its cost.
    """

    path: Path
    graph: Graph
    counts: Counts
    frontend: FrontendSpec | None = None
    frontend_tally: Tally | None = None


class ModelReader:
    """Reads and counts models, and remembers which of the named dimensions any of them had.

    Args:
        frontend: the front-end of all models, as a spec or its name or file; None takes each model's embedded one.
        dims: sizes of unknown dimensions by name; a name counts for every model that has it.
    """

    def __init__(self, frontend: str | Path | FrontendSpec | None, dims: Mapping[str, int] | None) -> None:
        self.frontend = _spec(frontend)
        self.dims = dict(dims or {})
        self._used: set[str] = set()
        self._seen: set[str] = set()

    def read(self, path: Path) -> CountedModel:
        """Read and count one file.

        Raises:
            BadFileError, UnsupportedOpError: it cannot be read.
            DigestMismatchError: the front-end given is not the one embedded.
            BadConfigError: the one embedded is damaged.
        """
        if path.suffix.lower() == CHECKPOINT_SUFFIX:
            from edgekit.budget.checkpoint import read_checkpoint

            graph, counts = read_checkpoint(path)
        else:
            graph = self._load(path)
            counts = count(graph)
        spec, tally = _frontend(graph, self.frontend, str(path))
        return CountedModel(path, graph, counts, spec, tally)

    def refuse_unused(self) -> None:
        """Check the names of dimensions, after all models were read.

        Raises:
            BadConfigError: no model has a dimension of one of the names.
        """
        for name in self.dims:
            if name not in self._used:
                listed = ", ".join(sorted(self._seen)) or "none: all models are static"
                cure = did_you_mean(name, self._seen, otherwise=f"unknown dimensions: {listed}")
                raise BadConfigError(f"no model has an unknown dimension {name!r}", where="--dim", mend=cure)

    def _load(self, path: Path) -> Graph:
        """The graph with those of the named dimensions bound that it has."""
        graph = load_graph(path)
        if not self.dims:
            return graph
        named = graph.inputs if graph.dialect in ("onnx", "aten") else tuple(graph.tensors)
        known = {dim.name for name in named for dim in graph.tensor(name).shape if isinstance(dim, Unknown)}
        self._seen.update(known)
        own = {name: size for name, size in self.dims.items() if name in known}
        self._used.update(own)
        return load_graph(path, own) if own else graph


def model_files(paths: Paths) -> list[Path | EdgekitError]:
    """Model files in the order given, folders replaced by the models in them; an error stands for an empty folder.

    Raises:
        BadConfigError: no path is given.
    """
    several = [paths] if isinstance(paths, str | Path) else list(paths)
    if not several:
        raise BadConfigError("no model is named", mend=f"give {_LISTED} files, or a folder of them")
    files: list[Path | EdgekitError] = []
    for path in map(Path, several):
        if not path.is_dir():
            files.append(path)
            continue
        try:
            found = sorted(item for item in path.iterdir() if item.suffix.lower() in MODEL_SUFFIXES and item.is_file())
        except OSError as error:
            files.append(BadFileError(f"cannot be listed: {error.strerror}", where=str(path), mend="check the path"))
            continue
        empty = BadFileError("the folder holds no model", where=str(path), mend=f"put {_LISTED} files into it")
        files.extend(found or [empty])
    return files


def frontend_tally(spec: FrontendSpec) -> Tally:
    """Multiplications of a front-end over one clip, by stage."""
    from edgekit.budget.frontend_cost import frontend_macs, frontend_parts

    cost = frontend_macs(spec)
    parts = tuple(frontend_parts(spec).items())
    return Tally(int(cost.value), cost.unit, cost.method, (), cost.convention, cost.caveat, parts)


def _spec(frontend: str | Path | FrontendSpec | None) -> FrontendSpec | None:
    if frontend is None or not isinstance(frontend, str | Path):
        return frontend
    from edgekit.features.spec_file import load_spec

    return load_spec(frontend)


def _frontend(graph: Graph, spec: FrontendSpec | None, where: str) -> tuple[FrontendSpec | None, Tally | None]:
    """The front-end that is given, or else embedded in the model, and its cost."""
    if spec is None and FRONTEND_KEY not in graph.metadata:
        return None, None
    from edgekit.features.embedded import agreed_spec

    agreed = agreed_spec(graph.metadata, spec, where)
    return agreed, frontend_tally(agreed) if agreed else None
