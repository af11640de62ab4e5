"""What an X-ray shows besides the patient: tubes, wires, markers, exposure, noise.

Some of it goes with findings, as in hospitals: chest tubes with pneumothorax, pacemakers and
sternal wires with large hearts, leads with bedside views. A classifier may learn these instead.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

from modeling.phantom_shapes import Field, Generator

_SCALE = 2


class _Pen:
    """Draws in shares of the image; a brightness of 255 adds `_METAL` to the density."""

    def __init__(self, size: int) -> None:
        self.side = size * _SCALE
        self.canvas = Image.new("L", (self.side, self.side))
        self.draw = ImageDraw.Draw(self.canvas)

    def curve(self, points: list[tuple[float, float]], width: float, shade: int) -> None:
        """A smooth curve near the points (quadratic through their midpoints)."""
        ends = np.asarray(points, float)
        steps = np.linspace(0, 1, 12)[:, None]
        middles = (ends[:-1] + ends[1:]) / 2
        path = [ends[:1], ends[-1:]]
        for start, corner, end in zip(middles[:-1], ends[1:-1], middles[1:], strict=True):
            bent = (1 - steps) ** 2 * start + 2 * steps * (1 - steps) * corner + steps**2 * end
            path.insert(-1, bent)
        flat = [tuple(point) for point in np.concatenate(path) * self.side]
        self.draw.line(flat, fill=shade, width=max(1, round(width * self.side)), joint="curve")

    def disc(self, u: float, v: float, radius: float, shade: int) -> None:
        """A filled circle."""
        box = [(u - radius) * self.side, (v - radius) * self.side]
        box += [(u + radius) * self.side, (v + radius) * self.side]
        self.draw.ellipse(box, fill=shade)

    def density(self) -> Field:
        """What was drawn, as a density."""
        small = self.canvas.resize((self.side // _SCALE,) * 2, Image.Resampling.BOX)
        return np.asarray(np.asarray(small, np.float32) / 255 * _METAL, np.float32)


_METAL = 0.75


def draw_devices(rng: Generator, *, size: int, view: str, findings: Collection[str]) -> Field:
    """The density of all that lies in or on the patient and is no finding."""
    pen, portable = _Pen(size), view == "AP"
    chances = {
        _leads: 0.6 if portable else 0.06,
        _central_line: 0.35 if portable else 0.04,
        _airway_tube: 0.2 if portable else 0.0,
        _chest_tube: 0.35 if "Pneumothorax" in findings else 0.015,
        _pacemaker: 0.18 if "Cardiomegaly" in findings else 0.03,
        _wires: 0.22 if "Cardiomegaly" in findings else 0.04,
        _nipples: 0.08,
    }
    for device, chance in chances.items():
        # Drawn or not, a device uses up the same random numbers: the next ones stay as they are.
        own = np.random.default_rng(rng.integers(0, 2**63))
        if own.random() < chance:
            device(pen, own)
    _marker(pen, rng, "PORTABLE" if portable and rng.random() < 0.5 else "")
    return pen.density()


def expose(density: Field, rng: Generator, *, view: str) -> npt.NDArray[np.uint8]:
    """Densities → an 8-bit picture: window, contrast, blur, grain, collimator."""
    size = len(density)
    portable = view == "AP"
    dark, bright = rng.uniform(-0.03, 0.10), rng.uniform(0.84, 1.02)
    gamma = rng.uniform(0.75, 1.3)
    grain = rng.uniform(0.006, 0.018) * (1.3 if portable else 1.0)
    blur = rng.uniform(0.0, 0.0022) * size + (0.0015 * size if portable else 0.0)
    speckle = rng.standard_normal((size, size), np.float32)
    speckle = speckle + 0.8 * gaussian_filter(rng.standard_normal((size, size), np.float32), 0.8)
    picture = gaussian_filter(density, blur) if blur > 0.2 else density
    # Where little light arrives, grain is coarser to the eye.
    picture = picture + grain * (0.6 + 0.8 * np.clip(picture, 0, 1)) * speckle
    shades = np.clip((picture - dark) / (bright - dark), 0, 1) ** gamma
    if rng.random() < 0.12:
        edge = int(rng.uniform(0.015, 0.06) * size)
        np.rot90(shades, int(rng.integers(4)))[: max(1, edge)] = 0.0
    return np.asarray(np.rint(shades * 250 + 2), np.uint8)


def _leads(pen: _Pen, rng: Generator) -> None:
    for u, v in ((0.2, 0.2), (0.8, 0.19), (0.78, 0.68), (0.24, 0.66))[: int(rng.integers(2, 5))]:
        u, v = u + rng.normal(0, 0.04), v + rng.normal(0, 0.04)
        off = 1.02 if v > 0.4 else -0.02
        bend = (u + rng.normal(0, 0.09), (v + off) / 2)
        pen.curve([(u, v), bend, (0.5 + 0.7 * (u - 0.5), off)], 0.004, 120)
        pen.disc(u, v, 0.013, 150)
        pen.disc(u, v, 0.006, 255)


def _central_line(pen: _Pen, rng: Generator) -> None:
    sign = 1 if rng.random() < 0.3 else -1
    neck = (0.5 + sign * rng.uniform(0.09, 0.15), -0.02)
    path = [neck, (0.5 + sign * 0.075, 0.14), (0.46, 0.25), (0.455, rng.uniform(0.40, 0.5))]
    pen.curve(path, 0.006, 75)


def _airway_tube(pen: _Pen, rng: Generator) -> None:
    tip = rng.uniform(0.20, 0.28)
    for beside in (-0.006, 0.006):
        pen.curve(
            [(0.495 + beside, -0.02), (0.497 + beside, 0.1), (0.497 + beside, tip)], 0.003, 90
        )


def _chest_tube(pen: _Pen, rng: Generator) -> None:
    sign = 1 if rng.random() < 0.5 else -1
    low = rng.uniform(0.5, 0.66)
    path = [(0.5 + sign * 0.52, low + 0.05), (0.5 + sign * 0.37, low - 0.03)]
    path += [(0.5 + sign * 0.30, 0.36), (0.5 + sign * 0.19, rng.uniform(0.17, 0.26))]
    pen.curve(path, 0.016, 45)
    pen.curve(path, 0.004, 120)


def _pacemaker(pen: _Pen, rng: Generator) -> None:
    u, v = 0.77 + rng.normal(0, 0.02), 0.20 + rng.normal(0, 0.02)
    box = [(u - 0.05) * pen.side, (v - 0.04) * pen.side]
    box += [(u + 0.05) * pen.side, (v + 0.04) * pen.side]
    pen.curve([(u, v), (0.68, 0.15), (0.50, 0.18), (0.46, 0.45), (0.56, 0.68)], 0.006, 190)
    pen.draw.rounded_rectangle(box, radius=0.022 * pen.side, fill=235)
    head = [(u - 0.03) * pen.side, box[1], (u + 0.03) * pen.side, (v - 0.02) * pen.side]
    pen.draw.rectangle(head, fill=150)


def _wires(pen: _Pen, rng: Generator) -> None:
    for v in np.linspace(0.28, 0.60, int(rng.integers(4, 7))):
        u = 0.5 + rng.normal(0, 0.004)
        box = [(u - 0.014) * pen.side, (v - 0.008) * pen.side]
        box += [(u + 0.014) * pen.side, (v + 0.008) * pen.side]
        pen.draw.ellipse(box, outline=200, width=max(1, round(0.004 * pen.side)))


def _nipples(pen: _Pen, rng: Generator) -> None:
    """Two round shadows at the same height: no nodules."""
    v, d = rng.uniform(0.56, 0.64), rng.uniform(0.22, 0.27)
    for sign in (-1, 1):
        pen.disc(0.5 + sign * d, v + rng.normal(0, 0.006), 0.015, 34)


def _marker(pen: _Pen, rng: Generator, word: str) -> None:
    side = "L" if rng.random() < 0.6 else "R"
    u = 0.92 if side == "L" else 0.05
    v = rng.uniform(0.04, 0.16)
    for text, height, place in ((side, 0.06, (u, v)), (word, 0.032, (0.04, 0.02))):
        font = ImageFont.load_default(max(6.0, height * pen.side))
        pen.draw.text((place[0] * pen.side, place[1] * pen.side), text, fill=255, font=font)
