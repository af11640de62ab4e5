"""Dates, names and numbers out of reports, and the findings left as they are."""

from __future__ import annotations

import sys

import pytest
import spacy

from mining.deidentifying import (
    DeidentifierError,
    deidentifier_id,
    load_deidentifier,
)
from mining.explain import explain_text

pytest.importorskip("presidio_analyzer", reason="not there: pip install 'cxrmine[deid]'")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Film of 03/17/2019.", "Film of XXXX."),
        ("Film of March 17, 2019, again.", "Film of XXXX, again."),
        ("Film of 17 Mar 2019.", "Film of XXXX."),
        ("Film of 20190317.", "Film of XXXX."),
        ("DISCUSSED WITH DR. KOWAL REGARDING EDEMA", "DISCUSSED WITH DR. XXXX REGARDING EDEMA"),
        ("Told Dr. Anh O'Hara-Levy.", "Told Dr. XXXX."),
        ("Patient: KOWAL, MARTA", "Patient: XXXX"),
        ("Björn Petrov, M.D.", "XXXX, M.D."),
        ("MRN: 4471882.", "MRN: XXXX."),
        ("Accession # A1993847", "Accession # XXXX"),
        ("Call (212) 736-5000.", "Call XXXX."),
        ("Write to m.k@ward.example.org.", "Write to XXXX."),
        ("A 93-year-old woman.", "A XXXX-year-old woman."),
    ],
)
def test_an_identifier_is_masked(text, masked):
    assert load_deidentifier().mask(text)[0] == masked


@pytest.mark.parametrize(
    "text",
    ["A nodule may 3 mm grow.", "Image 2/14, T10/11.", "Half, 1/2, of the lung.", "1. Clear. 2.",
     "MR Angiography of the chest.", "A 63-year-old man.", "Dr. XXXX was told.", "Kerley B lines.",
     "Seen on 3 views.", "Mild Cardiomegaly", "Discussed with the Emergency room.", "", "\x00"],
)  # fmt: skip
def test_what_is_no_identifier_stays(text):
    assert load_deidentifier().mask(text) == (text, 0)


@pytest.mark.parametrize("finding", ["Pneumothorax", "Mass", "Pleural effusion", "Edema"])
def test_no_name_swallows_a_finding(finding):
    masked, count = load_deidentifier().mask(f"Told Dr. Kowal {finding} on the left.")
    assert masked == f"Told Dr. XXXX {finding} on the left."
    assert count == 1


def test_the_reports_own_numbers_are_masked_without_a_label():
    deidentifier = load_deidentifier()
    assert deidentifier.mask("Film PX-20931 of 7.", ["PX-20931", "7"])[0] == "Film XXXX of 7."


def test_labels_stay():
    text = "FINDINGS: Compared with 03/17/2019, no effusion. Dr. Kowal was told of the nodule."
    masked, count = load_deidentifier().mask(text)
    assert count == 2
    before, after = ({s.finding: s.label for s in explain_text(t).steps} for t in (text, masked))
    assert before == after == {"Effusion": "absent", "Nodule": "present"}


def test_names_without_a_title_need_a_model(tmp_path):
    model = spacy.blank("en")
    ruler = model.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "PERSON", "pattern": "Marta Kowal"}])  # type: ignore[attr-defined]
    model.to_disk(tmp_path / "names")
    text = "Marta Kowal has edema."
    assert load_deidentifier().mask(text) == (text, 0)
    assert load_deidentifier(str(tmp_path / "names")).mask(text) == ("XXXX has edema.", 1)
    assert deidentifier_id(str(tmp_path / "names")) != deidentifier_id()


def test_a_model_that_is_not_there_is_told():
    with pytest.raises(DeidentifierError, match=r"the model 'no_such_model' is not there"):
        load_deidentifier("no_such_model")


def test_a_missing_library_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    with pytest.raises(DeidentifierError, match=r"pip install 'cxrmine\[deid\]'"):
        load_deidentifier.__wrapped__()


@pytest.mark.parametrize(
    "piece",
    ["A", "Dr. ", "1", "03/", "a@", "Mar ", "MRN: ", "O'", "A-", "X. ", "Dr. A", "name: A "],
)
def test_a_long_text_of_one_kind_is_read(piece):
    masked, _ = load_deidentifier().mask(piece * (20_000 // len(piece)))
    assert masked
