"""The recipe: reading treebanks, copies of trees, scores, the list probe, a run in small."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from mining.parsing import Parse, UnknownLabelError, Unparsed
from mining.parsing.embedded import load_embedded
from mining.parsing.training.augment import (
    blank_words,
    disguise_words,
    fragments,
    lower,
    telegraphic,
    without_final_dot,
)
from mining.parsing.training.grammar import read_grammar
from mining.parsing.training.list_probe import (
    GATE,
    GATE_LISTS,
    generated_lists,
    listed_heads,
    probe,
    reached_from,
    training_nouns,
)
from mining.parsing.training.material import GRAMMAR_FOLDER, Mix, generate_sentences, training_trees
from mining.parsing.training.saving import save_weights
from mining.parsing.training.score import score_pipeline, score_trees
from mining.parsing.training.train import Settings, train
from mining.parsing.training.treebanks import (
    TREEBANK_FILES,
    Tree,
    TreebankError,
    check_treebanks,
    read_conllu,
)
from mining.tokens import tokenize

_CONLLU = """# text = There's -LRB-no edema-RRB-.
1-2\tThere's\t_\t_\t_\t_\t_\t_\t_\t_
1\tThere\t_\t_\t_\t_\t2\texpl\t_\t_
2\t's\t_\t_\t_\t_\t0\troot\t_\t_
2.1\tnow\t_\t_\t_\t_\t_\t_\t_\t_
3\t-LRB-\t_\t_\t_\t_\t5\tpunct\t_\t_
4\tno\t_\t_\t_\t_\t5\tdet\t_\t_
5\tEDEMA\t_\t_\t_\t_\t2\tnsubj\t_\t_

