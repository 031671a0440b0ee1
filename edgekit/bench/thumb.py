"""Counting Thumb instructions in a block of code."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from edgekit.core.errors import TargetError

_FIRST_WIDE = 0b11101


def halfwords(
    code: bytes, start: int, is_code: Callable[[int], bool] = lambda _: True
) -> Iterator[tuple[int, int, int]]:
    """(address, first halfword, second halfword or 0) of the instructions in ``code``, which begins at ``start``.

    Args:
        code: bytes of a function.
        start: its address.
        is_code: whether an instruction begins at an address; other halfwords are passed over.
    """
    position = 0
    while position + 1 < len(code):
        if not is_code(start + position):
            position += 2
            continue
        first = int.from_bytes(code[position : position + 2], "little")
        wide = first >> 11 >= _FIRST_WIDE
        second = int.from_bytes(code[position + 2 : position + 4], "little") if wide else 0
        yield start + position, first, second
        position += 4 if wide else 2


def count_instructions(code: bytes) -> int:
    """Number of Thumb instructions in ``code``.

    A halfword whose top five bits are 0b11101, 0b11110 or 0b11111 starts a 32-bit instruction, any other is one of 16
    bits (Arm Architecture Reference Manual, Armv7-M, A5.1).

    Raises:
        TargetError: the block ends inside an instruction.
    """
    count = position = 0
    while position < len(code):
        wide = code[position + 1 : position + 2] >= bytes([_FIRST_WIDE << 3]) if position + 1 < len(code) else False
        position += 4 if wide else 2
        count += 1
    if position != len(code):
        raise TargetError("a block of code ends inside an instruction", mend="build the image again")
    return count
