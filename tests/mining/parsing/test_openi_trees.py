"""The hand-made trees of real sentences: stand-off, whole, and resolved against the installed text.

No sentence is in this repository. What needs the reports is skipped where torchxrayvision is not
installed; only the reports that carry annotations are opened.
"""

import hashlib
import json
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from defusedxml.ElementTree import fromstring

from mining.audit.holdout import held_out_ids
from mining.ingest import SourceError
from mining.ingest.openi import openi_corpus, report_text
from mining.parsing import Parse
from mining.parsing.parse import InvalidParseError
from mining.tokens import tokenize

FILE = Path(__file__).parents[2] / "data" / "openi_trees.json"
ANNOTATION = json.loads(FILE.read_text(encoding="utf-8"))
ROWS: list[dict[str, Any]] = ANNOTATION["sentences"]


def _name(row: dict[str, Any]) -> str:
    return f"{row['report_id']}:{row['section']}:{row['section_start']}"


def _tree(row: dict[str, Any]) -> Parse:
    starts, ends = zip(*row["tokens"], strict=True)
    return Parse(starts, ends, tuple(row["heads"]), tuple(row["labels"]))


def _label_of_children(tree: Parse, head: int) -> set[str]:
    return {
        label
        for child, label in enumerate(tree.labels)
        if tree.heads[child] == head and child != head
    }


@pytest.fixture(scope="module")
def articles() -> dict[str, Any]:
    """The XML of the annotated reports by report id."""
    try:
        corpus = openi_corpus()
    except SourceError as error:
        pytest.skip(f"no OpenI reports to resolve the annotations against: {error}")
    wanted = {f"{row['report_id'].removeprefix('CXR')}.xml": row["report_id"] for row in ROWS}
    found = {}
    with tarfile.open(corpus) as archive:
        for member in archive:
            report_id = wanted.get(member.name.rpartition("/")[2])
            if report_id and (stream := archive.extractfile(member)):
                found[report_id] = fromstring(stream.read())
    return found


@pytest.fixture(scope="module")
def nodes(articles: dict[str, Any]) -> dict[tuple[str, str], list[str]]:
    """The texts of the sections by report id and label; a label should occur once."""
    texts: dict[tuple[str, str], list[str]] = {}
    for report_id, article in articles.items():
        for node in article.iter("AbstractText"):
            key = (report_id, node.get("Label") or "")
            texts.setdefault(key, []).append("".join(node.itertext()))
    return texts


@pytest.fixture(scope="module")
def sentences(nodes: dict[tuple[str, str], list[str]]) -> list[str]:
    """The annotated sentences in the order of the rows."""
    return [
        nodes[row["report_id"], row["section"]][0][row["section_start"] : row["section_end"]]
        for row in ROWS
    ]


def _digest(sentence: str) -> str:
    return hashlib.sha256(sentence.encode()).hexdigest()[:16]


def test_there_are_enough_sentences_of_every_kind() -> None:
    counts = Counter(row["stratum"] for row in ROWS)
    assert len(ROWS) >= 210
    assert list(counts) == ANNOTATION["strata"]
    assert min(counts.values()) >= 10


def test_no_report_of_the_held_out_split_is_annotated() -> None:
    assert sorted({row["report_id"] for row in ROWS} & held_out_ids()) == []


def test_no_sentence_is_annotated_twice() -> None:
    twice = [key for key, n in Counter(row["sha256"] for row in ROWS).items() if n > 1]
    assert twice == []


def test_sentences_have_3_to_25_tokens() -> None:
    assert [_name(row) for row in ROWS if not 3 <= len(row["tokens"]) <= 25] == []


def test_every_annotation_is_one_tree_of_universal_dependencies() -> None:
    broken = {}
    for row in ROWS:
        try:
            _tree(row)
        except InvalidParseError as error:
            broken[_name(row)] = str(error)
    assert broken == {}


