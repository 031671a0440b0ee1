"""Pictures without a download: scikit-learn's digits, drawn patterns, characters and fractals, to train a source on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgekit.adapt.shapes import SIDE, Draw, Painter, character, fractal
from edgekit.core.optional import require

CHARACTERS, FRACTALS = 96, 48
"""Classes of each kind that a random draw makes."""
_ANGLES = 4  # orientations of what has one: 0°, 45°, 90°, 135°
_WAVELENGTHS = (5.0, 11.0)  # fine and coarse, in pixels


@dataclass(frozen=True)
class Pictures:
    """A set of pictures.

    Attributes:
        pixels: float32 [N, 1, SIDE, SIDE], each picture with mean 0 and deviation 1.
        targets: int64 [N].
        labels: class names.
    """

    pixels: np.ndarray
    targets: np.ndarray
    labels: tuple[str, ...]


def make_pictures(per_class: int, seed: int, *, held_out: bool = False) -> Pictures:
    """Digits under random size, place, turn and noise, and patterns, characters and fractals drawn at random.

    Args:
        per_class: pictures of each class.
        seed: of all draws.
        held_out: take the last third of scikit-learn's digits instead of the first two.

    Raises:
        MissingDependencyError: scikit-learn is not installed.
    """
    draw = np.random.default_rng([seed, int(held_out)])
    painters = {**_digit_painters(held_out), **_pattern_painters()}
    painters |= {f"character-{number}": character(number) for number in range(CHARACTERS)}
    painters |= {f"fractal-{number}": fractal(number) for number in range(FRACTALS)}
    pixels = np.empty((len(painters) * per_class, 1, SIDE, SIDE), np.float32)
    for number, painter in enumerate(painters.values()):
        for row in range(number * per_class, (number + 1) * per_class):
            pixels[row, 0] = _finished(painter(draw), draw)
    return Pictures(pixels, np.repeat(np.arange(len(painters)), per_class), tuple(painters))


def _digit_painters(held_out: bool) -> dict[str, Painter]:
    digits = require("sklearn.datasets", "adapt").load_digits()
    cut = 2 * len(digits.target) // 3
    part = slice(cut, None) if held_out else slice(0, cut)
    images, targets = digits.images[part] / 16.0, digits.target[part]

    def painter(value: int) -> Painter:
        own = images[targets == value]
        return lambda draw: _placed(own[draw.integers(len(own))], draw)

    return {f"digit-{value}": painter(value) for value in range(10)}


def _placed(image: np.ndarray, draw: Draw) -> np.ndarray:
    """An 8×8 image on a blank picture, enlarged 4 to 7 times, moved, and turned by up to 15°."""
    scale, turn = draw.uniform(4.0, 7.0), np.deg2rad(draw.uniform(-15.0, 15.0))
    middle = SIDE / 2 + draw.uniform(-6.0, 6.0, 2)
    y, x = np.mgrid[:SIDE, :SIDE] - middle[:, None, None]
    rows = (np.cos(turn) * y - np.sin(turn) * x) / scale + 3.5
    columns = (np.sin(turn) * y + np.cos(turn) * x) / scale + 3.5
    return _bilinear(image, rows, columns)


def _bilinear(image: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Values of ``image`` between its pixels; 0 outside."""
    padded = np.pad(image, 2)
    rows, columns = np.clip(rows + 2, 0, len(padded) - 1.001), np.clip(columns + 2, 0, len(padded) - 1.001)
    top, left = rows.astype(int), columns.astype(int)
    down, right = rows - top, columns - left
    upper = padded[top, left] * (1 - right) + padded[top, left + 1] * right
    lower = padded[top + 1, left] * (1 - right) + padded[top + 1, left + 1] * right
    mixed: np.ndarray = upper * (1 - down) + lower * down
    return mixed


