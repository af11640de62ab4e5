"""Generated sentences: the notation, its errors, and that the shipped grammar makes good trees."""

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from mining.parsing import Parse
from mining.parsing.training.grammar import Grammar, GrammarError, read_grammar
from mining.parsing.training.material import GRAMMAR_FOLDER, generate_sentences
from mining.parsing.training.treebanks import Tree


def _grammar(tmp_path: Path, text: str) -> Grammar:
    path = tmp_path / "g.dep"
    path.write_text(text)
    return read_grammar([path])


def _only(tmp_path: Path, body: str) -> Tree:
    return _grammar(tmp_path, f"S\n  {body}\n").generate("S", Random(0))


def test_dependents_hang_on_the_element_without_a_label(tmp_path: Path) -> None:
    tree = _only(tmp_path, "there/expl is [no/det edema [in/case lung]/nmod]/nsubj ./punct")
    assert tree == Tree(
        ("there", "is", "no", "edema", "in", "lung", "."),
        (1, 1, 3, 1, 5, 3, 1),
        ("expl", "root", "det", "nsubj", "case", "nmod", "punct"),
    )


def test_a_slot_keeps_its_own_dependents_and_gains_those_around_it(tmp_path: Path) -> None:
    grammar = _grammar(tmp_path, "S\n  no/det {NP} ./punct\nNP = pleural/amod effusion\n")
    tree = grammar.generate("S", Random(0))
    assert tree.words == ("no", "pleural", "effusion", ".")
    assert tree.heads == (2, 2, 2, 2)


def test_a_slash_can_be_a_word(tmp_path: Path) -> None:
    tree = _only(tmp_path, "edema [//cc mass]/conj")
    assert (tree.words, tree.labels) == (("edema", "/", "mass"), ("root", "cc", "conj"))


def test_choices_options_and_weights_are_random_but_repeatable(tmp_path: Path) -> None:
    grammar = _grammar(tmp_path, "S\n  9  a|b ./punct?\n  1  c\n")
    made = Counter(" ".join(grammar.generate("S", Random(seed)).words) for seed in range(500))
    assert set(made) == {"a", "b", "a .", "b .", "c"}
    assert 20 < made["c"] < 100
    assert grammar.generate("S", Random(3)) == grammar.generate("S", Random(3))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("S\n  a b\n", "2 heads"),
        ("S\n  a/det\n", "0 heads"),
        ("S\n  a?\n", "0 heads"),
        ("S\n  a b/dobj\n", "'dobj'"),
        ("S\n  a [b/det c\n", r"\[ without \]"),
        ("S\n  a ]/det\n", r"\] without \["),
        ("S\n  {NOWHERE}\n", "'NOWHERE'"),
        ("s = a\n", "'s'"),
        ("  a\n", "without a name"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, text: str, found: str) -> None:
    with pytest.raises(GrammarError, match=rf"g\.dep:\d+: found .*{found}"):
        _grammar(tmp_path, text)


@pytest.fixture(scope="module")
def shipped() -> Grammar:
    return read_grammar(sorted(GRAMMAR_FOLDER.glob("*.dep")))


@pytest.mark.parametrize("name", ["RADIOLOGY", "CLINICAL"])
def test_every_generated_sentence_is_one_projective_tree(shipped: Grammar, name: str) -> None:
    for tree in generate_sentences(shipped, name, 1500, Random(1)):
        count = len(tree)
        Parse(tuple(range(count)), tuple(range(1, count + 1)), tree.heads, tree.labels)
        arcs = [(min(i, h), max(i, h)) for i, h in enumerate(tree.heads)]
        assert not any(a < c < b < d for a, b in arcs for c, d in arcs)


def test_the_negative_determiner_always_governs_nothing_and_precedes_its_noun(
    shipped: Grammar,
) -> None:
    for tree in generate_sentences(shipped, "RADIOLOGY", 1500, Random(2)):
        for token, word in enumerate(tree.words):
            if word == "no" and tree.labels[token] == "det":
                assert tree.heads[token] > token
                assert token not in tree.heads


def test_every_phrase_of_the_shipped_grammar_is_used(shipped: Grammar) -> None:
    used = {"RADIOLOGY", "CLINICAL"}
    for _, alternatives in shipped.phrases.values():
        pending = [element for phrase in alternatives for element in phrase]
        while pending:
            element = pending.pop()
            used.add(element.slot)
            pending.extend(element.phrase)
    assert set(shipped.phrases) - used == set()
