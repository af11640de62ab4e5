"""What the pages of cases share: which cases are shown, and the filters over them."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

Case = TypeVar("Case")


@dataclass(frozen=True)
class Filter:
    """A choice above the cases: the field it looks at, and (value, text) to choose from."""

    name: str
    label: str
    options: tuple[tuple[str, str], ...]
    chosen: str = ""


def options(
    values: Iterable[str], titles: Mapping[str, str] | None = None
) -> tuple[tuple[str, str], ...]:
    """The values that occur, each with its title and count: in the titles' order, else by name.

    >>> options(["b", "a", "b"])
    (('a', 'a (1)'), ('b', 'b (2)'))
    """
    counts = Counter(values)
    named = titles or {value: value for value in sorted(counts)}
    return tuple((v, f"{title} ({counts[v]:,})") for v, title in named.items() if counts[v])


def choose_evenly(
    cases: Sequence[Case], most: int, group: Callable[[Case], Hashable]
) -> list[Case]:
    """At most `most` of the cases, shared out over the groups, in their order.

    Rare groups come whole; what they do not use is left to the others, so that no kind of error
    is crowded out by a frequent one.

    >>> "".join(choose_evenly("aaaaab", 3, str))
    'aab'
    """
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for number, case in enumerate(cases):
        groups[group(case)].append(number)
    chosen: list[int] = []
    waiting = sorted(groups.values(), key=len)
    for place, own in enumerate(waiting):
        share = (most - len(chosen)) // (len(waiting) - place)
        chosen += own[:share]
    return [cases[number] for number in sorted(chosen)]
