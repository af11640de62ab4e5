"""Sections: every spelling in sections.toml, and whole reports as hospitals write them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mining import section_headers
from mining.section_headers import HeaderError, load_headers
from mining.sections import find_sections, mined_sections

_DATA = tomllib.loads(
    Path(section_headers.__file__).with_name("sections.toml").read_text(encoding="utf-8")
)
_BODY = "Clear lungs."


def bodies(text: str) -> list[tuple[str, str]]:
    return [(name, text[start:end]) for name, start, end in find_sections(text)]


def mined_text(text: str) -> str:
    return " / ".join(text[start:end] for _, start, end in mined_sections(text))


def header_examples() -> list[tuple[str, str]]:
    return [(e, section["name"]) for section in _DATA["section"] for e in section["examples"]]


@pytest.mark.parametrize(("line", "name"), header_examples())
def test_example_heads_its_section(line: str, name: str) -> None:
    before = "INDICATION: Cough.\n" if name != "indication" else "COMPARISON: None.\n"
    assert bodies(f"{before}{line}\n{_BODY}")[1:] == [(name, _BODY)]


@pytest.mark.parametrize("line", _DATA["view_title"]["examples"])
def test_title_of_views_heads_the_findings_of_some_hospitals(line: str) -> None:
    assert bodies(f"HISTORY: Fever.\n\n{line} {_BODY}")[1:] == [("chest x-ray", _BODY)]


@pytest.mark.parametrize("line", _DATA["labels"]["examples"])
def test_list_line_is_content_of_findings(line: str) -> None:
    text = f"FINDINGS:\nSupine film.\n{line}\nIMPRESSION: Normal."
    assert bodies(text)[0] == ("findings", f"Supine film.\n{line}")


@pytest.mark.parametrize("line", _DATA["labels"]["examples"])
def test_list_line_after_a_comparison_opens_the_findings(line: str) -> None:
    assert bodies(f"COMPARISON: None.\n{line}")[1:] == [("findings", line)]


def test_finding_named_in_an_indication_opens_nothing() -> None:
    text = "INDICATION:\nPneumonia: rule out\nLungs: clear"
    assert bodies(text) == [("indication", "Pneumonia: rule out"), ("findings", "Lungs: clear")]


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("NDICATION", "indication"),
        ("INDICTION", "indication"),
        ("Indicaiton", "indication"),
        ("FINDNGS", "findings"),
        ("FINDINGGS", "findings"),
        ("IMPRESION", "impression"),
        ("Inpression", "impression"),
        ("COMPARISION", "comparison"),
        ("TECHNIUQE", "technique"),
        ("CLINICAL HSTORY", "history"),
        ("RECOMENDATIONS", "recommendation"),
    ],
)
@pytest.mark.parametrize("place", ["{}: x", "Two views. {}: x"])
def test_header_misspelt_by_one_letter(header: str, name: str, place: str) -> None:
    line = place.format(header)
    assert bodies(f"HISTORY: Cough.\nCOMPARISON: None.\n{line}")[-1] == (name, "x")


@given(st.sampled_from(["indication", "findings", "impression", "comparison"]), st.data())
def test_every_lost_letter_is_forgiven(header: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(header) - 1))
    typo = (header[:at] + header[at + 1 :]).upper()
    assert find_sections(f"{typo}: Clear lungs.")[0].name == header


def test_misspelt_indication_is_not_mined() -> None:
    text = "NDICATION: Rule out pneumonia.\nFINDINGS: Clear lungs."
    assert mined_text(text) == "Clear lungs."
    assert "pneumonia" not in mined_text("NDICATION: Rule out pneumonia.\n\nClear lungs.")


@pytest.mark.parametrize("label", sorted(load_headers().labels))
def test_no_label_of_a_list_is_taken_for_a_header(label: str) -> None:
    assert bodies(f"FINDINGS:\n{label.capitalize()}: normal") == [
        ("findings", f"{label.capitalize()}: normal")
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "COMPARISON: None. FINDINGS: Small effusion. IMPRESSION: Effusion.",
            [("comparison", "None."), ("findings", "Small effusion."), ("impression", "Effusion.")],
        ),
        (
            "Indication: Cough. Findings: Clear. Impression: Normal.",
            [("indication", "Cough."), ("findings", "Clear."), ("impression", "Normal.")],
        ),
        (
            "Exam: Chest PA Indication: Fever Comparison: 2009 Findings: Mass Impression: Mass",
            [
                ("examination", "Chest PA"),
                ("indication", "Fever"),
                ("comparison", "2009"),
                ("findings", "Mass"),
                ("impression", "Mass"),
            ],
        ),
        ("HISTORY: COUGH FINDINGS: CLEAR", [("history", "COUGH"), ("findings", "CLEAR")]),
        ("FINDINGS The heart is big.", [("findings", "The heart is big.")]),
        ("IMPRESSION- Big heart.", [("impression", "Big heart.")]),
        ("| Findings | Big heart", [("findings", "Big heart")]),
        ("IMPRESSION 1. Normal.", [("impression", "1. Normal.")]),
        ("**Impression:** Normal", [("impression", "Normal")]),
        ("<b>FINDINGS:</b> Normal", [("findings", "Normal")]),
        ("FINDINGS:\n\n\nIMPRESSION: Normal", [("impression", "Normal")]),
        ("INDICATION: INDICATION: Cough", [("indication", "Cough")]),
        ("COMPARISON : 2008", [("comparison", "2008")]),
        ("", []),
        ("____ \n\n", []),
    ],
)
def test_headers_where_they_stand(text: str, expected: list[tuple[str, str]]) -> None:
    assert bodies(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "FINDINGS: There are no acute\nfindings in the chest.",
        "FINDINGS: There is no change from the prior\nreport: the mass is as large as it was.",
        "FINDINGS: No acute cardiopulmonary\nFINDINGS\nare seen.",
        "FINDINGS: Unlike in the impression: of 2008, it is small.",
        "FINDINGS:\nOTHER THINGS SEEN: a PICC line.",
        "FINDINGS: Chest: Clear.\nChest: Clear.",
        "FINDINGS: The time was 10:15. It is clear.",
    ],
)
def test_prose_is_not_a_header(text: str) -> None:
    assert [section.name for section in find_sections(text)] == ["findings"]


def test_unknown_capitals_end_a_section_that_is_not_mined() -> None:
    text = "INDICATION: Cough\nSOMETHING ELSE: Small effusion"
    assert bodies(text)[1] == ("", "SOMETHING ELSE: Small effusion")


def test_indication_ends_with_its_paragraph() -> None:
    text = "HISTORY:\n\nFever\nand cough\n\nAP view. Left effusion.\n\nIMPRESSION:\nEffusion."
    assert bodies(text) == [
        ("history", "Fever\nand cough"),
        ("", "AP view. Left effusion."),
        ("impression", "Effusion."),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Old film. FINDINGS: A. IMPRESSION: B.", "A. / B."),
        ("Pneumonia gone.\nIMPRESSION: B.\nADDENDUM: C.\nDICTATED BY: D.", "B. / C."),
        ("WET READ: A.\nHISTORY: B.\nIMPRESSION: C.", "A. / C."),
        ("FINDINGS: A.\nCOMPARISON: B.\nRECOMMENDATION: C.", "A."),
        ("EXAM: A.\nHISTORY: B.\nTECHNIQUE: C.\nCOMPARISON: D.", "A."),
        ("Clear.\nHISTORY: Edema.\nRECOMMENDATION: None.", "Clear. / None."),
        ("HISTORY: Edema.\n\nClear lungs.", "Clear lungs."),
        ("INDICATION: Edema.\nFINDINGS:\nIMPRESSION:\n\nADDENDUM: Clear.", "Clear."),
        ("REPORT: Clear.", "Clear."),
        ("Just a line without any header", "Just a line without any header"),
        ("HISTORY: Edema.", ""),
    ],
)
def test_mined_text(text: str, expected: str) -> None:
    assert mined_text(text) == expected


MIMIC_LIKE = """\
                                 FINAL REPORT
 EXAMINATION:  CHEST (PA AND LAT)

 INDICATION:  ___ year old woman with pneumonia in ___, now with
 shortness of breath.  // ? effusion

 TECHNIQUE:  Chest PA and lateral

 COMPARISON:  ___ and 2010

 FINDINGS:

 The heart is mildly enlarged.  Lungs: no consolidation.
 SUPPORT DEVICES: A left PICC ends in the mid SVC.

 IMPRESSION:

 1.  Mild cardiomegaly.
 2.  No pneumonia.

 NOTIFICATION:  The findings were discussed with Dr. ___ by telephone.
