"""A chest without disease, drawn from formulas: lungs, heart, mediastinum, bones, vessels.

All lengths are shares of the image's width; x grows to the image's right, which is the patient's
left, and d is the distance from the midline. A picture is a sum of densities: air near 0, soft
tissue about ½, bone and heart above.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter
from scipy.special import expit

from modeling.phantom_shapes import Field, Generator, noise, ribs, soft_step, tube

_AIR, _LUNG, _WALL, _HEART, _ABDOMEN = 0.03, 0.19, 0.56, 0.78, 0.80


@dataclass(frozen=True)
class Habitus:
    """What stays the same in all images of a patient."""

    half_width: float
    apex: float
    dome: float
    heart_ratio: float
    enlarged_ratio: float
    wall: float
    breasts: float
    rib_spacing: float
    rib_slope: float
    knob: float
    bubble: bool


def draw_habitus(rng: Generator) -> Habitus:
    """A patient's build."""
    return Habitus(
        half_width=rng.uniform(0.385, 0.435),
        apex=rng.uniform(0.075, 0.115),
        dome=rng.uniform(0.70, 0.78),
        heart_ratio=rng.uniform(0.40, 0.475),
        enlarged_ratio=rng.uniform(0.56, 0.68),
        wall=rng.uniform(0.05, 0.13),
        breasts=rng.uniform(0.05, 0.13) if rng.random() < 0.45 else 0.0,
        rib_spacing=rng.uniform(0.072, 0.086),
        rib_slope=rng.uniform(0.10, 0.17),
        knob=rng.uniform(0.6, 1.3),
        bubble=bool(rng.random() < 0.6),
    )


@dataclass
class Chest:
    """One image in the making: where things are, and the densities that sum up to it."""

    size: int
    habitus: Habitus
    view: str
    x: Field
    v: Field
    d: Field
    depth: Field  # 0 at the apex of the lungs, 1 at the top of the right diaphragm
    half_width: float
    lateral: Field  # distance of the lungs' outer border from the midline, at each height
    domes: Field
    lungs: Field
    heart: Field
    soft: Field  # soft tissue and air; lesions are added here
    vessels: Field
    bones: Field

    def side(self, sign: int) -> Field:
        """1 on the patient's right (sign −1) or left (+1)."""
        return (self.x * sign > 0).astype(np.float32)

    def pixels(self, length: float) -> float:
        """A length in pixels."""
        return length * self.size


def draw_chest(habitus: Habitus, rng: Generator, *, size: int, view: str, enlarged: bool) -> Chest:
    """A healthy chest but for the size of its heart."""
    x, v = _coordinates(rng, size)
    d = np.abs(x)
    portable = view == "AP"
    half_width = habitus.half_width * rng.uniform(0.98, 1.02)
    dome = habitus.dome - (0.05 if portable else 0.0) + rng.uniform(-0.02, 0.02)
    depth = (v - habitus.apex) / np.float32(dome - habitus.apex)
    lateral = half_width * _outline(depth)
    domes = _diaphragm(x, d, half_width, dome, rng)
    inside = soft_step(lateral - d) * soft_step(d - 0.035)
    lungs = inside * soft_step(domes - v)
    ratio = habitus.enlarged_ratio if enlarged else habitus.heart_ratio
    ratio *= rng.uniform(0.98, 1.02) * (1.04 if portable else 1.0)
    heart = _heart(x, v, half_width * 2 * ratio, dome)
    chest = Chest(
        size, habitus, view, x, v, d, depth, half_width, lateral, domes, lungs, heart,
        soft=_soft_tissue(habitus, x, v, d, lungs, domes, half_width),
        vessels=_vessels(rng, size, x, depth, half_width) * lungs,
        bones=_bones(habitus, x, v, d, depth, half_width, lateral, portable),
    )  # fmt: skip
    chest.soft += 0.012 * noise(rng, size, 0.03) * lungs
    return chest


def compose(chest: Chest) -> Field:
    """The sum of all densities, heart and mediastinum in front."""
    picture = chest.soft + chest.vessels
    centre = np.maximum(chest.heart, _mediastinum(chest))
    behind = _HEART + 0.03 * soft_step(0.03 - chest.d, 0.01) + 0.25 * (picture - _WALL)
    picture = picture * (1 - centre) + np.maximum(picture, behind) * centre
    picture -= _airways(chest)
    return np.asarray(picture + chest.bones * (1 - 0.55 * centre), np.float32)


