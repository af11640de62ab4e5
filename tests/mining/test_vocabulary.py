"""Every phrase's own example sentences, and what the vocabulary files may not hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from mining.concepts import Found, PhraseMatcher
from mining.examples import read_example, tokens_of
from mining.reading import cut
from mining.vocabulary import PatternError, VocabularyError, load_vocabulary

VOCABULARY = load_vocabulary()
MATCHER = PhraseMatcher(VOCABULARY)


def _find(sentence: str, finding: str, form: str | None = None) -> list[Found]:
    found = MATCHER.find(cut(sentence).words)
    return [f for f in found if f.finding == finding and form in (None, f.form)]


def _examples(kind: str) -> list[object]:
    return [
        pytest.param(entry.name, phrase.form, sentence, id=f"{entry.name}.{phrase.form}-{n}")
        for entry in VOCABULARY.entries
        for phrase in entry.phrases
        for n, sentence in enumerate(getattr(phrase, kind), 1)
    ]


@pytest.mark.parametrize(("finding", "form", "marked"), _examples("yes"))
def test_a_phrase_finds_what_its_sentence_marks(finding: str, form: str, marked: str) -> None:
    example = read_example(marked)
    wanted = tokens_of(cut(example.text).offsets, example.spans)
    assert [list(f.tokens) for f in _find(example.text, finding, form)] == [wanted]


@pytest.mark.parametrize(("finding", "form", "sentence"), _examples("no"))
def test_a_phrase_leaves_its_near_miss_alone(finding: str, form: str, sentence: str) -> None:
    assert _find(sentence, finding, form) == []


@pytest.mark.parametrize(
    ("finding", "marked"),
    [
        pytest.param(e.name, s, id=f"{e.name}-{n}")
        for e in VOCABULARY.entries
        for n, look_alike in enumerate(e.look_alikes)
        for s in look_alike.yes
    ],
)
def test_a_look_alike_is_not_the_finding(finding: str, marked: str) -> None:
    example = read_example(marked)
    covered = set(tokens_of(cut(example.text).offsets, example.spans))
    assert not any(covered & set(f.tokens) for f in _find(example.text, finding))


def test_the_longest_phrase_wins() -> None:
    assert [f.tokens for f in _find("small pleural effusion", "Effusion")] == [(1, 2)]


def test_a_gap_is_no_part_of_the_mention() -> None:
    [found] = _find("the heart is mildly enlarged", "Cardiomegaly")
    assert (found.form, found.tokens) == ("heart_enlarged", (1, 4))


def test_a_gap_crosses_no_stop_word() -> None:
    found = _find("the heart and the enlarged hila", "Cardiomegaly", "heart_enlarged")
    assert found == []


PHRASE = '[[phrase]]\nform = "f"\npatterns = ["{}"]\nyes = ["[a]"]\nno = ["b"]\n'
HEAD = 'name = "Own"\ndefinition = "d"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + PHRASE.format("@list"), "expected a list of [words]"),
        (HEAD + PHRASE.format("a ~3"), "none after a gap"),
        (HEAD + PHRASE.format("[a b]"), "brackets around one item"),
        (HEAD + PHRASE.format("[a]"), "at least one word that is not optional"),
        (HEAD + 'colour = "red"\n' + PHRASE.format("a"), "unknown keys ['colour']"),
        (HEAD, "no `phrase`"),
        ("name =", "no valid TOML"),
    ],
    ids=["list", "gap", "brackets", "optional", "key", "no phrase", "toml"],
)
def test_a_bad_vocabulary_file_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "own.toml"
    file.write_text(text)
    with pytest.raises((VocabularyError, PatternError), match=r"own\.toml") as caught:
        load_vocabulary([file])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "phrase", "sentence"),
    [
        ("Tuberculosis", "tuberculosis|tb|tuberculous [disease]", "No active tuberculosis."),
        ("Pneumomediastinum", "pneumomediastinum", "Small pneumomediastinum."),
    ],
)
def test_a_new_finding_is_one_file(tmp_path: Path, name: str, phrase: str, sentence: str) -> None:
    file = tmp_path / "new.toml"
    file.write_text(f'name = "{name}"\ndefinition = "d"\n' + PHRASE.format(phrase))
    [found] = PhraseMatcher(load_vocabulary([file])).find(cut(sentence).words)
    assert found.finding == name
