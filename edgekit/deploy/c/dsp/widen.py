"""From activations to the int16 words in which a block of patches lies (dot.py says why so)."""

from __future__ import annotations

from edgekit.deploy.c.kernel import Function
from edgekit.deploy.c.text import fill, indent

_WIDEN = """\
/* A patch of @depth@ bytes into its place in a block. */
static void @self@(const int8_t *from, uint32_t *to) {
    for (const int8_t *end = from + @full@; from != end; from += @step@) {
@fours@        to += @advance@;
    }
@tail@}
"""

_WIDEN_TAIL = """\
    uint32_t word = @filling@u;
    memcpy(&word, from, @rest@);
    to[0] = @even@;
    to[@patches@] = @odd@;
"""


def widen(depth: int, patches: int, zero: int | None = None, *, twice: bool = False) -> Function:
    """``(from, to)``: int8 [depth] to its place in a block; the last four are filled up with zeros.

    Args:
        depth: of the patch.
        patches: of the block.
        zero: subtracted from all values, None for none.
        twice: the block holds the values twice.
    """
    full, step = depth - depth % 4, 8 if depth % 8 < 4 and depth >= 8 else 4
    even, odd, filling, name = "dsp_even(word)", "dsp_odd(word)", 0, f"widen_{depth}_of_{patches}"
    if zero:
        pair = f"{((-zero & 0xFFFF) * 0x10001):#x}u"
        even, odd, filling = f"dsp_plus_even({pair}, word)", f"dsp_plus_odd({pair}, word)", (zero & 0xFF) * 0x01010101
        name += "_centred"
    if twice:
        even, odd, name = f"dsp_twice({even})", f"dsp_twice({odd})", f"{name}_twice"
    rest = ""
    if depth != full:
        rest = fill(_WIDEN_TAIL, rest=depth - full, patches=patches, even=even, odd=odd, filling=f"{filling:#x}")
    numbers = range(step // 4)  # loads lie together, and so do stores: each but the first takes a cycle
    fours = [f"const uint32_t word{i} = dsp_word(from + {4 * i});\n" for i in numbers]
    fours += [f"const uint32_t even{i} = {even};\n".replace("word", f"word{i}") for i in numbers]
    fours += [f"const uint32_t odd{i} = {odd};\n".replace("word", f"word{i}") for i in numbers]
    for i in numbers:
        fours += [f"to[{2 * patches * i}] = even{i};\n", f"to[{2 * patches * i + patches}] = odd{i};\n"]
    text = fill(
        _WIDEN, self="@self@", depth=depth, full=full, step=step, fours=indent("".join(fours), 2),
        advance=2 * patches * step // 4, tail=rest,
    )  # fmt: skip
    return Function(name, text)


_SPREAD = """\
/* A patch of @depth@ values of int16 to its place in a block. */
static void @self@(const int8_t *from, uint32_t *to) {
    for (const int8_t *end = from + @full@; from != end; from += @step@) {
@words@        to += @advance@;
    }
@tail@}
"""

_SPREAD_TAIL = """\
    uint32_t rest[2] = {0, 0};
    memcpy(rest, from, @rest@);
    to[0] = rest[0];
    to[@patches@] = rest[1];
"""


def spread(depth: int, patches: int) -> Function:
    """``(from, to)``: int16 [depth], at bytes, to its place in a block; the last four are filled up with zeros."""
    full, count = 2 * (depth - depth % 4), next(n for n in (8, 4, 2) if depth // 4 * 2 % n == 0)
    words = [f"const uint32_t word{i} = dsp_word(from + {4 * i});\n" for i in range(count)]
    words += [f"to[{patches * i}] = word{i};\n" for i in range(count)]
    text = fill(
        _SPREAD, self="@self@", depth=depth, full=full, step=4 * count, words=indent("".join(words), 2),
        advance=patches * count,
        tail=fill(_SPREAD_TAIL, rest=depth % 4 * 2, patches=patches) if depth % 4 else "",
    )  # fmt: skip
    return Function(f"spread_{depth}_of_{patches}", text)
