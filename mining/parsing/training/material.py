"""The trees that the weights are trained on: treebanks, copies of them, generated sentences."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from mining.parsing.training.augment import (
    blank_words,
    disguise_words,
    fragments,
    lower,
    telegraphic,
    without_final_dot,
)
from mining.parsing.training.grammar import Grammar, read_grammar
from mining.parsing.training.treebanks import Tree, read_conllu

__all__ = ["GRAMMAR_FOLDER", "Mix", "generate_sentences", "training_trees"]

GRAMMAR_FOLDER = Path(__file__).parent / "grammar"
_TRAINING_FILES = ("ewt-train.conllu", "genia-train.conllu")


@dataclass(frozen=True, slots=True)
class Mix:
    """How much of what; shares are of the treebank sentences."""

    seed: int = 11
    radiology: int = 9000  # generated sentences
    clinical: int = 4500
    disguised: float = 0.50  # of the generated: sentences in which long words become unknown ones
    telegraphic: float = 0.10
    fragments: float = 0.03  # of all noun phrases
    final_dot_dropped: float = 0.30
    blanked: float = 0.12  # sentences in which some words become "xxxx"


def training_trees(treebanks: Path, mix: Mix) -> list[Tree]:
    """Return the trees to train on, all in lower case; the same ones for the same `mix`.

    Sentences with an arc labelled "dep" (in GENIA: a missing head) give their fragments only.
    """
    random = Random(mix.seed)
    trees: list[Tree] = []
    for name in _TRAINING_FILES:
        for tree in map(lower, read_conllu(treebanks / name)):
            trees.extend(_copies(tree, mix, random))
    grammar = read_grammar(sorted(GRAMMAR_FOLDER.glob("*.dep")))
    for name, count in (("RADIOLOGY", mix.radiology), ("CLINICAL", mix.clinical)):
        for tree in generate_sentences(grammar, name, count, random):
            unknown = random.random() < mix.disguised
            trees.append(disguise_words(tree, random, share=0.4) if unknown else tree)
    return [
        blank_words(tree, random, share=0.12) if random.random() < mix.blanked else tree
        for tree in trees
    ]


def generate_sentences(
    grammar: Grammar, name: str, count: int, random: Random, *, longest: int = 60
) -> Iterator[Tree]:
    """Return `count` sentences of the phrase `name`, three in four with a full stop."""
    made = 0
    while made < count:
        tree = grammar.generate(name, random)
        if len(tree) <= longest:
            made += 1
            yield _with_final_dot(tree) if random.random() < 0.75 else tree


def _copies(tree: Tree, mix: Mix, random: Random) -> Iterator[Tree]:
    for fragment in fragments(tree, random):
        if random.random() < mix.fragments:
            yield _with_final_dot(fragment) if random.random() < 0.5 else fragment
    if "dep" in tree.labels:
        return
    yield without_final_dot(tree) if random.random() < mix.final_dot_dropped else tree
    if random.random() < mix.telegraphic:
        shortened = telegraphic(tree, random)
        if shortened is not None:
            yield shortened


def _with_final_dot(tree: Tree) -> Tree:
    root = tree.labels.index("root")
    return Tree((*tree.words, "."), (*tree.heads, root), (*tree.labels, "punct"))
