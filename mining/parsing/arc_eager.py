"""The arc-eager transition system, over many sentences at once.

The moves are spaCy's (spacy/pipeline/_parser_internals/arc_eager.pyx; Nivre 2004, with the
non-monotonic repairs of Honnibal & Johnson 2015), for texts that are one sentence: "break" never
applies. Every step takes one move in each sentence that is not finished, in a few array operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mining.parsing.network import FEATURES, Floats, Scorer

__all__ = ["SHIFT", "Moves", "arc_eager", "read_moves"]

Ints = npt.NDArray[np.int32]
SHIFT, REDUCE, LEFT, RIGHT, BREAK = range(5)
_KINDS = {"S": SHIFT, "D": REDUCE, "L": LEFT, "R": RIGHT, "B": BREAK}
_BELOW = 3  # empty places under each stack, so that looking down three never fails


@dataclass(frozen=True, slots=True)
class Moves:
    """What each class of the network does, and which are out of the question when."""

    kinds: Ints
    labels: tuple[str, ...]
    barred: Floats  # (8, moves): 0 or minus infinity, by shift + 2 * reduce + 4 * arc allowed


def read_moves(names: Sequence[str]) -> Moves:
    """The moves by spaCy's names: "S", "D", "L-amod", "R-punct", "B-ROOT"."""
    kinds = np.array([_KINDS[name.partition("-")[0]] for name in names], np.int32)
    allowed = np.zeros((8, len(names)), bool)
    for case in range(8):
        shift, reduce, arc = case & 1, case & 2, case & 4
        allowed[case] = np.array([shift, reduce, arc, arc, 0], bool)[kinds]
    barred = np.where(allowed, np.float32(0), np.float32(-np.inf))
    return Moves(kinds, tuple(name.partition("-")[2] for name in names), barred)


class _States:
    """Stack, buffer and arcs of each sentence. Words are numbers in their sentence, -1 is none."""

    def __init__(self, lengths: Ints) -> None:
        count, longest = len(lengths), int(lengths.max())
        self.lengths = lengths
        self.stack = np.full((count, longest + _BELOW + 1), -1, np.int32)
        self.depth = np.zeros(count, np.int32)
        # Words that went back to the buffer, the next one last; they come before the others.
        self.returned = np.full((count, longest + 3), -1, np.int32)
        self.waiting = np.zeros(count, np.int32)
        self.next = np.zeros(count, np.int32)
        # One column more, which -1 finds: it stays empty.
        self.heads = np.full((count, longest + 1), -1, np.int32)
        self.moves = np.full((count, longest + 1), -1, np.int32)
        self.last_left = np.full((count, longest + 1), -1, np.int32)
        self.last_right = np.full((count, longest + 1), -1, np.int32)
        self.right_before = np.full((count, longest + 1), -1, np.int32)
        self.was_returned = np.zeros((count, longest + 1), bool)

    def unfinished(self, rows: Ints) -> Ints:
        left = self.lengths[rows] - self.next[rows] + self.waiting[rows]
        going = (self.depth[rows] > 0) | (left > 0)
        return rows if going.all() else rows[going]

    def looked_at(self, rows: Ints) -> Ints:
        """The eight words of each state (8, states): two of the buffer, three of the stack, and
        the last left child of the first, the last left and right child of the topmost."""
        depth, waiting, following = self.depth[rows], self.waiting[rows], self.next[rows]
        found = np.empty((FEATURES, len(rows)), np.int32)
        for place in range(2):
            fresh = following + np.maximum(place - waiting, 0)
            fresh = np.where(fresh < self.lengths[rows], fresh, -1)
            back = self.returned[rows, np.maximum(waiting - 1 - place, 0)]
            found[place] = np.where(waiting > place, back, fresh)
        for place in range(_BELOW):
            found[2 + place] = self.stack[rows, depth + (_BELOW - 1 - place)]
        found[5] = self.last_left[rows, found[0]]
        found[6] = self.last_left[rows, found[2]]
        found[7] = self.last_right[rows, found[2]]
        return found

    def allowed(self, rows: Ints, first: Ints) -> Ints:
        """Which of shift (1), reduce (2) and an arc (4) each state may take."""
        depth = self.depth[rows]
        left = self.lengths[rows] - self.next[rows] + self.waiting[rows]
        opens = first == 0  # no arc may reach over the beginning of a sentence
        shift = (depth == 0) | ((left >= 2) & ~opens & ~self.was_returned[rows, first])
        # The last word of the stack may go only when the buffer is empty: one sentence, one tree.
        reduce = (depth > 0) & ((left == 0) | (depth > 1) | opens)
        arc = (depth > 0) & (left > 0) & ~opens
        found: Ints = (shift + 2 * reduce + 4 * arc).astype(np.int32)
        return found

    def push(self, rows: Ints, first: Ints) -> None:
        self.stack[rows, self.depth[rows] + _BELOW] = first
        self.depth[rows] += 1
        back = self.waiting[rows] > 0
        self.waiting[rows] -= back
        self.next[rows] += ~back

    def reduce(self, rows: Ints, top: Ints) -> None:
        self.depth[rows] -= 1
        # A word without a head goes back to the buffer, unless it is the last.
        again = (self.heads[rows, top] < 0) & (self.depth[rows] > 0)
        rows, top = rows[again], top[again]
        self.was_returned[rows, top] = True
        self.returned[rows, self.waiting[rows]] = top
        self.waiting[rows] += 1

    def left_arc(self, rows: Ints, top: Ints, first: Ints) -> None:
        before = self.heads[rows, top]
        has, old = rows[before >= 0], before[before >= 0]
        # The arc that is replaced is the last to the right of its head: what came after is gone.
        self.last_right[has, old] = self.right_before[has, top[before >= 0]]
        self.heads[rows, top] = first
        self.last_left[rows, first] = top
        self.was_returned[rows, first] = False
        self.depth[rows] -= 1

    def right_arc(self, rows: Ints, top: Ints, first: Ints) -> None:
        self.heads[rows, first] = top
        self.right_before[rows, first] = self.last_right[rows, top]
        self.last_right[rows, top] = first
        self.push(rows, first)


