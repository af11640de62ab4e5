"""A sentence's dependency tree, or the reason why there is none."""

from collections.abc import Sequence
from dataclasses import dataclass

from mining.parsing.labels import UD_LABELS

__all__ = ["InvalidParseError", "Parse", "Unparsed", "find_cycle"]


class InvalidParseError(ValueError):
    """Arcs that are not one tree over the tokens; `token` is the index where it shows."""

    def __init__(self, token: int, found: str, expected: str) -> None:
        self.token, self.found, self.expected = token, found, expected
        super().__init__(
            f"token {token}: found {found}, expected {expected}; the parser that gave this tree"
            " is at fault: report the sentence as Unparsed"
        )


@dataclass(frozen=True, slots=True)
class Parse:
    """One sentence's basic tree in Universal Dependencies v2.

    All four tuples have one entry per token. Offsets count characters of the sentence as it was
    given to the parser. `heads[i]` is the index of the token that governs token i; the root
    governs itself.

    Raises:
        InvalidParseError: if the arcs are not one tree with UD v2 labels, or the offsets do not
            ascend.
    """

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    heads: tuple[int, ...]
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        _check_offsets(self.starts, self.ends)
        _check_arcs(self.heads, self.labels, len(self.starts))

    def __len__(self) -> int:
        return len(self.heads)

    @property
    def root(self) -> int:
        """The index of the token that governs itself."""
        return self.labels.index("root")


@dataclass(frozen=True, slots=True)
class Unparsed:
    """A sentence without a tree: whoever judges it must not guess. `reason` holds no text of it."""

    reason: str


def find_cycle(heads: Sequence[int]) -> int | None:
    """Return a token from which no root is reached, or None when all heads lead to a root.

    >>> find_cycle([1, 1, 1]) is None
    True
    >>> find_cycle([1, 0, 2])
    0
    """
    reaches_root: set[int] = set()
    for token in range(len(heads)):
        path: list[int] = []
        on_path: set[int] = set()
        while token not in reaches_root and heads[token] != token:
            if token in on_path:
                return path[0]
            path.append(token)
            on_path.add(token)
            token = heads[token]
        reaches_root.update(path, (token,))
    return None


def _check_offsets(starts: tuple[int, ...], ends: tuple[int, ...]) -> None:
    if not starts or len(starts) != len(ends):
        raise InvalidParseError(
            0, f"{len(starts)} starts and {len(ends)} ends", "equally many, at least one"
        )
    before = 0
    for token, (start, end) in enumerate(zip(starts, ends, strict=True)):
        if not before <= start < end:
            raise InvalidParseError(token, f"offsets {start}-{end}", f"{before} <= start < end")
        before = end


def _check_arcs(heads: tuple[int, ...], labels: tuple[str, ...], length: int) -> None:
    if not len(heads) == len(labels) == length:
        raise InvalidParseError(
            0, f"{len(heads)} heads and {len(labels)} labels", f"one per token, {length}"
        )
    roots = 0
    for token, (head, label) in enumerate(zip(heads, labels, strict=True)):
        if not 0 <= head < length:
            raise InvalidParseError(token, f"head {head}", f"0 to {length - 1}")
        if label not in UD_LABELS:
            raise InvalidParseError(token, f"label {label!r}", "a Universal Dependencies v2 label")
        if (label == "root") != (head == token):
            raise InvalidParseError(
                token, f"head {head} with label {label!r}", "the root, and no other, governs itself"
            )
        roots += head == token
    if roots != 1:
        raise InvalidParseError(0, f"{roots} roots", "exactly one")
    in_cycle = find_cycle(heads)
    if in_cycle is not None:
        raise InvalidParseError(in_cycle, "arcs that run in a circle", "a path to the root")
