"""Arithmetic that is no multiply-accumulate and dear on small cores: what the defining formula of an operator asks for.

Convention ``edgekit-other-1``. Counted are divisions, exponentials (any transcendental function: e^x, log, sin, …),
square roots and table look-ups. A sigmoid is one exponential and one division; an integer activation function is one
look-up in its table of values. Additions, comparisons and multiplications are not counted, nor a division by a number
that shapes tell (the mean of a pooling window), which is a multiplication.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from math import prod

from edgekit.budget.layer import Layer
from edgekit.budget.rules.names import op_names

CONVENTION = "edgekit-other-1"


@dataclass(frozen=True)
class Other:
    """Numbers of operations."""

    lookups: int = 0
    divisions: int = 0
    exponentials: int = 0
    roots: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.lookups + self.divisions + self.exponentials + self.roots

    def times(self, number: int) -> Other:
        """Each multiplied by ``number``."""
        return Other(*(number * getattr(self, item.name) for item in fields(self)))

    def plus(self, more: Other) -> Other:
        """Each added."""
        return Other(*(getattr(self, item.name) + getattr(more, item.name) for item in fields(self)))

    def most(self, than: Other) -> Other:
        """The larger of each."""
        return Other(*(max(getattr(self, item.name), getattr(than, item.name)) for item in fields(self)))


_EXP, _DIV, _ROOT = Other(exponentials=1), Other(divisions=1), Other(roots=1)
_SIGMOID = Other(divisions=1, exponentials=1)

_ACTIVATIONS: Mapping[str, Other] = {
    **dict.fromkeys(("sigmoid", "logistic", "tanh", "silu", "swish"), _SIGMOID),
    **dict.fromkeys(("exp", "elu", "selu", "celu", "gelu", "erf", "log", "log1p", "expm1"), _EXP),
    **dict.fromkeys(("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh"), _EXP),
    "softplus": Other(exponentials=2), "mish": Other(divisions=1, exponentials=3), "swiglu": _SIGMOID,
    "softsign": _DIV, "reciprocal": _DIV, "sqrt": _ROOT, "rsqrt": Other(divisions=1, roots=1),
    # Of the edge dialect: any function of one value, and the table that it has become.
    **dict.fromkeys(("pointwise", "lookup"), _EXP),
}  # fmt: skip
"""Functions of one value; on integers each is a look-up in the table of its values."""

_PAIRS: Mapping[str, Other] = {
    **dict.fromkeys(("div", "mod", "fmod", "remainder", "floordiv", "floormod", "floordivide"), _DIV),
    **dict.fromkeys(("pow", "atan2"), Other(exponentials=2)),
    "softmax": _SIGMOID, "logsoftmax": _EXP, "hardsigmoid": Other(), "hardswish": Other(),
    "lrn": Other(divisions=1, exponentials=2), "localresponsenormalization": Other(divisions=1, exponentials=2),
    "dynamicquantizelinear": _DIV, "complexabs": _ROOT,
    **dict.fromkeys(("lpnormalization", "l2normalization"), _DIV),
    **dict.fromkeys(("layernorm", "groupnorm", "instancenorm", "rmsnorm"), _DIV),
    **dict.fromkeys(("layernormalization", "groupnormalization", "instancenormalization", "rmsnormalization"), _DIV),
    "meanvariancenormalization": _DIV,
}  # fmt: skip
"""Other functions of an output element."""

_ROOT_A_ROW = op_names(
    """
    lpnormalization l2normalization layernormalization groupnormalization instancenormalization rmsnormalization
    meanvariancenormalization layernorm groupnorm instancenorm rmsnorm
    """
)
"""Normalisations: one root for every row of values that share a scale."""

_INTEGERS = frozenset({"int4", "int8", "uint8", "int16"})


def other_arithmetic(layer: Layer) -> Other:
    """Other arithmetic of one operator.

    Raises:
        UnknownShapeError: a dimension that it depends on is unknown.
        UnsupportedOpError: the operator does not have its usual form.
    """
    if all(name in layer.constants for name in layer.node.outputs if name):
        return Other()  # computed before the first inference
    name = plain_name(layer.node.op)
    if layer.graph.dialect == "aten" and name in _OF_TORCH:
        return _OF_TORCH[name](layer)
    if name in _SPECIAL:
        return _SPECIAL[name](layer)
    each = _ACTIVATIONS.get(name) or _PAIRS.get(name)
    if each is None:
        return Other()
    output = layer.output()
    if name in _ACTIVATIONS and output.dtype in _INTEGERS:
        each = Other(lookups=1)
    found = each.times(output.elements)
    return found.plus(Other(roots=_rows(layer, name))) if name in _ROOT_A_ROW else found


def plain_name(op: str) -> str:
    """One spelling for all dialects: ``HARD_SWISH``, ``HardSwish`` and ``aten.hardswish`` are "hardswish"."""
    return op.removeprefix("STABLEHLO_").rpartition(".")[2].removesuffix("_").replace("_", "").lower()


def _rows(layer: Layer, name: str) -> int:
    """Rows that share one scale: batch (× groups or channels, or all but the normalised axes)."""
    dims = layer.input(0).dims
    if not dims:
        return 1
    if name.startswith("instancenorm") or name == "meanvariancenormalization":
        return prod(dims[:2]) if name.startswith("instance") else (dims[1] if len(dims) > 1 else 1)
    if name.startswith("groupnorm"):
        return dims[0] * layer.number("num_groups", 1)
    if name.startswith(("layernorm", "rmsnorm")):
        axis = layer.number("axis", -1)
        return prod(dims[:axis])
    axis = layer.number("axis", -1)
    return prod(dims) // max(dims[axis], 1) if -len(dims) <= axis < len(dims) else prod(dims[:-1])


def _quantize(layer: Layer) -> Other:
    """A float value is divided by the scale; integers are rescaled by a multiplication."""
    return _DIV.times(layer.output().elements) if layer.input(0).dtype.startswith(("float", "bfloat")) else Other()


def _gather(layer: Layer) -> Other:
    """A look-up for every index into a constant table."""
    table, index = (1, 0) if plain_name(layer.node.op) == "embeddinglookup" else (0, 1)
    return Other(lookups=layer.size(index)) if layer.constant(table) and not layer.constant(index) else Other()


def _power(layer: Layer) -> Other:
    """A whole constant exponent is repeated multiplication."""
    exponent = layer.optional(1)
    if exponent is not None and exponent.data is not None and exponent.elements == 1:
        value = float(exponent.data.reshape(-1)[0])
        if value == 0.5:
            return _ROOT.times(layer.output().elements)
        if value == int(value):
            return Other(divisions=layer.output().elements if value < 0 else 0)
    return Other(exponentials=2 * layer.output().elements)


def _reduction(each_input: Other, each_output: Other) -> Callable[[Layer], Other]:
    def rule(layer: Layer) -> Other:
        return each_input.times(layer.input(0).elements).plus(each_output.times(layer.output().elements))

    return rule


def _gates(number: int) -> Callable[[Layer], Other]:
    """A recurrent layer: ``number`` sigmoids and hyperbolic tangents a step and hidden unit."""

    def rule(layer: Layer) -> Other:
        if layer.graph.dialect == "edge":  # an lstm: gates and activations of every step and unit
            each = Other(lookups=1) if layer.output().dtype in _INTEGERS else _SIGMOID
            return each.times(number * layer.output().elements)
        if layer.graph.dialect == "tflite":
            return _tflite_lstm(layer, (0,)) if number == 5 else _tflite_rnn(layer, (2,))
        data, recurrent = layer.input(0).dims, layer.input(2).dims
        if len(data) != 3 or len(recurrent) != 3:
            raise layer.odd(f"has weights {recurrent} on an input {data}")
        return _SIGMOID.times(number * data[0] * data[1] * recurrent[0] * recurrent[2])

    return rule


def _attention_of_torch(layer: Layer) -> Other:
    """A softmax over the keys for every query of every head; query [batch…, queries, width]."""
    query, key = layer.input(0).dims, layer.input(1).dims
    if len(query) < 3 or len(query) != len(key):
        raise layer.odd(f"has queries {query} and keys {key}")
    return _SIGMOID.times(prod(query[:-1]) * key[-2])


def _gates_of_torch(number: int) -> Callable[[Layer], Other]:
    """``number`` sigmoids and hyperbolic tangents a step and hidden unit, of every layer and direction."""

    def rule(layer: Layer) -> Other:
        sizes = [layer.input(index).dims for index in range(1, 1 + layer.number("params_count", 1))]
        # Recurrent matrices are [gates × hidden, hidden]; every second matrix of a layer is one.
        hidden = sum(dims[1] for dims in [dims for dims in sizes if len(dims) == 2][1::2])
        return _SIGMOID.times(number * hidden * prod(layer.input(0).dims[:-1]))

    return rule


def _attention(layer: Layer) -> Other:
    """A softmax over the keys for every query of every head."""
    query, key = layer.input(0).dims, layer.input(1).dims
    if len(query) not in (3, 4) or len(query) != len(key):
        raise layer.odd(f"has queries {query} and keys {key}")
    heads = query[1] if len(query) == 4 else layer.number("q_num_heads", 1)
    past = layer.optional(4)
    keys = key[-2] + (past.dims[-2] if past is not None and len(past.shape) == 4 else 0)
    return _SIGMOID.times(query[0] * heads * query[-2] * keys)


def _tflite_lstm(layer: Layer, offsets: tuple[int, ...]) -> Other:
    """Five gates and activations a step and cell, four where input and forget gate are coupled."""
    steps, cells = _steps(layer), 0
    if len(layer.node.inputs) == 5:  # the basic form: all gates in one matrix
        return _SIGMOID.times(5 * steps * layer.output().dims[-1])
    for offset in offsets:
        coupled = layer.optional(offset + 1) is None
        cells += (4 if coupled else 5) * layer.input(offset + 4).dims[0]
    each = Other(lookups=1) if layer.output().dtype in _INTEGERS else _SIGMOID
    return each.times(steps * cells)


def _tflite_rnn(layer: Layer, recurrent: tuple[int, ...]) -> Other:
    """One activation a step and unit; its units are the rows of the recurrent weights at ``recurrent``."""
    if layer.attr("fused_activation_function", "TANH") not in ("TANH", "SIGN_BIT"):
        return Other()
    return _SIGMOID.times(_steps(layer) * sum(layer.input(index).dims[0] for index in recurrent))


def _steps(layer: Layer) -> int:
    """Steps × batch of an input [batch, features] or [steps, batch, features] in either order."""
    return prod(layer.input(0).dims[:-1])


_OF_TORCH: Mapping[str, Callable[[Layer], Other]] = {
    "lstm": _gates_of_torch(5), "gru": _gates_of_torch(3), "rnntanh": _gates_of_torch(1),
    "scaleddotproductattention": _attention_of_torch, "gather": lambda layer: Other(),
}  # fmt: skip

_SPECIAL: Mapping[str, Callable[[Layer], Other]] = {
    "quantizelinear": _quantize, "quantize": _quantize, "gather": _gather, "embeddinglookup": _gather,
    "embedding": _gather, "pow": _power, "lstm": _gates(5), "gru": _gates(3), "rnn": _gates(1),
    "reducel2": _reduction(Other(), _ROOT), "reducelogsum": _reduction(Other(), _EXP),
    "reducelogsumexp": _reduction(_EXP, _EXP), "l2pool2d": _reduction(Other(), _ROOT), "attention": _attention,
    "unidirectionalsequencelstm": lambda layer: _tflite_lstm(layer, (0,)),
    "bidirectionalsequencelstm": lambda layer: _tflite_lstm(layer, (0, 17)),
    "unidirectionalsequencernn": lambda layer: _tflite_rnn(layer, (2,)),
    "bidirectionalsequencernn": lambda layer: _tflite_rnn(layer, (2, 6)),
}  # fmt: skip
