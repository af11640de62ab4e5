"""scispaCy's UMLS linker, on a small knowledge base in the files' own formats."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import joblib
import nmslib
import numpy as np
import pytest
from scispacy.linking_utils import KnowledgeBase
from sklearn.feature_extraction.text import TfidfVectorizer
from typer.testing import CliRunner

from data_contracts import MENTIONS, read_table
from flows.cli.app import app
from mining.concepts import LinkerMissingError, PhraseMatcher
from mining.concepts.umls import (
    _INDEX_URL,
    _KNOWLEDGE_URL,
    UmlsLinker,
    UmlsMissingError,
    find_umls,
    noun_chunks,
)
from mining.concepts.umls_matcher import load_umls_settings
from mining.fingerprints import stage_fingerprint
from mining.reading import ReadMention, cut
from mining.resources import load_resources
from mining.settings import MiningSettings

CONCEPTS = {
    "C0032326": ("Pneumothorax", ["aeropleura", "gas in pleural cavity"]),
    "C0013687": ("Effusion", ["pleural liquor"]),
    "C0018800": ("Cardiomegaly", ["macrocardia"]),
    "C0034067": ("Pulmonary emphysema", ["mediastinal emphysema"]),
    "C0149726": ("Lung mass", ["lung mass"]),
    "C0024115": ("Lung disease", ["pneumopathy"]),
    "C0600260": ("Obstructive lung disease", ["volume loss"]),
}
FILES = (
    "nmslib_index.bin", "tfidf_vectorizer.joblib", "tfidf_vectors_sparse.npz",
    "concept_aliases.json", "umls.jsonl",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files as scispaCy writes them: 16-bit vectors, an HNSW graph, a pickled vectorizer."""
    made = tmp_path_factory.mktemp("umls")
    rows = [
        {"concept_id": cui, "canonical_name": name, "aliases": names, "types": ["T047"]}
        for cui, (name, names) in CONCEPTS.items()
    ]
    (made / FILES[4]).write_text("".join(json.dumps(row) + "\n" for row in rows))
    aliases = list(KnowledgeBase(str(made / FILES[4])).alias_to_cuis)
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3), dtype=np.float32)
    vectors = vectorizer.fit_transform(aliases)
    joblib.dump(vectorizer, made / FILES[1])
    np.savez(
        made / FILES[2], data=vectors.data.astype(np.float16), indices=vectors.indices,
        indptr=vectors.indptr, shape=vectors.shape, format=b"csr",
    )  # fmt: skip
    (made / FILES[3]).write_text(json.dumps(aliases))
    index = nmslib.init(
        method="hnsw", space="cosinesimil_sparse", data_type=nmslib.DataType.SPARSE_VECTOR
    )
    index.addDataPointBatch(vectors)
    index.createIndex({"M": 20, "efConstruction": 100, "post": 0, "indexThreadQty": 1})
    index.saveIndex(str(made / FILES[0]))
    return made


@pytest.fixture(scope="module")
def settings(folder: Path) -> MiningSettings:
    return MiningSettings(concepts="umls", umls=str(folder))


def _read(sentence: str, settings: MiningSettings) -> list[ReadMention]:
    read = load_resources(settings).reader.read(sentence, None)
    return [m for m in read if m.found.finding != "Other"]


@pytest.mark.parametrize(
    ("sentence", "finding", "cui", "text"),
    [
        ("A large left aeropleura is seen.", "Pneumothorax", "C0032326", "aeropleura"),
        ("Marked macrocardia.", "Cardiomegaly", "C0018800", "macrocardia"),
        ("There are pleural liquors.", "Effusion", "C0013687", "pleural liquors"),
    ],
)
def test_a_name_of_the_umls_is_found(
    settings: MiningSettings, sentence: str, finding: str, cui: str, text: str
) -> None:
    [mention] = _read(sentence, settings)
    found = mention.found
    assert (found.finding, found.cui, found.source) == (finding, cui, "umls")
    assert found.similarity is not None and 0.9 < found.similarity <= 1
    assert sentence[mention.start : mention.end] == text
    assert _read(sentence, MiningSettings()) == []


def test_it_is_judged_like_any_other(settings: MiningSettings) -> None:
    assert [m.ruling.verdict for m in _read("No aeropleura.", settings)] == ["absent"]


def test_what_phrases_and_linker_find_stays(settings: MiningSettings) -> None:
    sentence = "Small effusoin, a pneumothorax and an aeropleura."
    found = [(m.found.finding, m.found.source) for m in _read(sentence, settings)]
    assert found == [
        ("Effusion", "linker"), ("Pneumothorax", "phrase"), ("Pneumothorax", "umls"),
    ]  # fmt: skip


