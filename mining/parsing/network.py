"""The embedded parser's network, computed with NumPy: words of many sentences → features.

The weights are those of a spaCy model (MultiHashEmbed, four convolutions, one precomputed layer;
spacy.io/api/architectures). spaCy computes the same numbers; here a word that has been seen is not
embedded again, and many sentences share one matrix product, which makes half of the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from spacy.language import Language

__all__ = ["FEATURES", "Floats", "Network", "Scorer", "read_network"]

Floats = npt.NDArray[np.float32]
FEATURES = 8  # words of a state that are looked at
_KNOWN_WORDS = 50_000  # vectors kept, some 20 MB; more are forgotten and made again
_EPSILON = 1e-8  # thinc.layers.layernorm


class _Room:
    """Arrays that are used again: fetching memory anew would cost as much as filling it."""

    def __init__(self) -> None:
        self._kept: dict[str, Floats] = {}

    def __call__(self, name: str, rows: int, width: int) -> Floats:
        """An array of this shape with anything in it; the last one of the name is lost."""
        kept = self._kept.get(name)
        if kept is None or len(kept) < rows * width:
            kept = self._kept[name] = np.empty(rows * width, np.float32)
        return kept[: rows * width].reshape(rows, width)


@dataclass(frozen=True, slots=True)
class _Maxout:
    """The largest of several linear layers, then layer normalisation."""

    weights: Floats  # (inputs, pieces * width), a piece's columns side by side
    bias: Floats
    gain: Floats
    shift: Floats

    def __call__(self, inputs: Floats, room: _Room) -> Floats:
        """The outputs, which stay good until the next call."""
        pieces = room("pieces", len(inputs), self.weights.shape[1])
        np.matmul(inputs, self.weights, out=pieces)
        pieces += self.bias
        width = len(self.gain)
        most = room("most", len(inputs), width)
        np.maximum(pieces[:, :width], pieces[:, width : 2 * width], out=most)
        np.maximum(most, pieces[:, 2 * width :], out=most)
        most -= most.mean(axis=1, keepdims=True)
        variance = np.einsum("ij,ij->i", most, most) / np.float32(width)
        most *= ((variance + np.float32(_EPSILON)) ** np.float32(-0.5))[:, None]
        most *= self.gain
        most += self.shift
        return most


@dataclass(frozen=True, slots=True)
class Scorer:
    """What makes scores of moves out of summed features."""

    bias: Floats  # (2 * hidden,), the two pieces side by side
    weights: Floats  # (hidden, moves)
    move_bias: Floats

    def __call__(self, summed: Floats) -> Floats:
        """Scores (states, moves) of summed features (states, 2 * hidden), which are overwritten."""
        summed += self.bias
        half = self.weights.shape[0]
        scores: Floats = np.maximum(summed[:, :half], summed[:, half:]) @ self.weights
        scores += self.move_bias
        return scores


class Network:
    """Features of the words of sentences, each in its context; made by `read_network`.

    For one thread at a time.
    """

    def __init__(
        self, nlp: Language, embed: Any, encode: Sequence[_Maxout],
        reduce: tuple[Floats, Floats], lower: tuple[Floats, Floats], scorer: Scorer,
    ) -> None:  # fmt: skip
        self._nlp, self._embed, self._encode = nlp, embed, encode
        self._reduce, (self._lower, self._missing) = reduce, lower
        self.scorer = scorer
        self._room = _Room()
        self._number: dict[str, int] = {}
        self._vectors: Floats = self._nothing()

    def features(self, sentences: Sequence[Sequence[str]]) -> Floats:
        """An array (1 + words, 8, 2 * hidden): row 0 for a missing word, then word after word.

        It stays good until the next call.
        """
        vectors = self._encoded(sentences)
        weights, bias = self._reduce
        reduced = vectors @ weights
        reduced += bias
        found = self._room("found", len(reduced) + 1, self._lower.shape[1])
        np.matmul(reduced, self._lower, out=found[1:])
        found[0] = self._missing
        return found.reshape(len(found), FEATURES, -1)

    def _encoded(self, sentences: Sequence[Sequence[str]]) -> Floats:
        """Vectors of the words, one sentence after the other; each sees four to either side."""
        reach = len(self._encode)
        rows = [np.zeros(reach, np.intp)]  # row 0 is the empty word between sentences
        for numbers in self._numbered(sentences):
            rows += [numbers, np.zeros(reach, np.intp)]
        layout = np.concatenate(rows)
        current = self._vectors[layout]
        seen = self._room("seen", len(layout), 3 * current.shape[1])
        for layer in self._encode[:-1]:
            current += layer(_with_neighbours(current, seen), self._room)
        words = layout != 0
        found = self._encode[-1](_with_neighbours(current, seen)[words], self._room)
        found += current[words]
        return found

    def _numbered(self, sentences: Sequence[Sequence[str]]) -> list[npt.NDArray[np.intp]]:
        if len(self._number) > _KNOWN_WORDS:
            self._number, self._vectors = {}, self._nothing()
        known = self._number
        if new := {word for words in sentences for word in words if word not in known}:
            self._learn(sorted(new))
        return [np.array([known[word] for word in words], np.intp) for words in sentences]

    def _learn(self, words: Sequence[str]) -> None:
        from spacy.tokens import Doc

        # spaCy keeps a word for ever, unless told that it may forget it.
        with self._nlp.memory_zone():
            (made,) = self._embed.predict([Doc(self._nlp.vocab, words=list(words))])
        known = len(self._vectors)
        self._vectors = np.concatenate([self._vectors, made])
        self._number.update((word, known + i) for i, word in enumerate(words))

    def _nothing(self) -> Floats:
        return np.zeros((1, len(self._encode[0].gain)), np.float32)


def _with_neighbours(current: Floats, seen: Floats) -> Floats:
    """Each row with the one before and the one after, written into `seen`."""
    width = current.shape[1]
    seen[0, :width] = seen[-1, 2 * width :] = 0
    seen[1:, :width] = current[:-1]
    seen[:, width : 2 * width] = current
    seen[:-1, 2 * width :] = current[1:]
    return seen


def read_network(nlp: Language) -> Network:
    """The network of a pipeline's component "parser", as `mining.parsing.training` makes it.

    The pipeline is the network's from then on: its new words know what the network asks for only.

    Raises:
        ValueError: the model is built otherwise.
    """
    from spacy import attrs

    model: Any = nlp.get_pipe("parser").model  # type: ignore[attr-defined]
    vectors, lower, upper = model.layers
    tok2vec, reduce = vectors.layers[0], vectors.layers[-1]
    encode = [x for x in tok2vec.get_ref("encode").walk() if x.name in ("maxout", "layernorm")]
    kinds = [layer.name for layer in (*encode, lower, upper)]
    expected = [*["maxout", "layernorm"] * 4, "precomputable_affine", "linear"]
    if kinds != expected or lower.get_dim("nF") != FEATURES:
        raise ValueError(f"parser: found layers {kinds}, expected {expected} and {FEATURES} words")
    # spaCy would also work out of each new word whether it is like an address, a number, …
    vocab: Any = nlp.vocab
    asked = (attrs.LOWER, attrs.NORM, attrs.PREFIX, attrs.SHAPE, attrs.SUFFIX)
    getters = vocab.lex_attr_getters
    vocab.lex_attr_getters = {a: getters[a] for a in asked}
    layers = [_maxout(*encode[i : i + 2]) for i in range(0, len(encode), 2)]
    hidden, pieces, inputs = (lower.get_dim(name) for name in ("nO", "nP", "nI"))
    by_piece = lower.get_param("W").transpose(3, 0, 2, 1)  # inputs, features, pieces, hidden
    missing = lower.get_param("pad")[0].transpose(0, 2, 1)
    return Network(
        nlp, tok2vec.get_ref("embed"), layers, _linear(reduce),
        (np.ascontiguousarray(by_piece.reshape(inputs, -1)), missing.reshape(-1)),
        Scorer(lower.get_param("b").T.reshape(hidden * pieces), *_linear(upper)),
    )  # fmt: skip


def _maxout(layer: Any, norm: Any) -> _Maxout:
    weights = layer.get_param("W").transpose(2, 1, 0)  # inputs, pieces, width
    return _Maxout(
        np.ascontiguousarray(weights.reshape(len(weights), -1)),
        layer.get_param("b").T.reshape(-1),
        norm.get_param("G"),
        norm.get_param("b"),
    )


def _linear(layer: Any) -> tuple[Floats, Floats]:
    return np.ascontiguousarray(layer.get_param("W").T), layer.get_param("b")
