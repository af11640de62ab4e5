"""scispaCy's linker over the vocabulary: which misspelt words it finds, and which it lets be."""

from __future__ import annotations

import json
import string
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mining.concepts import Found, LinkedMatcher, Linker, LinkerMissingError, PhraseMatcher
from mining.concepts.knowledge import aliases_of, write_entities
from mining.concepts.linker import edit_distance, load_linker_settings
from mining.finding_sets import load_finding_set
from mining.fingerprints import stage_fingerprint
from mining.parsing import load_parser
from mining.reading import SentenceReader, cut, read_all
from mining.resources import load_resources
from mining.settings import MiningSettings

VOCABULARY = load_finding_set("chestxray14").vocabulary
PHRASES = PhraseMatcher(VOCABULARY)
LINKER = Linker(VOCABULARY)


@pytest.fixture(scope="module")
def linker() -> Linker:
    return Linker(VOCABULARY)


@pytest.fixture(scope="module")
def both(linker: Linker) -> LinkedMatcher:
    return LinkedMatcher(PHRASES, linker)


def _found(matcher: LinkedMatcher, sentence: str) -> dict[str, Found]:
    found = matcher.find(cut(sentence).words)
    return {f.finding: f for f in found if f.finding != "Other"}


@pytest.mark.parametrize(
    ("sentence", "finding", "source"),
    [
        ("There are bilateral pneumothoracies.", "Pneumothorax", "phrase"),
        ("Mild cardiomegally.", "Cardiomegaly", "phrase"),
        ("Some atelectatic changes.", "Atelectasis", "phrase"),
        ("A small effusoin.", "Effusion", "linker"),
        ("Dense consolidatoin.", "Consolidation", "linker"),
        ("Severe emphesema.", "Emphysema", "linker"),
        ("A tiny pnumothorax.", "Pneumothorax", "linker"),
        ("Some atalectasis.", "Atelectasis", "linker"),
        ("The heart is mildly enlargeed.", "Cardiomegaly", "linker"),
        ("Mild pulmonaary edema.", "Edema", "both"),
        ("The costophernic angle is blunted.", "Effusion", "linker"),
        ("There is cardio megaly.", "Cardiomegaly", "linker"),
        ("Dense consoli dation at the base.", "Consolidation", "linker"),
        ("Both loculatde effusions persist.", "Effusion", "both"),
    ],
)
def test_a_misspelt_finding_is_found(
    both: LinkedMatcher, sentence: str, finding: str, source: str
) -> None:
    found = _found(both, sentence)[finding]
    assert found.source == source
    assert (found.similarity is None) is (source == "phrase")
    assert found.similarity is None or 0.5 <= found.similarity <= 1


@pytest.mark.parametrize(
    "sentence",
    [
        "An effusive welcome.",
        "Status post mastectomy.",
        "She had a noodle soup.",
        "Contrast injection at the elbow.",
        "The module was replaced.",
        "A loose connection.",
        "I was thinking of lessons for the inflected forms.",
        "Sparing of the bases.",
        "The lungs are hypoventilated.",
        "Massive improvement with emphasis on the left.",
    ],
)
def test_a_word_of_its_own_is_no_misspelling(both: LinkedMatcher, sentence: str) -> None:
    assert _found(both, sentence) == {}


def test_a_small_vocabulary_takes_no_word_of_the_large_one_for_its_own() -> None:
    reader = load_resources(MiningSettings(findings="chestxray8", concepts="both")).reader
    sentence = "Mild emphysema, fibrosis and edema."
    assert [m.found.finding for m in reader.read(sentence, None)] == []


@pytest.mark.parametrize("entry", VOCABULARY.entries, ids=lambda e: e.name)
def test_what_the_phrases_find_stays_as_it_is(both: LinkedMatcher, entry: object) -> None:
    sentences = [t for p in entry.phrases for t in (*p.yes, *p.no)]  # type: ignore[attr-defined]
    for sentence in sentences:
        words = cut(sentence.replace("[", "").replace("]", "")).words
        assert both.find(words) == PHRASES.find(words)


def test_the_linker_alone_gives_what_rests_on_a_link(linker: Linker) -> None:
    alone = LinkedMatcher(PHRASES, linker, phrases=False)
    assert list(_found(alone, "Small effusoin and a nodule.")) == ["Effusion"]
    assert _found(alone, "A nodule.") == {}


def test_a_look_alike_that_is_misspelt_does_not_lose_the_phrase(both: LinkedMatcher) -> None:
    assert _found(both, "A subcutanous emphysema.").keys() == {"Emphysema"}


def test_a_finding_may_want_more_similarity() -> None:
    strict = replace(load_linker_settings(), findings={"Effusion": 0.95})
    matcher = LinkedMatcher(PHRASES, Linker(VOCABULARY, strict))
    assert _found(matcher, "Small effusoin, severe emphesema.").keys() == {"Emphysema"}


