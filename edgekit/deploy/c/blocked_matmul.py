"""batch_matmul on int8 in C with one operand kept widened: the functions of product.py in loops over batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import cast

from edgekit.deploy.c.dsp import product as dsp_product
from edgekit.deploy.c.kernel import Code, Function, Layer
from edgekit.deploy.c.mve import product as mve_product
from edgekit.deploy.c.neon import product as neon_product
from edgekit.deploy.c.nest import loops, offset, strides
from edgekit.deploy.c.product import Product, portable
from edgekit.deploy.c.text import fill, indent
from edgekit.graph.integer.params import MatmulParams
from edgekit.graph.products import ROWS, MatrixProduct


@dataclass(frozen=True)
class Provider:
    """How an instruction set computes products.

    Attributes:
        functions: product and number of functions in front to functions, of which the last are those of product.py.
        fits: whether it can compute a product, bytes equal.
    """

    functions: Callable[[Product, int], tuple[Function, ...]]
    fits: Callable[[Product], bool]


PROVIDERS: dict[str, Provider] = {
    "mve": Provider(mve_product.mve, mve_product.fits),
    "dsp": Provider(dsp_product.dsp, dsp_product.fits),
    "neon": Provider(neon_product.neon, neon_product.fits),
    "portable": Provider(portable, lambda product: True),
}

_MATMUL = """\
static void @self@(const int8_t *a, const int8_t *b, int8_t *y, int8_t *scratch) {
    int16_t *work = (int16_t *)(void *)scratch;
    int16_t *columns = (int16_t *)(void *)(scratch + @block_bytes@);
@nest@}
"""

_BATCH = """\
for (int32_t n = 0; n < @columns@; n += @chunk@) {
    const int32_t j = n < @last@ ? n : @last@; /* the last columns may begin early and be computed twice */
    const int8_t *left = a + @at_a@;
    int8_t *to = y + @at_y@ + j;
    @prepare@(b + @at_b@ + j * @column_step@, columns);
    for (int32_t p = 0; p < @blocks@; p++) {
        @block@(left, columns, to, work);
        left += @block_depth@;
        to += @block_columns@;
    }
@rest@}
"""

_REST = """\
    for (int32_t p = 0; p < @rest@; p++) {
        @one@(left, columns, to, work);
        left += @depth@;
        to += @columns@;
    }
"""


def provider(isa: str, products: tuple[Product, ...]) -> Provider | None:
    """That of an instruction set, if it can compute all ``products``."""
    found = PROVIDERS.get(isa)
    return found if found is not None and all(found.fits(product) for product in products) else None


def product_of_layer(layer: Layer) -> Product | None:
    """The product of an int8 batch_matmul with working memory (graph/products.py), None of others."""
    params = cast(MatmulParams, layer.params)
    first, output = layer.inputs[0], layer.output
    if first.dtype != "int8" or params.adj_x or len(first.dims) < 2 or 0 in output.dims:
        return None
    shape = MatrixProduct(output.dims[-2], first.dims[-1], output.dims[-1])
    return Product(shape, shape.chunk, params) if shape.rows >= ROWS and shape.depth > 0 else None


def fits(isa: str) -> Callable[[Layer], bool]:
    """A test whether the instruction set can compute a layer."""

    def test(layer: Layer) -> bool:
        product = product_of_layer(layer)
        return product is not None and provider(isa, (product,)) is not None

    return test


def emitter(isa: str) -> Callable[[Layer], Code]:
    """An emitter of batch_matmul: a int8 […, M, K] times b int8 […, K, C] to y int8 […, M, C], batches broadcast."""

    def emit(layer: Layer) -> Code:
        product = cast(Product, product_of_layer(layer))
        made = PROVIDERS[isa].functions(product, 0)
        name = f"matmul_{prod(layer.output.dims[:-2])}x{product.shape.rows}x{product.depth}x{product.stride}"
        whole = Function(name, _whole(layer, product, len(made)))
        kernel = name if isa == "portable" else f"{isa} {name}"
        call = f"{{f{len(made)}}}({{x}}, {{x1}}, {{y}}, {{scratch}});"
        return Code(call, (*made, whole), (), product.shape.nbytes, kernel=kernel)

    return emit


def named(count: int, product: Product) -> tuple[str, str, str]:
    """``prepare``, ``block`` and ``one`` (there only for a rest) among the first ``count`` functions of a layer."""
    first = count - (3 if product.rest else 2)
    return f"@f{first}@", f"@f{first + 1}@", f"@f{first + 2}@"


def _whole(layer: Layer, product: Product, count: int) -> str:
    """Loops over batches; ``count`` functions are in front."""
    shape, dims, axes = product.shape, layer.output.dims, list(range(len(layer.output.dims) - 2))
    at_a, at_b = (batch_offset(tensor.dims, dims, axes) for tensor in layer.inputs)
    left = product.rest
    prepare, block, one = named(count, product)
    rest = fill(_REST, one=one, rest=left, depth=shape.depth, columns=shape.columns) if left else ""
    body = fill(
        _BATCH, columns=shape.columns, chunk=product.columns, last=shape.columns - product.columns, at_a=at_a,
        at_b=at_b, at_y=offset(dims, strides(dims), axes), column_step=shape.depth if product.params.adj_y else 1,
        blocks=shape.rows // ROWS, block_depth=ROWS * shape.depth, block_columns=ROWS * shape.columns, rest=rest,
        prepare=prepare, block=block,
    )  # fmt: skip
    nest = indent(loops(dims, axes, body))
    return fill(_MATMUL, self="@self@", block_bytes=shape.block_bytes, nest=nest)


def batch_offset(dims: tuple[int, ...], out: tuple[int, ...], axes: list[int]) -> str:
    """Where a batch of an operand begins, as an expression in the loops over ``axes`` of the output."""
    full = (1,) * (len(out) - len(dims)) + dims
    steps = [0 if dim == 1 else step for dim, step in zip(full, strides(full), strict=True)]
    return offset(out, steps, axes)
