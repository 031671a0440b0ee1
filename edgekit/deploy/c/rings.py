"""Where the past of a stream lies: rings in the state from which every window can be read as one run of bytes.

A ring works in blocks of what one hop brings. It holds the k blocks that are kept and the new one, and the k blocks
behind them once more: 2k + 1 in all. The window of turn t (0 … k) is blocks t … t + k. A layer writes its new block
straight into its place, t + k; from turn 1 on that place is mirrored at t − 1, where a later turn's window reads it.
Nothing else is ever copied, and nothing moves.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from edgekit.core.errors import UnsupportedOpError
from edgekit.graph.streaming.types import State, StreamGraph

ALIGNMENT = 16


@dataclass(frozen=True)
class Ring:
    """One ring.

    Attributes:
        index: number, for names in C.
        state: whose past it holds.
        row: bytes of one entry.
        offset: place in the state's rings.
    """

    index: int
    state: State
    row: int
    offset: int

    @property
    def blocks(self) -> int:
        """Kept blocks."""
        return -(-self.state.kept // self.state.fresh)

    @property
    def turns(self) -> int:
        """Hops until it begins again at its first block."""
        return self.blocks + 1

    @property
    def block(self) -> int:
        """Bytes that a hop brings."""
        return self.state.fresh * self.row

    @property
    def nbytes(self) -> int:
        """Bytes of the ring."""
        return (2 * self.blocks + 1) * self.block

    @property
    def new(self) -> int:
        """Bytes from the window's first block to the new one."""
        return self.blocks * self.block

    @property
    def begin(self) -> int:
        """Bytes from the window's first block to its first entry: blocks are whole, the entries kept may be fewer."""
        return self.new - self.state.kept * self.row

    @property
    def pointer(self) -> str:
        """The C variable that points to the window's first block."""
        return f"ring_{self.index}"


@dataclass(frozen=True)
class Held:
    """What a recurrence or an operator's variable tensor carries from hop to hop: read by its node, then overwritten.

    Attributes:
        index: number, for names in C.
        state: whose.
        offset: place in the state, behind the rings.
        nbytes: its bytes.
    """

    index: int
    state: State
    offset: int
    nbytes: int

    @property
    def pointer(self) -> str:
        """The C variable that points to it."""
        return f"held_{self.index}"


def held_of(form: StreamGraph, begin: int) -> tuple[Held, ...]:
    """Every hidden state and variable tensor, one behind the other from ``begin`` on."""
    found: list[Held] = []
    offset = -(-begin // ALIGNMENT) * ALIGNMENT
    for state in (*form.states, *form.variables):
        if state.kind != "ring":
            nbytes = form.graph.tensor(state.input).nbytes
            found.append(Held(len(found), state, offset, nbytes))
            offset += -(-nbytes // ALIGNMENT) * ALIGNMENT
    return tuple(found)


def rings_of(form: StreamGraph) -> tuple[Ring, ...]:
    """A ring for every ring state, one behind the other.

    Raises:
        UnsupportedOpError: entries of one moment do not lie together.
    """
    found: list[Ring] = []
    offset = 0
    for state in form.states:
        if state.kind != "ring":
            continue
        tensor = form.graph.tensor(state.new)
        if prod(tensor.dims[: state.axis]) != 1:
            raise UnsupportedOpError("its moments do not lie together", where=state.name, mend="put time first")
        ring = Ring(len(found), state, tensor.nbytes // state.fresh, offset)
        found.append(ring)
        offset += -(-ring.nbytes // ALIGNMENT) * ALIGNMENT
    return tuple(found)


def refilled(held: Held) -> str:
    """The statement that gives a recurrence its first state again while its input is not there yet."""
    fill = f"memset({held.pointer}, {held.state.initial}, {held.nbytes});"
    return f"if (state->hops < {held.state.skip}u) {fill}"


def kept_block(ring: Ring) -> list[tuple[str, str]]:
    """(comment, statement)s behind the writing of a ring's new block: padding while its layer waits, the mirror."""
    lines = []
    if ring.state.skip:
        lines.append(
            (
                "before its input is there, the past of this layer is padding",
                f"if (state->hops < {ring.state.skip}u) memset({ring.pointer} + {ring.new}, {ring.state.initial}, "
                f"{ring.block});",
            )
        )
    copy = f"keep({ring.pointer} + {ring.new}, turn_{ring.turns}, {ring.turns * ring.block}, {ring.block});"
    return [*lines, ("", copy)]
