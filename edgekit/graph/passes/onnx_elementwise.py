"""Rules of the ONNX lowering for elementwise operators: Relu, Clip, Sigmoid, Tanh, Sqrt, Add, Sub, Mul, Div."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgekit.graph.graph import Node
from edgekit.graph.passes.onnx_builder import Builder, Value, by_channel, unsupported
from edgekit.graph.passes.views import View, layouts, scatter


def unary(op: str) -> Callable[[Node, Builder], None]:
    """Rule of a function of single elements (relu, logistic, …); the layout does not matter."""

    def rule(node: Node, build: Builder) -> None:
        view = build.view(node)
        build.result(node, view.like(build.emit(op, node.name, [view.name], {})))

    return rule


def leaky_relu(node: Node, build: Builder) -> None:
    """LeakyRelu → leaky_relu; α is 0.01 where the file says nothing (ONNX operator LeakyRelu)."""
    view = build.view(node)
    alpha = float(node.attrs.get("alpha", 0.01))
    if not 0 <= alpha <= 1:  # TFLite's kernel takes no others
        bent = ("add", ("max", "x", 0.0), ("mul", ("min", "x", 0.0), alpha))
        build.result(node, view.like(build.emit("pointwise", node.name, [view.name], {"expression": bent})))
        return
    build.result(node, view.like(build.emit("leaky_relu", node.name, [view.name], {"alpha": alpha})))


def prelu(node: Node, build: Builder) -> None:
    """PRelu → prelu, slopes by channel where they are equal along the other axes."""
    view, slope = build.view(node), build.constant(node, 1)
    if slope is None:
        raise unsupported(node, "PRelu with slopes that are not constant")
    view, slopes = _sides(node, view, slope)
    whole = scatter(view, build.tensors[view.name].dims, slopes.astype(np.float32))
    vector = by_channel(whole)
    constant = build.weight(f"{node.name}/slope", whole if vector is None else vector)
    build.result(node, view.like(build.emit("prelu", node.name, [view.name, constant], {})))


def clip(node: Node, build: Builder) -> None:
    """Clip(0, 6) → relu6, Clip(0, ∞) → relu, other bounds → pointwise."""
    view = build.view(node)
    low, high = (_bound(node, build, *bound) for bound in ((1, "min", -np.inf), (2, "max", np.inf)))
    if low == -np.inf and high == np.inf:
        build.result(node, view)
        return
    if low != 0 or (high != 6 and high < 3e38):
        bounded = ("min", ("max", "x", float(max(low, -3e38))), float(min(high, 3e38)))
        build.result(node, view.like(build.emit("pointwise", node.name, [view.name], {"expression": bounded})))
        return
    build.result(node, view.like(build.emit("relu6" if high == 6 else "relu", node.name, [view.name], {})))


def _bound(node: Node, build: Builder, position: int, attribute: str, default: float) -> float:
    value = build.constant(node, position)
    bound = node.attrs.get(attribute, default) if value is None else np.asarray(value).reshape(-1)[0]
    return float(bound)


def add(node: Node, build: Builder) -> None:
    """Add of two activations → add; with a constant → affine."""
    x, y = build.value(node, 0), build.value(node, 1)
    if isinstance(x, View) and isinstance(y, View):
        build.result(node, of_views(node, build, x, y))
    else:
        view, constant = _sides(node, x, y)
        build.result(node, build.affine(node, view, np.ones(()), constant))


def sub(node: Node, build: Builder) -> None:
    """Sub of two activations → sub; with a constant on either side → affine."""
    x, y = build.value(node, 0), build.value(node, 1)
    if isinstance(x, View) and isinstance(y, View):
        build.result(node, of_views(node, build, x, y))
        return
    view, constant = _sides(node, x, y)
    sign = 1.0 if view is x else -1.0
    build.result(node, build.affine(node, view, np.asarray(sign), -sign * constant))


def mul(node: Node, build: Builder) -> None:
    """Mul of two activations → mul; with a constant → affine."""
    x, y = build.value(node, 0), build.value(node, 1)
    if isinstance(x, View) and isinstance(y, View):
        build.result(node, of_views(node, build, x, y))
        return
    view, constant = _sides(node, x, y)
    build.result(node, build.affine(node, view, constant, np.zeros(())))


def div(node: Node, build: Builder) -> None:
    """Div by a constant → affine; by an activation → rsqrt and mul."""
    x, y = build.value(node, 0), build.value(node, 1)
    if isinstance(x, View) and isinstance(y, View):
        build.result(node, _quotient(node, build, x, y))
        return
    view, constant = _sides(node, x, y)
    if view is not x:
        inverse = _reciprocal(node, build, view)
        plain = bool(np.all(constant == 1))
        build.result(node, inverse if plain else build.affine(node, inverse, constant, np.zeros(())))
        return
    if np.any(constant == 0):
        raise unsupported(node, "Div by zero")
    build.result(node, build.affine(node, view, 1.0 / constant, np.zeros(())))


def reciprocal(node: Node, build: Builder) -> None:
    """Reciprocal → rsqrt of a root, else pointwise."""
    build.result(node, _reciprocal(node, build, build.view(node)))


def _reciprocal(node: Node, build: Builder, view: View) -> View:
    source = build.roots.get(view.name)
    if source is not None and build.non_negative(source):
        return view.like(build.emit("rsqrt", f"{node.name}/rsqrt", [source], {}))
    return view.like(build.emit("pointwise", node.name, [view.name], {"expression": ("div", 1.0, "x")}))


def pointwise(node: Node, build: Builder) -> None:
    """A function of one value that onnx_pointwise.py found → pointwise."""
    view = build.view(node)
    attrs = {"expression": node.attrs["expression"]}
    build.result(node, view.like(build.emit("pointwise", node.name, [view.name], attrs)))


def power(node: Node, build: Builder) -> None:
    """Pow with exponent 2 → mul; with 1/2 → as Sqrt."""
    exponent = build.constant(node, 1)
    if exponent is None or exponent.size != 1 or float(exponent.reshape(-1)[0]) not in (2.0, 0.5):
        raise unsupported(node, "Pow with another exponent than 2 or 1/2")
    if float(exponent.reshape(-1)[0]) == 0.5:
        sqrt(node, build)
        return
    view = build.view(node)
    build.result(node, view.like(build.emit("mul", node.name, [view.name, view.name], {"activation": "none"})))


def negative(node: Node, build: Builder) -> None:
    """Neg → affine."""
    build.result(node, build.affine(node, build.view(node), np.full((), -1.0), np.zeros(())))


def sqrt(node: Node, build: Builder) -> None:
    """Sqrt → pointwise; what is divided by it is multiplied by rsqrt instead, and the table is not needed any more."""
    view = build.view(node)
    if not build.non_negative(view.name):
        raise unsupported(node, "Sqrt of values that may be negative")
    output = build.emit("pointwise", node.name, [view.name], {"expression": ("pow", ("max", "x", 0.0), 0.5)})
    build.roots[output] = view.name
    build.result(node, view.like(output))


def _quotient(node: Node, build: Builder, x: View, y: View) -> View:
    """X / y → x · rsqrt(v) where y = √v, else x · rsqrt(y · y) where y cannot be negative."""
    source = build.roots.get(y.name)
    if source is not None:
        root = build.emit("rsqrt", f"{node.name}/rsqrt", [source], {})
    else:
        if not build.non_negative(y.name):
            raise unsupported(node, "Div by an activation that may be negative")
        square = build.emit("mul", f"{node.name}/square", [y.name, y.name], {"activation": "none"})
        root = build.emit("rsqrt", f"{node.name}/rsqrt", [square], {})
    return of_views(node, build, x, y.like(root), "mul")


def _sides(node: Node, x: Value, y: Value) -> tuple[View, np.ndarray]:
    """The activation and the constant of a binary operator; the constant must not enlarge the activation."""
    if isinstance(x, View) and not isinstance(y, View):
        view, constant = x, y
    elif isinstance(y, View) and not isinstance(x, View):
        view, constant = y, x
    else:
        raise unsupported(node, f"{node.op} of two activations")
    values = np.asarray(constant, np.float64)
    leading = values.ndim - view.index.ndim
    if leading > 0:
        view = view.moved(view.index.reshape((1,) * leading + view.shape))
    try:
        fits = np.broadcast_shapes(values.shape, view.shape) == view.shape
    except ValueError:
        fits = False
    if not fits:
        raise unsupported(node, f"{node.op} of {view.shape} with a constant of shape {values.shape}")
    return view, values


def of_views(node: Node, build: Builder, x: View, y: View, op: str = "") -> View:
    """Add, Sub or Mul of two activations, in the edge tensors' own layout if it is the same, else in a common one."""
    op = op or node.op.lower()
    same = build.tensors[x.name].dims == build.tensors[y.name].dims and np.array_equal(x.index, y.index)
    if same:
        return x.like(build.emit(op, node.name, [x.name, y.name], {"activation": "none"}))
    rank = max(x.index.ndim, y.index.ndim)
    sides = [side.moved(side.index.reshape((1,) * (rank - side.index.ndim) + side.shape)) for side in (x, y)]
    large = max(sides, key=lambda side: side.index.size)
    orders = [layouts(side, build.tensors[side.name].dims) for side in sides]
    preferred = layouts(large, build.tensors[large.name].dims)
    # Where no layout suits both, the smaller one is transposed into the larger one's.
    order = next((item for item in preferred if all(item in fitting for fitting in orders)), None)
    order = order or (preferred[0] if preferred else tuple(range(rank)))
    names = [build.arranged(node, side, order) for side in sides]
    output = build.emit(op, node.name, names, {"activation": "none"})
    return build.ordered(output, order)
