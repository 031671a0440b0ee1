"""Sums of products of one or two patches with up to four filters, 16 products an instruction.

Sums of filters 0 and 2 and then of 1 and 3 are taken together, because VMOV writes lanes of a vector in such pairs.
Where three pointers reach everything, all of four filters with two patches are.
"""

from __future__ import annotations

CHUNK = 16
FILTERS = 4
REACH = 127
"""Largest offset of VLDRB, in bytes."""
UNROLLED = 8
"""Chunks of a patch up to which the products are straight code: the reach of VLDRB's offset."""


def padded(depth: int) -> int:
    """Values of a patch with what fills it up to whole chunks."""
    return CHUNK * -(-depth // CHUNK)


def together(depth: int, count: int, filters: int) -> list[list[int]]:
    """Filters whose sums are taken at once: all four where eight sums and three pointers reach everything."""
    if count == 2 and filters == FILTERS and max(depth, padded(depth)) + padded(depth) - CHUNK <= REACH:
        return [[0, 1, 2, 3]]
    return [present for pair in ((0, 2), (1, 3)) if (present := [f for f in pair if f < filters])]


def products(depth: int, patches: list[int], filters: list[int]) -> list[str]:
    """Statements that declare ``s<patch><filter>`` and sum into it, from ``block`` and ``w``."""
    chunks = padded(depth) // CHUNK
    if chunks <= UNROLLED:
        return _straight(depth, patches, filters)
    sums = [f"int32_t s{p}{f} = 0;" for p in patches for f in filters]
    lines = [f"const int8x16_t w{f} = vldrbq_s8(w + {f * depth} + k);" for f in filters]
    for p in patches:
        lines.append(f"const int8x16_t x{p} = vldrbq_s8(block + {p * padded(depth)} + k);")
        lines += [f"s{p}{f} = vmladavaq_s8(s{p}{f}, x{p}, w{f});" for f in filters]
    return [
        *sums,
        f"for (int32_t k = 0; k < {padded(depth)}; k += {CHUNK}) {{",
        *(f"    {line}" for line in lines),
        "}",
    ]


def _straight(depth: int, patches: list[int], filters: list[int]) -> list[str]:
    """All chunks in assembly: compilers shuffle sums between registers, for VMLADAVA takes even ones only."""
    rows, patch = {f: (f"w{f}", 0) for f in filters}, {p: (f"x{p}", 0) for p in patches}
    if len(filters) == FILTERS:  # two rows a pointer, both patches by one: the offsets reach
        rows = {f: (f"w{f - f % 2}", f % 2 * depth) for f in filters}
        patch = {p: (f"x{patches[0]}", (p - patches[0]) * padded(depth)) for p in patches}
    code = []
    for n in range(padded(depth) // CHUNK):
        add = "vmladava" if n else "vmladav"
        x = [f"q{i}" for i in range(len(patches))]
        code += [_load(x[i], *patch[p], n) for i, p in enumerate(patches)]
        for i, f in enumerate(filters):
            vector = f"q{2 + i % 2}"
            code.append(_load(vector, *rows[f], n))
            code += [f"{add}.s8 %[s{p}{f}], {x[j]}, {vector}" for j, p in enumerate(patches)]
    sums = [f"s{p}{f}" for p in patches for f in filters]
    outputs = ", ".join(f'[{name}] "=&Te"({name})' for name in sums)
    inputs = [f'[{name}] "r"(w + {int(name[1:]) * depth})' for name in sorted({name for name, _ in rows.values()})]
    inputs += [
        f'[{name}] "r"(block + {int(name[1:]) * padded(depth)})' for name in sorted({n for n, _ in patch.values()})
    ]
    return [
        f"int32_t {', '.join(sums)};",
        "__asm__(",
        *(f'    "{line}\\n\\t"' for line in code),
        f"    : {outputs}",
        f"    : {', '.join(inputs)}",
        '    : "q0", "q1", "q2", "q3", "memory");',
    ]


def _load(vector: str, pointer: str, offset: int, chunk: int) -> str:
    return f"vldrb.u8 {vector}, [%[{pointer}], #{offset + chunk * CHUNK}]"