@pytest.mark.parametrize("label", ["punct", "fixed", "expl"])
def test_words_without_dependents_have_none(label: str) -> None:
    governing = [
        _name(row)
        for row in ROWS
        for token, given in enumerate(row["labels"])
        if given == label and _label_of_children(_tree(row), token)
    ]
    assert governing == []


@pytest.mark.parametrize("label", ["case", "mark", "det", "cop", "aux", "aux:pass", "cc"])
def test_function_words_govern_no_content_word(label: str) -> None:
    # "/" and "or" of "and/or" are an exception of the scheme: there "or" is a conjunct.
    allowed = {"fixed", "advmod", "punct", "conj", "cc"}
    governing = [
        _name(row)
        for row in ROWS
        for token, given in enumerate(row["labels"])
        if given == label and _label_of_children(_tree(row), token) - allowed
    ]
    assert governing == []


def test_conjuncts_follow_what_they_are_joined_to() -> None:
    ahead = [
        _name(row)
        for row in ROWS
        for token, label in enumerate(row["labels"])
        if label == "conj" and row["heads"][token] > token
    ]
    assert ahead == []


def test_passive_subjects_have_a_passive_auxiliary_unless_it_was_left_out() -> None:
    bare = [
        _name(row)
        for row in ROWS
        for token, label in enumerate(row["labels"])
        if label == "nsubj:pass"
        and "aux:pass" not in _label_of_children(_tree(row), row["heads"][token])
    ]
    assert len(bare) <= 1  # one telegraphic request


def test_sections_are_named_once_in_their_report(nodes: dict[tuple[str, str], list[str]]) -> None:
    used = {(row["report_id"], row["section"]) for row in ROWS}
    assert {key: len(nodes.get(key, [])) for key in used} == dict.fromkeys(used, 1)


def test_the_sentences_are_those_that_were_annotated(sentences: list[str]) -> None:
    changed = [
        _name(row)
        for row, sentence in zip(ROWS, sentences, strict=True)
        if _digest(sentence) != row["sha256"]
    ]
    assert changed == []


def test_the_tokenizer_cuts_them_as_annotated(sentences: list[str]) -> None:
    otherwise = [
        _name(row)
        for row, sentence in zip(ROWS, sentences, strict=True)
        if [list(token) for token in tokenize(sentence)] != row["tokens"]
    ]
    assert otherwise == []


def test_they_stand_at_their_place_in_the_ingested_report(articles: dict[str, Any]) -> None:
    reports = {report_id: report_text(article) for report_id, article in articles.items()}
    misplaced = [
        _name(row)
        for row in ROWS
        if _digest(reports[row["report_id"]][row["start"] : row["end"]]) != row["sha256"]
    ]
    assert misplaced == []


def test_no_sentence_stands_in_the_file(sentences: list[str]) -> None:
    raw = FILE.read_text(encoding="utf-8").lower()
    told = [
        _name(row)
        for row, sentence in zip(ROWS, sentences, strict=True)
        if sentence.lower().rstrip(".") in raw
    ]
    assert told == []


def test_articles_are_determiners_and_final_stops_hang_on_the_root(sentences: list[str]) -> None:
    wrong = []
    for row, sentence in zip(ROWS, sentences, strict=True):
        tree = _tree(row)
        words = [sentence[a:b] for a, b in zip(tree.starts, tree.ends, strict=True)]
        articles = [t for t, word in enumerate(words) if word.lower() in ("no", "the", "an")]
        if any(tree.labels[token] != "det" for token in articles):
            wrong.append(_name(row))
        if words[-1] == "." and tree.heads[-1] != tree.root:
            wrong.append(_name(row))
    assert wrong == []


def test_every_mark_is_punctuation_and_no_word_is(sentences: list[str]) -> None:
    wrong = []
    for row, sentence in zip(ROWS, sentences, strict=True):
        for (start, end), label in zip(row["tokens"], row["labels"], strict=True):
            word = sentence[start:end]
            is_mark = not any(character.isalnum() for character in word) and word != "/"
            if is_mark != (label == "punct"):
                wrong.append(_name(row))
    assert wrong == []