def _pattern_painters() -> dict[str, Painter]:
    """Gratings and bars of four orientations, rings, checks, blobs and ramps: 26 classes."""
    table: dict[str, Painter] = {}
    for number in range(_ANGLES):
        angle = np.pi * number / _ANGLES
        for wavelength in _WAVELENGTHS:
            table[f"grating-{number}-{wavelength:g}"] = _grating(angle, wavelength)
        table[f"bar-{number}"] = _bar(angle)
        table[f"ramp-{number}"] = _ramp(angle)
    for wavelength in _WAVELENGTHS:
        table[f"rings-{wavelength:g}"] = _rings(wavelength)
        table[f"checks-{wavelength:g}"] = _checks(wavelength)
        table[f"cloud-{wavelength:g}"] = _cloud(wavelength)
    for corners in (3, 4):
        table[f"polygon-{corners}"] = _polygon(corners)
    table["blob"], table["ring"] = _disc(0.0), _disc(0.6)
    return table


def _plane(draw: Draw, angle: float) -> np.ndarray:
    """Distance along a direction near ``angle`` from a random line, in pixels."""
    angle = angle + draw.uniform(-0.2, 0.2)
    y, x = np.mgrid[:SIDE, :SIDE]
    plane: np.ndarray = np.cos(angle) * (x - SIDE / 2) + np.sin(angle) * (y - SIDE / 2) + draw.uniform(-12, 12)
    return plane


def _grating(angle: float, wavelength: float) -> Painter:
    return lambda draw: np.sin(2 * np.pi * _plane(draw, angle) / (wavelength * draw.uniform(0.85, 1.15)))


def _bar(angle: float) -> Painter:
    return lambda draw: np.exp(-((_plane(draw, angle) / draw.uniform(2.0, 6.0)) ** 2))


def _ramp(angle: float) -> Painter:
    return lambda draw: np.tanh(_plane(draw, angle) / draw.uniform(8.0, 24.0))


def _radius(draw: Draw) -> np.ndarray:
    middle = SIDE / 2 + draw.uniform(-10.0, 10.0, 2)
    y, x = np.mgrid[:SIDE, :SIDE] - middle[:, None, None]
    radius: np.ndarray = np.hypot(x, y)
    return radius


def _rings(wavelength: float) -> Painter:
    return lambda draw: np.sin(2 * np.pi * _radius(draw) / wavelength + draw.uniform(0, 2 * np.pi))


def _checks(wavelength: float) -> Painter:
    def paint(draw: Draw) -> np.ndarray:
        turn = draw.uniform(-0.2, 0.2)
        return _grating(turn, wavelength)(draw) * _grating(turn + np.pi / 2, wavelength)(draw)

    return paint


def _cloud(wavelength: float) -> Painter:
    def paint(draw: Draw) -> np.ndarray:
        spectrum = np.fft.fft2(draw.standard_normal((SIDE, SIDE)))
        fy, fx = np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE), indexing="ij")
        return np.fft.ifft2(spectrum * np.exp(-((np.hypot(fy, fx) * wavelength) ** 2))).real

    return paint


def _polygon(corners: int) -> Painter:
    def paint(draw: Draw) -> np.ndarray:
        turn, size = draw.uniform(0, 2 * np.pi), draw.uniform(10.0, 18.0)
        y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
        sides = [
            np.cos(turn + 2 * np.pi * k / corners) * x + np.sin(turn + 2 * np.pi * k / corners) * y
            for k in range(corners)
        ]
        inside: np.ndarray = (np.max(sides, axis=0) < size * 0.8).astype(np.float64)
        return inside

    return paint


def _disc(hole: float) -> Painter:
    def paint(draw: Draw) -> np.ndarray:
        radius, size = _radius(draw), draw.uniform(8.0, 18.0)
        return ((radius < size) & (radius >= hole * size)).astype(np.float64)

    return paint


def _finished(picture: np.ndarray, draw: Draw) -> np.ndarray:
    """With noise, then mean 0 and deviation 1."""
    noisy = picture / max(1e-6, float(np.abs(picture).max())) + draw.uniform(0.02, 0.3) * draw.standard_normal(
        picture.shape
    )
    out: np.ndarray = (noisy - noisy.mean()) / noisy.std()
    return out
