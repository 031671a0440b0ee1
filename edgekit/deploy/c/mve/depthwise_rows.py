"""One channel's int16 plane with one filter, in Helium assembly: four outputs of up to five rows at a time.

All weights stay in core registers, the rows' sums in vectors; compilers spill both. Loops are tail-predicated (DLSTP):
the lanes behind a row's last output neither load nor store. Rows are narrowed in pairs, one in the lower and one in
the upper halves of the lanes, so that a store scatters eight outputs.
"""

from __future__ import annotations

from edgekit.deploy.c.dsp.assembly import constant
from edgekit.deploy.c.mve.lines import RESTORE, SAVE, add, constant16, narrow, places16, places32, rescale, to_element
from edgekit.deploy.c.turned_plane import TurnedPlane

LANES = 4
ROWS = 5
"""Output rows at a time: their sums are q0 to q4."""
_WEIGHTS = ("r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10")
_REACH = 254
"""Largest offset of VLDRH, in bytes, to either side."""
_PLACES = 0xFFFF
"""Largest offset of a scattering store of half lanes."""


def fits(shape: TurnedPlane) -> bool:
    """Weights in registers, no stride along the rows, no row left over alone, everything in reach."""
    if shape.kernel[0] * shape.kernel[1] > len(_WEIGHTS) or shape.stride[1] != 1 or not _rows_at_a_time(shape):
        return False
    span = 2 * max(shape.products(_rows_at_a_time(shape)))
    return span <= 2 * _REACH and 3 * _steps(shape)[1] + _steps(shape)[0] <= _PLACES


def _steps(shape: TurnedPlane) -> tuple[int, int]:
    """Bytes between neighbouring outputs, (across, along)."""
    return shape.outputs[0] * shape.element, shape.outputs[1] * shape.element


def row_lines(shape: TurnedPlane) -> list[str]:
    """Instructions and labels of ``(plane, w, c, y)``: inputs r0, y r1, weights r2 to r10, factor r11, power ip, sums
    q0 to q4, inputs and the zero point q5, biases q6, places of outputs q7; on the stack pointers and groups left.
    """
    across = shape.results[0]
    rows = _rows_at_a_time(shape)
    groups = [(rows, across // rows), *([(across % rows, 1)] if across % rows else [])]
    weights = shape.kernel[0] * shape.kernel[1]
    row, step = _steps(shape)
    places = places16("q7", step, row, "r4") if across > 1 else places32("q7", step, "r4")
    return [
        "push {r4, r5, r6, r7, r8, r9, r10, r11, lr}", "sub sp, sp, #20", SAVE, *places,
        "ldr r4, [r2]", "vdup.32 q6, r4", "ldr r11, [r2, #4]", "ldr ip, [r2, #8]", "strd r0, r3, [sp, #64]",
        *(f"ldrsb {register}, [r1, #{place}]" for place, register in enumerate(_WEIGHTS[:weights])),
        *(line for number, group in enumerate(groups) for line in _group(shape, *group, label=2 * number + 1)),
        RESTORE, "add sp, sp, #20", "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}",
    ]  # fmt: skip


def _rows_at_a_time(shape: TurnedPlane) -> int:
    """As many as there are sums for, so that what is left over is not one row of several; 0 where that cannot be."""
    across = shape.results[0]
    return 1 if across == 1 else max((n for n in range(2, ROWS + 1) if n <= across and across % n != 1), default=0)


def _middle(shape: TurnedPlane, rows: int) -> int:
    """Bytes from the first tap to where the pointer stands, so that loads reach to both sides."""
    return min(_REACH, max(shape.products(rows)) // 2 * 2)


def _group(shape: TurnedPlane, rows: int, times: int, label: int) -> list[str]:
    """``times`` times ``rows`` output rows; ``label`` and the number behind it are free."""
    row_bytes = 2 * shape.plane.wide[1] * shape.stride[0]
    return [
        *constant("lr", times), "str lr, [sp, #72]",
        f"{label}:", "ldrd r0, r1, [sp, #64]", *add("r0", _middle(shape, rows)),
        *constant("lr", shape.results[1]), "dlstp.32 lr, lr",
        f"{label + 1}:", *_vectors(shape, rows), f"letp lr, {label + 1}b",
        "ldrd r0, r1, [sp, #64]", *add("r0", rows * row_bytes), *add("r1", rows * _steps(shape)[0]),
        "strd r0, r1, [sp, #64]", "ldr lr, [sp, #72]", "subs lr, lr, #1", "str lr, [sp, #72]", f"bne {label}b",
    ]  # fmt: skip


def _vectors(shape: TurnedPlane, rows: int) -> list[str]:
    """Four outputs of each row."""
    arithmetic, middle, (row_step, step) = shape.params.arithmetic, _middle(shape, rows), _steps(shape)
    lines = [f"vmov q{row}, q6" for row in range(rows)]
    for place, products in shape.products(rows).items():
        lines.append(f"vldrh.s32 q5, [r0, #{2 * place - middle}]")
        lines += [f"vmla.s32 q{row}, q5, {_WEIGHTS[weight]}" for row, weight in products]
    wide = shape.element > 1
    lines += ["vdup.32 q5, r11"] if wide else []
    for row in range(rows):
        lines += rescale(arithmetic, f"q{row}", "q5" if wide else "r11", "ip", "q5")
    lines.append(constant16("q5", arithmetic.output_zero_point))
    at = 0
    for first in (0, *range(2, rows - 1, 2), *([rows - 2] if rows % 2 and rows > 1 else [])):
        lines += narrow(f"q{first}", f"q{first + 1}" if rows > 1 else None)
        lines += [*to_element(arithmetic, f"q{first}", "q5"), *add("r1", (first - at) * row_step)]
        lines.append(f"{'vstrh' if wide else 'vstrb'}.{16 if rows > 1 else 32} q{first}, [r1, q7]")
        at = first
    return [*lines, *add("r1", LANES * step - at * row_step), f"add r0, r0, #{2 * LANES}"]
