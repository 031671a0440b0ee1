"""From the image to one channel's int16 plane, in C: straight code for parts of rows, or for several rows."""

from __future__ import annotations

from edgekit.deploy.c.text import fill, indent
from edgekit.deploy.c.turned_plane import TurnedPlane

MOST = 8
"""Values of a row that become straight code."""
SEVERAL = 25
"""Values of several rows that do where instructions count."""

_LOOP = """\
int8_t *to_row = scratch + @first@;
for (int32_t i = 0; i < @times@; i++) {
    int8_t *to = to_row;
@inner@    in += @in_rest@;
    to_row += @row_step@;
}
"""

_PARTS = """\
for (int32_t j = 0; j < @parts@; j++) {
@values@    in += @in_part@;
    to += @to_part@;
}
"""


def gather_loop(shape: TurnedPlane, *, several_rows: bool) -> str:
    """Statements that fill ``scratch`` from ``in``, the channel's first value.

    Args:
        shape: of the layer; its plane holds some of the image.
        several_rows: few branches rather than little code.
    """
    before, row_bytes = shape.before, 2 * shape.plane.wide[1]
    rows, columns = shape.turned(shape.kept)  # of the image
    row_step, column_step = (2, row_bytes) if shape.plane.along == 0 else (row_bytes, 2)
    part = next(size for size in range(min(MOST, columns), 0, -1) if columns % size == 0)
    together = 1
    if several_rows and part == columns:
        together = next(n for n in range(max(1, SEVERAL // columns), 0, -1) if rows % n == 0)
    image_row, places = shape.width * shape.channels, []
    for i in range(together):
        places += [(i * image_row + j * shape.channels, i * row_step + j * column_step) for j in range(part)]
    inner = "".join(
        f"const int16_t v{n} = in[{at}];\nmemcpy(to + {to}, &v{n}, sizeof v{n});\n" for n, (at, to) in enumerate(places)
    )
    in_rest = together * image_row
    if part != columns:
        inner = fill(
            _PARTS, parts=columns // part, values=indent(inner), in_part=part * shape.channels,
            to_part=part * column_step,
        )  # fmt: skip
        in_rest -= columns * shape.channels
    return fill(
        _LOOP, first=before[0] * row_bytes + 2 * before[1], times=rows // together, inner=indent(inner),
        in_rest=in_rest, row_step=together * row_step,
    )  # fmt: skip
