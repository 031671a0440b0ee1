"""From the image to one channel's int16 plane, in Helium assembly: eight values a gathering load."""

from __future__ import annotations

from edgekit.deploy.c.dsp.assembly import constant, function
from edgekit.deploy.c.mve.lines import add
from edgekit.deploy.c.text import fill
from edgekit.deploy.c.turned_plane import TurnedPlane

GATHERED = 8
"""Values that one gathering load takes, with offsets of 16 bits."""
MOST_STEP = 0xFFFF // (GATHERED - 1)
"""Bytes between neighbours that those offsets reach."""
STRAIGHT = 8
"""Vectors of a row up to which gathering is straight code."""

_TWIN = """\
for (int32_t i = 0; i < @rows@; i++) {
    for (int32_t j = 0; j < @count@; j++) {
        to[i * @length@ + j] = from[i * @across_step@ + j * @step@];
    }
}
"""


def gather(shape: TurnedPlane) -> str:
    """``(from, to)``: a channel of the image into its plane, what lies around it left as it is."""
    rows, count = shape.kept
    twin = fill(
        _TWIN, rows=rows, count=count, length=shape.plane.wide[1], across_step=shape.inputs[0], step=shape.inputs[1]
    )
    comment = f"A channel: {rows} rows of {count} values{', widened to int16' if shape.element == 1 else ''}."
    return function(comment, (f"const {shape.kind} *from", "int16_t *to"), _lines(shape), twin, "MVE")


def _lines(shape: TurnedPlane) -> list[str]:
    """Image r0, plane r1, rows r2, values r3, their number r4 and lr, places q0, values q1."""
    rows, count = shape.kept
    if not rows or not count:
        return ["bx lr"]
    vectors, (across, along) = -(-count // GATHERED), (step * shape.element for step in shape.inputs)
    load, single = ("vldrb", "ldrsb") if shape.element == 1 else ("vldrh", "ldrsh")
    sign = "s" if shape.element == 1 else "u"
    taken = [f"{load}.{sign}16 q1, [r3, q0]", "vstrh.16 q1, [r1], #16", *add("r3", GATHERED * along)]
    if vectors <= STRAIGHT:
        tail = ["vctp.16 r4", "vpstt", f"{load}t.{sign}16 q1, [r3, q0]", "vstrht.16 q1, [r1], #16"]
        if count % GATHERED == 1:
            tail = [f"{single} ip, [r3]", "strh ip, [r1], #16"]
        row = [*taken * (count // GATHERED), *(tail if count % GATHERED else [])]
    else:
        row = ["mov lr, r4", "dlstp.16 lr, lr", "2:", *taken, "letp lr, 2b"]
    return [
        "push {r4, lr}", "mov r4, #0", "vidup.u16 q0, r4, #1", *constant("r4", along), "vmul.i16 q0, q0, r4",
        *constant("r2", rows), *constant("r4", count if vectors > STRAIGHT else count % GATHERED),
        "1:", "mov r3, r0", *row, *add("r0", across),
        *add("r1", 2 * (shape.plane.wide[1] - vectors * GATHERED)), "subs r2, r2, #1", "bne 1b", "pop {r4, pc}",
    ]  # fmt: skip
