"""Finding sets: CheXpert's, and files of the user's own with what may be wrong in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_contracts import CHESTXRAY14, CHEXPERT14
from mining.explain import explain_text
from mining.finding_sets import CHEXPERT, check_examples, load_finding_set
from mining.fingerprints import stage_fingerprint
from mining.settings import MiningSettings, SettingsError
from mining.vocabulary import PatternError, VocabularyError, load_vocabulary

OWN = """name = "Tuberculosis"
definition = "Tuberculosis of the lung."

[[phrase]]
form = "tuberculosis"
patterns = ["[active] tuberculosis|tb"]
yes = ["No evidence of [active tuberculosis]."]
no = ["Positive skin test."]
"""
LIST = """name = "screening"

[[finding]]
name = "Tuberculosis"
file = "own.toml"

[[finding]]
name = "Fluid"
from = ["Effusion"]
forms = ["effusion"]
disease = false

[[finding]]
name = "Pneumothorax"
"""


def _labels(text: str, findings: str) -> dict[str, str]:
    settings = MiningSettings(findings=findings, profile="chexpert")
    return {name: state.value for name, state in explain_text(text, settings).labels.items()}


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A vocabulary and a list that names it; the path of the list."""
    (tmp_path / "own.toml").write_text(OWN)
    (tmp_path / "list.toml").write_text(LIST)
    return tmp_path / "list.toml"


def test_the_default_set_is_the_vocabulary_as_shipped() -> None:
    found = load_finding_set("chestxray14")
    assert (found.id, found.vocabulary.content_hash) == (
        "chestxray14",
        load_vocabulary().content_hash,
    )
    assert set(found.vocabulary.findings) == {*CHESTXRAY14, "Other"}


def test_chexperts_phrases_find_their_own_examples() -> None:
    found = load_finding_set("chexpert14")
    check_examples(found.vocabulary, CHEXPERT)
    assert tuple(f.name for f in found.findings) == CHEXPERT14
    assert found.vocabulary.findings == (*CHEXPERT14, "Other")


@pytest.mark.parametrize(
    ("sentence", "labels"),
    [
        (
            "The cardiomediastinal silhouette is enlarged.",
            {"Enlarged_Cardiomediastinum": "present"},
        ),
        ("Mediastinal contours are normal.", {"Enlarged_Cardiomediastinum": "absent"}),
        ("The heart is enlarged.", {"Cardiomegaly": "present"}),
        ("Patchy airspace disease on the left.", {"Lung_Opacity": "present"}),
        ("No nodule or mass.", {"Lung_Lesion": "absent"}),
        ("Small pericardial effusion.", {}),
        ("Small pleural effusion.", {"Pleural_Effusion": "present"}),
        ("Possible pneumonia.", {"Pneumonia": "uncertain"}),
        ("Calcified pleural plaques.", {"Pleural_Other": "present"}),
        ("Old rib fractures.", {"Fracture": "present"}),
        ("Right chest tube in place.", {"Support_Devices": "present"}),
        ("Kerley B lines.", {"Edema": "present"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_chexperts_labels(sentence: str, labels: dict[str, str]) -> None:
    assert _labels(sentence, "chexpert14") == labels


def test_a_vocabulary_is_a_set_of_one(own: Path) -> None:
    file = str(own.parent / "own.toml")
    assert _labels("No active tuberculosis. Large effusion.", file) == {"Tuberculosis": "absent"}


def test_a_list_gives_its_columns_in_its_order(own: Path) -> None:
    found = load_finding_set(str(own))
    assert [f.name for f in found.findings] == ["Tuberculosis", "Fluid", "Pneumothorax"]
    assert [f.disease for f in found.findings] == [True, False, True]
    text = "Old tuberculosis. Pericardial effusion. No pneumothorax. Small pleural fluid."
    assert _labels(text, str(own)) == {
        "Tuberculosis": "present",
        "Fluid": "present",
        "Pneumothorax": "absent",
    }
    assert _labels("Pericardial effusion.", str(own)) == {}


@pytest.mark.parametrize("changed", ["own.toml", "list.toml"])
def test_a_changed_file_changes_what_depends_on_it(own: Path, changed: str) -> None:
    before = load_finding_set(str(own)).vocabulary.content_hash
    with (own.parent / changed).open("a") as stream:
        stream.write("# changed\n")
    assert load_finding_set(str(own)).vocabulary.content_hash != before


def test_the_columns_are_part_of_the_labels_address(own: Path) -> None:
    settings = MiningSettings(findings=str(own))
    printed = stage_fingerprint("label", settings)["findings"]
    assert printed == load_finding_set(str(own)).id
    assert str(own.parent) not in printed
    own.write_text(LIST.replace("disease = false", "disease = true"))
    assert load_finding_set(str(own)).id != printed


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("file =", "fiel =", 3, "unknown keys ['fiel']"),
        ('name = "Fluid"', 'name = "Tuberculosis"', 7, "is taken"),
        ('name = "Fluid"', 'name = "no_finding"', 7, "is taken"),
        ('name = "Fluid"', 'name = "a b"', 7, "expected letters, digits and _"),
        ('"effusion"', '"effusoin"', 7, "forms ['effusoin'] are in none"),
        ('["Effusion"]', '["Efusion"]', 7, "no vocabulary 'Efusion'"),
        ('["Effusion"]', '"Effusion"', 7, "expected a list"),
        ("false", '"no"', 7, "expected bool"),
        ('name = "Pneumothorax"', 'name = "Scoliosis"', 13, "no vocabulary 'Scoliosis'"),
        ('name = "screening"', 'name = "screening', 1, "no valid TOML"),
        ('name = "screening"', 'nam = "screening"', 1, "unknown key 'nam'"),
    ],
)
def test_a_bad_list_says_what_is_wrong_and_where(
    own: Path, old: str, new: str, line: int, message: str
) -> None:
    own.write_text(LIST.replace(old, new, 1))
    with pytest.raises(VocabularyError) as caught:
        load_finding_set(str(own))
    assert message in str(caught.value)
    assert f"list.toml:{line}:" in str(caught.value) or f"at line {line}," in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("[active tuberculosis]", "active [tuberculosis]", 7, "do not find"),
        ("[active tuberculosis]", "active tuberculosis", 7, "mark the mention"),
        ("Positive skin test", "Positive tb test", 8, "find something in"),
        ('["[active] tuberculosis|tb"]', '"tb"', 4, "phrase tuberculosis: patterns = 'tb'"),
        ('"[active] tuberculosis|tb"', '"@kinds"', 6, "expected a list of [words]"),
        ('form = "tuberculosis"\n', "", 4, "a phrase needs form"),
        ("form =", "fromm =", 4, "unknown keys ['fromm']"),
        ("definition =", "definiton =", 2, "unknown keys ['definiton']"),
    ],
)
@pytest.mark.parametrize("name", ["list.toml", "own.toml"])
def test_a_bad_vocabulary_of_ones_own_is_refused_with_its_line(
    own: Path, old: str, new: str, line: int, message: str, name: str
) -> None:
    (own.parent / "own.toml").write_text(OWN.replace(old, new, 1))
    with pytest.raises((VocabularyError, PatternError)) as caught:
        load_finding_set(str(own.parent / name))
    assert message in str(caught.value)
    assert f"own.toml:{line}:" in str(caught.value)


def test_a_file_that_is_not_there_and_a_set_that_is_none() -> None:
    with pytest.raises(VocabularyError, match="No such file"):
        load_finding_set("nowhere.toml")
    with pytest.raises(SettingsError, match=r"chexpert14, or a path to a \.toml"):
        MiningSettings(findings="chestxray15")
