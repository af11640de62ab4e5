"""The training loop: trees in, a spaCy pipeline with one parser out, the same bytes every time."""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Adam, fix_random_seed

from mining.parsing.training.treebanks import Tree

__all__ = ["Settings", "new_pipeline", "to_doc", "to_unparsed_doc", "train"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the weights depend on beside the trees."""

    seed: int = 7
    epochs: int = 8  # more gain on treebanks, and lose unknown words in lists
    batch_words: int = 1000  # about 70 sentences
    dropout: float = 0.15
    learn_rate: float = 0.001
    decay_from: float = 0.6  # share of the run after which the learn rate falls to a tenth
    width: int = 96
    depth: int = 4
    min_label_count: int = 20  # a rarer label is learned as "dep"
    rows: tuple[int, ...] = (7000, 1200, 3500, 1500)  # NORM PREFIX SUFFIX SHAPE


# spaCy's number of the move that starts a new sentence: never made, sentences are given.
_BREAK = 4
_ATTRIBUTES = ["NORM", "PREFIX", "SUFFIX", "SHAPE"]


def new_pipeline(settings: Settings) -> Language:
    """Return an English pipeline whose only component is an untrained dependency parser."""
    nlp = spacy.blank("en")
    tok2vec = {
        "@architectures": "spacy.Tok2Vec.v2",
        "embed": {
            "@architectures": "spacy.MultiHashEmbed.v2",
            "width": settings.width,
            "attrs": _ATTRIBUTES,
            "rows": list(settings.rows),
            "include_static_vectors": False,
        },
        "encode": {
            "@architectures": "spacy.MaxoutWindowEncoder.v2",
            "width": settings.width,
            "depth": settings.depth,
            "window_size": 1,
            "maxout_pieces": 3,
        },
    }
    model = {
        "@architectures": "spacy.TransitionBasedParser.v2",
        "state_type": "parser",
        "extra_state_tokens": False,
        "hidden_width": 64,
        "maxout_pieces": 2,
        "use_upper": True,
        "nO": None,
        "tok2vec": tok2vec,
    }
    nlp.add_pipe("parser", config={"model": model, "min_action_freq": settings.min_label_count})
    return nlp


def to_doc(nlp: Language, tree: Tree) -> Doc:
    """Return the tree as a spaCy document, the gold standard of an `Example`."""
    deps = ["ROOT" if label == "root" else label for label in tree.labels]
    return Doc(nlp.vocab, words=list(tree.words), heads=list(tree.heads), deps=deps)


def to_unparsed_doc(nlp: Language, tree: Tree) -> Doc:
    """Return the tree's words as one forced sentence, as the parser gets them at work."""
    return Doc(nlp.vocab, words=list(tree.words), sent_starts=[i == 0 for i in range(len(tree))])


def train(trees: Sequence[Tree], settings: Settings) -> Iterator[tuple[int, Language]]:
    """Yield (epoch, pipeline with averaged weights) after each epoch; save or score it there."""
    fix_random_seed(settings.seed)
    random = Random(settings.seed)
    nlp = new_pipeline(settings)
    examples = [Example(to_unparsed_doc(nlp, tree), to_doc(nlp, tree)) for tree in trees]
    parser: Any = nlp.get_pipe("parser")
    actions = parser.moves.get_actions(examples=examples, min_freq=settings.min_label_count)
    actions[_BREAK] = {"ROOT": 0}
    parser.initialize(lambda: examples, nlp=nlp, labels=actions)
    optimizer = Adam(settings.learn_rate, L2=0.01, grad_clip=1.0, use_averages=True)
    batches_per_epoch = sum(len(tree) for tree in trees) / settings.batch_words
    step = 0
    for epoch in range(settings.epochs):
        began, losses = time.monotonic(), dict[str, float]()
        for batch in _batches(examples, settings.batch_words, random):
            optimizer.learn_rate = _learn_rate(step / batches_per_epoch, settings)
            parser.update(batch, sgd=optimizer, drop=settings.dropout, losses=losses)
            step += 1
        _log.info("epoch %d: loss %.0f, %.0f s", epoch, losses["parser"], time.monotonic() - began)
        with nlp.use_params(optimizer.averages):
            yield epoch, nlp


def _learn_rate(epochs_done: float, settings: Settings) -> float:
    done = epochs_done / settings.epochs
    fallen = max(0.0, done - settings.decay_from) / (1 - settings.decay_from)
    return settings.learn_rate * (1 - 0.9 * min(1.0, fallen))


def _batches(examples: list[Example], words: int, random: Random) -> Iterator[list[Example]]:
    order = list(examples)
    random.shuffle(order)
    batch: list[Example] = []
    size = 0
    for example in order:
        batch.append(example)
        size += len(example.reference)
        if size >= words:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
