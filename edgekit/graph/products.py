"""Working memory of products of two activations: one operand is kept widened, the other passes by in blocks of rows."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.graph.graph import Graph, Node

ROWS = 4
"""Rows of the first operand at a time."""
LANES = 8
"""Values of int16 that a vector holds: widened rows are filled up to whole ones."""
COLUMN_LIMIT = 4096
"""Bytes of widened columns above which a batch_matmul takes some of them at a time."""


@dataclass(frozen=True)
class MatrixProduct:
    """One product of matrices: [rows, depth] times [depth, columns]."""

    rows: int
    depth: int
    columns: int

    @property
    def padded(self) -> int:
        """Values of a widened row or column."""
        return -(-self.depth // LANES) * LANES

    @property
    def chunk(self) -> int:
        """Columns that are kept widened at a time: all, or as many as COLUMN_LIMIT allows, at least one."""
        return min(self.columns, max(1, COLUMN_LIMIT // (2 * self.padded)))

    @property
    def block_bytes(self) -> int:
        """Of a widened block of rows."""
        return 2 * ROWS * self.padded

    @property
    def column_bytes(self) -> int:
        """Of all columns, widened."""
        return 2 * self.columns * self.padded

    @property
    def nbytes(self) -> int:
        """Working memory: a block of rows, behind it a chunk of columns."""
        return self.block_bytes + 2 * self.chunk * self.padded


def product_of(graph: Graph, node: Node) -> MatrixProduct | None:
    """The product of a batch_matmul of enough rows; None where each output is computed by itself."""
    first, output = graph.tensor(node.inputs[0]), graph.tensor(node.outputs[0])
    if first.dtype not in ("int8", "int16") or node.attrs["adj_x"] or len(first.dims) < 2 or 0 in output.dims:
        return None
    product = MatrixProduct(output.dims[-2], first.dims[-1], output.dims[-1])
    return product if product.rows >= ROWS and product.depth > 0 else None


def batch_matmul_scratch(graph: Graph, node: Node) -> int:
    """Bytes of working memory of a batch_matmul."""
    product = product_of(graph, node)
    return product.nbytes if product else 0
