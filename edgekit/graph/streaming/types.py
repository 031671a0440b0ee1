"""What the streaming pass hands on: the step graph, its states, and the layers that stand in the way of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgekit.core.errors import UnsupportedOpError
from edgekit.graph.graph import Graph

Kind = Literal["ring", "hidden", "variable"]


@dataclass(frozen=True)
class Obstacle:
    """A layer that cannot be computed frame by frame.

    Attributes:
        layer, op: name and operator of the node.
        reason: what it does that a stream cannot have.
        mend: what to do about it.
    """

    layer: str
    op: str
    reason: str
    mend: str


class NotStreamableError(UnsupportedOpError):
    """The model has no exact streaming form; ``obstacles`` names every layer that stands in the way."""

    def __init__(self, model: str, obstacles: tuple[Obstacle, ...]) -> None:
        self.obstacles = obstacles
        named = "; ".join(f"{item.op} {item.layer} {item.reason}" for item in obstacles[:4])
        more = f"; and {len(obstacles) - 4} more" if len(obstacles) > 4 else ""
        layers = "1 layer stands" if len(obstacles) == 1 else f"{len(obstacles)} layers stand"
        mends = dict.fromkeys(item.mend for item in obstacles)
        super().__init__(f"{layers} in the way of streaming: {named}{more}", where=model, mend="; ".join(mends))


@dataclass(frozen=True)
class State:
    """What one layer keeps from hop to hop.

    Attributes:
        name: of the tensor in the window graph whose past it is.
        input, output: the step graph's tensors before and after a hop; of a "variable" the variable tensor itself.
        kind: "ring" holds the latest ``kept`` entries of a tensor, oldest first; "hidden" what a recurrence carries;
            "variable" what an operator with a memory of its own (lstm, svdf) keeps in a variable tensor.
        window: "ring" only: the step graph's tensor of the kept entries and the new ones behind them.
        new: "ring" only: the step graph's tensor of the entries that this hop makes.
        axis: the ring's time axis.
        kept: entries that the ring holds between two hops; 1 for the other kinds.
        fresh: new entries a hop.
        initial: every element before the first hop: the zero point, or 0.
        skip: hops at the start of a stream at which it keeps ``initial``: its layer's input is not there yet.
    """

    name: str
    input: str
    output: str
    kind: Kind
    window: str
    new: str
    axis: int
    kept: int
    fresh: int
    initial: int
    skip: int = 0


@dataclass(frozen=True, eq=False)
class StreamGraph:
    """A window graph in its streaming form.

    Attributes:
        graph: the step. Its first input is one hop [1, hop, …] of the window graph's input, the others are states; its
            first output is the window graph's, the others are the states after the hop.
        states: in the order of the graph's further inputs and outputs.
        axis: time axis of the first input.
        hop: frames a step: the product of the model's strides in time.
        window: frames that one output of the window graph depends on. The step's output is that of the window of the
            latest ``window`` frames; before so many have come it is not valid.
        unused: frames at the end of the window graph's input that no layer reads; the stream does not wait for them.
        variables: what operators with a memory of their own keep; no inputs or outputs of the graph.
        since_start: the output depends on all frames since the stream's start (causal padding, recurrence), not on a
            window alone: it equals that of the window graph made as long as the stream.
    """

    graph: Graph
    states: tuple[State, ...]
    axis: int
    hop: int
    window: int
    unused: int
    since_start: bool
    variables: tuple[State, ...] = ()

    @property
    def warmup(self) -> int:
        """Hops after which the output is valid."""
        return -(-self.window // self.hop)

    @property
    def state_bytes(self) -> int:
        """Bytes of all states."""
        return sum(self.graph.tensor(state.input).nbytes for state in (*self.states, *self.variables))
