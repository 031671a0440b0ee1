"""Operators that move values, appended to a chain with random attributes; as random_ops.py."""

from __future__ import annotations

from random_chain import Chain, Dims, Unfit, brought, like


def pad(chain: Chain) -> None:
    """Any axis but the first."""
    pads = ((0, 0), *(chain.pair(0, 2) for _ in chain.x.dims[1:]))
    shape = tuple(dim + sum(pair) for dim, pair in zip(chain.x.dims, pads, strict=True))
    chain.append("pad", (chain.x.name,), chain.same(chain.name("padded"), shape), {"pads": pads})


def reshape(chain: Chain) -> None:
    """To any factors, mostly an image."""
    rest, dims = chain.x.elements, [1]
    for _ in range(chain.number(1, 3) - 1 if chain.rng.integers(3) == 0 else 2):
        divisors = [d for d in range(1, min(rest, 40) + 1) if rest % d == 0]
        dims.append(divisors[int(chain.rng.integers(len(divisors)))])
        rest //= dims[-1]
    chain.append("reshape", (chain.x.name,), chain.same(chain.name("shaped"), (*dims, rest)))


def transpose(chain: Chain) -> None:
    """Any order of the axes but the first."""
    perm = (0, *(int(axis) + 1 for axis in chain.rng.permutation(len(chain.x.dims) - 1)))
    output = chain.same(chain.name("moved"), tuple(chain.x.dims[axis] for axis in perm))
    chain.append("transpose", (chain.x.name,), output, {"perm": perm})


def strided_slice(chain: Chain) -> None:
    """Any part of any axis but the first, sometimes with steps."""
    rows = [(0, chain.x.dims[0], 1)]
    for dim in chain.x.dims[1:]:
        first, step = chain.number(0, dim // 2), int(chain.pick(1, 1, 2))  # type: ignore[call-overload]
        first = min(first, dim - 1)
        longest = (dim - first - 1) // step + 1
        rows.append(chain.pick((0, dim, 1), (first, chain.number((longest + 1) // 2, longest), step)))  # type: ignore[arg-type]
    begin, size, stride = zip(*rows, strict=True)
    attrs = {"begin": begin, "size": size, "stride": stride}
    chain.append("slice", (chain.x.name,), chain.same(chain.name("part"), size), attrs)


def concat(chain: Chain) -> None:
    """Two to three tensors that agree off one axis, brought to the scale of the first."""
    whole = chain.x
    if len(whole.dims) < 2:
        raise Unfit
    axis = chain.number(1, len(whole.dims) - 1)
    alike = [
        t for t in chain.earlier if len(t.dims) == len(whole.dims) and _off(t.dims, axis) == _off(whole.dims, axis)
    ]
    names = [whole.name]
    total = whole.dims[axis]
    for _ in range(chain.number(1, 2)):
        other = alike[int(chain.rng.integers(len(alike)))]
        total += other.dims[axis]
        names.append(brought(chain, other, whole).name)
    dims = tuple(total if i == axis else dim for i, dim in enumerate(whole.dims))
    order = tuple(names[int(i)] for i in chain.rng.permutation(len(names)))
    chain.append("concat", order, like(chain, whole, "joined", dims), {"axis": axis})


def _off(dims: Dims, axis: int) -> Dims:
    return (*dims[:axis], *dims[axis + 1 :])


def resize(chain: Chain, op: str) -> None:
    """To any size, larger or smaller."""
    chain.image()
    size = (chain.number(1, 2 * chain.x.dims[1]), chain.number(1, 2 * chain.x.dims[2]))
    align, half = chain.pick((False, False), (True, False), (False, True))  # type: ignore[misc]
    attrs = {"size": size, "align_corners": align, "half_pixel": half}
    chain.append(op, (chain.x.name,), chain.same(chain.name(op), (1, *size, chain.x.dims[3])), attrs)


def mirror_pad(chain: Chain) -> None:
    """Rows and columns repeated at the edges."""
    chain.image()
    mode = str(chain.pick("reflect", "symmetric"))
    most = [min(3, dim - (mode == "reflect")) for dim in chain.x.dims[1:3]]
    pads = ((0, 0), *(chain.pair(0, m) for m in most), (0, 0))
    shape = tuple(dim + sum(pair) for dim, pair in zip(chain.x.dims, pads, strict=True))
    attrs = {"pads": pads, "mode": mode}
    chain.append("mirror_pad", (chain.x.name,), chain.same(chain.name("mirrored"), shape), attrs)


def gather(chain: Chain) -> None:
    """Any elements along one axis but the first, some of them twice."""
    dims = chain.x.dims
    if len(dims) < 2:
        raise Unfit
    axis = chain.number(1, len(dims) - 1)
    indices = tuple(chain.number(0, dims[axis] - 1) for _ in range(chain.number(1, 9)))
    shape = (*dims[:axis], len(indices), *dims[axis + 1 :])
    chain.append(
        "gather", (chain.x.name,), chain.same(chain.name("gathered"), shape), {"axis": axis, "indices": indices}
    )