def test_a_linked_mention_is_judged_like_any_other(both: LinkedMatcher) -> None:
    reader = SentenceReader(both, load_resources(MiningSettings()).book)
    text = "No pleural effusoin."
    [[mention]] = read_all([text], reader, load_parser("embedded"))
    assert (mention.ruling.verdict, mention.found.source) == ("absent", "linker")
    assert text[mention.start : mention.end] == "pleural effusoin"


@pytest.mark.parametrize("library", ["nmslib", "scispacy", "sklearn"])
def test_a_library_that_is_missing_is_told_before_any_work(
    monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(LinkerMissingError, match=f"{library}.*--concepts phrases") as error:
        Linker(VOCABULARY)
    assert "\n" not in str(error.value)


def test_a_library_that_is_broken_is_told_and_not_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = LinkedMatcher(PHRASES, Linker(VOCABULARY))
    monkeypatch.setitem(sys.modules, "scispacy.candidate_generation", None)
    assert _found(broken, "A small effusion.").keys() == {"Effusion"}
    with pytest.raises(LinkerMissingError, match="candidate_generation"):
        broken.find(cut("A small effusoin.").words)


def test_nothing_is_loaded_while_no_link_is_possible() -> None:
    fresh = Linker(VOCABULARY)
    assert fresh.links(cut("The zebra drank orangeade in Timbuktu.").words) == {}
    assert fresh._generator is None
    assert fresh.links(cut("A zebra with effusoin.").words)[3].word in {"effusion", "effuson"}
    assert fresh._generator is not None


@given(st.sampled_from(sorted(aliases_of(VOCABULARY, 6))), st.data())
def test_no_possible_link_is_passed_over(alias: str, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["lost", "added", "changed", "swapped"]))
    at = data.draw(st.integers(1, len(alias) - 2))
    letter = data.draw(st.sampled_from(string.ascii_lowercase))
    word = {
        "lost": alias[:at] + alias[at + 1 :],
        "added": alias[:at] + letter + alias[at:],
        "changed": alias[:at] + letter + alias[at + 1 :],
        "swapped": alias[:at] + alias[at + 1] + alias[at] + alias[at + 2 :],
    }[kind]
    near = {a for w in LINKER._without_letters(word) for a in LINKER._near.get(w, ())}
    assert alias in near or len(word) < LINKER.settings.shortest


class Counting(Linker):
    """A linker that keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(VOCABULARY)
        self.asked: list[str] = []

    def _ask(self, unknown: set[str]) -> None:
        self.asked += sorted(unknown)
        super()._ask(unknown)


def test_each_unknown_word_is_asked_once() -> None:
    linker = Counting()
    sentences = [["qwertzui", "effusoin", f"zyx{n}wvut"] for n in range(50)]
    links = [linker.links(words) for words in [*sentences, *sentences]]
    assert len(linker.asked) == len(set(linker.asked)) == 52
    assert all(own.keys() == {1} for own in links)


def test_words_without_a_link_are_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mining.concepts.linker._REMEMBERED", 100)
    linker = Counting()
    links = [linker.links(["effusoin", f"zyxwvut{n}"]) for n in range(1000)]
    assert len(linker._looked) <= 102
    assert all(own[0].word == links[0][0].word for own in links)
    assert linker.asked.count("effusoin") == 1


@pytest.mark.parametrize("length", [8, 12, 15, 40, 60_000])
def test_the_work_for_a_word_is_bounded(length: int) -> None:
    word = ("efusionatlc" * (length // 11 + 1))[:length]
    longest = LINKER._longest
    tried = sum(1 for _ in LINKER._without_letters(word[:longest]))
    assert tried <= longest**2 / 2
    assert len(word) <= longest or not LINKER._possible(word)


def test_entities_have_scispacys_form(tmp_path: Path) -> None:
    file = tmp_path / "knowledge.jsonl"
    count = write_entities(VOCABULARY, file, 6)
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(rows) == count == len({row["concept_id"] for row in rows})
    keys = {"concept_id", "canonical_name", "aliases", "types", "definition"}
    assert all(set(row) == keys and row["canonical_name"] in row["aliases"] for row in rows)
    assert "pneumothorax" in next(
        row["aliases"] for row in rows if row["concept_id"] == "Pneumothorax:pneumothorax"
    )


def test_the_linker_is_part_of_the_address_only_where_it_is_used() -> None:
    assert "linker" not in stage_fingerprint("mine", MiningSettings(concepts="phrases"))
    assert "scispacy" in stage_fingerprint("mine", MiningSettings())["linker"]


@given(st.text("abcde", max_size=8), st.text("abcde", max_size=8))
def test_the_distance_is_one_between_two_words(one: str, other: str) -> None:
    distance = edit_distance(one, other, 20)
    assert distance == edit_distance(other, one, 20)
    assert (distance == 0) is (one == other)
    assert abs(len(one) - len(other)) <= distance <= max(len(one), len(other))
    assert edit_distance(one, other, 1) == min(distance, 2)
