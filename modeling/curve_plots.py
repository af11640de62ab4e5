"""ROC, precision-recall and reliability curves as one small SVG file, drawn here."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import numpy.typing as npt
from sklearn.metrics import precision_recall_curve, roc_curve

from modeling.auc import short
from modeling.evaluation import Evaluation

Floats = npt.NDArray[np.float64]
Curve = tuple[Floats, Floats]
_SIDE, _GAP, _TOP, _LEGEND = 300, 60, 40, 190
_POINTS = 400  # of a curve, at most
# Okabe and Ito's colours, told apart by the colour-blind, wine for their yellow, which no line on
# white can have; then the same, dashed.
_COLOURS = ("#000000", "#E69F00", "#56B4E9", "#009E73", "#882255", "#0072B2", "#D55E00", "#CC79A7")


def curves_svg(scores: Floats, targets: Floats, result: Evaluation) -> str:
    """An SVG page of three panels: ROC, precision-recall, reliability; a line per finding.

    A dot of the reliability is a bin of scores, as large as it has images; the line is the diagonal
    where scores are shares.
    """
    rocs, recalls, fits = [], [], []
    for n, found in enumerate(result.findings.values()):
        known = ~np.isnan(targets[:, n])
        wanted, column = targets[known, n].astype(int), scores[known, n]
        both = 0 < wanted.sum() < len(wanted)
        rocs.append(_roc(wanted, column) if both else None)
        recalls.append(_precision(wanted, column) if both else None)
        bins = found.calibration.bins if found.calibration else ()
        fits.append([
            (item.score, item.rate, item.count / max(1, known.sum()))
            for item in bins
            if item.score is not None and item.rate is not None
        ])  # fmt: skip
    panels = [
        _panel(0, "ROC", "1 − specificity", "sensitivity", rocs, diagonal=True),
        _panel(1, "Precision and recall", "recall", "precision", recalls),
        _panel(2, "Reliability", "mean score", "share of positives", [], diagonal=True, dots=fits),
    ]
    names = [f"{n.replace('_', ' ')} {short(f.auc.value)}" for n, f in result.findings.items()]
    width = 3 * (_SIDE + _GAP) + _GAP // 2 + _LEGEND
    height = max(_SIDE + _TOP + 50, _TOP + 16 * len(names) + 20)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" font-size="12">'
        f'<rect width="{width}" height="{height}" fill="#fff"/>'
        f"{''.join(panels)}{_legend(names)}</svg>\n"
    )


def _roc(wanted: npt.NDArray[np.int64], scores: Floats) -> Curve:
    false, true, _ = roc_curve(wanted, scores)
    return _thinned(false, true)


def _precision(wanted: npt.NDArray[np.int64], scores: Floats) -> Curve:
    precision, recall, _ = precision_recall_curve(wanted, scores)
    return _thinned(recall[::-1], precision[::-1])


def _thinned(x: Floats, y: Floats) -> Curve:
    keep = np.unique(np.linspace(0, len(x) - 1, min(len(x), _POINTS)).astype(int))
    return x[keep], y[keep]


def _panel(
    place: int,
    title: str,
    across: str,
    up: str,
    curves: Sequence[Curve | None],
    diagonal: bool = False,
    dots: Sequence[Sequence[tuple[float, float, float]]] = (),
) -> str:
    left = _GAP + place * (_SIDE + _GAP)
    parts = [
        f'<g transform="translate({left},{_TOP})">',
        f'<rect width="{_SIDE}" height="{_SIDE}" fill="none" stroke="#888"/>',
        f'<text x="0" y="-12" font-weight="bold">{title}</text>',
        f'<text x="{_SIDE / 2}" y="{_SIDE + 34}" text-anchor="middle">{across}</text>',
        f'<g transform="translate(-34,{_SIDE / 2}) rotate(-90)">',
        f'<text text-anchor="middle">{up}</text></g>',
    ]
    for tick in (0, 0.25, 0.5, 0.75, 1):
        x, y = tick * _SIDE, (1 - tick) * _SIDE
        parts.append(f'<text x="{x}" y="{_SIDE + 16}" text-anchor="middle">{tick:g}</text>')
        parts.append(f'<text x="-6" y="{y + 4}" text-anchor="end">{tick:g}</text>')
    if diagonal:
        parts.append(f'<path d="M0 {_SIDE}L{_SIDE} 0" stroke="#bbb" stroke-dasharray="4 4"/>')
    for n, curve in enumerate(curves):
        if curve is not None and len(curve[0]):
            points = " ".join(
                f"{x * _SIDE:.1f},{(1 - y) * _SIDE:.1f}" for x, y in zip(*curve, strict=True)
            )
            parts.append(f'<polyline points="{points}" fill="none" {_stroke(n)}/>')
    for n, own in enumerate(dots):
        parts.append(_dots(own, _COLOURS[n % len(_COLOURS)]))
    return "".join(parts) + "</g>"


def _dots(points: Sequence[tuple[float, float, float]], colour: str) -> str:
    """Circles at x and y, as large as the third says, and a thin line through them."""
    places = [(x * _SIDE, (1 - y) * _SIDE, 1.5 + 7 * share**0.5) for x, y, share in points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in places)
    circles = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}"/>' for x, y, r in places)
    return (
        f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-opacity="0.35"/>'
        f'<g fill="{colour}" fill-opacity="0.6">{circles}</g>'
    )


def _legend(names: Sequence[str]) -> str:
    left = _GAP + 3 * (_SIDE + _GAP) - _GAP // 2
    rows = [
        f'<path d="M{left} {_TOP + 16 * n + 6}h18" {_stroke(n)}/>'
        f'<text x="{left + 24}" y="{_TOP + 16 * n + 10}">{escape(name)}</text>'
        for n, name in enumerate(names)
    ]
    head = f'<text x="{left}" y="{_TOP - 12}" font-weight="bold">AUC</text>'
    return head + "".join(rows)


def _stroke(n: int) -> str:
    dash = ' stroke-dasharray="5 3"' if n >= len(_COLOURS) else ""
    return f'stroke="{_COLOURS[n % len(_COLOURS)]}" stroke-width="1.5"{dash}'
