"""batch_matmul in C with one operand kept as columns of int16: the functions of product.py in loops over batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import cast

from edgekit.deploy.c.dsp import product as dsp_product
from edgekit.deploy.c.dsp import wide_product as dsp_wide_product
from edgekit.deploy.c.kernel import Code, Function, Layer
from edgekit.deploy.c.mve import product as mve_product
from edgekit.deploy.c.mve import wide_product as mve_wide_product
from edgekit.deploy.c.neon import product as neon_product
from edgekit.deploy.c.nest import loops, offset, strides
from edgekit.deploy.c.product import Product, portable
from edgekit.deploy.c.text import fill, indent
from edgekit.deploy.c.wide import argument, element
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

WIDE_PROVIDERS: dict[str, Provider] = {
    "mve": Provider(mve_wide_product.mve, mve_wide_product.fits),
    "dsp": Provider(dsp_wide_product.dsp, dsp_wide_product.fits),
}
"""Of int16 activations; portable C computes each output by itself there (batch_matmul.py)."""

_MATMUL = """\
static void @self@(const @kind@ *a, const @kind@ *b, @kind@ *y, int8_t *scratch) {
    int16_t *work = (int16_t *)(void *)scratch;
    int16_t *columns = (int16_t *)(void *)(scratch + @block_bytes@);
@nest@}
"""

_BATCH = """\
for (int32_t n = 0; n < @columns@; n += @chunk@) {
    const int32_t j = n < @last@ ? n : @last@; /* the last columns may begin early and be computed twice */
    const @kind@ *left = a + @at_a@;
    @kind@ *to = y + @at_y@ + j;
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
    """That of an instruction set, if it can compute all ``products``, which are of one element type."""
    wide = products[0].params.clamp.dtype == "int16"
    found = (WIDE_PROVIDERS if wide else PROVIDERS).get(isa)
    return found if found is not None and all(found.fits(product) for product in products) else None


def product_of_layer(layer: Layer) -> Product | None:
    """The product of a batch_matmul with working memory (graph/products.py), None of others."""
    params = cast(MatmulParams, layer.params)
    first, output = layer.inputs[0], layer.output
    if first.dtype not in ("int8", "int16") or params.adj_x or len(first.dims) < 2 or 0 in output.dims:
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
    """An emitter of batch_matmul: a […, M, K] times b […, K, C] to y […, M, C], batches broadcast, int8 or int16."""

    def emit(layer: Layer) -> Code:
        product, kind = cast(Product, product_of_layer(layer)), element(layer.output)
        made = cast(Provider, provider(isa, (product,))).functions(product, 0)
        shape = f"{prod(layer.output.dims[:-2])}x{product.shape.rows}x{product.depth}x{product.stride}"
        name = f"matmul{kind.suffix}_{shape}"
        whole = Function(name, _whole(layer, product, len(made)))
        kernel = name if isa == "portable" else f"{isa} {name}"
        arguments = ", ".join(argument(kind, place) for place in ("{x}", "{x1}", "{y}"))
        call = f"{{f{len(made)}}}({arguments}, {{scratch}});"
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
        prepare=prepare, block=block, kind=element(layer.output).name,
    )  # fmt: skip
    nest = indent(loops(dims, axes, body))
    return fill(_MATMUL, self="@self@", block_bytes=shape.block_bytes, nest=nest, kind=element(layer.output).name)


def batch_offset(dims: tuple[int, ...], out: tuple[int, ...], axes: list[int]) -> str:
    """Where a batch of an operand begins, as an expression in the loops over ``axes`` of the output."""
    full = (1,) * (len(out) - len(dims)) + dims
    steps = [0 if dim == 1 else step for dim, step in zip(full, strides(full), strict=True)]
    return offset(out, steps, axes)
