"""Counting Thumb instructions in a block of code."""

from __future__ import annotations

from edgekit.core.errors import TargetError

_FIRST_WIDE = 0b11101


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
