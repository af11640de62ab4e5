"""The cards of a gallery: a finding in an image with its boxes, true boxes, label and sentences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from modeling.box_overlaps import overlaps
from modeling.quotes import Quote

Pair = tuple[str, str]
Place = tuple[float, float, float, float]  # left, top, width, height


@dataclass(frozen=True)
class Card:
    """A finding in an image. `overlap` is None where no true box was drawn."""

    image_id: str
    finding: str
    score: float | None
    label: str | None
    overlap: float | None  # IoU of each true box with the best predicted one, averaged
    boxes: tuple[Place, ...]  # best score first, so that the n-th is BoxName's rank n
    truth: tuple[Place, ...]
    quotes: tuple[Quote, ...] = ()


def make_cards(
    boxes: pa.Table, truth: pa.Table | None, *, predictions: pa.Table | None = None
) -> list[Card]:
    """A card for each (image, finding) with a predicted or a true box, in the tables' order."""
    true = boxes.slice(0, 0) if truth is None else truth
    scores = {} if predictions is None else _scores(predictions)
    drawn, given = _places(boxes), _places(true)
    best = overlaps(boxes, true).best("iou", "true", true.num_rows)
    hits: dict[Pair, list[float]] = defaultdict(list)
    for pair, value in zip(_pairs(true), best.tolist(), strict=True):
        hits[pair].append(value)
    return [
        Card(
            image_id=pair[0],
            finding=pair[1],
            score=scores.get(pair),
            label=None,
            overlap=float(np.mean(hits[pair])) if pair in hits else None,
            boxes=tuple(drawn.get(pair, ())),
            truth=tuple(given.get(pair, ())),
        )
        for pair in dict.fromkeys([*given, *drawn])
    ]


def with_reports(
    cards: Sequence[Card],
    labels: Mapping[Pair, str | None],
    quotes: Mapping[Pair, Sequence[Quote]],
) -> list[Card]:
    """The cards with what each image's own report says of the finding."""
    return [
        replace(
            card,
            label=labels.get((card.image_id, card.finding)),
            quotes=tuple(quotes.get((card.image_id, card.finding), ())),
        )
        for card in cards
    ]


def choose_cards(cards: Sequence[Card], count: int) -> list[Card]:
    """At most `count` cards, shared out evenly over the findings; best overlap first.

    Of a finding with more, the best and the worst of those with true boxes, half each, then the
    surest of the others.

    >>> cards = [Card("a", "Mass", 0.5, None, n / 10, (), ()) for n in range(10)]
    >>> [card.overlap for card in choose_cards(cards, 4)]
    [0.9, 0.8, 0.1, 0.0]
    """
    by_finding: dict[str, list[Card]] = defaultdict(list)
    for card in cards:
        by_finding[card.finding].append(card)
    chosen: list[Card] = []
    # The rare ones first: what they do not use is left to the others.
    waiting = sorted(by_finding.values(), key=len)
    for place, own in enumerate(waiting):
        share = (count - len(chosen)) // (len(waiting) - place)
        chosen += _best_and_worst(own, share)
    return sorted(chosen, key=_goodness, reverse=True)


def _best_and_worst(cards: Sequence[Card], count: int) -> list[Card]:
    judged = sorted((c for c in cards if c.overlap is not None), key=_goodness, reverse=True)
    others = sorted((c for c in cards if c.overlap is None), key=_goodness, reverse=True)
    if len(judged) > count:
        judged = judged[: -(-count // 2)] + judged[len(judged) - count // 2 :]
    return judged + others[: count - len(judged)]


def _goodness(card: Card) -> tuple[bool, float, float]:
    return card.overlap is not None, card.overlap or 0.0, card.score or 0.0


def _scores(predictions: pa.Table) -> dict[Pair, float]:
    return dict(zip(_pairs(predictions), predictions["score"].to_pylist(), strict=True))


def _places(boxes: pa.Table) -> dict[Pair, list[Place]]:
    """The boxes of each pair, best score first; equal scores, or none, as they come."""
    scored: dict[Pair, list[tuple[float, Place]]] = {}
    columns = (boxes[name].to_pylist() for name in ("x", "y", "w", "h", "score"))
    for pair, (*place, score) in zip(_pairs(boxes), zip(*columns, strict=True), strict=True):
        scored.setdefault(pair, []).append((score or 0.0, (place[0], place[1], place[2], place[3])))
    return {
        pair: [place for _, place in sorted(own, key=lambda item: -item[0])]
        for pair, own in scored.items()
    }


def _pairs(table: pa.Table) -> list[Pair]:
    return list(zip(table["image_id"].to_pylist(), table["finding"].to_pylist(), strict=True))
