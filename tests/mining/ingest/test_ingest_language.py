"""Languages that records say, and those that are told from words."""

import pytest

from mining.ingest import ingest
from mining.ingest.exams import ExamFilter
from mining.ingest.language import DetectorMissing, foreign_language, language_code
from tests.mining.ingest.ingest_sources import write_jsonl

FOREIGN = {
    "de": "Kein Nachweis eines Pneumothorax oder eines Pleuraergusses. Herz normal groß.",
    "fr": "Pas d'épanchement pleural ni de pneumothorax. La silhouette cardiaque est normale.",
    "es": "No se observa derrame pleural ni neumotórax. Silueta cardiaca de tamaño normal.",
    "nl": "Geen pleuravocht, geen pneumothorax zichtbaar op deze opname. Hart niet vergroot.",
    "it": "Non si osservano versamento pleurico o pneumotorace. Ombra cardiaca nei limiti.",
}
ENGLISH = [
    "Normal chest.",
    "Cardiomegaly.",
    "No acute disease.",
    "Cardiomegaly. No pulmonary edema. No pleural effusion.",
    "FINDINGS: Normal mediastinal contours. IMPRESSION: No effusions or consolidation of the lung.",
    "COPD. CABG. ICD in situ.",
    "",
]


@pytest.mark.parametrize(
    ("said", "code"),
    [("en", "en"), ("EN-gb", "en"), ("eng^English^ISO639", "en"), ("Deutsch", "de"), ("", "")],
)
def test_records_say_languages_in_many_ways(said, code):
    assert language_code(said) == code


@pytest.mark.parametrize("text", ENGLISH)
def test_terse_english_is_never_foreign(text):
    pytest.importorskip("lingua", reason="pip install 'cxrmine[language]'")
    assert foreign_language(text, "en") is None


@pytest.mark.parametrize("code", FOREIGN)
def test_other_languages_are_told(code):
    pytest.importorskip("lingua", reason="pip install 'cxrmine[language]'")
    assert foreign_language(FOREIGN[code], "en") == code
    assert foreign_language(FOREIGN[code], code) is None


def test_what_the_record_says_comes_before_what_the_words_say(tmp_path):
    pytest.importorskip("lingua", reason="pip install 'cxrmine[language]'")
    rows = [
        {"report_id": "said", "text": FOREIGN["de"], "language": "en"},
        {"report_id": "told", "text": FOREIGN["de"]},
        {"report_id": "short", "text": "Befund normal."},
    ]
    source = write_jsonl(tmp_path / "r.jsonl", rows)
    exams = ExamFilter(language="en", detect_language=True, missing="filter")
    counts = ingest(source, tmp_path / "out", exams=exams)
    assert (counts.rows_out, counts.filtered_by) == (2, {"language: de": 1})


def test_without_the_library_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setattr("mining.ingest.language.importlib.util.find_spec", lambda name: None)
    with pytest.raises(DetectorMissing, match=r"pip install 'cxrmine\[language\]'"):
        ExamFilter(language="en", detect_language=True)
