"""What an instruction set has to bring to compute a packed layer."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.deploy.c.kernel import Function


@dataclass(frozen=True)
class Kernels:
    """The parts of a packed layer; layer.py lays the loop over patches around them.

    Calls are C statements in the scope of that loop: ``book``, ``w``, ``c``, ``y``, ``block``, ``scratch`` and ``p``
    are its variables, ``@from@`` stands for the patch, ``@p0@`` … for ``functions`` by their places.

    Attributes:
        functions: callees first.
        count: patches at a time.
        channel: C type of a channel's requantization.
        data: definitions of numbers and channels, names as layer.py gives them.
        start: bytes in front of the block in working memory.
        setup: call before the first patch.
        place: call that puts patch number p into the block.
        products: call that computes all outputs of a full block.
        rest: call that computes those of the ``left`` patches of a last, partial block.
    """

    functions: tuple[Function, ...]
    count: int
    channel: str
    data: tuple[str, ...]
    start: int
    setup: str
    place: str
    products: str
    rest: str