def _coordinates(rng: Generator, size: int) -> tuple[Field, Field]:
    """x from the midline and v from the top, a little turned, shifted and bent."""
    line = (np.arange(size, dtype=np.float32) + 0.5) / size
    u, v = np.meshgrid(line - 0.5 - np.float32(rng.normal(0, 0.01)), line)
    turn = np.float32(np.clip(rng.normal(0, 0.02), -0.05, 0.05))
    x = u * np.cos(turn) + (v - 0.5) * np.sin(turn)
    v = (v - 0.5) * np.cos(turn) - u * np.sin(turn) + 0.5
    return x + 0.007 * noise(rng, size, 0.3), v + 0.007 * noise(rng, size, 0.3)


def _outline(depth: Field) -> Field:
    """Width of the chest at each height, 1 at its widest."""
    inside = np.clip(depth, 0, 1)
    width = (1 - (1 - inside) ** 2.7) ** 0.52
    return np.asarray(width * (0.93 + 0.07 * inside), np.float32)


def _diaphragm(x: Field, d: Field, half_width: float, dome: float, rng: Generator) -> Field:
    """Height of the diaphragm: two domes, falling into the costophrenic angles."""
    lower = np.where(x > 0, rng.uniform(0.01, 0.04), 0.0)
    along = d / half_width - 0.42
    fall = np.where(along > 0, 0.30 * along**2 + 0.35 * np.clip(along, 0, 1) ** 6, 0.16 * along**2)
    return np.asarray(dome + lower + fall, np.float32)


def _heart(x: Field, v: Field, width: float, dome: float) -> Field:
    """The silhouette of the heart, `width` wide: steep at its right, sloping to the left apex."""
    top = dome + 0.04 - 0.86 * width
    down = np.clip((v - top) / (dome + 0.04 - top), 0, 1.1)
    left = 0.045 + (0.66 * width - 0.045) * np.sin(np.pi / 2 * np.clip(down / 0.86, 0, 1) ** 1.05)
    left -= 0.22 * width * np.clip((down - 0.86) / 0.24, 0, 1) ** 2
    bulge = np.sin(np.pi * np.clip((down - 0.15) / 1.05, 0, 1))
    right = 0.045 + (0.34 * width - 0.045) * np.clip(bulge, 0, 1) ** 0.7
    inside = np.minimum(left - x, x + right)
    return soft_step(np.minimum(inside, v - top), 0.006) * soft_step(dome + 0.09 - v, 0.01)


def _mediastinum(chest: Chest) -> Field:
    """Great vessels and spine: a band around the midline, the aortic knob at its left."""
    x, depth, knob = chest.x, chest.depth, chest.habitus.knob
    band = 0.055 + 0.018 * np.clip(depth - 0.25, 0, 1) + 0.03 * expit((0.05 - depth) / 0.05)
    arch = 0.033 * knob - np.hypot(x - 0.055, (depth - 0.27) * 0.65)
    cava = 0.012 * expit((depth - 0.15) / 0.05) * (x < 0)
    middle = soft_step(band + cava - chest.d, 0.008)
    aorta = soft_step(0.062 + 0.012 * knob - x, 0.008) * (x > 0) * expit((depth - 0.27) / 0.03)
    shadow = np.maximum(np.maximum(middle, soft_step(arch, 0.008)), aorta * (depth < 0.8))
    return np.asarray(shadow * (0.35 + 0.65 * expit((depth - 0.12) / 0.06)), np.float32)


def _airways(chest: Chest) -> Field:
    """Trachea and main bronchi, darker than what is around them."""
    x, depth = chest.x, chest.depth
    trachea = soft_step(0.016 - np.abs(x + 0.004), 0.004) * expit((0.36 - depth) / 0.02)
    down = depth - 0.36
    bronchi = soft_step(0.010 - np.abs(chest.d - 0.6 * down), 0.004) * (down > 0) * (down < 0.14)
    return np.asarray(0.15 * trachea + 0.07 * bronchi, np.float32)


def _soft_tissue(
    habitus: Habitus, x: Field, v: Field, d: Field, lungs: Field, domes: Field, half_width: float
) -> Field:
    """Air outside, the wall of the chest, the lungs, the abdomen with its gas."""
    shoulder = 0.9 * np.clip(d - 0.15, 0, 1) ** 1.7
    flank = half_width + habitus.wall + 0.5 * np.clip(0.42 - v, 0, 1) ** 1.2
    body = soft_step(v - shoulder, 0.008) * soft_step(flank - d, 0.008)
    body = np.maximum(body, soft_step(0.16 - d, 0.02))
    wall = (
        _WALL
        + 0.5 * habitus.wall * expit((d / half_width - 0.95) / 0.04)
        + 0.06 * expit((0.1 - v) / 0.05)
    )
    below = soft_step(v - domes, 0.006) * soft_step(half_width * 1.02 - d, 0.02)
    tissue = wall + (_ABDOMEN - wall) * below
    if habitus.bubble:
        gas = 0.055 - np.hypot(x - 0.17, (v - domes - 0.055) * 1.5)
        tissue = tissue - 0.22 * soft_step(gas, 0.008)
    # The back of the lungs reaches below the domes, and air weighs less at the edges.
    air = _LUNG + 0.05 * (d / half_width) ** 4 + 0.05 * np.clip(v - 0.5, -0.3, 0.4)
    tissue = tissue * (1 - lungs) + air * lungs
    if habitus.breasts:
        breast = 0.165 - np.hypot(d - 0.24, v - 0.60)
        tissue = tissue + habitus.breasts * soft_step(breast, 0.012) * expit((v - 0.55) / 0.03)
    return np.asarray(_AIR + (tissue - _AIR) * body, np.float32)


