"""Shapes that a class is made of by a random draw: written characters and fractals, each picture a new variation.

Characters after the idea of Lake et al., "Human-level concept learning", Science 2015 (a few strokes a character, each
writer's a little different); fractals after Kataoka et al., "Pre-training without natural images", ACCV 2020 (a class
is an iterated function system, a picture of it has other parameters nearby).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

SIDE = 64
"""Height and width of a picture."""

Draw = np.random.Generator
Painter = Callable[[Draw], np.ndarray]

_POINTS = 48  # along a stroke
_CHAINS, _JUMPS, _SETTLE = 400, 24, 8  # points of a fractal: chains × (jumps − settle)
_MARGIN = 5  # pixels that stay free around a shape


def character(number: int) -> Painter:
    """Class ``number`` of written characters: two to four curved strokes.

    A picture of it moves each control point a little, then turns, stretches, moves and thickens the whole.
    """
    own = np.random.default_rng([1, number])
    strokes = own.uniform(-1.0, 1.0, (int(own.integers(2, 5)), 4, 2))  # cubic Bézier curves: [strokes, 4, (y, x)]

    def paint(draw: Draw) -> np.ndarray:
        points = _curves(strokes + 0.07 * draw.standard_normal(strokes.shape))
        return _inked(_varied(points, draw) * (SIDE / 2 - _MARGIN) + SIDE / 2, draw.uniform(0.6, 1.6))

    return paint


def _curves(strokes: np.ndarray) -> np.ndarray:
    """Points on Bézier curves: [strokes, 4, 2] → [points, 2]."""
    t = np.linspace(0.0, 1.0, _POINTS)
    weights = np.stack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3])  # [4, points]
    out: np.ndarray = np.einsum("kp,skc->spc", weights, strokes).reshape(-1, 2)
    return out


def fractal(number: int) -> Painter:
    """Class ``number`` of fractals: two to four contractions that are applied in random order.

    A picture of it has each coefficient within a tenth of its class'.
    """
    own = np.random.default_rng([2, number])
    maps = int(own.integers(2, 5))
    matrices = np.stack([_contraction(own) for _ in range(maps)])  # [maps, 2, 2]
    shifts = own.uniform(-1.0, 1.0, (maps, 2))
    chances = np.abs(np.linalg.det(matrices)) + 0.05
    chances /= chances.sum()

    def paint(draw: Draw) -> np.ndarray:
        varied = matrices * draw.uniform(0.9, 1.1, matrices.shape)
        points = _jumped(varied, shifts * draw.uniform(0.9, 1.1, shifts.shape), chances, draw)
        low, high = np.percentile(points, (1, 99), axis=0)
        centred = 2.0 * (points - (low + high) / 2) / max(1e-6, float((high - low).max()))
        return _inked(_varied(centred, draw) * (SIDE / 2 - _MARGIN) + SIDE / 2, 0.5)

    return paint


def _contraction(own: Draw) -> np.ndarray:
    """A 2×2 matrix with singular values of 0.2 to 0.8, so that every order of maps stays bounded."""
    turn, other = own.uniform(0, 2 * np.pi, 2)
    out: np.ndarray = _rotation(turn) @ np.diag(own.uniform(0.2, 0.8, 2)) @ _rotation(other)
    return out


def _jumped(matrices: np.ndarray, shifts: np.ndarray, chances: np.ndarray, draw: Draw) -> np.ndarray:
    """Points of the chaos game, [points, 2]."""
    at = np.zeros((_CHAINS, 2))
    kept = []
    for jump in range(_JUMPS):
        chosen = draw.choice(len(chances), _CHAINS, p=chances)
        at = np.einsum("nij,nj->ni", matrices[chosen], at) + shifts[chosen]
        if jump >= _SETTLE:
            kept.append(at)
    return np.concatenate(kept)


def _varied(points: np.ndarray, draw: Draw) -> np.ndarray:
    """Turned by up to 15°, stretched by up to a fifth along each axis, moved by up to a tenth of the picture."""
    matrix = _rotation(np.deg2rad(draw.uniform(-15.0, 15.0))) @ np.diag(draw.uniform(0.8, 1.1, 2))
    out: np.ndarray = points @ matrix.T + draw.uniform(-0.2, 0.2, 2)
    return out


def _rotation(angle: float) -> np.ndarray:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _inked(points: np.ndarray, radius: float) -> np.ndarray:
    """Points as ink of a Gaussian nib: pixel coordinates [points, 2] → [SIDE, SIDE] in [0, 1]."""
    counts, _, _ = np.histogram2d(points[:, 0], points[:, 1], bins=SIDE, range=((0, SIDE), (0, SIDE)))
    places = np.arange(SIDE)
    nib = np.exp(-0.5 * ((places[:, None] - places) / radius) ** 2)
    ink = np.log1p(4.0 * (nib @ counts @ nib.T))
    out: np.ndarray = ink / max(1e-6, float(ink.max()))
    return out
