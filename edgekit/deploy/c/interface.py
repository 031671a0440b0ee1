"""What the header tells its user, gathered and checked before any text is written."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from edgekit import __version__
from edgekit.core.errors import BadFileError
from edgekit.core.model_metadata import labels_in
from edgekit.deploy.c.identifiers import comment_text
from edgekit.deploy.c.model import Model
from edgekit.features.spec import FrontendSpec
from edgekit.graph.graph import Graph
from edgekit.graph.planner import MemoryPlan
from edgekit.graph.rounding import Rounding, rounding_of
from edgekit.graph.tensor import Tensor

API_VERSION = 1
GENERATOR = f"edgekit {__version__}"


@dataclass(frozen=True, eq=False)
class Names(ABC):
    """Names and numbers of a generated C API.

    Attributes:
        name: safe identifier in front of every public name.
        title: the model's own name, for comments only.
        labels: class names in the order of the outputs, or none.
        frontend: the front-end that is compiled in, None without.
        frontend_digest: digest of the front-end that the model was made for, "" when it says none.
    """

    name: str
    title: str
    labels: tuple[str, ...]
    frontend: FrontendSpec | None
    frontend_digest: str

    @property
    @abstractmethod
    def source(self) -> Tensor:
        """What the caller gives."""

    @property
    @abstractmethod
    def output(self) -> Tensor:
        """What the caller gets."""

    @property
    @abstractmethod
    def plan(self) -> MemoryPlan:
        """Of the arena."""

    @property
    @abstractmethod
    def rounding(self) -> Rounding:
        """How the graph rounds what it rescales."""

    @property
    def macro(self) -> str:
        """Prefix of macros and enumerators."""
        return self.name.upper()

    @property
    def input_size(self) -> int:
        """Bytes of the input."""
        return self.source.elements

    @property
    def output_size(self) -> int:
        """Bytes of the output."""
        return self.output.elements

    @property
    def common(self) -> dict[str, str]:
        """Values that every file is filled with."""
        return {"title": comment_text(self.title), "generator": GENERATOR, "name": self.name, "macro": self.macro}


@dataclass(frozen=True, eq=False)
class Interface(Names):
    """Of a model that takes windows.

    Attributes:
        model: the emitted layers.
    """

    model: Model

    @property
    def source(self) -> Tensor:
        """The window."""
        return self.model.input

    @property
    def output(self) -> Tensor:
        """The scores."""
        return self.model.output

    @property
    def plan(self) -> MemoryPlan:
        """Of the arena."""
        return self.model.plan

    @property
    def rounding(self) -> Rounding:
        """Of the graph."""
        return rounding_of(self.model.graph)

    def offset(self, tensor: str) -> int:
        """Place of a tensor in the arena."""
        return self.plan.offsets[tensor]


def read_labels(graph: Graph, outputs: int) -> tuple[str, ...]:
    """The labels of the graph's metadata, () when it has none.

    Raises:
        BadFileError: the metadata is no list of strings, or their number is not the model's number of outputs.
    """
    labels = labels_in(graph.metadata, graph.name)
    if labels and len(labels) != outputs:
        mend = "write the labels as a JSON list of strings, one an output"
        raise BadFileError(f"{len(labels)} labels for {outputs} outputs", where=graph.name, mend=mend)
    return labels