"""

WET_READ_LIKE = """\
WET READ: ___ ___ ___ 9:07 PM
 No pneumothorax after removal of the drain.
 ______________________________________________________________________________
                                 FINAL REPORT
 HISTORY:  Drain removed.

 AP CHEST, 6:15 A.M., ___:  The left apex is clear.

 IMPRESSION:  AP chest compared to ___:

 Small left effusion has grown.
"""

NIH_LIKE = "CHEST PA AND LATERAL 3/2/2004\nCLINICAL DATA - lymphoma\nNodules are larger.\n"


def test_report_as_mimic_has_them() -> None:
    assert [name for name, _ in bodies(MIMIC_LIKE)] == [
        "examination", "indication", "technique", "comparison", "findings", "impression",
        "administrative",
    ]  # fmt: skip
    mined = mined_text(MIMIC_LIKE)
    assert "SUPPORT DEVICES: A left PICC" in mined
    assert "year old woman" not in mined
    assert "telephone" not in mined


def test_report_with_a_wet_read() -> None:
    assert [name for name, _ in bodies(WET_READ_LIKE)] == [
        "wet read", "history", "chest x-ray", "impression",
    ]  # fmt: skip
    mined = mined_text(WET_READ_LIKE)
    assert mined.startswith("___ ___ ___ 9:07 PM\n No pneumothorax")
    assert mined.endswith("Small left effusion has grown.")
    assert "The left apex is clear." in mined


def test_report_with_windows_line_ends() -> None:
    text = MIMIC_LIKE.replace("\n", "\r\n")
    assert [s.name for s in find_sections(text)] == [s.name for s in find_sections(MIMIC_LIKE)]


def test_report_in_capitals() -> None:
    names = [s.name for s in find_sections(MIMIC_LIKE.upper())]
    assert names == [s.name for s in find_sections(MIMIC_LIKE)]


pieces = st.sampled_from(
    ["FINDINGS:", "Impression -", "HISTORY", "\n", "\n\n", " ", "Heart: big", "no mass.", "x", "A:",
     "IMPRESION: ", "**", "1. ", "___", "COMPARISON: ", "Chest: ", "10:15 "]
)  # fmt: skip


@given(st.lists(pieces).map("".join) | st.text())
def test_sections_are_ordered_trimmed_and_apart(text: str) -> None:
    last = 0
    for name, start, end in find_sections(text):
        assert last <= start < end <= len(text)
        assert text[start:end] == text[start:end].strip()
        assert name in load_headers().mined
        last = end
    assert set(mined_sections(text)) <= set(find_sections(text))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('mined = "sometimes"\nheaders = []\nexamples = ["A"]', "'sometimes'"),
        ('mined = "main"\nheaders = ["a"]', "no examples"),
        ('mined = "main"\nheaders = ["findings"]\nexamples = ["A"]\ncolour = 1', "'colour'"),
        ('mined = "main"\nheaders = ["findings"]\nexamples = ["A"]', "'findings' belongs to"),
    ],
)
def test_mistake_in_the_file_is_named(tmp_path: Path, line: str, problem: str) -> None:
    file = tmp_path / "headers.toml"
    known = '[[section]]\nname = "f"\nmined = "main"\nheaders = ["Findings"]\nexamples = ["A:"]\n'
    file.write_text(f'{known}[[section]]\nname = "new"\n{line}\n', encoding="utf-8")
    with pytest.raises(HeaderError, match=problem) as error:
        load_headers(file)
    assert error.value.section == "new"