def test_a_look_alike_is_none_for_the_umls_either(settings: MiningSettings) -> None:
    assert "Emphysema" not in {m.found.finding for m in _read("Mediastinal emphysema.", settings)}


def test_a_concept_of_no_finding_is_no_mention(settings: MiningSettings) -> None:
    assert _read("Chronic pneumopathy.", settings) == []


def test_a_phrase_without_a_cui_gets_that_of_its_words(settings: MiningSettings) -> None:
    [mention] = _read("Volume loss.", settings)
    assert (mention.found.cui, mention.found.source) == ("C0600260", "phrase")
    [plain] = _read("Volume loss.", MiningSettings())
    assert plain.found.cui is None


def test_the_threshold_tells_a_name_from_a_word_like_it(folder: Path) -> None:
    least = load_umls_settings().similarity
    strict = UmlsLinker(find_umls(str(folder)), similarity=least)
    loose = UmlsLinker(find_umls(str(folder)), similarity=0.5)
    assert strict.concepts(["effusive", "effusion"]) == [(), (("C0013687", pytest.approx(1.0)),)]
    assert loose.concepts(["effusive"])[0][0][0] == "C0013687"


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_not_there_is_named_in_one_line(
    folder: Path, tmp_path: Path, name: str
) -> None:
    part = tmp_path / "part"
    shutil.copytree(folder, part)
    (part / name).unlink()
    with pytest.raises(UmlsMissingError, match=name.replace("umls.jsonl", r"\.jsonl")) as error:
        find_umls(str(part))
    assert "\n" not in str(error.value) and "--umls" in str(error.value)


def test_a_damaged_file_is_told_when_it_is_loaded(folder: Path, tmp_path: Path) -> None:
    part = tmp_path / "part"
    shutil.copytree(folder, part)
    (part / FILES[1]).write_bytes(b"no pickle")
    with pytest.raises(LinkerMissingError, match="UMLS"):
        UmlsLinker(find_umls(str(part)), similarity=0.9).concepts(["effusion"])


def test_scispacys_cache_is_found_without_a_network(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCISPACY_CACHE", str(tmp_path))
    with pytest.raises(UmlsMissingError, match=r"nmslib_index\.bin"):
        find_umls()
    (tmp_path / "datasets").mkdir()
    for url in [*(f"{_INDEX_URL}/{name}" for name in FILES[:4]), _KNOWLEDGE_URL]:
        name = url.rpartition("/")[2]
        known = hashlib.sha256(url.encode()).hexdigest()
        own = name if name in FILES else FILES[4]
        shutil.copy(folder / own, tmp_path / "datasets" / f"{known}.0123.{name}")
        (tmp_path / "datasets" / f"{known}.0123.{name}.json").write_text("{}")
    linker = UmlsLinker(find_umls(), similarity=0.9)
    assert linker.concepts(["macrocardia"])[0][0][0] == "C0018800"


def test_other_files_are_another_address(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    (other / FILES[4]).open("a").write("\n")
    prints = {
        stage_fingerprint("mine", MiningSettings(concepts="umls", umls=str(f)))["umls"]
        for f in (folder, folder, other)
    }
    assert len(prints) == 2


def test_a_run_writes_cui_and_similarity(folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "reports.jsonl"
    source.write_text(json.dumps({"report_id": "r", "text": "A small aeropleura."}) + "\n")
    command = ["mine", str(source), "--out", str(tmp_path / "out"), "--concepts", "umls"]
    done = CliRunner().invoke(app, [*command, "--umls", str(folder)], catch_exceptions=False)
    assert done.exit_code == 0
    [row] = read_table(tmp_path / "out" / "mentions.parquet", MENTIONS).to_pylist()
    assert (row["concept_source"], row["cui"], row["finding"]) == (
        "umls", "C0032326", "Pneumothorax",
    )  # fmt: skip
    assert row["similarity"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("There is a small left effusion.", [["small", "left", "effusion"]]),
        ("Mass in the 3 cm nodule, old", [["mass"], ["cm", "nodule"], ["old"]]),
        ("", []),
    ],
)
def test_noun_chunks(text: str, expected: list[list[str]]) -> None:
    words = cut(text).words
    chunks = noun_chunks(words, load_umls_settings().breaks)
    assert [[words[at] for at in chunk] for chunk in chunks] == expected


def test_masks_are_those_of_the_phrases() -> None:
    matcher = PhraseMatcher(load_resources(MiningSettings()).vocabulary)
    words = cut("Subcutaneous emphysema and emphysema.").words
    assert matcher.masked(words)["Emphysema"] == {0, 1}
