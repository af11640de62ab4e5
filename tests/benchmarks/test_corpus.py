"""Reports are read once, by the pipeline's own parts, and never those of the test split."""

from pathlib import Path

import pytest

from benchmarks.corpus import Corpus, audited_gold, cut_reports, find_mentions, labels_of
from benchmarks.road import judged_mentions, read_sentences
from mining.concepts.phrases import PhraseMatcher
from mining.explain import explain_text
from mining.parsing import load_parser
from mining.profiles import load_profile
from mining.resources import load_resources
from mining.settings import MiningSettings
from tests.benchmarks.conftest import HELD_OUT, REPORTS


def test_gold_has_neither_the_test_split_nor_unindexed_reports(openi_folder: Path) -> None:
    gold = audited_gold(source=str(openi_folder))
    assert set(gold["report_id"].to_pylist()) == {f"CXR{n}" for n in range(1, 7)}


def test_gold_csv_leaves_out_the_same_reports(openi_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "gold.csv"
    rows = "".join(f"{name},0\n" for name, _, _ in REPORTS)
    path.write_text(f"filename,Mass\n{rows}", encoding="utf-8")
    gold = audited_gold(str(path), str(openi_folder))
    assert not {HELD_OUT, "CXR7"} & set(gold["report_id"].to_pylist())
    assert gold.num_rows == 6


def test_a_sentence_that_stands_twice_is_read_once() -> None:
    corpus = cut_reports(
        {"A": "FINDINGS: No effusion. Clear lungs.", "B": "FINDINGS: No effusion."}
    )
    assert corpus.texts == ("No effusion.", "Clear lungs.")
    assert corpus.sentences_of == ((0, 1), (0,))


@pytest.mark.parametrize("text", ["Heart size is normal.", "There is a rib fracture."])
def test_words_that_bear_on_no_finding_are_not_asked_about(
    text: str, matcher: PhraseMatcher
) -> None:
    [sentence] = find_mentions([text], matcher)
    assert matcher.find(sentence.sentence.words)
    assert sentence.found == ()


@pytest.mark.parametrize("profile", ["openi-mesh", "clinical"])
def test_labels_are_those_of_the_pipeline(made_up: Corpus, profile: str) -> None:
    settings = MiningSettings(profile=profile)
    reading, _ = read_sentences(made_up.texts, load_resources(settings).reader, load_parser())
    table = labels_of(made_up, judged_mentions(reading), load_profile(profile))
    texts = {name: f"FINDINGS: {text}" for name, text, _ in REPORTS}
    for row in table.to_pylist():
        expected = explain_text(texts[row["report_id"]], settings).labels
        mined = {name: row[name] for name in expected}
        assert mined == {name: verdict.value for name, verdict in expected.items()}
