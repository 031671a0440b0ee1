"""Packed products in portable C: two patches at a time, so that a weight that was looked up serves twice."""

from __future__ import annotations

from edgekit.deploy.c.accumulate import channel_table, finish
from edgekit.deploy.c.kernel import Function
from edgekit.deploy.c.packed.codes import BESIDE, BOOK, packed_array
from edgekit.deploy.c.patch_loop import BlockParts, full_or_rest
from edgekit.deploy.c.text import fill
from edgekit.graph.integer.params import Accumulate
from edgekit.graph.scratch import Patches

_ROWS = """\
/* @count@ patches of @depth@ values with all filters, two weights a byte. */
static void @self@(const int8_t *x, const uint8_t *w, const int8_t *book, const channel *c, int8_t *y) {
    for (int32_t o = 0; o < @outputs@; o++) {
@starts@        for (int32_t k = 0; k < @even@; k += 2) {
            const uint32_t pair = *w++;
            const int32_t low = book[pair & 15u];
            const int32_t high = book[pair >> 4];
@products@        }
@last@@stores@        c++;
        y++;
    }
}
"""


def portable_parts(
    arithmetic: Accumulate, patches: Patches, names: tuple[str, str], where: str
) -> tuple[tuple[str, ...], BlockParts]:
    """Definitions of the arrays ``names``, numbers and channels, and the parts of the loop for any core.

    Raises:
        UnsupportedOpError: a sum of products could leave int32 for some input.
    """
    depth, count = patches.depth, 2 if patches.block else 1
    functions = [_rows(arithmetic, depth, count)]
    if patches.pixels % count:
        functions.append(_rows(arithmetic, depth, 1))
    data = (packed_array(arithmetic.weights, BESIDE, names[0]), channel_table(names[1], arithmetic, 0, where))
    products = full_or_rest(patches, count, "@p0@(scratch, w, book, c, y);", "@p1@(scratch, w, book, c, y);")
    return data, BlockParts(
        functions=tuple(functions), count=count, weight="uint8_t", channel="channel", begin=BOOK,
        place=f"memcpy(scratch + p * {depth}, @from@, {depth});", gathered=f"scratch + p * {depth}", placed=True,
        products=products,
    )  # fmt: skip


def _rows(arithmetic: Accumulate, depth: int, count: int) -> Function:
    outputs = arithmetic.weights.shape[0]
    patches = range(count)
    at = [f"{p * depth} + " if p else "" for p in patches]
    starts = "".join(f"        int32_t s{p} = c->bias;\n" for p in patches)
    products = "".join(f"            s{p} += x[{at[p]}k] * low + x[{at[p]}k + 1] * high;\n" for p in patches)
    last = ""
    if depth % 2:
        last = "        const int32_t one = book[*w++ & 15u];\n"
        last += "".join(f"        s{p} += x[{(p + 1) * depth - 1}] * one;\n" for p in patches)
    stores = "".join(f"        y[{p * outputs}] = {finish(arithmetic, f's{p}', 'c')};\n" for p in patches)
    text = fill(
        _ROWS, self="@self@", count=count, depth=depth, outputs=outputs, starts=starts, even=depth - depth % 2,
        products=products, last=last, stores=stores,
    )  # fmt: skip
    return Function(f"packed_rows{count}_{depth}_to_{outputs}", text)