def arc_eager(
    lengths: Sequence[int], features: Floats, scorer: Scorer, moves: Moves
) -> list[tuple[list[int], list[int]]]:
    """For each sentence the head of each word (-1: none), and the move that made its arc.

    `features` are those of `Network.features` for the same sentences, in the same order.
    """
    states = _States(np.array(lengths, np.int32))
    flat = features.reshape(-1, features.shape[2])
    begins = np.concatenate([[1], 1 + np.cumsum(states.lengths)[:-1]]).astype(np.int32)
    column = np.arange(FEATURES, dtype=np.int32)[:, None]
    rows = np.arange(len(lengths), dtype=np.int32)
    while len(rows):
        seen = states.looked_at(rows)
        places = np.where(seen >= 0, seen + begins[rows], 0) * FEATURES + column
        summed = flat[places[0]]
        for place in places[1:]:
            summed += flat[place]
        first, top = seen[0], seen[2]
        scores = scorer(summed)
        scores += moves.barred[states.allowed(rows, first)]
        chosen = scores.argmax(axis=1).astype(np.int32)
        _move(states, rows, first, top, chosen, moves.kinds[chosen])
        rows = states.unfinished(rows)
    return [
        (heads[:length].tolist(), made[:length].tolist())
        for heads, made, length in zip(states.heads, states.moves, lengths, strict=True)
    ]


def _move(states: _States, rows: Ints, first: Ints, top: Ints, chosen: Ints, kinds: Ints) -> None:
    on = kinds == SHIFT
    states.push(rows[on], first[on])
    on = kinds == REDUCE
    states.reduce(rows[on], top[on])
    on = kinds == LEFT
    states.moves[rows[on], top[on]] = chosen[on]
    states.left_arc(rows[on], top[on], first[on])
    on = kinds == RIGHT
    states.moves[rows[on], first[on]] = chosen[on]
    states.right_arc(rows[on], top[on], first[on])
