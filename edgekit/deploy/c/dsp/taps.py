"""Which products of int16 pairs make two neighbouring outputs of one row of taps.

Output o of a pair begins at value o·stride of the row; words hold values (0, 1), (2, 3), …. Two taps that lie in one
word are one SMLAD with their two weights; a tap that lies alone is half of a word times half of a pair of weights. For
three taps without stride that is four instructions for six products, with two words of weights.
"""

from __future__ import annotations

from dataclasses import dataclass

Pair = tuple[int, int]
"""Taps (t, t + 1) whose weights lie in one word; the second may lie behind the last tap and is 0 then."""

ASM = {"both": "smlad", "low_low": "smlabb", "low_high": "smlabt", "high_low": "smlatb"}
TWIN = {kind: f"twin_{kind}" for kind in ASM}


@dataclass(frozen=True)
class Product:
    """One multiply-accumulate: ``s[output] += word · pair`` in the way that ``kind`` says (a key of ASM)."""

    kind: str
    output: int
    word: int
    pair: int


@dataclass(frozen=True)
class Row:
    """The products of one row of taps.

    Attributes:
        pairs: the first tap of every pair of weights that is needed.
        products: in the order of words.
        words: words of the row that are read.
    """

    pairs: tuple[int, ...]
    products: tuple[Product, ...]
    words: int

    @property
    def first_output(self) -> Row:
        """The same weights with the products of the first output alone."""
        products = tuple(product for product in self.products if product.output == 0)
        return Row(self.pairs, products, 1 + max(product.word for product in products))


def row_of(taps: int, stride: int) -> Row:
    """The products of ``taps`` neighbouring taps for two outputs."""
    found: list[tuple[str, int, int, int]] = []  # kind, output, word, first tap of the pair
    for output in range(2):
        tap = 0
        while tap < taps:
            position = output * stride + tap
            if position % 2:
                found.append(("high_low", output, position // 2, tap))
                tap += 1
            elif tap + 1 < taps:
                found.append(("both", output, position // 2, tap))
                tap += 2
            else:
                found.append(("low_low", output, position // 2, tap))
                tap += 1
    firsts = sorted({first for kind, _, _, first in found if kind != "low_low"})
    products = []
    for kind, output, word, first in found:
        if kind == "low_low" and first - 1 in firsts:  # its weight is the upper half of a pair that is there anyway
            kind, first = "low_high", first - 1
        products.append((word, output, kind, first))
    firsts = sorted({first for _, _, _, first in products})
    rows = tuple(Product(kind, output, word, firsts.index(first)) for word, output, kind, first in sorted(products))
    return Row(tuple(firsts), rows, 1 + max(product.word for product in rows))
