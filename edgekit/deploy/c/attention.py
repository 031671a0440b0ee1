"""attention on int8 in C: scores, softmax and values four query rows at a time (graph/attention.py)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import cast

from edgekit.deploy.c.blocked_matmul import PROVIDERS, batch_offset, named, provider
from edgekit.deploy.c.dsp import softmax as dsp_softmax
from edgekit.deploy.c.kernel import Code, Function, Layer
from edgekit.deploy.c.mve import softmax as mve_softmax
from edgekit.deploy.c.nest import loops, offset, strides
from edgekit.deploy.c.product import Product
from edgekit.deploy.c.softmax import DEEPEST
from edgekit.deploy.c.softmax_table import exponentials, row_functions
from edgekit.deploy.c.text import fill, indent
from edgekit.graph.attention import AttentionMemory
from edgekit.graph.integer.params import AttentionParams
from edgekit.graph.products import ROWS, MatrixProduct

_NAMED = re.compile(r"@f(\d+)@")

_ATTENTION = """\
static void @self@(const uint32_t *table, const int8_t *q, const int8_t *k, const int8_t *v, int8_t *y,
                   int8_t *scratch) {
    int16_t *work = (int16_t *)(void *)scratch;
    int16_t *keys = (int16_t *)(void *)(scratch + @keys_at@);
    int16_t *values = (int16_t *)(void *)(scratch + @values_at@);
    int8_t *scores = scratch + @rows_at@;
@nest@}
"""

_BATCH = """\
const int8_t *query = q + @at_q@;
int8_t *to = y + @at_y@;
@prepare_keys@(k + @at_k@, keys);
@prepare_values@(v + @at_v@, values);
for (int32_t p = 0; p < @blocks@; p++) {
    @score_block@(query, keys, scores, work);
    for (int32_t i = 0; i < @rows@; i++) {
        @softmax@(table, scores + i * @columns@, scores + i * @columns@);
    }
    @value_block@(scores, values, to, work);
    query += @block_depth@;
    to += @block_width@;
}
@rest@"""

_REST = """\
for (int32_t p = 0; p < @rest@; p++) {
    @score_one@(query, keys, scores, work);
    @softmax@(table, scores, scores);
    @value_one@(scores, values, to, work);
    query += @depth@;
    to += @width@;
}
"""


def fits(isa: str) -> Callable[[Layer], bool]:
    """A test whether the instruction set can compute both products of a layer."""
    return lambda layer: provider(isa, _products(layer)) is not None


def emitter(isa: str) -> Callable[[Layer], Code]:
    """An emitter of attention: q int8 […, L, D], k int8 […, D, M], v int8 […, M, V] to y int8 […, L, V], k and v as
    their products take them.
    """

    def emit(layer: Layer) -> Code:
        scores, values = _products(layer)
        make, depth = PROVIDERS[isa].functions, scores.stride
        row = _softmax(isa, depth)
        first = make(scores, 0)
        second = make(values, len(first))
        row = tuple(Function(f.name, _moved(f.text, len(first) + len(second))) for f in row)
        made = (*first, *second, *row)
        calls = (named(len(first), scores), named(len(first) + len(second), values), f"@f{len(made) - 1}@")
        memory = AttentionMemory(scores.shape, values.shape)
        name = f"attention_{scores.shape.rows}x{scores.depth}x{depth}x{values.stride}"
        table = f"exponentials_{layer.index}"
        data = (exponentials(table, cast(AttentionParams, layer.params).softmax),)
        whole = Function(name, _whole(layer, scores, values, memory, calls))
        call = f"{{f{len(made)}}}({table}, {{x}}, {{x1}}, {{x2}}, {{y}}, {{scratch}});"
        kernel = name if isa == "portable" else f"{isa} {name}"
        return Code(call, (*made, whole), data, memory.nbytes, kernel=kernel)

    return emit


def _softmax(isa: str, depth: int) -> tuple[Function, ...]:
    """Functions of which the last computes a row of scores."""
    if isa == "mve":
        return mve_softmax.row_functions(depth)
    wide = isa == "dsp" and dsp_softmax.LEAST <= depth <= DEEPEST
    return dsp_softmax.row_functions(depth) if wide else row_functions(depth)


def _products(layer: Layer) -> tuple[Product, Product]:
    params = cast(AttentionParams, layer.params)
    query, keys, _ = layer.inputs
    columns = keys.dims[-2] if params.scores.adj_y else keys.dims[-1]
    scores = MatrixProduct(query.dims[-2], query.dims[-1], columns)
    values = MatrixProduct(query.dims[-2], columns, layer.output.dims[-1])
    return Product(scores, columns, params.scores), Product(values, values.columns, params.values)


def _moved(text: str, count: int) -> str:
    """A function's text with ``count`` functions more in front of those that it names."""
    return _NAMED.sub(lambda match: f"@f{int(match.group(1)) + count}@", text)


def _whole(
    layer: Layer,
    scores: Product,
    values: Product,
    memory: AttentionMemory,
    calls: tuple[tuple[str, str, str], tuple[str, str, str], str],
) -> str:
    dims, axes = layer.output.dims, list(range(len(layer.output.dims) - 2))
    at_q, at_k, at_v = (batch_offset(tensor.dims, dims, axes) for tensor in layer.inputs)
    (prepare_keys, score_block, score_one), (prepare_values, value_block, value_one), softmax = calls
    rest = ""
    if scores.rest:
        rest = fill(
            _REST, rest=scores.rest, score_one=score_one, softmax=softmax, value_one=value_one, depth=scores.depth,
            width=values.stride,
        )  # fmt: skip
    body = fill(
        _BATCH, at_q=at_q, at_k=at_k, at_v=at_v, at_y=offset(dims, strides(dims), axes), rest=rest, rows=ROWS,
        blocks=scores.shape.rows // ROWS, columns=scores.stride, softmax=softmax, prepare_keys=prepare_keys,
        prepare_values=prepare_values, score_block=score_block, value_block=value_block,
        block_depth=ROWS * scores.depth, block_width=ROWS * values.stride,
    )  # fmt: skip
    nest = indent(loops(dims, axes, body))
    return fill(
        _ATTENTION, self="@self@", keys_at=memory.keys_at, values_at=memory.values_at, rows_at=memory.rows_at, nest=nest
    )
