"""An upper bound of the stack from an image's code: what each function takes, and the deepest chain of calls.

Every instruction that moves the stack pointer down is counted, whether or not one run passes all of them, so that the
bound holds for every path. Encodings are those of the Arm Architecture Reference Manual (Armv7-M, A7.7; Armv8-M, C2.4).
Interrupts need their own stack on top.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.bench.elf import Elf, Symbol
from edgekit.bench.thumb import halfwords
from edgekit.core.errors import TargetError


@dataclass(frozen=True)
class _Function:
    """Bytes that a function takes itself, and addresses of those that it calls or jumps to."""

    own: int
    callees: frozenset[int]


def stack_bound(elf: Elf, entry: str) -> int:
    """Bytes that a call of ``entry`` takes at most, the functions that it calls included.

    Raises:
        TargetError: no such function, recursion, a call through a pointer, or a stack of run-time size.
    """
    functions = {symbol.address: symbol for symbol in elf.symbols if symbol.kind == "function" and symbol.size}
    start = elf.symbol(entry)
    if start is None or start.address not in functions:
        raise TargetError(f"has no function {entry!r}", where=str(elf.path), mend="build it again")
    return _deepest(elf, functions, start.address, {}, ())


def _deepest(
    elf: Elf, functions: dict[int, Symbol], address: int, known: dict[int, int], chain: tuple[int, ...]
) -> int:
    if address in known:
        return known[address]
    symbol = functions.get(address)
    if symbol is None:
        raise TargetError(f"a call to {address:#x} leads to no known function", where=str(elf.path), mend=_MEND)
    if address in chain:
        raise TargetError("calls itself: its stack has no bound", where=symbol.name, mend=_MEND)
    found = _read(elf, symbol)
    inside = range(symbol.address, symbol.address + symbol.size)
    outside = [callee for callee in sorted(found.callees) if callee not in inside or callee == address]
    below = max((_deepest(elf, functions, callee, known, (*chain, address)) for callee in outside), default=0)
    known[address] = found.own + below
    return known[address]


def _read(elf: Elf, symbol: Symbol) -> _Function:
    own, callees = 0, set()
    code = elf.read(symbol.address, symbol.size)
    for address, first, second in halfwords(code, symbol.address, elf.is_code):  # without the literals in between
        own += _taken(first, second, symbol.name)
        callee = _called(address, first, second, symbol.name)
        if callee is not None:
            callees.add(callee)
    return _Function(own, frozenset(callees))


def _taken(first: int, second: int, name: str) -> int:
    """Bytes by which an instruction moves the stack pointer down."""
    if first & 0xFE00 == 0xB400:  # PUSH {low registers, LR}
        return 4 * (first & 0x1FF).bit_count()
    if first & 0xFF80 == 0xB080:  # SUB SP, SP, #imm7
        return 4 * (first & 0x7F)
    if first == 0xE92D:  # PUSH.W, STMDB SP!
        return 4 * second.bit_count()
    if first & 0xFFBF == 0xED2D:  # VPUSH
        return 4 * (second & 0xFF)
    if first == 0xF84D and second & 0x0F00 == 0x0D00:  # STR Rt, [SP, #-imm8]!
        return second & 0xFF
    if first & 0xFFFF == 0xE96D:  # STRD Rt, Rt2, [SP, #-imm8]!
        return 4 * (second & 0xFF)
    if first & 0xFBFF == 0xF2AD and second & 0x0F00 == 0x0D00:  # SUBW SP, SP, #imm12
        return (first & 0x400) << 1 | (second & 0x7000) >> 4 | second & 0xFF
    if first & 0xFBEF == 0xF1AD and second & 0x0F00 == 0x0D00:  # SUB.W SP, SP, #modified immediate
        return _modified_immediate((first & 0x400) << 1 | (second & 0x7000) >> 4 | second & 0xFF)
    if first & 0xFF87 == 0x4685 or (first & 0xFFEF == 0xEBAD and second & 0x0F00 == 0x0D00):  # MOV, SUB.W SP, register
        raise TargetError("takes a stack of run-time size", where=name, mend=_MEND)
    return 0


def _modified_immediate(bits: int) -> int:
    """ThumbExpandImm (A5.3.2)."""
    byte = bits & 0xFF
    if bits >> 10 == 0:
        return (byte, byte << 16 | byte, byte << 24 | byte << 8, byte * 0x01010101)[bits >> 8 & 3]
    value, turn = 0x80 | bits & 0x7F, bits >> 7
    return (value >> turn | value << (32 - turn)) & 0xFFFFFFFF


def _called(address: int, first: int, second: int, name: str) -> int | None:
    """Address that an instruction calls, or jumps to without condition; None for others."""
    if first & 0xFF87 == 0x4780 or (first & 0xFF87 == 0x4700 and first >> 3 & 15 not in (14,)):  # BLX, BX register
        raise TargetError("calls through a pointer: its stack has no bound", where=name, mend=_MEND)
    if first & 0xF800 == 0xE000:  # B, 11 bits
        return address + 4 + _signed((first & 0x7FF) << 1, 12)
    if first & 0xF800 == 0xF000 and second & 0xD000 in (0xD000, 0x9000):  # BL, B.W
        sign = first >> 10 & 1
        high = (1 - ((second >> 13 & 1) ^ sign)) << 23 | (1 - ((second >> 11 & 1) ^ sign)) << 22
        return address + 4 + _signed(sign << 24 | high | (first & 0x3FF) << 12 | (second & 0x7FF) << 1, 25)
    return None


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) & 1 else value


_MEND = "measure the stack on the core instead"
