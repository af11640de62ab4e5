"""The trees that the weights are trained on: treebanks, copies of them, generated sentences."""

from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from random import Random

from mining.parsing.training.augment import (
    blank_words,
    fragments,
    lower,
    telegraphic,
    without_final_dot,
)
from mining.parsing.training.grammar import Grammar, read_grammar
from mining.parsing.training.treebanks import Tree, read_conllu

__all__ = ["GRAMMAR_FOLDER", "Mix", "generate_sentences", "training_trees"]

GRAMMAR_FOLDER = Path(__file__).parent / "grammar"
_NOUN_ROLES = frozenset({"nsubj", "nsubj:pass", "obj", "obl", "nmod", "conj"})
_OF_A_NOUN = frozenset({"det", "amod"})
_TRAINING_FILES = ("ewt-train.conllu", "genia-train.conllu")


@dataclass(frozen=True, slots=True)
class Mix:
    """How much of what; shares are of the treebank sentences."""

    seed: int = 11
    radiology: int = 9000  # generated sentences
    clinical: int = 4500
    foreign_words: float = 0.25  # of the findings and adjectives in them: words of the treebanks
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
    grammar = _with_treebank_words(trees, mix)
    trees.extend(generate_sentences(grammar, "RADIOLOGY", mix.radiology, random))
    trees.extend(generate_sentences(grammar, "CLINICAL", mix.clinical, random))
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


def _with_treebank_words(trees: list[Tree], mix: Mix) -> Grammar:
    """Return the grammar, its findings and adjectives mixed with the treebanks' own words.

    So a list is learned by its build, not by the words that usually stand in it.
    """
    nouns = sorted({word for tree in trees for word in _words_with(tree, _NOUN_ROLES, noun=True)})
    adjectives = sorted({word for tree in trees for word in _words_with(tree, {"amod"})})
    grammar = read_grammar(sorted(GRAMMAR_FOLDER.glob("*.dep")))
    for name in ("FINDING", "SYMPTOM", "DISEASE"):
        grammar = grammar.with_words(name, nouns, share=mix.foreign_words)
    for name in ("FINDING_ADJ", "CLINICAL_ADJ"):
        grammar = grammar.with_words(name, adjectives, share=mix.foreign_words)
    return grammar


def _words_with(tree: Tree, roles: Set[str], *, noun: bool = False) -> Iterator[str]:
    """Return the plain words in one of the roles; a noun must have a determiner or adjective."""
    described = {
        head for head, label in zip(tree.heads, tree.labels, strict=True) if label in _OF_A_NOUN
    }
    for token, word in enumerate(tree.words):
        plain = word.isalpha() and len(word) > 2
        if plain and tree.labels[token] in roles and (token in described or not noun):
            yield word


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
