"""A sentence said of another patient: other numbers, sides, places, sizes and wording.

No word put in names a finding, and none is a cue that a rule could fire on, so that a varied
sentence is as hard to judge as the one it was made from.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

# Words of one row may stand for each other, in any case of the first letter.
_ALIKE = [
    ("left", "right", "bilateral"),
    ("upper", "lower", "middle"),
    ("apical", "basal", "basilar", "perihilar", "retrocardiac", "subpleural"),
    ("small", "tiny", "moderate", "large", "sizable"),
    ("mild", "slight", "minimal", "moderate", "marked"),
    ("mildly", "slightly", "minimally", "moderately", "markedly"),
    ("seen", "noted", "identified", "demonstrated", "observed", "visualized"),
    ("stable", "unchanged"),
    ("patchy", "hazy", "streaky", "linear"),
    ("anterior", "posterior", "lateral", "medial"),
    ("chest", "thorax"),
    ("also", "again", "additionally"),
    ("is", "remains"),
    ("focal", "discrete", "localized"),
    ("acute", "new"),
]
_OTHERS = {word: tuple(other for other in row if other != word) for row in _ALIKE for word in row}
_WORD = re.compile(r"\b(?:" + "|".join(sorted(_OTHERS, key=len, reverse=True)) + r")\b", re.I)
_FIGURE = re.compile(r"\b\d+(?:\.\d+)?")
_END = re.compile(r"\s*[.!?]*$")
_MONTHS = "January February March April May June July August September October November December"
_VIEWS = ("frontal view", "lateral view", "AP view", "PA view", "upright view", "semi-erect view")
_PLACES = ("medially", "laterally", "anteriorly", "posteriorly", "superiorly", "inferiorly")


def vary(sentence: str, random: Random) -> str:
    """The sentence with figures and words of the same kind replaced, and mostly a detail behind.

    >>> vary("Small left nodule, 4 mm.", Random(1))
    'Tiny left nodule, 3 mm, compared August 21 2013.'
    """
    varied = _FIGURE.sub(lambda match: _figure(match[0], random), sentence)
    varied = _WORD.sub(lambda match: _other(match[0], random), varied)
    if varied != sentence and random.random() < 0.1:
        return varied
    end = _END.search(varied)
    stop = end.start() if end else len(varied)
    return f"{varied[:stop]}, {random.choice(_DETAILS)(random)}{varied[stop:].strip() or '.'}"


def _figure(figure: str, random: Random) -> str:
    if "." in figure:
        return f"{random.uniform(0.3, 9.9):.1f}"
    return str(random.randrange(1, max(12, 3 * int(figure[:4]))))


def _other(word: str, random: Random) -> str:
    if random.random() < 0.4:
        return word
    other = random.choice(_OTHERS[word.lower()])
    return other.capitalize() if word[0].isupper() else other


def _measured(random: Random) -> str:
    return f"measuring {random.uniform(0.3, 9.9):.1f} cm {random.choice(_PLACES)}"


def _two_measures(random: Random) -> str:
    return f"{random.randrange(4, 60)} x {random.randrange(4, 60)} mm"


def _image(random: Random) -> str:
    view = random.choice(_VIEWS)
    return f"{view}, series {random.randrange(1, 9)} image {random.randrange(1, 40)}"


def _dated(random: Random) -> str:
    month = random.choice(_MONTHS.split())
    return f"compared {month} {random.randrange(1, 29)} {random.randrange(2001, 2019)}"


def _level(random: Random) -> str:
    side = random.choice(("left", "right"))
    rib = random.randrange(1, 13)
    return f"{side} {random.choice(_PLACES)}, rib {rib}, {random.randrange(2, 90)} mm deep"


_DETAILS: tuple[Callable[[Random], str], ...] = (_measured, _two_measures, _image, _dated, _level)