def _vessels(rng: Generator, size: int, x: Field, depth: Field, half_width: float) -> Field:
    """Hila and the vessels that branch out of them, thinner and fainter with every branch."""
    scale = 2
    canvas = Image.new("L", (size * scale, size * scale))
    pen = ImageDraw.Draw(canvas)
    for sign in (-1, 1):
        for angle in np.linspace(-1.35, 1.5, 10):
            start = (
                0.5 + sign * rng.uniform(0.06, 0.10),
                0.44 - 0.02 * sign + 0.06 * np.sin(angle),
            )
            _branch(pen, rng, start, sign, angle, 0.12, 0.010, scale * size)
    drawn = gaussian_filter(
        np.asarray(canvas, np.float32)[::scale, ::scale] / 255, 0.5 + size / 400
    )
    hila = np.zeros_like(drawn)
    for sign in (-1, 1):
        blob = ((x - sign * 0.085) / 0.032) ** 2 + ((depth - 0.52 + 0.03 * sign) / 0.11) ** 2
        hila += np.exp(-blob)
    return np.asarray(0.15 * drawn + 0.20 * hila, np.float32)


def _branch(
    pen: ImageDraw.ImageDraw,
    rng: Generator,
    start: tuple[float, float],
    sign: int,
    angle: float,
    length: float,
    width: float,
    scale: int,
) -> None:
    """Draws a vessel and, from its end, its two branches."""
    if width < 0.0025:
        return
    angle = angle + rng.normal(0, 0.24)
    length = length * rng.uniform(0.6, 1.1)
    end = (start[0] + sign * length * np.cos(angle), start[1] + length * np.sin(angle))
    shade = int(255 * min(1.0, 0.15 + width / 0.012))
    points = [(point[0] * scale, point[1] * scale) for point in (start, end)]
    pen.line(points, fill=shade, width=max(1, round(width * scale)))
    for turn in (-0.35, 0.3):
        _branch(pen, rng, end, sign, angle + turn, length * 0.75, width * 0.58, scale)


def _bones(
    habitus: Habitus,
    x: Field,
    v: Field,
    d: Field,
    depth: Field,
    half_width: float,
    lateral: Field,
    portable: bool,
) -> Field:
    """Ribs, clavicles, vertebrae; on an AP view the shoulder blades too."""
    along = d / half_width
    slope = habitus.rib_slope * (0.7 + 0.5 * np.clip(depth, 0, 1.2))
    bend = along**1.7 - 0.35 * np.sin(np.pi * np.clip(along, 0, 1)) * np.exp(-depth)
    back = (v - slope * bend) / habitus.rib_spacing
    front = (v + 0.9 * slope * np.clip(along, 0, 1) ** 1.4) / (habitus.rib_spacing * 1.15) + 0.4
    cage = soft_step(lateral + 0.012 - d, 0.005) * (1 - 0.8 * expit((depth - 1.08) / 0.02))
    cage_bones = 0.105 * ribs(back, 0.21) * (0.55 + 0.6 * along**3) * expit((along - 0.10) / 0.03)
    cage_bones += 0.06 * ribs(front, 0.25) * expit((along - 0.45) / 0.06)
    height = 0.175 - 0.22 * (d - 0.03) + 0.05 * np.sin(8 * d)
    reach = expit((0.38 - d) / 0.01) * expit((d - 0.035) / 0.006)
    clavicle = tube((v - height) / 0.015) * reach * (habitus.apex / 0.095)
    spine = soft_step(0.030 - d, 0.004) * (0.6 + 0.4 * np.cos(2 * np.pi * v / 0.062))
    bones = cage_bones * cage + 0.15 * clavicle + 0.045 * spine
    if portable:
        blade = soft_step(d - half_width * (0.74 + 0.25 * depth), 0.01) * expit(
            (0.5 - depth) / 0.04
        )
        bones = bones + 0.07 * blade * expit((depth - 0.02) / 0.03)
    return np.asarray(bones, np.float32)