1\tClear\t_\t_\t_\t_\t0\troot\t_\t_
"""
_SENTENCE = Tree(
    ("The", "heart", "is", "enlarged", "without", "a", "large", "effusion", "."),
    (1, 3, 3, 3, 7, 7, 7, 3, 3),
    ("det", "nsubj", "cop", "root", "case", "det", "amod", "obl", "punct"),
)


def test_conllu_is_read_without_multiword_and_empty_tokens(tmp_path: Path) -> None:
    path = tmp_path / "a.conllu"
    path.write_text(_CONLLU)
    first, second = read_conllu(path)
    assert first.words == ("There", "'s", "(", "no", "EDEMA")
    assert first.heads == (1, 1, 4, 4, 1)
    assert second == Tree(("Clear",), (0,), ("root",))


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("\tnsubj\t", "\tsubject\t", UnknownLabelError),
        ("\t5\tdet\t_\t_", "\t5\tdet", TreebankError),
        ("\t5\tdet", "\t9\tdet", TreebankError),
    ],
)
def test_broken_conllu_is_refused(
    tmp_path: Path, old: str, new: str, error: type[Exception]
) -> None:
    path = tmp_path / "a.conllu"
    path.write_text(_CONLLU.replace(old, new))
    with pytest.raises(error, match="line"):
        list(read_conllu(path))


def test_conllu_in_ud1_is_translated(tmp_path: Path) -> None:
    path = tmp_path / "a.conllu"
    path.write_text(
        "1\tshows\t_\t_\tVBZ\t_\t0\troot\t_\t_\n2\tno\t_\t_\tDT\t_\t3\tneg\t_\t_\n"
        "3\tedema\t_\t_\tNN\t_\t1\tdobj\t_\t_\n4\tin\t_\t_\tIN\t_\t5\tcase\t_\t_\n"
        "5\tspring\t_\t_\tNN\t_\t1\tnmod\t_\t_\n"
    )
    [tree] = read_conllu(path)
    assert tree.labels == ("root", "det", "obj", "case", "obl")


def test_another_release_of_a_treebank_is_refused_unless_wanted(tmp_path: Path) -> None:
    for name in TREEBANK_FILES:
        (tmp_path / name).write_text(_CONLLU)
    with pytest.raises(TreebankError, match="sha256"):
        check_treebanks(tmp_path)
    check_treebanks(tmp_path, any_version=True)
    (tmp_path / "ewt-dev.conllu").unlink()
    with pytest.raises(TreebankError, match=r"ewt-dev.*no such file"):
        check_treebanks(tmp_path, any_version=True)


def test_telegraphic_copies_lose_copula_and_articles() -> None:
    tree = telegraphic(_SENTENCE, Random(0))
    assert tree is not None
    assert " ".join(tree.words) == "heart enlarged without large effusion ."
    assert tree.heads == (1, 1, 4, 4, 1, 1)


def test_a_sentence_without_copula_and_article_has_no_telegraphic_copy() -> None:
    assert telegraphic(Tree(("no", "edema"), (1, 1), ("det", "root")), Random(0)) is None


def test_a_fragment_is_a_noun_phrase_without_its_preposition() -> None:
    found = {" ".join(t.words) for seed in range(8) for t in fragments(_SENTENCE, Random(seed))}
    assert found == {"a large effusion", "no large effusion"}


def test_lower_case_final_dot_and_blanks_keep_the_arcs() -> None:
    low = lower(_SENTENCE)
    assert low.words[0] == "the" and low.heads == _SENTENCE.heads
    assert without_final_dot(low).words[-1] == "effusion"
    blank = blank_words(low, Random(0), share=1.0)
    assert blank.words == ("the", "xxxx", "is", "xxxx", "xxxx", "a", "xxxx", "xxxx", ".")


def test_disguised_words_keep_length_ending_and_arcs() -> None:
    tree = disguise_words(lower(_SENTENCE), Random(0), share=1.0)
    assert (tree.heads, tree.labels) == (_SENTENCE.heads, _SENTENCE.labels)
    for before, after in zip(lower(_SENTENCE).words, tree.words, strict=True):
        assert (len(after), after[-4:]) == (len(before), before[-4:])
        assert (after != before) == (len(before) > 6)


def test_missing_arcs_and_punctuation_are_not_scored() -> None:
    gold = Tree(("a", "b", ",", "c"), (1, 1, 1, 1), ("det", "root", "punct", "dep"))
    wrong = [(gold, (1, 1, 3, 2), ("det", "root", "punct", "obj"))]
    assert score_trees(wrong).uas == 1.0
    assert score_trees(wrong, punctuation=True).uas == pytest.approx(2 / 3)


def test_conjuncts_are_reached_from_the_cue_and_modifiers_climbed_only_when_asked() -> None:
    heads, labels = (1, 2, 2, 4, 2), ("det", "amod", "root", "cc", "conj")
    tree = Parse((0, 2, 4, 6, 8), (1, 3, 5, 7, 9), heads, labels)
    assert reached_from(tree, 0) == {1}
    assert reached_from(tree, 0, climb=True) == {2, 4}


def test_an_unparsed_sentence_reaches_nothing() -> None:
    score = probe([(Unparsed("too long"), 0, {1, 2})])
    assert (score.listed, score.reached, score.whole) == (2, 0, 0)


@pytest.mark.parametrize(
    ("text", "heads"),
    [
        ("No effusion, pneumothorax, or consolidation.", {1, 3, 6}),
        ("No large effusion or edema in the lungs, no mass.", {2, 4}),
        ("No lytic or destructive lesion.", set()),
        ("Effusion or edema.", set()),
        ("No effusion.", set()),
    ],
)
def test_listed_heads(text: str, heads: set[int]) -> None:
    assert listed_heads(text, training_nouns()) == heads


def test_the_probe_shares_no_finding_with_the_training_grammar() -> None:
    grammar = read_grammar(sorted(GRAMMAR_FOLDER.glob("*.dep")))
    trained = {
        word
        for name in ("RADIOLOGY", "CLINICAL")
        for tree in generate_sentences(grammar, name, 6000, Random(0))
        for word in tree.words
    }
    lists = generated_lists(400)
    listed = {text.split()[head] for text, _, heads in lists for head in heads}
    assert listed & trained == set()
    assert all(len(tokenize(text)) == len(text.split()) for text, _, _ in lists)


def test_the_shipped_weights_pass_the_gate() -> None:
    lists = generated_lists(GATE_LISTS)
    parses = load_embedded().parse([text for text, _, _ in lists])
    score = probe((p, cue, heads) for p, (_, cue, heads) in zip(parses, lists, strict=True))
    assert score.share >= GATE


@pytest.fixture(scope="module")
def tiny_trees() -> list[Tree]:
    grammar = read_grammar(sorted(GRAMMAR_FOLDER.glob("*.dep")))
    return list(generate_sentences(grammar, "RADIOLOGY", 150, Random(4)))


def _weights(trees: list[Tree], folder: Path) -> Iterator[tuple[str, bytes]]:
    settings = Settings(epochs=2, width=32, rows=(200, 100, 100, 100), min_label_count=1)
    for _, nlp in train(trees, settings):
        save_weights(nlp, folder)
        assert score_pipeline(nlp, trees).tokens > 500
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        yield path.name, path.read_bytes()


def test_the_same_trees_give_the_same_bytes(tiny_trees: list[Tree], tmp_path: Path) -> None:
    first = list(_weights(tiny_trees, tmp_path / "a"))
    assert first == list(_weights(tiny_trees, tmp_path / "b"))
    meta = json.loads((tmp_path / "a" / "meta.json").read_text())
    assert meta["license"] == "CC BY-SA 4.0"
    assert load_embedded(tmp_path / "a").parse(["No edema."])


_DATA = os.environ.get("CXRMINE_DATA")


@pytest.mark.skipif(not _DATA, reason="CXRMINE_DATA names no folder with treebanks")
def test_the_treebanks_are_the_known_ones_and_give_the_same_material_twice() -> None:
    folder = Path(str(_DATA)) / "treebanks"
    check_treebanks(folder)
    mix = Mix(radiology=50, clinical=50)
    trees = training_trees(folder, mix)
    assert trees == training_trees(folder, mix)
    assert not any("dep" in tree.labels for tree in trees)
    assert all(word == word.lower() or not word.isascii() for t in trees[:500] for word in t.words)
