"""The findings of ChestX-ray8 drawn into a chest, each with the mask it covers.

Sizes and places follow what radiologists box in chest X-rays: nodules of 5 to 9 % of the image's
width, masses of 10 to 25 %, opacities of 15 to 40 %, an enlarged heart of about half the width.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter

from modeling.phantom_anatomy import Chest
from modeling.phantom_shapes import Field, Generator, noise, soft_step

_FLUID = 0.76

# Fluid and free air come first: what is drawn later keeps to the lung that they leave.
ORDER = (
    "Cardiomegaly", "Effusion", "Pneumothorax", "Infiltration", "Pneumonia", "Atelectasis", "Mass",
    "Nodule",
)  # fmt: skip


def draw_lesions(chest: Chest, rng: Generator, finding: str) -> list[Field]:
    """Draws what the finding shows into the chest; one mask in [0, 1] per lesion.

    No mask where the other findings leave no lung to draw it in.
    """
    return _DRAWERS[finding](chest, rng)


def box_of(mask: Field) -> tuple[int, int, int, int]:
    """x, y, w, h in pixels of the smallest box around all pixels that are half in the mask."""
    inside = mask > 0.5 * float(mask.max())
    columns, rows = np.flatnonzero(inside.any(axis=0)), np.flatnonzero(inside.any(axis=1))
    x, y = int(columns[0]), int(rows[0])
    return x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1


def _cardiomegaly(chest: Chest, _: Generator) -> list[Field]:
    """The heart was drawn enlarged: its silhouette between great vessels and diaphragm."""
    widths = chest.heart.sum(axis=1, keepdims=True)
    below_vessels = widths > 0.42 * widths.max()
    shown = chest.heart * below_vessels * soft_step(chest.domes + 0.02 - chest.v, 0.004)
    return [np.asarray(shown, np.float32)]


def _effusion(chest: Chest, rng: Generator) -> list[Field]:
    """Fluid in the pleural space: a meniscus that climbs at the wall of the chest."""
    return [_fluid(chest, rng, sign) for sign in _sides(rng, both=0.3)]


def _fluid(chest: Chest, rng: Generator, sign: int) -> Field:
    small, large = (0.05, 0.14) if rng.random() < 0.55 else (0.14, 0.34)
    height = rng.uniform(small, large)
    along = np.clip(chest.d / chest.half_width, 0, 1)
    floor = float(chest.domes[(chest.lungs > 0.5) & (chest.side(sign) > 0)].max())
    surface = floor - 0.02 - height * (0.55 + 0.45 * along**4) - 0.05 * along**8
    space = chest.side(sign) * soft_step(chest.lateral - chest.d) * soft_step(chest.d - 0.06)
    mask = space * soft_step(chest.v - surface, 0.008) * soft_step(chest.domes + 0.02 - chest.v)
    chest.soft += (_FLUID - chest.soft) * mask * 0.93
    chest.vessels *= 1 - 0.8 * mask
    chest.lungs = np.asarray(chest.lungs * (1 - mask), np.float32)
    return np.asarray(mask, np.float32)


def _pneumothorax(chest: Chest, rng: Generator) -> list[Field]:
    """Air around a lung that has come off the wall: dark, without vessels, a line at its edge."""
    (sign,) = _sides(rng, both=0.0)
    drop, gap = rng.uniform(0.04, 0.14), rng.uniform(0.025, 0.09)
    end = rng.uniform(0.25, 0.8)
    taper = np.clip(1 - np.clip(chest.depth, 0, 2) / end, 0, 1) ** 0.8
    # The outline of the lung moves down from the apex and in from the wall.
    shifted = chest.lateral - gap * taper
    edge = np.minimum(shifted - chest.d, (chest.depth - drop - 0.35 * chest.d) * 0.6)
    cavity = chest.side(sign) * chest.lungs
    mask = cavity * soft_step(-edge, 0.004) * (chest.depth < end)
    line = np.exp(-((edge / max(0.0035, 0.55 / chest.size)) ** 2)) * cavity * (chest.depth < end)
    chest.vessels *= 1 - mask
    chest.soft += -0.10 * mask + 0.12 * line + 0.035 * (cavity - mask) * (cavity > 0.5)
    chest.lungs = np.asarray(chest.lungs * (1 - mask), np.float32)
    return [np.asarray(mask, np.float32)]


def _nodule(chest: Chest, rng: Generator) -> list[Field]:
    """Small round opacities."""
    count = int(rng.choice([1, 2, 3, 4], p=[0.6, 0.22, 0.12, 0.06]))
    return _lumps(chest, rng, count, radii=(0.023, 0.045), ragged=0.06, density=(0.16, 0.30))


def _mass(chest: Chest, rng: Generator) -> list[Field]:
    """One or two larger, lobulated opacities."""
    count = int(rng.choice([1, 2], p=[0.85, 0.15]))
    return _lumps(chest, rng, count, radii=(0.052, 0.12), ragged=0.14, density=(0.26, 0.42))


def _lumps(
    chest: Chest,
    rng: Generator,
    count: int,
    *,
    radii: tuple[float, float],
    ragged: float,
    density: tuple[float, float],
) -> list[Field]:
    masks: list[Field] = []
    taken = np.zeros_like(chest.x)
    for _ in range(count):
        radius = rng.uniform(*radii)
        place = _place(chest, rng, avoid=taken, margin=radius)
        if place is None:
            break
        across, down = chest.x - place[0], chest.v - place[1]
        angle = np.arctan2(down, across)
        border = np.full_like(chest.x, radius)
        for wave in (2, 3, 5):
            border += (
                radius
                * ragged
                * rng.normal(0, 0.5)
                / wave**0.5
                * np.cos(wave * angle + rng.uniform(0, 6.3))
            )
        distance = np.hypot(across, down)
        mask = soft_step(border - distance, 0.004)
        bulge = np.sqrt(np.clip(1 - (distance / (radius * 1.3)) ** 2, 0.3, 1))
        chest.soft += rng.uniform(*density) * mask * bulge
        chest.vessels *= 1 - 0.7 * mask
        masks.append(mask)
        taken = np.maximum(taken, soft_step(border + 0.03 - distance))
    return masks


def _infiltration(chest: Chest, rng: Generator) -> list[Field]:
    """Ill-defined net-like opacity, often on both sides of the hila."""
    masks = []
    for sign in _sides(rng, both=0.45):
        cloud = _cloud(chest, rng, sign, widths=(0.10, 0.18), heights=(0.09, 0.20), fluff=0.15)
        if cloud is not None:
            net = np.clip(1 - 1.3 * np.abs(noise(rng, chest.size, 0.024)), 0, 1)
            dots = np.abs(noise(rng, chest.size, 0.016))
            grain = gaussian_filter(0.15 * net + 0.06 * dots, chest.pixels(0.004))
            chest.soft += cloud * (rng.uniform(0.04, 0.08) + grain)
            masks.append(cloud)
    return masks


def _pneumonia(chest: Chest, rng: Generator) -> list[Field]:
    """Dense, fluffy opacity of a lobe in which the bronchi stay visible as dark branches."""
    masks = []
    for sign in _sides(rng, both=0.15):
        cloud = _cloud(chest, rng, sign, widths=(0.08, 0.15), heights=(0.07, 0.16), fluff=0.4)
        if cloud is not None:
            around = gaussian_filter(chest.vessels, chest.pixels(0.02))
            bronchi = np.clip((chest.vessels - around) / 0.04, 0, 1)
            chest.soft += cloud * (rng.uniform(0.24, 0.36) + 0.03 * noise(rng, chest.size, 0.05))
            chest.soft -= 0.09 * cloud * bronchi
            chest.vessels *= 1 - cloud
            masks.append(cloud)
    return masks


def _cloud(
    chest: Chest,
    rng: Generator,
    sign: int,
    *,
    widths: tuple[float, float],
    heights: tuple[float, float],
    fluff: float,
) -> Field | None:
    """A patch of lung with an uneven border; None where the lung has no room."""
    place = _place(chest, rng, sign=sign, low=0.25, margin=0.04)
    if place is None:
        return None
    across = (chest.x - place[0]) / rng.uniform(*widths)
    down = (chest.v - place[1]) / rng.uniform(*heights)
    rough = noise(rng, chest.size, 0.09) + 0.25 * noise(rng, chest.size, 0.03)
    level = np.asarray(1 - np.hypot(across, down) + fluff * rough, np.float32)
    cloud = np.asarray(soft_step(level, 0.17) * chest.lungs * chest.side(sign), np.float32)
    # A scrap left between heart and fluid would be a box without anything to see in it.
    return cloud if (cloud > 0.6).sum() > chest.pixels(0.05) ** 2 else None


def _atelectasis(chest: Chest, rng: Generator) -> list[Field]:
    """Plates of airless lung: bands, mostly low and near to level, with some loss of air beside."""
    masks = []
    for sign in _sides(rng, both=0.3):
        place = _place(chest, rng, sign=sign, low=0.5, margin=0.05)
        if place is None:
            continue
        plates = _plates(chest, rng, place) * chest.lungs * chest.side(sign)
        if (plates > 0.5).sum() < 0.3 * chest.pixels(0.05) ** 2:
            continue
        beside = gaussian_filter(plates, chest.pixels(0.022))
        beside = np.clip(beside / beside.max(), 0, 1) * chest.lungs
        chest.soft += rng.uniform(0.18, 0.28) * plates + 0.09 * beside
        masks.append(np.asarray(soft_step(np.maximum(plates, beside) - 0.4, 0.05), np.float32))
    return masks


def _plates(chest: Chest, rng: Generator, place: tuple[float, float]) -> Field:
    """One to three bands, one above the other, slightly bent."""
    plates = np.zeros_like(chest.x)
    tilt, length = rng.normal(0, 0.35), rng.uniform(0.055, 0.12)
    for number in range(int(rng.choice([1, 2, 3], p=[0.35, 0.4, 0.25]))):
        across, down = chest.x - place[0], chest.v - place[1] + 0.035 * number
        along = across * np.cos(tilt) + down * np.sin(tilt)
        off = down * np.cos(tilt) - across * np.sin(tilt) + 0.8 * along**2
        thick = soft_step(rng.uniform(0.006, 0.013) - np.abs(off), 0.003)
        plates = np.maximum(plates, thick * soft_step(length - np.abs(along), 0.01))
    return np.asarray(plates, np.float32)


def _sides(rng: Generator, *, both: float) -> tuple[int, ...]:
    if rng.random() < both:
        return (-1, 1)
    return (-1,) if rng.random() < 0.5 else (1,)


def _place(
    chest: Chest,
    rng: Generator,
    *,
    margin: float,
    sign: int = 0,
    low: float = 0.0,
    avoid: Field | None = None,
) -> tuple[float, float] | None:
    """A point of visible lung, `margin` away from its borders and below the depth `low`."""
    free = (chest.lungs > 0.9) & (chest.heart < 0.2) & (chest.d > 0.075 + 0.5 * margin)
    free &= (chest.lateral - chest.d > 0.8 * margin) & (chest.domes - chest.v > 0.8 * margin)
    free &= chest.depth > low
    if sign:
        free &= chest.x * sign > 0
    if avoid is not None:
        free &= avoid < 0.5
    places = np.flatnonzero(free)
    if not len(places):
        return None
    index = int(rng.choice(places))
    return float(chest.x.flat[index]), float(chest.v.flat[index])


_DRAWERS: dict[str, Callable[[Chest, Generator], list[Field]]] = {
    "Atelectasis": _atelectasis,
    "Cardiomegaly": _cardiomegaly,
    "Effusion": _effusion,
    "Infiltration": _infiltration,
    "Mass": _mass,
    "Nodule": _nodule,
    "Pneumonia": _pneumonia,
    "Pneumothorax": _pneumothorax,
}
